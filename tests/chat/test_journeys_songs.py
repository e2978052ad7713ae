"""Two songs answer a question that names none: the better one is shown, the other is a button."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from test_journeys_commands import press, refusal_of, response_of
from test_journeys_messages import TWO, buttons_of
from world import text_of

from fakes import HARBOUR, OTHER_QUESTION, QUESTION
from linernotes.models import Unanswered

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from world import World

OTHER = "“Lanterns” instead"


@pytest.fixture
async def two(worlds: Callable[..., Any]) -> AsyncIterator[World]:
    async with worlds(corpus=TWO) as world:
        world.offer("lanterns.md")
        yield world


async def test_the_better_song_stands_under_its_name_and_the_other_is_offered(two: World) -> None:
    await two.alice.send(two.channel, f"{two.me} {QUESTION}")
    (answer,) = two.answers
    assert answer.embeds[0].title == "The Harbour"
    assert "lanterns" not in text_of(answer).casefold()
    assert buttons_of(answer) == [OTHER, "Passage", "Why", "👍", "👎"]


async def test_who_asked_turns_to_the_other_song_and_back(two: World) -> None:
    asked = await two.alice.send(two.channel, f"{two.me} {QUESTION}")
    await press(two.alice, two.answers[0], OTHER)
    (answer,) = two.answers
    assert answer.embeds[0].footer.text.startswith("Lanterns")
    assert answer.embeds[0].author.name is None
    posted = await two.bot.store.find(asked.id, guild=two.guild.id, channel=two.channel.id)
    assert posted is not None
    assert posted.message == answer.id
    assert posted.other is not None
    assert posted.other.document == "harbour.md"
    await press(two.alice, answer, "“The Harbour” instead")
    (answer,) = two.answers
    assert "built by Ada Stone" in text_of(answer)
    assert OTHER in buttons_of(answer)


async def test_the_conversation_stays_with_the_song_that_was_chosen(two: World) -> None:
    await two.alice.send(two.channel, f"{two.me} {QUESTION}")
    await press(two.alice, two.answers[0], OTHER)
    await two.alice.send(two.channel, "Who painted the wall?", reply_to=two.answers[0])
    assert two.answers[1].embeds[0].footer.text == "Lanterns · passage 1"
    assert "wall would hold the sea" not in text_of(two.answers[1])


async def test_a_song_named_in_a_command_is_kept_where_nothing_was_answered(two: World) -> None:
    two.silence()
    result = await two.alice.slash(two.channel, "ask", question="Which car?", song="lanterns.md")
    assert response_of(result).embeds[0].description == "The article “Lanterns” does not say."
    (turn,) = two.bot.sessions.after(_place(two), response_of(result).id)
    assert turn.song == "lanterns.md"


async def test_a_song_named_in_a_question_is_named_where_nothing_is_said_of_it(
    two: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("linernotes.engine.decide", lambda *_, **__: Unanswered("silent", None, "e"))
    await two.alice.send(two.channel, f"{two.me} Which car is in Lanterns?")
    await two.alice.send(two.channel, f"{two.me} Which car?")
    assert [answer.embeds[0].description for answer in two.answers] == [
        "The article “Lanterns” does not say.",
        "The articles do not say.",
    ]


async def test_a_song_that_was_chosen_is_kept_over_a_reload(two: World) -> None:
    result = await two.alice.slash(two.channel, "ask", question=OTHER_QUESTION, song="lanterns.md")
    (two.settings.corpus_dir / "harbour.md").write_text(f"{HARBOUR}\nIt is cold.\n", encoding="utf-8")
    await two.library.reload()
    answer = response_of(result)
    await two.alice.send(two.channel, f"{two.me} who?", reply_to=answer)
    turns = two.bot.sessions.after(_place(two), two.answers[-1].id)
    assert [turn.song for turn in turns] == ["lanterns.md", None]


async def test_anybody_else_sees_the_other_song_alone(two: World) -> None:
    await two.alice.send(two.channel, f"{two.me} {OTHER_QUESTION.replace('lanterns', 'harbour')}")
    result = await press(two.bob, two.answers[0], OTHER)
    shown = response_of(result)
    assert shown.ephemeral
    assert "Otto Blum" in text_of(shown)
    assert two.answers[0].embeds[0].title == "The Harbour"


async def test_after_a_restart_the_passage_of_the_other_song_is_shown(two: World) -> None:
    await two.alice.send(two.channel, f"{two.me} {QUESTION}")
    await two.restart()
    shown = response_of(await press(two.alice, two.answers[0], OTHER))
    assert shown.ephemeral
    assert "**The lanterns were painted green by Otto Blum.**" in shown.embeds[0].description


async def test_a_song_that_is_gone_is_told_so(two: World) -> None:
    await two.alice.send(two.channel, f"{two.me} {QUESTION}")
    (two.settings.corpus_dir / "lanterns.md").unlink()
    await two.library.reload()
    assert "no longer among those" in refusal_of(await press(two.bob, two.answers[0], OTHER))


async def test_a_private_answer_turns_to_the_other_song_with_its_question_above(two: World) -> None:
    result = await two.alice.slash(two.channel, "ask", question=QUESTION, private=True)
    shown = response_of(await press(two.alice, response_of(result), OTHER))
    assert shown.ephemeral
    assert shown.embeds[0].author.name == f"“{QUESTION}”"
    assert "Lanterns" in text_of(shown)
    assert two.answers == []


def _place(world: World) -> Any:
    from linernotes.chat.frame.sessions import Place

    return Place(world.guild.id, world.channel.id, world.alice.id)
