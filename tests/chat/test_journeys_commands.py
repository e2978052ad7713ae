"""Slash commands, context menus and the buttons under what they show."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import discord
import pytest
import simcord
from world import Interrupted, text_of

from fakes import HARBOUR, LANTERNS, OTHER_QUESTION, QUESTION
from linernotes.chat.frame.manners import Limits, Rate
from linernotes.errors import StoreError
from linernotes.models import Quote

if TYPE_CHECKING:
    from collections.abc import Callable

    from world import World

TWO = {"harbour": HARBOUR, "lanterns": LANTERNS}
DAY = 24 * 3600


def custom_id(shown: Any, label: str) -> str:
    """Return the custom id of a button."""
    rows = [each.to_dict() if hasattr(each, "to_dict") else each for each in shown.components]
    for row in rows:
        for button in row["components"]:
            if label in (button.get("label"), (button.get("emoji") or {}).get("name")):
                return str(button["custom_id"])
    raise AssertionError(f"There is no button {label!r}.")


async def press(actor: Any, shown: Any, label: str) -> simcord.InteractionResult:
    return await actor.click(shown, custom_id=custom_id(shown, label))


def response_of(result: simcord.InteractionResult) -> Any:
    """Return the original response, which is the one message that an answer has."""
    assert result.acknowledged
    assert result.response is not None
    return result.response


def refusal_of(result: simcord.InteractionResult) -> str:
    """Return the one sentence that somebody was told alone."""
    told = [each for each in (result.response, *result.followups) if each is not None]
    assert len(told) == 1
    assert told[0].ephemeral
    return str(told[0].content)


def forge(world: World, message: Any, old: str, new: str) -> None:
    """Change a custom id in a message as only Discord itself could; members send what they like."""
    stored = world.env.backend.get_message(
        message.channel.id if hasattr(message, "channel") else message.channel_id, message.id
    )
    for row in stored.components:
        for button in row["components"]:
            if button.get("custom_id") == old:
                button["custom_id"] = new


# --- /ask -------------------------------------------------------------------------------------------------


async def test_ask_is_deferred_and_then_edited(world: World) -> None:
    result = await world.alice.slash(world.channel, "ask", question=QUESTION)
    assert not result.ephemeral
    assert result.followups == []
    shown = response_of(result)
    assert "built by Ada Stone" in text_of(shown)
    assert f"“{QUESTION}”" in text_of(shown)
    (callback,) = world.requests("POST", "/callback")
    (edit,) = world.requests("PATCH", "/messages/@original")
    assert callback.json["type"] == 5
    assert edit.json["embeds"]


async def test_a_private_answer_is_seen_by_one(world: World) -> None:
    result = await world.alice.slash(world.channel, "ask", question=QUESTION, private=True)
    assert result.ephemeral
    assert "Ada Stone" in text_of(response_of(result))


async def test_ask_works_in_direct_messages_and_goes_on(world: World) -> None:
    result = await world.alice.user.slash("ask", question=QUESTION)
    assert "Ada Stone" in text_of(response_of(result))
    await world.alice.send_dm("How long did it take her?")
    assert "eleven winters" in text_of(world.said(world.alice.user.dm_channel)[-1])


class Slow(Interrupted):
    """A model that takes more than three seconds, once it is told to."""

    slow = False

    def embed(self, texts: Any) -> Any:
        if self.slow:
            time.sleep(3.5)
        return super().embed(texts)


@pytest.mark.slow
async def test_the_first_response_comes_in_under_three_seconds(
    worlds: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Slow()
    async with worlds(embedder=slow, simulation={"settle_timeout": 20.0}) as world:
        slow.slow = True
        first: list[float] = []
        started = time.perf_counter()
        defer = discord.InteractionResponse.defer

        async def timed(self: Any, **options: Any) -> Any:
            result = await defer(self, **options)
            first.append(time.perf_counter() - started)
            return result

        monkeypatch.setattr(discord.InteractionResponse, "defer", timed)
        result = await world.alice.slash(world.channel, "ask", question=QUESTION)
        assert first[0] < 1
        assert time.perf_counter() - started > 3
        assert "Ada Stone" in text_of(response_of(result))


async def test_every_command_responds_before_anything_is_waited_for(
    worlds: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a command asks of the library or the store, it has deferred by then."""
    async with worlds() as world:
        responded: list[bool] = []
        current: list[discord.Interaction[Any]] = []
        check = world.bot.tree.interaction_check

        async def spy_check(interaction: discord.Interaction[Any]) -> bool:
            current.append(interaction)
            return await check(interaction)

        monkeypatch.setattr(world.bot.tree, "interaction_check", spy_check)
        for owner, name in (
            (world.library, "ask"),
            (world.library, "quotes"),
            (world.bot.examples, "of"),
            (world.bot.store, "forget"),
            (world.bot.store, "save_server"),
        ):
            original = getattr(owner, name)

            def spied(*given: Any, _original: Any = original, **options: Any) -> Any:
                responded.append(current[-1].response.is_done())
                return _original(*given, **options)

            monkeypatch.setattr(owner, name, spied)
        for name, options in (
            ("ask", {"question": QUESTION}),
            ("quote", {}),
            ("quote", {"about": "the sea"}),
            ("quotes", {}),
            ("sources", {}),
            ("help", {}),
            ("privacy", {"forget": True}),
        ):
            await world.alice.slash(world.channel, name, **options)
        await world.mod.slash(world.channel, "settings block", member=world.bob)
        assert len(responded) >= 6
        assert all(responded)


async def test_a_song_can_be_named(worlds: Callable[..., Any]) -> None:
    async with worlds(corpus=TWO) as world:
        choices = await world.alice.autocomplete(world.channel, "ask", "song", "lan")
        assert [choice["value"] for choice in choices] == ["lanterns.md"]
        for song in ("lanterns.md", "Lanterns.md"):
            result = await world.alice.slash(world.channel, "ask", question=QUESTION, song=song)
            assert "Ada Stone" not in text_of(response_of(result)).partition("Related")[0].partition("\n")[2]
        result = await world.alice.slash(world.channel, "ask", question=OTHER_QUESTION, song="lanterns.md")
        assert "Otto Blum" in text_of(response_of(result))
        result = await world.alice.slash(world.channel, "ask", question=QUESTION, song="Nothing")
        assert "no such song" in refusal_of(result)


async def test_ask_takes_any_text(world: World) -> None:
    for question in ("why " * 1_500, "\u200b\u202e", "@everyone <@1> ||x|| # y", "`" * 400):
        result = await world.alice.slash(world.channel, "ask", question=question)
        assert response_of(result).embeds, question
        shown = response_of(result).message
        assert not shown.mentions, question
        assert not shown.mention_everyone, question


async def test_ask_about_this_answers_a_message(world: World) -> None:
    theirs = await world.bob.send(world.channel, QUESTION)
    result = await world.alice.context_menu(world.channel, "Ask about this", theirs)
    assert "Ada Stone" in text_of(response_of(result))
    assert result.ephemeral


async def test_an_answer_is_removed_by_its_asker_or_a_moderator(world: World) -> None:
    for remover in (world.alice, world.mod):
        await world.alice.send(world.channel, f"{world.me} {QUESTION}")
        (answer,) = world.answers
        result = await world.bob.context_menu(world.channel, "Remove this answer", answer)
        assert "Only who asked" in refusal_of(result)
        await remover.context_menu(world.channel, "Remove this answer", answer)
        assert world.answers == []
    theirs = await world.bob.send(world.channel, "hello")
    result = await world.mod.context_menu(world.channel, "Remove this answer", theirs)
    assert "not an answer of mine" in refusal_of(result)


async def test_what_ask_showed_can_be_removed_by_reaction(world: World) -> None:
    result = await world.alice.slash(world.channel, "ask", question=QUESTION)
    await world.alice.react(response_of(result), "❌")
    assert world.answers == []


# --- The buttons under an answer --------------------------------------------------------------------------


TIDES = [f"Tide number {n} was seen by Ada Stone in {1800 + n}. " * 9 for n in range(4)]
LONG = {"long": "# Tides\n\n" + "\n\n".join(TIDES)}
BACK, ON = "‹", "›"  # noqa: RUF001  the signs are meant


async def test_passage_pages_through_the_article(worlds: Callable[..., Any]) -> None:
    async with worlds(corpus=LONG) as world:
        await world.alice.send(world.channel, f"{world.me} Who saw tide number 1 in 1801?")
        first = response_of(await press(world.bob, world.answers[0], "Passage"))
        assert first.ephemeral
        assert "the answer comes from here" in text_of(first)
        assert "**" in first.embeds[0].description
        found = re.search(r"Passage (\d+) of (\d+)", text_of(first))
        assert found is not None
        page, pages = map(int, found.groups())
        assert pages >= 3
        seen = [page]
        shown = first
        while seen[-1] < pages:
            await press(world.bob, shown, ON)
            shown = _again(world, shown)
            seen.append(int(re.search(r"Passage (\d+)", text_of(shown))[1]))  # type: ignore[index]
        assert seen == list(range(page, pages + 1))
        assert next(b for b in shown.components[0]["components"] if b["label"] == ON)["disabled"]
        for _ in range(pages - 1):
            await press(world.bob, shown, BACK)
            shown = _again(world, shown)
        assert f"Passage 1 of {pages}" in text_of(shown)


def _again(world: World, shown: Any) -> Any:
    return simcord.ResponseMessage(world.env, world.env.backend.get_message(shown.channel_id, shown.id))


async def test_why_tells_members_in_words_and_moderators_the_figures(world: World) -> None:
    await world.alice.send(world.channel, f"{world.me} {QUESTION}")
    shown = response_of(await press(world.bob, world.answers[0], "Why"))
    assert shown.ephemeral
    assert "sentences of The Harbour. Passage 1 came first" in text_of(shown)
    assert not re.search(r"\d\.\d|score|%", text_of(shown))
    shown = response_of(await press(world.mod, world.answers[0], "Why"))
    assert "The Harbour, passage 1" in text_of(shown)
    assert re.search(r"score -?\d+\.\d\d · .+ -?\d", text_of(shown))


async def test_feedback_is_kept_once_for_each_person_and_answer(world: World) -> None:
    asked = await world.alice.send(world.channel, f"{world.me} {QUESTION}")
    answer = world.answers[0]
    said = [
        response_of(await press(actor, answer, emoji)).content
        for actor, emoji in (
            (world.alice, "👍"),
            (world.alice, "👍"),
            (world.alice, "👎"),
            (world.bob, "👍"),
        )
    ]
    assert ["already" in each for each in said] == [False, True, False, False]
    assert await world.bot.store.votes(asked.id) == {world.alice.id: -1, world.bob.id: 1}


async def test_buttons_work_after_a_restart(world: World) -> None:
    await world.alice.send(world.channel, f"{world.me} {QUESTION}")
    await world.restart()
    for label in ("Passage", "Why", "👍"):
        shown = response_of(await press(world.alice, world.answers[0], label))
        assert "no longer" not in text_of(shown)


async def test_buttons_never_time_out_and_say_so_after_thirty_days(world: World) -> None:
    await world.alice.send(world.channel, f"{world.me} {QUESTION}")
    await world.env.advance_time(2 * DAY)
    world.clock.now += 29 * DAY
    assert "Passage 1" in text_of(response_of(await press(world.alice, world.answers[0], "Passage")))
    world.clock.now += 2 * DAY
    for label in ("Passage", "Why", "👍", "👎"):
        assert "30 days" in refusal_of(await press(world.alice, world.answers[0], label))


async def test_words_are_found_where_they_stand_after_the_article_has_changed(world: World) -> None:
    await world.alice.send(world.channel, f"{world.me} {QUESTION}")
    changed = HARBOUR.replace("\nThe harbour", "\nIt is a small town.\n\nThe harbour")
    (world.settings.corpus_dir / "harbour.md").write_text(changed, encoding="utf-8")
    await world.library.reload()
    shown = response_of(await press(world.alice, world.answers[0], "Passage"))
    assert "**The harbour was built by Ada Stone in 1871.**" in shown.embeds[0].description
    assert "the answer comes from here" in text_of(shown)


async def test_words_that_are_gone_are_not_shown_as_the_old_ones(world: World) -> None:
    await world.alice.send(world.channel, f"{world.me} {QUESTION}")
    (world.settings.corpus_dir / "harbour.md").write_text(LANTERNS, encoding="utf-8")
    await world.library.reload()
    assert "no longer in the article" in refusal_of(await press(world.alice, world.answers[0], "Passage"))
    assert "Passage 1 came first" in text_of(response_of(await press(world.alice, world.answers[0], "Why")))


async def test_the_source_is_a_button_where_it_can_be_linked_to(worlds: Callable[..., Any]) -> None:
    linked = HARBOUR.replace("artist:", "source: https://example.org/harbour\nartist:")
    async with worlds(corpus={"harbour": linked}) as world:
        await world.alice.send(world.channel, f"{world.me} {QUESTION}")
        (answer,) = world.answers
        assert [each.url for each in answer.components[0].children if each.url] == [
            "https://example.org/harbour"
        ]


@pytest.mark.parametrize("label", ["Passage", "Why", "👍", "👎"])
async def test_a_button_of_another_servers_message_opens_nothing(world: World, label: str) -> None:
    await world.alice.send(world.channel, f"{world.me} {QUESTION}")
    theirs = custom_id(world.answers[0], label)
    asked = int(theirs.rpartition(":")[2])
    other = world.env.create_guild("Others")
    channel = other.create_text_channel("general")
    mallory = other.add_member(world.env.create_user("mallory"))
    await mallory.send(channel, f"{world.me} {QUESTION}")
    (answer,) = world.said(channel)
    forge(world, answer, custom_id(answer, label), theirs)
    (answer,) = world.said(channel)
    assert "no longer know" in refusal_of(await mallory.click(answer, custom_id=theirs))
    assert await world.bot.store.votes(asked) == {}


async def test_a_button_of_another_channel_opens_nothing(world: World) -> None:
    await world.alice.send_dm(QUESTION)
    private = custom_id(world.said(world.alice.user.dm_channel)[0], "Why")
    await world.bob.send_dm(QUESTION)
    (answer,) = world.said(world.bob.user.dm_channel)
    forge(world, answer, custom_id(answer, "Why"), private)
    (answer,) = world.said(world.bob.user.dm_channel)
    assert "no longer know" in refusal_of(await world.bob.user.click(answer, custom_id=private))


FORGED = (
    "passage:",
    "passage:x",
    "passage:-1",
    "passage:٣",
    "passage:99999999999999999999999999",
    "passage:9999999999999999999",
    "why:1' OR 1=1 --",
    "page:{key}",
    "page:{key}:x",
    "page:{key}:-5",
    "page:{key}:999999999",
    "up:{key}:1",
    "another:",
    "another:x:y:z",
    "context:nothing",
    "share:nothing:-:",
    "quotes:-:99999999999",
    "quotes:nobody:0",
    "sources:x",
    "nothing:at all",
    "nothing:\n",
)


async def test_a_forged_custom_id_does_no_harm(worlds: Callable[..., Any]) -> None:
    async with worlds(options={"limits": Limits(person=Rate(10_000, 1), server=Rate(10_000, 1))}) as world:
        for rest in FORGED:
            await world.alice.send(world.channel, f"{world.me} {QUESTION}")
            answer = world.answers[-1]
            old = custom_id(answer, "Passage")
            new = "ln:" + rest.replace("{key}", old.rpartition(":")[2])
            forge(world, answer, old, new)
            result = await world.bob.click(world.answers[-1], custom_id=new)
            assert result.acknowledged, rest
            assert world.env.errors == [], rest


# --- Quotations -------------------------------------------------------------------------------------------

VOICES = {
    "voices": "# Voices\n\n"
    + "\n\n".join(
        f"In an interview with {outlet}, {name} said: “{text}”"
        for name, outlet, text in (
            ("Ada Stone", "Sailor Weekly", "Nobody believed that the wall would hold the sea."),
            ("Otto Blum", "The Lamp", "Green is the colour that sailors trust at night."),
            ("Ada Stone", "Sailor Weekly", "I counted every stone in the wall twice each winter."),
        )
    )
    + "\n"
}


async def test_a_quotation_has_its_words_speaker_and_outlet(world: World) -> None:
    result = await world.alice.slash(world.channel, "quote")
    assert result.ephemeral
    shown = text_of(response_of(result))
    assert "“Nobody believed that the wall would hold the sea.”" in shown
    assert "— Ada Stone, Sailor Weekly" in shown


async def test_at_random_it_is_not_the_same_twice_in_a_row(worlds: Callable[..., Any]) -> None:
    async with worlds(corpus=VOICES, options={"limits": Limits(person=Rate(100, 1))}) as world:
        shown = [text_of(response_of(await world.alice.slash(world.channel, "quote"))) for _ in range(12)]
        assert all(one != other for one, other in pairwise(shown))
        assert len(set(shown)) == 3
        response = response_of(await world.alice.slash(world.channel, "quote"))
        for _ in range(8):
            before = text_of(response)
            await press(world.alice, response, "Another")
            response = _again(world, response)
            assert text_of(response) != before


async def test_quotations_of_a_speaker(worlds: Callable[..., Any]) -> None:
    async with worlds(corpus=VOICES) as world:
        choices = await world.alice.autocomplete(world.channel, "quote", "speaker", "st")
        assert [choice["value"] for choice in choices] == ["Ada Stone"]
        response = response_of(await world.alice.slash(world.channel, "quote", speaker="ada stone"))
        for _ in range(4):
            assert "— Ada Stone" in text_of(response)
            await press(world.alice, response, "Another")
            response = _again(world, response)
        result = await world.alice.slash(world.channel, "quote", speaker="Nobody [x](https://evil.example)")
        assert "Ada Stone, Otto Blum" in refusal_of(result)
        assert "[x](" not in refusal_of(result)


async def test_quotations_about_something_are_ranked(worlds: Callable[..., Any]) -> None:
    async with worlds(corpus=VOICES) as world:
        response = response_of(
            await world.alice.slash(world.channel, "quote", about="green colour sailors night")
        )
        assert "Green is the colour" in text_of(response)
        await world.restart()
        seen = {text_of(response)}
        for _ in range(2):
            await press(world.alice, response, "Another")
            response = _again(world, response)
            seen.add(text_of(response))
        assert len(seen) == 3


async def test_a_quotation_in_its_context(world: World) -> None:
    response = response_of(await world.alice.slash(world.channel, "quote"))
    shown = response_of(await press(world.alice, response, "Context"))
    assert shown.ephemeral
    assert "**Nobody believed that the wall would hold the sea.**" in shown.embeds[0].description
    assert "In an interview with Sailor Weekly" in text_of(shown)


async def test_a_quotation_is_shared_with_everybody_once(world: World) -> None:
    response = response_of(await world.alice.slash(world.channel, "quote"))
    result = await press(world.alice, response, "Share")
    (shared,) = result.followups
    assert not shared.ephemeral
    assert "Nobody believed" in text_of(shared)
    again = _again(world, response)
    assert next(b for b in again.components[0]["components"] if b["label"] == "Shared")["disabled"]


SPOKEN = [
    f"“Sentence number {n} is mine alone,” said Speaker{chr(65 + n % 26)} Name{chr(65 + n // 26)}."
    for n in range(60)
]
MANY = {"many": "# Many\n\n" + "\n\n".join(SPOKEN)}


async def test_all_quotations_are_listed_by_pages(worlds: Callable[..., Any]) -> None:
    async with worlds(corpus=MANY) as world:
        number = len((await world.library.edition()).quotes)
        assert number > 10
        response = response_of(await world.alice.slash(world.channel, "quotes"))
        found = set()
        for page in range(-(-number // 5)):
            assert f"Page {page + 1} of" in text_of(response)
            found |= set(re.findall(r"“Sentence number \d+", text_of(response)))
            if page < -(-number // 5) - 1:
                await press(world.alice, response, ON)
                response = _again(world, response)
        assert len(found) == number


async def test_autocomplete_gives_twenty_five_at_most(
    worlds: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with worlds() as world:
        edition = await world.library.edition()
        quotes = tuple(
            Quote(((0, 1),), "x", f"Speaker {n} {'of a very long name ' * (n % 9)}", None, "harbour.md")
            for n in range(2_000)
        )

        async def many(_guild: int | None = None) -> Any:
            return replace(edition, quotes=quotes)

        monkeypatch.setattr(world.library, "edition", many)
        for typed in ("", "speaker", "1", "x" * 6_000, "\u202e", "speaker 1999"):
            started = time.perf_counter()
            choices = await world.alice.autocomplete(world.channel, "quote", "speaker", typed)
            assert time.perf_counter() - started < 1
            assert len(choices) <= 25
            assert all(1 <= len(choice["name"]) <= 100 for choice in choices)
            assert all(1 <= len(choice["value"]) <= 100 for choice in choices)
        assert [choice["value"] for choice in choices] == ["Speaker 1999 of a very long name"]


# --- Help, sources, privacy -------------------------------------------------------------------------------


async def test_help_offers_three_questions_that_can_be_answered(worlds: Callable[..., Any]) -> None:
    async with worlds(corpus=TWO | VOICES) as world:
        shown = text_of(response_of(await world.alice.slash(world.channel, "help")))
        examples = re.findall(r"^• (.+)$", shown, re.MULTILINE)
        assert len(examples) == 3
        for example in examples:
            result = await world.alice.slash(world.channel, "ask", question=example)
            assert "does not say" not in text_of(response_of(result))


async def test_sources_lists_the_documents(worlds: Callable[..., Any]) -> None:
    linked = HARBOUR.replace("artist:", "source: https://example.org/harbour\nartist:")
    async with worlds(corpus={"harbour": linked, "lanterns": LANTERNS}) as world:
        response = response_of(await world.alice.slash(world.channel, "sources"))
        assert "[The Harbour](<https://example.org/harbour>): The Tides, 1 passage" in text_of(response)


async def test_privacy_says_what_is_kept_and_forgets(worlds: Callable[..., Any]) -> None:
    async with worlds(privacy_url="https://example.org/privacy") as world:
        shown = text_of(response_of(await world.alice.slash(world.channel, "privacy")))
        assert "30 days" in shown
        assert "https://example.org/privacy" in shown
        asked = await world.alice.send(world.channel, f"{world.me} {QUESTION}")
        theirs = await world.bob.send(world.channel, f"{world.me} {QUESTION}")
        for answer in world.answers:
            await press(world.alice, answer, "👍")
        await press(world.bob, world.answers[1], "👍")
        shown = text_of(response_of(await world.alice.slash(world.channel, "privacy", forget=True)))
        # One of the two votes was for the answer that goes.
        assert "1 answer with buttons, 2 votes, the memory of our last conversations (1 answer)" in shown
        store, where = world.bot.store, {"guild": world.guild.id, "channel": world.channel.id}
        assert await store.find(asked.id, **where) is None
        assert await store.find(theirs.id, **where) is not None
        assert await store.votes(theirs.id) == {world.bob.id: 1}
        assert len(world.bot.sessions) == 1
        shown = text_of(response_of(await world.alice.slash(world.channel, "privacy", forget=True)))
        assert "kept nothing" in shown


async def test_what_a_person_was_shown_last_is_forgotten_too(world: World) -> None:
    for person in (world.alice, world.bob):
        await person.slash(world.channel, "quote")
    (last,) = (
        each.__self__._last
        for each in world.bot.hooks.forgotten
        if type(each.__self__).__name__ == "Quotations"
    )
    assert {person for _, person in last} == {world.alice.id, world.bob.id}
    await world.alice.slash(world.channel, "privacy", forget=True)
    assert {person for _, person in last} == {world.bob.id}


# --- Settings ---------------------------------------------------------------------------------------------


async def test_moderators_say_where_the_bot_answers(world: World) -> None:
    other = world.guild.create_text_channel("other")
    await world.mod.slash(world.channel, "settings channel", channel=other, rule="deny")
    await world.alice.send(other, f"{world.me} {QUESTION}")
    assert world.said(other) == []
    for name, options in (("ask", {"question": QUESTION}), ("quote", {}), ("quotes", {}), ("sources", {})):
        assert "in this channel" in refusal_of(await world.alice.slash(other, name, **options))
    await world.mod.slash(world.channel, "settings channel", channel=other, rule="allow")
    await world.alice.send(other, f"{world.me} {QUESTION}")
    await world.alice.send(world.channel, f"{world.me} {QUESTION}")
    assert len(world.said(other)) == 1
    assert world.answers == []
    await world.restart()
    await world.alice.send(world.channel, f"{world.me} {QUESTION}")
    assert world.answers == []
    # Where it does not answer, its settings can still be changed.
    await world.mod.slash(world.channel, "settings channel", channel=other, rule="clear")
    await world.alice.send(world.channel, f"{world.me} {QUESTION}")
    assert len(world.answers) == 1


async def test_a_channel_that_is_gone_keeps_the_bot_out_of_no_other(world: World) -> None:
    other = world.guild.create_text_channel("other")
    await world.mod.slash(world.channel, "settings channel", channel=other, rule="allow")
    world.env.backend.delete_channel(other.id)
    await world.env.settle()
    await world.alice.send(world.channel, f"{world.me} {QUESTION}")
    assert len(world.answers) == 1


async def test_that_no_example_is_found_costs_no_answer(
    world: World, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_edition: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr("linernotes.library.examples.candidates", fail)
    world.silence()
    await world.alice.send(world.channel, f"{world.me} Which car?")
    assert "does not say" in text_of(world.answers[0])
    assert "No examples" in caplog.text


async def test_a_threads_channel_counts_and_a_category_too(world: World) -> None:
    category = world.guild.create_category("quiet")
    inside = world.guild.create_text_channel("inside", category=category)
    await world.mod.slash(world.channel, "settings channel", channel=category, rule="deny")
    thread = world.thread(parent=inside)
    for place in (inside, thread):
        await world.alice.send(place, f"{world.me} {QUESTION}")
        assert world.said(place) == []
    await world.mod.slash(world.channel, "settings channel", channel=inside, rule="allow")
    await world.alice.send(thread, f"{world.me} {QUESTION}")
    assert len(world.said(thread)) == 1


async def test_a_blocked_member_gets_no_answer(world: World) -> None:
    await world.alice.send(world.channel, f"{world.me} {QUESTION}")
    await world.mod.slash(world.channel, "settings block", member=world.alice)
    await world.alice.send(world.channel, f"{world.me} {QUESTION}")
    assert len(world.answers) == 1
    for label in ("Passage", "Why", "👍"):
        assert "not to answer you" in refusal_of(await press(world.alice, world.answers[0], label))
    result = await world.alice.slash(world.channel, "ask", question=QUESTION)
    assert "not to answer you" in refusal_of(result)
    assert await world.alice.autocomplete(world.channel, "quote", "speaker", "") == []
    # What is kept about them, they can still have removed.
    assert response_of(await world.alice.slash(world.channel, "privacy", forget=True)).embeds
    # Elsewhere they are welcome.
    await world.alice.send_dm(QUESTION)
    assert len(world.said(world.alice.user.dm_channel)) == 1
    await world.mod.slash(world.channel, "settings unblock", member=world.alice)
    await world.alice.send(world.channel, f"{world.me} {QUESTION}")
    assert len(world.answers) == 2


async def test_members_cannot_change_settings_whatever_discord_lets_through(world: World) -> None:
    command = world.env.backend.find_command("settings", world.guild.id, type=1)
    allowed = [{"id": str(world.alice.id), "type": 2, "permission": True}]
    world.env.backend.set_command_permissions(world.guild.id, int(command["id"]), allowed)
    for name, options in (
        ("settings show", {}),
        ("settings block", {"member": world.bob}),
        ("settings unblock", {"member": world.bob}),
        ("settings channel", {"channel": world.channel, "rule": "deny"}),
    ):
        assert "for moderators" in refusal_of(await world.alice.slash(world.channel, name, **options))
    assert world.bot.servers.of(world.guild.id).blocked == frozenset()
    assert world.bot.servers.of(world.guild.id).channels == {}


async def test_settings_of_one_server_are_not_those_of_another(world: World) -> None:
    other = world.env.create_guild("Others")
    channel = other.create_text_channel("general")
    alice = other.add_member(world.alice.user)
    await world.mod.slash(world.channel, "settings block", member=world.alice)
    await alice.send(channel, f"{world.me} {QUESTION}")
    assert len(world.said(channel)) == 1


# --- The tree ---------------------------------------------------------------------------------------------


async def test_the_commands_keep_to_discords_limits(world: World) -> None:
    commands = [command.to_dict(world.bot.tree) for command in world.bot.tree.get_commands()]
    assert sum(each["type"] == 1 for each in commands) <= 100
    assert sum(each["type"] == 3 for each in commands) <= 5
    for command in commands:
        _check_limits(command, top=True)
        assert _length(command) <= 8_000
    by_name = {each["name"]: each for each in commands}
    assert set(by_name["settings"]["contexts"]) == {0}
    assert set(by_name["settings"]["integration_types"]) == {0}
    assert by_name["settings"]["default_member_permissions"] == discord.Permissions(manage_guild=True).value
    for name in ("ask", "quote", "quotes", "sources", "help", "privacy"):
        assert set(by_name[name]["contexts"]) == {0, 1, 2}
        assert set(by_name[name]["integration_types"]) == {0, 1}


def _check_limits(command: dict[str, Any], *, top: bool) -> None:
    if command["type"] in (1, 2) or not top:
        assert re.fullmatch(r"[-_\w]{1,32}", command["name"])
        assert command["name"] == command["name"].lower()
        assert 1 <= len(command["description"]) <= 100
    else:
        assert 1 <= len(command["name"]) <= 32
    options = command.get("options", [])
    assert len(options) <= 25
    assert len({each["name"] for each in options}) == len(options)
    required = [bool(each.get("required")) for each in options]
    assert required == sorted(required, reverse=True)
    for option in options:
        assert len(option.get("choices") or []) <= 25
        for choice in option.get("choices") or []:
            assert 1 <= len(choice["name"]) <= 100
        _check_limits(option, top=False)


def _length(command: dict[str, Any]) -> int:
    own = len(command["name"]) + len(command.get("description", ""))
    choices = sum(len(each["name"]) + len(str(each["value"])) for each in command.get("choices") or [])
    return own + choices + sum(map(_length, command.get("options", [])))


async def test_commands_are_sent_when_they_have_changed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sent() -> int:
        return len([each for each in world.requests("PUT", "/commands") if "/guilds/" not in each.path])

    assert sent() == 1
    await world.restart()
    assert sent() == 1
    # Discord has lost them.
    world.env.backend.commands.clear()
    await world.restart()
    assert sent() == 2
    monkeypatch.setattr("linernotes.chat.frame.synchronise.digest_of", lambda _bot: "another")
    await world.restart()
    assert sent() == 3


async def test_in_development_one_server_gets_them_at_once(worlds: Callable[..., Any]) -> None:
    async with worlds(dev_guild_id=987654321, simulation={"check_errors": False}) as world:
        (sent,) = world.requests("PUT", "/commands")
        assert "/guilds/987654321/" in sent.path


async def test_that_commands_are_not_taken_stops_nothing_else(
    worlds: Callable[..., Any], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with worlds() as world:
        world.env.inject_error("PUT", "/applications/*/commands", status=400, code=50035, message="No")
        monkeypatch.setattr("linernotes.chat.frame.synchronise.digest_of", lambda _bot: "another")
        await world.restart()
        assert "commands not synchronised" in caplog.text
        await world.alice.send(world.channel, f"{world.me} {QUESTION}")
        assert len(world.answers) == 1


# --- Errors -----------------------------------------------------------------------------------------------


async def test_an_unexpected_error_is_told_alone_with_a_reference(
    worlds: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    async with worlds(simulation={"check_errors": False}) as world:
        result = await world.alice.slash(world.channel, "ask", question="poison")
        told = refusal_of(result)
        assert told.startswith("Something went wrong")
        reference = told.rstrip(".").rpartition(" ")[2]
        assert len(reference) == 6
        record = next(each for each in caplog.records if reference in str(each.msg))
        assert isinstance(record.msg, dict)
        assert isinstance(record.msg["exc_info"], ValueError)


async def test_an_error_in_a_button_or_autocomplete_goes_the_same_way(
    world: World, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.alice.send(world.channel, f"{world.me} {QUESTION}")

    async def fail(*_given: Any, **_options: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(world.bot.store, "find", fail)
    monkeypatch.setattr(world.library, "edition", fail)
    assert refusal_of(await press(world.alice, world.answers[0], "Why")).startswith("Something went wrong")
    assert await world.alice.autocomplete(world.channel, "quote", "speaker", "a") == []
    assert caplog.text.count("ZeroDivisionError") >= 2


async def test_an_error_in_an_event_is_logged(
    world: World, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_given: Any, **_options: Any) -> Any:
        raise ZeroDivisionError

    await world.alice.send(world.channel, f"{world.me} {QUESTION}")
    answer = world.answers[0]
    monkeypatch.setattr(world.bot.store, "find_message", fail)
    await world.alice.react(answer, "❌")
    assert "ZeroDivisionError" in caplog.text
    assert world.env.errors
    with pytest.raises(ExceptionGroup):
        world.env.raise_errors()
    world.env.check_errors = False


async def test_a_store_that_fails_does_not_cost_the_answer(
    world: World, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_given: Any, **_options: Any) -> Any:
        raise StoreError("The database cannot grow because the disk is full.")

    monkeypatch.setattr(world.bot.store, "record", fail)
    await world.alice.send(world.channel, f"{world.me} {QUESTION}")
    assert "Ada Stone" in text_of(world.answers[0])
    assert world.answers[0].components == []
    assert "disk is full" in caplog.text


async def test_who_is_refused_hears_it_alone_and_at_once(worlds: Callable[..., Any]) -> None:
    async with worlds(options={"limits": Limits(person=Rate(1, 10))}) as world:
        await world.alice.slash(world.channel, "ask", question=QUESTION)
        result = await world.alice.slash(world.channel, "ask", question=QUESTION)
        assert not result.deferred
        assert "ask me again in 10 seconds" in refusal_of(result)
