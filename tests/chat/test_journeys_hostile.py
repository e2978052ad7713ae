"""Every command, button, form and autocomplete, with another server's ids and with the worst of texts.

What there is of them is read from the bot itself: who adds one is told by a test that fails to say what of
another server it could be given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import discord
import pytest
from discord import app_commands
from test_journeys_commands import custom_id, forge, press, response_of
from test_journeys_corpus import BELLS, Elsewhere, add, keep_added
from test_journeys_notes import write_note
from test_journeys_overseeing import add_check, begins_with, collect
from world import text_of

from fakes import OTHER_QUESTION, QUESTION
from linernotes.chat.frame.embeds import short_key
from linernotes.chat.frame.manners import Limits, Rate
from linernotes.chat.quoting.embeds import quote_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import simcord
    from world import World

# Words of what the first server has of its own, and the other must not see.
OWN = ("otto", "blum", "lantern", "bells", "vale")
SPOKEN = "# Lanterns\n\nOtto Blum told the Harbour Gazette, “The lanterns were green before I was born.”\n"
NOTED = "Who paid for the lanterns?"
UNLIMITED = {"options": {"limits": Limits(person=Rate(10_000, 1), server=Rate(10_000, 1))}}

HOSTILE = (
    "",
    " ",
    "\u200b\u202e\u2066",
    "@everyone @here <@1> <@&1> <#1>",
    "[a](https://evil.example) https://evil.example discord.gg/evil",
    "```\n# x\n> y\n-# z ||s|| **b** __u__ ~~t~~ `c`",
    "'; DROP TABLE answers; --",
    "../../etc/passwd",
    "{0} {question} %s %(x)s ${x}",
    "\x00\x07\x1b[31m",
    "\ud800",
    "W" + "\u0300" * 300,
    "🏴\u200d☠️" * 200,
    "ﷺ" * 300,
    "ß" * 100,
    "a" * 6_000,
    "why " * 1_500,
    "9" * 5_000,
    "-1",
    "١٢٣",
    "ln:apply:x",
    "<t:1:R> </ask:1> <:a:1>",
)


# Of these texts, one in three; under the slow mark, all of them.
some_and_all = pytest.mark.parametrize(
    "texts",
    [
        pytest.param(HOSTILE[::3], id="one in three"),
        pytest.param(HOSTILE, id="all", marks=pytest.mark.slow),
    ],
)


def leaves(bot: discord.Client) -> Iterator[app_commands.Command[Any, ..., Any]]:
    """Yield all slash commands that can be given."""
    for command in bot.tree.walk_commands():  # type: ignore[attr-defined]
        if isinstance(command, app_commands.Command):
            yield command


def options_of(command: app_commands.Command[Any, ..., Any]) -> list[app_commands.Parameter]:
    """Return the options of a command into which anything can be typed."""
    return [
        each
        for each in command.parameters
        if each.type is discord.AppCommandOptionType.string and not each.choices
    ]


async def rows_of(world: World, guild: int) -> dict[str, list[Any]]:
    """Return all that the database keeps of a server."""

    def read(db: Any) -> dict[str, list[Any]]:
        tables = ("servers", "channels", "blocked", "answers", "revisions", "audit", "checks", "gaps")
        return {
            table: db.exec_driver_sql(f"SELECT * FROM {table} WHERE guild = {guild}").fetchall()  # noqa: S608  our own names
            for table in tables
        } | {"feedback": db.exec_driver_sql("SELECT * FROM feedback").fetchall()}

    return await world.bot.store.run(read)


def shown_in(result: simcord.InteractionResult) -> str:
    """Return all that a press or a command shows."""
    told = [each for each in (result.response, *result.followups) if each is not None]
    return "\n".join(map(text_of, told)) + str(result.modal or "")


# --- Another server's ids ---------------------------------------------------------------------------------


async def furnish(world: World) -> dict[str, str]:
    """Give the first server something of everything; return a custom id of its for each button."""
    await keep_added(world, SPOKEN, "lanterns.md")
    await add_check(world, OTHER_QUESTION, "Otto Blum")
    await collect(world)
    asked = await world.alice.send(world.channel, f"{world.me} {OTHER_QUESTION}")
    answer = world.answers[0]
    await press(world.alice, answer, "👍")
    catalogue = world.library.curator.catalogue
    await write_note(world, NOTED, "Otto Blum paid for the lanterns himself.")
    gap = await catalogue.add_gap(world.guild.id, "What did the lanterns cost?")
    (check,) = await catalogue.checks(world.guild.id)
    preview = custom_id(response_of(await add(world, BELLS, "bells.md")), "Apply").rpartition(":")[2]
    edition = await world.library.edition(world.guild.id)
    quote = next(each for each in edition.quotes if each.document == "lanterns.md")
    key, speaker = quote_key(quote), short_key("Otto Blum")
    spoken = f"{key}:{speaker}:"
    return {
        **{name: f"ln:{name}:{asked.id}" for name in ("passage", "why", "up", "down", "other")},
        "page": f"ln:page:{asked.id}:1",
        **{name: f"ln:{name}:{spoken}" for name in ("another", "context", "share")},
        "quotes": f"ln:quotes:{speaker}:0",
        "sources": "ln:sources::0",
        "shelf": "ln:shelf::0",
        **{name: f"ln:{name}:{preview}" for name in ("apply", "applyanyway", "cancel")},
        # Nothing is being built: the name of a build is looked up under the server of who presses.
        "stop": "ln:stop:0123456789abcdef",
        "checks": "ln:checks::0",
        "checkadd": "ln:checkadd:",
        "checkfrom": f"ln:checkfrom:{answer.id}",
        "checkdrop": f"ln:checkdrop:{check.number}:0",
        "gaps": "ln:gaps::0",
        "gapson": "ln:gapson:",
        "gapsoff": "ln:gapsoff:",
        "tell": f"ln:tell:{gap}",
        "gapanswer": f"ln:gapanswer:{gap}",
        "audit": "ln:audit::0",
    }


async def test_no_button_with_another_servers_ids_shows_or_changes_anything_of_it(
    worlds: Callable[..., Any],
) -> None:
    async with worlds(**UNLIMITED) as world:
        copied = await furnish(world)
        # A new button needs a line above: what of another server could it be given?
        assert set(copied) == set(world.bot.presses)
        other = Elsewhere(world)
        before = await rows_of(world, world.guild.id)
        for action, copy in copied.items():
            shown = response_of(await other.mod.slash(other.channel, "corpus questions"))
            forge(world, shown, custom_id(shown, "Add"), copy)
            result = await other.mod.click(shown, custom_id=copy)
            seen = shown_in(result).casefold()
            assert not any(word in seen for word in OWN), action
            assert "something went wrong" not in seen, action
        assert await rows_of(world, world.guild.id) == before
        # What was pressed elsewhere is still there, and can be applied here.
        assert world.library.curator.find(world.guild.id, copied["apply"].rpartition(":")[2])


async def test_no_form_of_another_server_writes_into_it(worlds: Callable[..., Any]) -> None:
    async with worlds(**UNLIMITED) as world:
        other = Elsewhere(world)
        shown = response_of(await world.mod.slash(world.channel, "corpus questions"))
        theirs = await press(world.mod, shown, "Add")
        shown = response_of(await other.mod.slash(other.channel, "corpus questions"))
        opened = await press(other.mod, shown, "Add")
        assert begins_with(opened) is None
        assert opened.modal is not None
        assert theirs.modal is not None
        opened.modal["custom_id"] = theirs.modal["custom_id"]
        before = await rows_of(world, world.guild.id)
        await other.mod.submit_modal(opened, {"question": QUESTION, "words": "Ada"})
        assert await rows_of(world, world.guild.id) == before


async def test_no_command_given_another_servers_names_shows_or_changes_anything_of_it(
    worlds: Callable[..., Any],
) -> None:
    async with worlds(**UNLIMITED) as world:
        await furnish(world)
        other = Elsewhere(world)
        given: dict[str, dict[str, Any]] = {
            "ask": {"question": OTHER_QUESTION, "song": "lanterns.md"},
            "quote": {"speaker": "Otto Blum"},
            "quotes": {"speaker": "Otto Blum"},
            "corpus remove": {"document": "lanterns.md"},
            "corpus hide": {"document": "lanterns.md"},
            "corpus show": {"document": "lanterns.md"},
            "corpus rollback": {"edition": "2"},
            "corpus add": {"file": ("empty.md", b"")},
            "corpus edit": {"note": NOTED},
            "settings channel": {"channel": other.channel, "rule": "clear"},
            "settings block": {"member": other.member},
            "settings unblock": {"member": other.member},
            "privacy": {"forget": False},
        } | {
            name: {}
            for name in (
                *("help", "sources", "settings show", "corpus status", "corpus reload", "corpus history"),
                *("corpus cancel", "corpus note", "corpus daily"),
                *("corpus questions", "corpus gaps", "corpus audit", "corpus moderators"),
            )
        }
        # A new command needs a line above.
        assert {each.qualified_name for each in leaves(world.bot)} == set(given)
        before = await rows_of(world, world.guild.id)
        for name, options in given.items():
            result = await other.mod.slash(other.channel, name, **options)
            seen = shown_in(result).casefold()
            # What was typed may be repeated.
            for typed in map(str, options.values()):
                seen = seen.replace(typed.casefold(), "")
            assert not any(word in seen for word in OWN), name
            assert "something went wrong" not in seen, name
        assert await rows_of(world, world.guild.id) == before


async def test_no_autocomplete_offers_anything_of_another_server(worlds: Callable[..., Any]) -> None:
    async with worlds(**UNLIMITED) as world:
        await furnish(world)
        other = Elsewhere(world)
        completed = 0
        for command in leaves(world.bot):
            for option in options_of(command):
                if not option.autocomplete:
                    continue
                completed += 1
                for typed in ("", "lant", "otto"):
                    offered = await other.mod.autocomplete(
                        other.channel, command.qualified_name, option.name, typed
                    )
                    seen = str(offered).casefold()
                    assert not any(word in seen for word in OWN), command.qualified_name
        assert completed >= 7


# --- Texts ------------------------------------------------------------------------------------------------


def is_calm(world: World) -> bool:
    """Say whether nothing unexpected has happened and nobody was pinged."""
    for sent in (*world.requests("POST", "/messages"), *world.requests("PATCH", "/messages/")):
        if sent.json and sent.json.get("allowed_mentions", {"parse": []})["parse"] != []:
            return False
    return world.env.errors == []


@some_and_all
async def test_every_text_through_every_command_is_answered_in_a_sentence(
    worlds: Callable[..., Any], texts: Sequence[str]
) -> None:
    async with worlds(**UNLIMITED) as world:
        given = 0
        for command in leaves(world.bot):
            for option in options_of(command):
                for text in texts:
                    typed = {option.name: text}
                    typed |= {each.name: QUESTION for each in options_of(command) if each.required} | typed
                    result = await world.mod.slash(world.channel, command.qualified_name, **typed)
                    seen = shown_in(result)
                    assert result.acknowledged, (command.qualified_name, text)
                    assert "Something went wrong" not in seen, (command.qualified_name, text)
                    assert len(seen) <= 6_000
                    given += 1
        assert given >= 9 * len(texts)
        assert is_calm(world)


@some_and_all
async def test_every_text_through_every_autocomplete_offers_what_discord_takes(
    worlds: Callable[..., Any], texts: Sequence[str]
) -> None:
    async with worlds(**UNLIMITED) as world:
        for command in leaves(world.bot):
            for option in options_of(command):
                for text in texts if option.autocomplete else ():
                    offered = await world.mod.autocomplete(
                        world.channel, command.qualified_name, option.name, text
                    )
                    assert len(offered) <= 25
                    assert all(1 <= len(each["name"]) <= 100 for each in offered)
                    assert all(1 <= len(each["value"]) <= 100 for each in offered)
        assert is_calm(world)


@some_and_all
async def test_every_text_in_messages_menus_and_forms_is_answered_in_a_sentence(
    worlds: Callable[..., Any], texts: Sequence[str]
) -> None:
    async with worlds(**UNLIMITED) as world:
        for text in texts:
            # Discord takes messages of up to 2,000 characters.
            written = text[:1_900]
            before = len(world.answers)
            await world.alice.send(world.channel, f"{world.me} {written}")
            assert len(world.answers) == before + 1, text
            assert "Something went wrong" not in text_of(world.answers[-1]), text
            if written.strip():
                message = await world.bob.send(world.channel, written)
                result = await world.alice.context_menu(world.channel, "Ask about this", message)
                assert "Something went wrong" not in shown_in(result), text
                await world.alice.send_dm(written)
            opened = await press(
                world.mod,
                response_of(await world.mod.slash(world.channel, "corpus questions")),
                "Add",
            )
            if text.strip():
                result = await world.mod.submit_modal(opened, {"question": text[:300], "words": text[:300]})
                assert "Something went wrong" not in shown_in(result), text
        assert is_calm(world)


@pytest.mark.parametrize("command", ["corpus note", "corpus add"])
@some_and_all
async def test_every_text_in_the_forms_of_the_library_is_answered_in_a_sentence(
    worlds: Callable[..., Any], command: str, texts: Sequence[str]
) -> None:
    async with worlds(**UNLIMITED) as world:
        for text in filter(str.strip, texts):
            opened = await world.mod.slash(world.channel, command)
            written = (
                {"question": text[:200], "answer": text[:600], "ways": text[:600]}
                if command == "corpus note"
                else {"title": text[:80], "text": text[:4_000]}
            )
            result = await world.mod.submit_modal(opened, written)
            assert "Something went wrong" not in shown_in(result), text
        assert is_calm(world)


# --- Names that differ in case alone ----------------------------------------------------------------------


@pytest.mark.parametrize("long", [False, True])
async def test_documents_whose_names_differ_in_case_alone_are_chosen_apart(
    worlds: Callable[..., Any], *, long: bool
) -> None:
    stem = "ß" * 60 if long else "run"
    upper = stem.replace("ß", "ẞ") if long else "Run"
    corpus = {
        stem: "# Small\n\nThe small song was written by Ada Stone.\n",
        upper: "# Large\n\nThe large song was written by Otto Blum.\n",
    }
    async with worlds(corpus=corpus, **UNLIMITED) as world:
        offered = await world.alice.autocomplete(world.channel, "ask", "song", "")
        values = {each["name"]: each["value"] for each in offered}
        assert len(set(values.values())) == 2
        assert all(len(value) <= 100 for value in values.values())
        for name, author in (("Small", "Ada Stone"), ("Large", "Otto Blum")):
            result = await world.alice.slash(
                world.channel, "ask", question="Who wrote the song?", song=values[name]
            )
            assert author in text_of(response_of(result)), name
