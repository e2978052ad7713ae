"""Members talk with the bot as they talk with each other."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import discord
import pytest
from world import text_of

from fakes import HARBOUR, LANTERNS, OTHER_QUESTION, QUESTION
from linernotes.chat.frame.manners import Limits, Rate
from linernotes.models import Span

if TYPE_CHECKING:
    from collections.abc import Callable

    from world import World

    from linernotes.models import Answer

TWO = {"harbour": HARBOUR, "lanterns": LANTERNS}


def buttons_of(message: Any) -> list[str]:
    rows = [each.to_dict() if hasattr(each, "to_dict") else each for each in message.components]
    return [button.get("label") or button["emoji"]["name"] for row in rows for button in row["components"]]


# --- Being asked ------------------------------------------------------------------------------------------


async def test_a_mention_is_answered_by_a_reply(world: World) -> None:
    asked = await world.alice.send(world.channel, f"{world.me} {QUESTION}")
    (answer,) = world.answers
    assert "The harbour was built by Ada Stone in 1871." in text_of(answer)
    assert answer.embeds[0].description == "The harbour was built by Ada Stone in 1871."
    assert answer.embeds[0].footer.text == "The Harbour by The Tides · passage 1"
    assert answer.reference is not None
    assert answer.reference.message_id == asked.id
    assert buttons_of(answer) == ["Passage", "Why", "👍", "👎"]


async def test_it_types_while_it_works_and_sends_with_a_nonce(world: World) -> None:
    asked = await world.alice.send(world.channel, f"{world.me} {QUESTION}")
    assert world.requests("POST", f"/channels/{world.channel.id}/typing")
    (sent,) = world.requests("POST", f"/channels/{world.channel.id}/messages")
    assert sent.json["nonce"] == str(asked.id)
    assert sent.json["enforce_nonce"] is True


async def test_nobody_is_pinged(world: World) -> None:
    await world.alice.send(world.channel, f"{world.me} {QUESTION}")
    await world.alice.send(world.channel, f"{world.me} @everyone <@{world.bob.id}> what is xyzzy?")
    for sent in world.requests("POST", "/messages"):
        assert sent.json["allowed_mentions"]["parse"] == []
        assert not sent.json["allowed_mentions"].get("replied_user")
    assert all(not answer.mentions and not answer.mention_everyone for answer in world.answers)


async def test_a_direct_message_needs_no_mention(world: World) -> None:
    await world.alice.send_dm(QUESTION)
    (answer,) = world.said(world.alice.user.dm_channel)
    assert "Ada Stone" in text_of(answer)


async def test_a_pinged_reply_to_an_answer_needs_no_mention(world: World) -> None:
    await world.alice.send(world.channel, f"{world.me} {QUESTION}")
    await world.alice.send(world.channel, "How long did it take her?", reply_to=world.answers[0])
    assert "eleven winters" in text_of(world.answers[1])


async def test_in_threads_and_forum_posts_it_is_the_same(world: World) -> None:
    forum = world.guild.create_forum_channel("forum")
    for thread in (world.thread(), world.thread("a post", parent=forum)):
        await world.alice.send(thread, QUESTION)
        assert world.said(thread) == []
        await world.alice.send(thread, f"{world.me} {QUESTION}")
        (answer,) = world.said(thread)
        assert "Ada Stone" in text_of(answer)


# --- Conversations ----------------------------------------------------------------------------------------


def earlier(world: World, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Return what is filled with the earlier questions of each question that is asked."""
    seen: list[list[str]] = []
    ask = world.library.ask

    async def spy(question: str, *, history: Any = (), turns: Any = (), **more: Any) -> Any:
        seen.append([*history, *(turn.question for turn in turns)])
        return await ask(question, history=history, turns=turns, **more)

    async def none(_guild: int | None) -> tuple[str, ...]:
        return ()

    monkeypatch.setattr(world.library, "ask", spy)
    monkeypatch.setattr(world.bot.examples, "of", none)
    return seen


async def test_replies_threads_and_direct_messages_go_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = earlier(world, monkeypatch)
    await world.alice.send(world.channel, f"{world.me} {QUESTION}")
    await world.alice.send(world.channel, "And who helped?", reply_to=world.answers[0])
    await world.alice.send(world.channel, f"{world.me} {QUESTION}")
    thread = world.thread()
    await world.alice.send(thread, f"{world.me} {QUESTION}")
    await world.alice.send(thread, f"{world.me} And when?")
    await world.alice.send_dm(QUESTION)
    await world.alice.send_dm("Why?")
    assert seen == [[], [QUESTION], [], [], [QUESTION], [], [QUESTION]]


async def test_conversations_are_apart_for_each_person_channel_and_server(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = earlier(world, monkeypatch)
    thread, other = world.thread(), world.thread("another")
    await world.alice.send(thread, f"{world.me} {QUESTION}")
    await world.bob.send(thread, f"{world.me} And when?")
    await world.bob.send(thread, "And when?", reply_to=world.said(thread)[0])
    await world.alice.send(other, f"{world.me} And when?")
    await world.alice.send_dm("And when?")
    assert seen[0] == seen[1] == seen[3] == seen[4] == []
    # To go on with an answer to somebody else is to go on with one's own questions.
    assert seen[2] == ["And when?"]


async def test_conversations_are_forgotten_after_a_while(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = earlier(world, monkeypatch)
    await world.alice.send_dm(QUESTION)
    world.clock.now += 1_801
    await world.alice.send_dm("Why?")
    assert seen == [[], []]


async def test_what_an_older_edition_answered_is_asked_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = earlier(world, monkeypatch)
    await world.alice.send_dm(QUESTION)
    (world.settings.corpus_dir / "lanterns.md").write_text(LANTERNS, encoding="utf-8")
    await world.library.reload()
    await world.alice.send_dm("And who painted the lanterns green?")
    assert seen == [[], [QUESTION]]
    assert "Otto Blum" in text_of(world.said(world.alice.user.dm_channel)[1])


async def test_threads_go_on_without_a_mention_where_the_intent_is_on(worlds: Callable[..., Any]) -> None:
    async with worlds(message_content=True) as world:
        thread = world.thread()
        await world.alice.send(thread, QUESTION)
        assert world.said(thread) == []
        await world.alice.send(thread, f"{world.me} {QUESTION}")
        await world.bob.send(thread, QUESTION)
        assert len(world.said(thread)) == 2
        # What is meant for somebody else is left to them, and so is talk outside of threads.
        theirs = await world.bob.send(thread, f"{world.alice.mention} look at this")
        await world.alice.send(thread, "I see", reply_to=theirs)
        await world.alice.send(world.channel, QUESTION)
        assert len(world.said(thread)) == 2
        assert world.answers == []


async def test_no_privileged_intent_is_asked_for_by_default(worlds: Callable[..., Any]) -> None:
    none = discord.Intents.all()
    none.message_content = none.members = none.presences = False
    async with worlds(simulation={"approved_intents": none}) as world:
        await world.alice.send(world.channel, f"{world.me} {QUESTION}")
        assert len(world.answers) == 1


# --- Keeping out ------------------------------------------------------------------------------------------


async def test_it_keeps_out_of_talk_that_is_not_for_it(world: World) -> None:
    await world.alice.send(world.channel, QUESTION)
    await world.alice.send(world.channel, f"@everyone {QUESTION}")
    await world.alice.send(world.channel, f"{world.bob.mention} {QUESTION}")
    other_bot = world.guild.add_member(world.env.create_user("robot", bot=True))
    await other_bot.send(world.channel, f"{world.me} {QUESTION}")
    await world.guild.create_webhook(world.channel).send(f"{world.me} {QUESTION}")
    assert world.answers == []


async def test_a_mention_in_passing_is_answered_once_and_no_more(world: World) -> None:
    theirs = await world.bob.send(world.channel, "I wonder who built it")
    await world.alice.send(world.channel, f"ask {world.me}: {QUESTION}", reply_to=theirs)
    assert len(world.answers) == 1
    await world.bob.send(world.channel, "Thanks, Alice!")
    await world.alice.send(world.channel, "You are welcome")
    assert len(world.answers) == 1


async def test_an_event_that_comes_again_is_not_answered_again(world: World) -> None:
    events: list[Any] = []
    world.env.backend.subscribers.append(lambda name, payload: events.append((name, dict(payload))))
    await world.alice.send(world.channel, f"{world.me} {QUESTION}")
    created = next(payload for name, payload in events if name == "MESSAGE_CREATE")
    world.env.backend.emit("MESSAGE_CREATE", created)
    await world.env.settle()
    assert len(world.answers) == 1


async def test_there_are_no_commands_with_a_prefix(world: World) -> None:
    await world.alice.send(world.channel, f"{world.me} help")
    assert "help" not in world.bot.all_commands
    assert len(world.answers) == 1


# --- Deleting and editing ---------------------------------------------------------------------------------


async def test_a_deleted_question_takes_its_answer_along(world: World) -> None:
    asked = await world.alice.send(world.channel, f"{world.me} {QUESTION}")
    kept = await world.bob.send(world.channel, f"{world.me} {QUESTION}")
    await world.restart()
    await world.alice.delete(asked)
    (left,) = world.answers
    assert left.reference is not None
    assert left.reference.message_id == kept.id


async def test_a_reply_without_buttons_goes_with_its_question_too(world: World) -> None:
    asked = await world.alice.send(world.channel, world.me)
    assert len(world.answers) == 1
    await world.alice.delete(asked)
    assert world.answers == []


async def test_an_answer_that_was_removed_by_hand_is_forgotten(world: World) -> None:
    asked = await world.alice.send(world.channel, f"{world.me} {QUESTION}")
    world.env.backend.delete_message(world.channel.id, world.answers[0].id)
    await world.env.settle()
    found = await world.bot.store.find(asked.id, guild=world.guild.id, channel=world.channel.id)
    assert found is None
    await world.alice.delete(asked)


async def test_questions_deleted_in_bulk_take_their_answers_along(world: World) -> None:
    asked = [await world.alice.send(world.channel, f"{world.me} {QUESTION}") for _ in range(2)]
    world.env.backend.emit(
        "MESSAGE_DELETE_BULK",
        {
            "ids": [str(each.id) for each in asked],
            "channel_id": str(world.channel.id),
            "guild_id": str(world.guild.id),
        },
    )
    await world.env.settle()
    assert world.answers == []


async def test_a_question_deleted_while_it_is_answered_gets_no_answer(world: World) -> None:
    backend = world.env.backend
    world.meanwhile(lambda: backend.delete_message(world.channel.id, world.channel.last_message.id))
    await world.alice.send(world.channel, f"{world.me} {QUESTION}")
    assert world.answers == []


async def test_a_question_edited_while_it_is_answered_is_answered_as_it_stands(
    worlds: Callable[..., Any],
) -> None:
    async with worlds(corpus=TWO) as world:
        text = f"{world.me} {OTHER_QUESTION}"
        world.meanwhile(
            lambda: world.env.backend.edit_message(
                world.channel.id, world.channel.last_message.id, {"content": text}
            )
        )
        await world.alice.send(world.channel, f"{world.me} {QUESTION}")
        (answer,) = world.answers
        assert "Otto Blum" in text_of(answer)
        # Edited later, it has been answered.
        asked = world.channel.history()[0]
        await world.alice.edit(asked, f"{world.me} {QUESTION}")
        assert len(world.answers) == 1


async def test_the_asker_and_moderators_remove_an_answer_by_reaction(world: World) -> None:
    for remover in (world.alice, world.mod):
        await world.alice.send(world.channel, f"{world.me} {QUESTION}")
        answer = world.answers[0]
        await world.bob.react(answer, "❌")
        await world.alice.react(answer, "👍")
        assert len(world.answers) == 1
        await remover.react(answer, "❌")
        assert world.answers == []


async def test_a_reaction_on_other_messages_removes_nothing(world: World) -> None:
    theirs = await world.bob.send(world.channel, "hello")
    await world.alice.react(theirs, "❌")
    assert world.channel.history()[-1].content == "hello"


# --- Bad input --------------------------------------------------------------------------------------------


async def test_a_mention_with_nothing_else_says_what_the_bot_does(world: World) -> None:
    for number, text in enumerate(("", "   ", "\u200b\u202e", "``` ```", "<@{me}><@!{me}>"), 1):
        await world.alice.send(world.channel, f"{world.me} {text.format(me=world.bot.user.id)}")
        assert len(world.answers) == number, text
        assert "What I do" in text_of(world.answers[-1]), text
        assert "You could ask" in text_of(world.answers[-1]), text


SURROUNDED = (
    "\u200bWho\u200b built\u200b the har\u00adbour in 1871?",
    "\u202eWho built the harbour in 1871?\u202c",
    "```py\nWho built the harbour in 1871?\n```",
    "**Who** __built__ ||the harbour|| in `1871`?",
    "> Who built the harbour in 1871?",
    "<@<@{me}>> Who built the harbour in 1871? <@{me}>",
    "W" + "\u0300" * 200 + "ho built the harbour in 1871?",
)


async def test_whatever_surrounds_a_question_it_is_understood(worlds: Callable[..., Any]) -> None:
    async with worlds(options={"limits": Limits(person=Rate(100, 1))}) as world:
        for number, text in enumerate(SURROUNDED, 1):
            await world.alice.send(world.channel, f"{world.me} {text.format(me=world.bot.user.id)}")
            assert len(world.answers) == number, text
            assert "built by Ada Stone" in text_of(world.answers[-1]), text


async def test_a_question_that_is_too_long_is_told_so(world: World) -> None:
    await world.alice.send_dm("why " * 490)
    (answer,) = world.said(world.alice.user.dm_channel)
    assert "too long" in text_of(answer)


async def test_where_the_article_is_silent_it_says_so(world: World) -> None:
    world.silence()
    await world.alice.send(world.channel, f"{world.me} Which car does she drive?")
    (answer,) = world.answers
    assert "The article does not say." in text_of(answer)
    assert "Ada Stone in 1871" not in text_of(answer)
    assert text_of(answer).count("\n") <= 1
    assert buttons_of(answer) == ["Nearest passage"]


async def test_where_nothing_is_near_no_passage_is_offered(world: World) -> None:
    world.silence(is_near=False)
    await world.alice.send(world.channel, f"{world.me} What is the capital of France?")
    (answer,) = world.answers
    assert "The article does not say." in text_of(answer)
    assert answer.components == []


async def test_what_is_only_near_says_so(world: World) -> None:
    world.doubt()
    await world.alice.send(world.channel, f"{world.me} {QUESTION}")
    (answer,) = world.answers
    assert text_of(answer).startswith("This may not answer it; the nearest I find:\n\nThe harbour was built")
    assert buttons_of(answer) == ["Passage", "Why", "👍", "👎"]


async def test_the_words_that_answer_are_bold(world: World) -> None:
    def find(reply: Answer) -> Answer:
        at = reply.lead.text.index("Ada Stone")
        start = reply.lead.start + at
        return replace(reply, bold=(Span(reply.lead.document, start, start + 9, "Ada Stone"),))

    world.change_replies(find)
    await world.alice.send(world.channel, f"{world.me} {QUESTION}")
    assert "built by **Ada Stone** in 1871." in world.answers[0].embeds[0].description


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        ("lyrics", "do not give out lyrics"),
        ("language", "only answer in the language"),
        ("greeting", "Hello!"),
    ],
)
async def test_other_reasons_have_their_own_sentences(world: World, reason: str, sentence: str) -> None:
    world.silence(reason)
    await world.alice.send(world.channel, f"{world.me} anything")
    assert sentence in text_of(world.answers[0])
    assert "Related" not in text_of(world.answers[0])


async def test_a_reply_to_a_deleted_message_is_answered(world: World) -> None:
    await world.alice.send(world.channel, f"{world.me} {QUESTION}")
    answer = world.answers[0]
    world.env.backend.delete_message(world.channel.id, answer.id)
    created = world.env.backend.create_message(
        world.channel.id,
        world.alice.id,
        f"{world.me} {QUESTION}",
        reference={
            "channel_id": str(world.channel.id),
            "message_id": str(answer.id),
            "guild_id": str(world.guild.id),
        },
    )
    await world.env.settle()
    (again,) = world.answers
    assert again.reference is not None
    assert again.reference.message_id == created.id


async def test_a_reply_to_what_a_command_showed_is_told_to_mention(world: World) -> None:
    shown = await world.alice.slash(world.channel, "ask", question=QUESTION)
    await world.alice.send(world.channel, "And when?", reply_to=shown.response)
    assert "mention me" in world.answers[-1].content


# --- Where it may not -------------------------------------------------------------------------------------


def _without(world: World, **denied: bool) -> Any:
    overwrite = discord.PermissionOverwrite(**dict.fromkeys(denied, False))
    return world.guild.create_text_channel("other", overwrites={world.bot.user: overwrite})


async def test_it_is_silent_where_it_may_not_write(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="linernotes")
    channel = _without(world, send_messages=True)
    await world.alice.send(channel, f"{world.me} {QUESTION}")
    assert world.said(channel) == []
    assert "may not write here" in caplog.text
    assert world.env.errors == []


async def test_without_embeds_it_writes_plain_text(world: World) -> None:
    channel = _without(world, embed_links=True)
    await world.alice.send(channel, f"{world.me} {QUESTION}")
    (answer,) = world.said(channel)
    assert answer.embeds == []
    assert "Ada Stone" in answer.content
    assert "passage 1" in answer.content


async def test_without_history_it_answers_without_a_reply(world: World) -> None:
    channel = _without(world, read_message_history=True)
    await world.alice.send(channel, f"{world.me} {QUESTION}")
    stored = list(world.env.backend.messages[channel.id].values())
    assert len(stored) == 2
    assert stored[1].reference is None
    assert stored[1].content == world.alice.mention


@pytest.mark.parametrize(("status", "code"), [(400, 50083), (403, 50013), (404, 10003), (400, 160005)])
async def test_what_discord_does_not_let_through_is_logged_and_no_more(
    world: World, caplog: pytest.LogCaptureFixture, status: int, code: int
) -> None:
    caplog.set_level("INFO", logger="linernotes")
    world.env.inject_error("POST", "/channels/*/messages", status=status, code=code, message="No")
    await world.alice.send(world.channel, f"{world.me} {QUESTION}")
    assert world.answers == []
    assert world.env.errors == []
    assert "not sent" in caplog.text


async def test_an_unexpected_error_has_a_reference_that_stands_in_the_log(
    worlds: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    async with worlds(simulation={"check_errors": False}) as world:
        await world.alice.send(world.channel, f"{world.me} poison")
        said = world.answers[0].content
        assert said.startswith("Something went wrong")
        assert said.rstrip(".").rpartition(" ")[2] in caplog.text
        assert "poison" not in said


# --- Manners ----------------------------------------------------------------------------------------------


async def test_a_person_who_asks_too_much_is_told_once(worlds: Callable[..., Any]) -> None:
    async with worlds(options={"limits": Limits(person=Rate(2, 10))}) as world:
        for _ in range(5):
            await world.alice.send(world.channel, f"{world.me} {QUESTION}")
        assert [bool(answer.embeds) for answer in world.answers] == [True, True, False]
        assert "ask me again in 5 seconds" in world.answers[2].content
        await world.bob.send(world.channel, f"{world.me} {QUESTION}")
        world.clock.now += 5
        await world.alice.send(world.channel, f"{world.me} {QUESTION}")
        assert len(world.answers) == 5


async def test_a_server_that_asks_too_much_does_not_stop_others(worlds: Callable[..., Any]) -> None:
    async with worlds(options={"limits": Limits(server=Rate(1, 10))}) as world:
        await world.alice.send(world.channel, f"{world.me} {QUESTION}")
        await world.bob.send(world.channel, f"{world.me} {QUESTION}")
        assert "This server has asked a lot" in world.answers[1].content
        await world.bob.send_dm(QUESTION)
        assert world.said(world.bob.user.dm_channel)[0].embeds


async def test_beyond_the_bound_the_answer_is_polite(worlds: Callable[..., Any]) -> None:
    async with worlds(options={"limits": Limits(at_once=0)}) as world:
        await world.alice.send(world.channel, f"{world.me} {QUESTION}")
        assert "So many are asking" in world.answers[0].content


async def test_with_several_documents_the_answer_names_its_own(worlds: Callable[..., Any]) -> None:
    async with worlds(corpus=TWO) as world:
        await world.alice.send(world.channel, f"{world.me} {OTHER_QUESTION}")
        assert "lanterns.md · passage 1" in text_of(world.answers[0]) or "Lanterns · passage 1" in text_of(
            world.answers[0]
        )


async def test_no_content_is_logged(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="linernotes")
    await world.alice.send(world.channel, f"{world.me} {QUESTION}")
    await world.alice.slash(world.channel, "ask", question=QUESTION)
    assert "asked" in caplog.text
    assert "1871" not in caplog.text
    assert "Ada" not in caplog.text
