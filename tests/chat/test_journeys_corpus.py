"""``/corpus``: moderators keep the library of their server, and of no other."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import discord
import pytest
from simcord import actors
from test_journeys_commands import custom_id, forge, press, refusal_of, response_of
from test_journeys_messages import _without as without
from world import text_of

from fakes import HARBOUR, LANTERNS, OTHER_QUESTION, QUESTION
from linernotes.chat.curating import curation, progress
from linernotes.errors import StoreError
from linernotes.library.standings import Standing
from linernotes.library.store import Server

if TYPE_CHECKING:
    from collections.abc import Callable

    import simcord
    from world import World

TWO = {"harbour": HARBOUR, "lanterns": LANTERNS}
BELLS = "# Bells\n\nThe bells were cast in bronze by Ines Vale. She hung nine of them in the tower.\n"
BELLS_QUESTION = "Who cast the bells in bronze?"
FILE = ("lanterns.md", LANTERNS.encode())
COMMANDS: dict[str, dict[str, Any]] = {
    "corpus status": {},
    "corpus reload": {},
    "corpus add": {"file": FILE},
    "corpus remove": {"document": "lanterns.md"},
    "corpus hide": {"document": "harbour.md"},
    "corpus show": {"document": "harbour.md"},
    "corpus history": {},
    "corpus rollback": {"edition": "1"},
    "corpus cancel": {},
}
COMPLETED = (("remove", "document"), ("hide", "document"), ("show", "document"), ("rollback", "edition"))


async def add(
    world: World, text: str = LANTERNS, name: str = "lanterns.md", *, by: Any = None, where: Any = None
) -> simcord.InteractionResult:
    """Give ``/corpus add`` with a file."""
    file = (name, text.encode())
    return await (by or world.mod).slash(where or world.channel, "corpus add", file=file)


async def keep(world: World, command: str, **options: Any) -> str:
    """Give a command as the moderator, apply its preview, and return what is said then."""
    shown = response_of(await world.mod.slash(world.channel, f"corpus {command}", **options))
    return text_of(response_of(await press(world.mod, shown, "Apply")))


async def keep_added(world: World, text: str = LANTERNS, name: str = "lanterns.md") -> str:
    return await keep(world, "add", file=(name, text.encode()))


async def asked(world: World, question: str, *, by: Any = None, where: Any = None) -> str:
    """Return what is answered to a question."""
    result = await (by or world.alice).slash(where or world.channel, "ask", question=question)
    return text_of(response_of(result))


async def look(world: World, command: str, **options: Any) -> str:
    """Return what a command shows."""
    return text_of(response_of(await world.mod.slash(world.channel, f"corpus {command}", **options)))


def buttons_of(shown: Any) -> list[str]:
    return [button["label"] for row in shown.components for button in row["components"]]


def let_through(world: World, *people: Any, guild: Any = None) -> None:
    """Let Discord show ``/corpus`` to people, whatever they may do otherwise."""
    guild = guild or world.guild
    command = world.env.backend.find_command("corpus", guild.id, type=1)
    allowed = [{"id": str(each.id), "type": 2, "permission": True} for each in people]
    world.env.backend.set_command_permissions(guild.id, int(command["id"]), allowed)


class Elsewhere:
    """Another server, with a moderator of its own."""

    def __init__(self, world: World) -> None:
        self.guild = world.env.create_guild("Others")
        self.channel = self.guild.create_text_channel("general")
        role = self.guild.create_role("Mods", permissions=discord.Permissions(manage_guild=True))
        self.mod = self.guild.add_member(world.env.create_user("other mod"), roles=[role])
        self.member = self.guild.add_member(world.alice.user)


def begin(world: World, actor: Any, channel: Any, name: str, **options: Any) -> asyncio.Task[Any]:
    """Give a command and do not wait for what comes of it, as a member would not."""
    return asyncio.get_running_loop().create_task(actors._slash(actor, channel, name, options))


async def until(happens: Callable[[], object]) -> None:
    """Wait until something is the case."""
    end = time.monotonic() + 5
    while not happens():
        assert time.monotonic() < end
        await asyncio.sleep(0.005)


def notes(world: World) -> list[str]:
    """What the responses were edited to, in order."""
    edits = [each.json for each in world.requests("PATCH", "/messages/@original")]
    return [
        "\n".join([each.get("content") or ""] + [embed["description"] for embed in each.get("embeds") or []])
        for each in edits
    ]


# --- The journey ------------------------------------------------------------------------------------------


async def test_a_moderator_adds_an_article_sees_what_changes_applies_it_and_goes_back(world: World) -> None:
    shown = response_of(await add(world))
    assert shown.ephemeral
    assert "Nothing has changed yet" in text_of(shown)
    assert "Added (1): lanterns.md" in text_of(shown)
    assert "1 added, 0 removed, 0 changed" in text_of(shown)
    assert "Then: 2 documents, 2 passages, 1 quotation" in text_of(shown)
    assert buttons_of(shown) == ["Apply", "Cancel"]
    # Until then, the old edition answers.
    assert "Otto Blum" not in await asked(world, OTHER_QUESTION)
    live = response_of(await press(world.mod, shown, "Apply"))
    assert live.id == shown.id
    assert "#2 is live" in text_of(live)
    assert "Added lanterns.md" in text_of(live)
    assert "2 documents, 2 passages, 1 quotation" in text_of(live)
    assert live.components == []
    assert "Otto Blum" in await asked(world, OTHER_QUESTION)
    assert "Ada Stone" in await asked(world, QUESTION)

    shown = response_of(await world.mod.slash(world.channel, "corpus rollback", edition="1"))
    assert "Removed (1): lanterns.md" in text_of(shown)
    assert "the operator's reload leaves this server alone" in text_of(shown)
    assert "#3 is live" in text_of(response_of(await press(world.mod, shown, "Apply")))
    assert "Otto Blum" not in await asked(world, OTHER_QUESTION)


async def test_a_shared_article_is_hidden_and_taken_in_again(worlds: Callable[..., Any]) -> None:
    async with worlds(corpus=TWO) as world:
        assert "Hid lanterns.md" in await keep(world, "hide", document="lanterns.md")
        assert "Otto Blum" not in await asked(world, OTHER_QUESTION)
        assert "Hidden here (1)\nlanterns.md" in await look(world, "status")
        assert "lanterns.md in again" in await keep(world, "show", document="lanterns.md")
        assert "Otto Blum" in await asked(world, OTHER_QUESTION)


async def test_an_article_that_was_added_is_removed(world: World) -> None:
    await keep_added(world)
    assert "Removed lanterns.md" in await keep(world, "remove", document="lanterns.md")
    assert "Otto Blum" not in await asked(world, OTHER_QUESTION)


async def test_a_reload_shows_what_has_changed_in_the_folder_and_takes_it_over(world: World) -> None:
    before = text_of(response_of(await world.mod.slash(world.channel, "corpus reload")))
    assert "Nothing would change" in before
    folder = world.settings.corpus_dir
    (folder / "lanterns.md").write_text(LANTERNS, encoding="utf-8")
    (folder / "harbour.md").write_text(HARBOUR.replace("eleven", "twelve"), encoding="utf-8")
    shown = response_of(await world.mod.slash(world.channel, "corpus reload"))
    assert "Added (1): lanterns.md\nChanged (1): harbour.md" in text_of(shown)
    assert "1 added, 0 removed, 1 changed" in text_of(shown)
    await press(world.mod, shown, "Apply")
    assert "twelve winters" in await asked(world, "How many winters did it take her?")
    assert "Otto Blum" in await asked(world, OTHER_QUESTION)


async def test_quotations_that_come_and_go_are_shown_with_their_speakers(world: World) -> None:
    text = "In an interview with Bell Weekly, Ines Vale said: “Nobody had ever rung all nine of them.”\n"
    shown = await look(world, "add", file=("bells.md", text.encode()))
    assert "Quotations that come (1)\n“Nobody had ever rung all nine of them.” — Ines Vale" in shown
    await keep_added(world, text, "bells.md")
    shown = await look(world, "hide", document="harbour.md")
    assert "Quotations that go (1)\n“Nobody believed that the wall would hold the sea.” — Ada Stone" in shown


async def test_nothing_is_applied_where_nothing_would_change(world: World) -> None:
    shown = response_of(await world.mod.slash(world.channel, "corpus reload"))
    assert "Nothing would change" in text_of(shown)
    assert shown.components == []
    assert "Changed last" in await look(world, "status")
    assert "#1" in await look(world, "history")


async def test_a_preview_that_is_cancelled_changes_nothing(world: World) -> None:
    shown = response_of(await add(world))
    apply = custom_id(shown, "Apply")
    after = response_of(await press(world.mod, shown, "Cancel"))
    assert "Nothing has changed" in text_of(after)
    assert after.components == []
    other = response_of(await add(world, BELLS, "bells.md"))
    forge(world, other, custom_id(other, "Apply"), apply)
    result = await world.mod.click(other, custom_id=apply)
    assert "no longer have that preview" in refused(result)
    assert "Otto Blum" not in await asked(world, OTHER_QUESTION)


def refused(result: simcord.InteractionResult) -> str:
    """Return what a press on a preview was answered with, to who pressed alone."""
    told = [each for each in (result.response, *result.followups) if each is not None and each.content]
    assert told
    assert told[-1].ephemeral
    return told[-1].content


async def test_an_applied_preview_cannot_be_applied_again(world: World) -> None:
    shown = response_of(await add(world))
    apply = custom_id(shown, "Apply")
    await press(world.mod, shown, "Apply")
    other = response_of(await add(world, BELLS, "bells.md"))
    forge(world, other, custom_id(other, "Apply"), apply)
    assert "no longer have that preview" in refused(await world.mod.click(other, custom_id=apply))
    assert "#2" in await look(world, "status")


async def test_after_a_restart_the_library_is_the_new_one_and_previews_are_gone(world: World) -> None:
    await keep_added(world)
    shown = response_of(await add(world, BELLS, "bells.md"))
    await world.restart()
    assert "Otto Blum" in await asked(world, OTHER_QUESTION)
    assert "no longer have that preview" in refused(await press(world.mod, shown, "Apply"))
    assert "no longer have that preview" in refused(await press(world.mod, shown, "Cancel"))
    assert "Ines Vale" not in await asked(world, BELLS_QUESTION)
    assert "added lanterns.md" in await look(world, "status")


# --- Who may ----------------------------------------------------------------------------------------------


async def test_members_are_refused_whatever_discord_lets_through(world: World) -> None:
    let_through(world, world.alice)
    for name, options in COMMANDS.items():
        result = await world.alice.slash(world.channel, name, **options)
        assert "for moderators" in refusal_of(result)
    for name, option in COMPLETED:
        assert await world.alice.autocomplete(world.channel, f"corpus {name}", option, "") == []
    assert world.library.curator.standings.guilds == frozenset()


async def test_members_are_refused_at_the_buttons(worlds: Callable[..., Any]) -> None:
    corpus = {f"song{n}": f"The song {n} was written by Ada Stone.\n" for n in range(12)}
    async with worlds(corpus=corpus) as world:
        preview = response_of(await add(world))
        status = response_of(await world.mod.slash(world.channel, "corpus status"))
        rest = custom_id(preview, "Apply").rpartition(":")[2]
        await world.alice.send(world.channel, f"{world.me} Who wrote the song 3?")
        answer = world.answers[-1]
        pressed = custom_id(answer, "Why")
        for forged in (f"ln:apply:{rest}", f"ln:applyanyway:{rest}", f"ln:cancel:{rest}", "ln:shelf::1"):
            forge(world, answer, pressed, forged)
            pressed = forged
            assert "for moderators" in refusal_of(await world.alice.click(answer, custom_id=forged))
        assert "Page 2 of 2" in text_of(response_of(await press(world.mod, status, "›")))  # noqa: RUF001
        assert "#2 is live" in text_of(response_of(await press(world.mod, preview, "Apply")))


async def test_a_member_with_the_moderators_role_keeps_the_library(world: World) -> None:
    role = world.guild.create_role("Librarians")
    carol = world.guild.add_member(world.env.create_user("carol"), roles=[role])
    let_through(world, carol)
    assert "for moderators" in refusal_of(await add(world, by=carol))
    await world.bot.store.save_server(world.guild.id, Server(moderator_role=role.id))
    await world.bot.servers.load()
    shown = response_of(await add(world, by=carol))
    assert "#2 is live" in text_of(response_of(await press(carol, shown, "Apply")))
    assert await carol.autocomplete(world.channel, "corpus remove", "document", "") != []
    assert f"<@{carol.id}>" in await look(world, "status")


async def test_a_moderator_who_is_demoted_after_the_preview_cannot_apply_it(world: World) -> None:
    shown = response_of(await add(world))
    for role in list(world.env.backend.get_guild(world.guild.id).members[world.mod.id].role_ids):
        world.env.backend.remove_member_role(world.guild.id, world.mod.id, role)
    await world.env.settle()
    for label in ("Apply", "Cancel"):
        assert "for moderators" in refused(await press(world.mod, shown, label))
    assert "Otto Blum" not in await asked(world, OTHER_QUESTION)
    assert buttons_of(shown) == ["Apply", "Cancel"]


async def test_a_moderator_of_another_server_sees_and_changes_nothing_of_this_one(world: World) -> None:
    other = Elsewhere(world)
    await keep_added(world)
    preview = response_of(await add(world, BELLS, "bells.md"))
    for command in ("status", "history"):
        result = await other.mod.slash(other.channel, f"corpus {command}")
        assert "lanterns" not in text_of(response_of(result))
        assert "#2" not in text_of(response_of(result))
    for name, option in COMPLETED:
        if name != "hide":
            choices = await other.mod.autocomplete(other.channel, f"corpus {name}", option, "")
            assert choices == []
    for name, options in (
        ("remove", {"document": "lanterns.md"}),
        ("hide", {"document": "lanterns.md"}),
        ("rollback", {"edition": "2"}),
    ):
        result = await other.mod.slash(other.channel, f"corpus {name}", **options)
        assert refusal_of(result)
    theirs = response_of(await add(world, BELLS, "bells.md", by=other.mod, where=other.channel))
    pressed = custom_id(theirs, "Apply")
    rest = custom_id(preview, "Apply").rpartition(":")[2]
    for action in ("apply", "applyanyway", "cancel"):
        forge(world, theirs, pressed, f"ln:{action}:{rest}")
        pressed = f"ln:{action}:{rest}"
        result = await other.mod.click(theirs, custom_id=pressed)
        assert "no longer have that preview" in refused(result)
    assert "Otto Blum" not in await asked(world, OTHER_QUESTION, by=other.member, where=other.channel)
    assert "#3 is live" in text_of(response_of(await press(world.mod, preview, "Apply")))
    assert "Ines Vale" not in await asked(world, BELLS_QUESTION, by=other.member, where=other.channel)


async def test_corpus_is_offered_in_servers_to_those_who_manage_them(world: World) -> None:
    (command,) = [each for each in world.bot.tree.get_commands() if each.name == "corpus"]
    sent = command.to_dict(world.bot.tree)
    assert set(sent["contexts"]) == {0}
    assert set(sent["integration_types"]) == {0}
    assert sent["default_member_permissions"] == discord.Permissions(manage_guild=True).value
    offered = {each for each in world.mod.available_commands(world.channel) if each.startswith("corpus ")}
    assert offered >= set(COMMANDS)
    assert not any(each.startswith("corpus ") for each in world.alice.available_commands(world.channel))


# --- What can go wrong ------------------------------------------------------------------------------------


async def test_a_file_that_is_too_large_is_not_even_fetched(
    worlds: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with worlds(max_file_bytes=300) as world:
        monkeypatch.setattr(discord.Attachment, "read", None)
        told = refusal_of(await add(world, "It is so. " * 40))
        assert told == "The file has 400 bytes; I read files of up to 300 bytes."


NOT_TAKEN = (
    ("../x.md", LANTERNS, "may not have"),
    ("a\u202eb.md", LANTERNS, "cannot be seen"),
    ("a\nb.md", LANTERNS, "cannot be seen"),
    ("a" * 300 + ".md", LANTERNS, "303 characters"),
    ("con.md", LANTERNS, "devices"),
    (".md", LANTERNS, "begin with a dot"),
    ("lanterns.exe", LANTERNS, "end in"),
    ("nothing.md", "", "nothing.md"),
    ("harbour.md", LANTERNS, "There is a shared document"),
    ("copy.md", HARBOUR, "the same text as"),
)


async def test_a_file_that_cannot_be_taken_is_refused_in_a_sentence(world: World) -> None:
    for name, text, sentence in NOT_TAKEN:
        told = refusal_of(await add(world, text, name))
        assert sentence in told, name
        assert "Something went wrong" not in told, name
        assert len(told) <= 1_000, name
    assert "#1" in await look(world, "status")


async def test_bytes_that_are_no_text_are_refused(world: World) -> None:
    file = ("image.md", b"\x89PNG\r\n\x00\xff\xfe\x00")
    told = refusal_of(await world.mod.slash(world.channel, "corpus add", file=file))
    assert told.startswith("image.md")


async def test_an_attachment_that_is_gone_is_told_in_a_sentence(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world.env.backend.cdn, "get", lambda _url: None)
    assert "no longer there" in refusal_of(await add(world))


async def test_an_attachment_that_does_not_come_is_told_in_a_sentence(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(_file: discord.Attachment) -> bytes:
        await asyncio.sleep(60)
        return b""

    async def fail(_file: discord.Attachment) -> bytes:
        raise ConnectionResetError

    monkeypatch.setattr(curation, "_DOWNLOAD_SECONDS", 0.01)
    for read in (never, fail):
        monkeypatch.setattr(discord.Attachment, "read", read)
        assert "does not give me the file" in refusal_of(await add(world))


async def test_whatever_is_typed_for_an_edition_is_answered_in_a_sentence(world: World) -> None:
    await keep_added(world)
    for typed in ("99", "#99", "x", "", "-1", "9" * 400, "\u0661", "<@1>"):
        told = refusal_of(await world.mod.slash(world.channel, "corpus rollback", edition=typed))
        assert "edition" in told, typed
        assert "Something went wrong" not in told, typed


@pytest.mark.parametrize("command", ["remove", "hide", "show"])
async def test_whatever_is_typed_for_a_document_is_answered_in_a_sentence(world: World, command: str) -> None:
    for typed in ("", "nothing.md", "**x**", "<@1>", "x" * 6_000, "a\nb"):
        told = refusal_of(await world.mod.slash(world.channel, f"corpus {command}", document=typed))
        assert "ocument" in told or "file" in told, typed
        assert "**" not in told, typed
        assert "<@1>" not in told, typed
        assert len(told) <= 1_000, typed


async def test_the_last_article_stays(world: World) -> None:
    told = refusal_of(await world.mod.slash(world.channel, "corpus hide", document="harbour.md"))
    assert "nothing to answer from" in told


async def test_names_with_markup_are_shown_as_they_stand(world: World) -> None:
    name = "__a__ ~~[b](c)~~ `d` @everyone.md"
    shown = response_of(await add(world, LANTERNS, name))
    await press(world.mod, shown, "Apply")
    texts = [text_of(shown), await look(world, "status"), await look(world, "history")]
    for text in texts:
        assert "\\_\\_a\\_\\_ \\~\\~\\[b\\](c)\\~\\~ \\`d\\` @\u200beveryone.md" in text
    told = refusal_of(await add(world, BELLS, name.upper().replace("MD", "md")))
    assert "\\_\\_a\\_\\_" in told
    (choice,) = await world.mod.autocomplete(world.channel, "corpus remove", "document", "[B]")
    assert choice == {"name": name, "value": name}
    assert "Removed" in await keep(world, "remove", document=choice["value"])


async def test_where_no_embeds_are_shown_a_preview_is_text(world: World) -> None:
    channel = without(world, embed_links=True)
    shown = response_of(await add(world, where=channel))
    assert shown.embeds == []
    assert "Added (1): lanterns.md" in shown.content
    shown = response_of(await press(world.mod, shown, "Apply"))
    assert shown.embeds == []
    assert "**#2 is live**" in shown.content


async def test_a_database_that_fails_leaves_the_old_edition_and_the_preview(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_given: Any, **_options: Any) -> Any:
        raise StoreError("/secret/linernotes.db cannot grow because the disk is full.")

    shown = response_of(await add(world))
    with monkeypatch.context() as patched:
        patched.setattr(world.library.curator.catalogue, "commit", fail)
        after = response_of(await press(world.mod, shown, "Apply"))
    assert "cannot reach my notes" in text_of(after)
    assert "secret" not in text_of(after)
    assert buttons_of(after) == ["Apply", "Cancel"]
    assert "Otto Blum" not in await asked(world, OTHER_QUESTION)
    assert "#2 is live" in text_of(response_of(await press(world.mod, after, "Apply")))


async def test_an_edition_that_is_damaged_is_told_without_the_operators_folders(world: World) -> None:
    await keep_added(world)
    first = (await world.library.curator.history(world.guild.id))[-1].revision
    await world.restart()
    world.library.curator._editions._alive.pop(first.edition, None)
    folder = world.settings.data_dir / "editions" / first.edition
    (folder / "documents.json").write_text("[]", encoding="utf-8")
    told = refusal_of(await world.mod.slash(world.channel, "corpus rollback", edition="1"))
    assert told == "That edition can no longer be read; nothing has changed."


async def test_a_corpus_that_cannot_be_read_is_told_without_the_operators_folder(world: World) -> None:
    shown = response_of(await add(world))
    folder = world.settings.corpus_dir
    (folder / "harbour.md").unlink()
    told = refusal_of(await world.mod.slash(world.channel, "corpus reload"))
    assert told == "The corpus folder holds no file ending in .md, .markdown, .txt, .html or .htm."
    folder.rmdir()
    told = refusal_of(await world.mod.slash(world.channel, "corpus reload"))
    assert told == "The corpus folder does not exist."
    after = text_of(response_of(await press(world.mod, shown, "Apply")))
    assert str(folder.parent) not in after


# --- Check questions --------------------------------------------------------------------------------------


async def test_what_breaks_a_check_question_is_said_in_words_and_needs_apply_anyway(
    worlds: Callable[..., Any],
) -> None:
    async with worlds(corpus=TWO) as world:
        catalogue = world.library.curator.catalogue
        await catalogue.add_check(world.guild.id, world.mod.id, QUESTION, "Ada Stone; 1871")
        shown = response_of(await world.mod.slash(world.channel, "corpus hide", document="harbour.md"))
        text = text_of(shown)
        assert "1 check question would break" in text
        assert f"“{QUESTION}”" in text
        assert "Missing: “Ada Stone”, “1871”." in text
        assert "I would answer" in text
        assert buttons_of(shown) == ["Apply anyway", "Cancel"]
        rest = custom_id(shown, "Apply anyway")
        # A button that was copied does not do instead.
        forge(world, shown, rest, rest.replace("applyanyway", "apply"))
        after = response_of(await world.mod.click(shown, custom_id=rest.replace("applyanyway", "apply")))
        assert "would break a check question" in text_of(after)
        assert "Ada Stone" in await asked(world, QUESTION)
        after = response_of(await press(world.mod, after, "Apply anyway"))
        assert "#2 is live" in text_of(after)
        assert "Ada Stone" not in await asked(world, QUESTION)

        shown = await look(world, "show", document="harbour.md")
        assert f"Check questions that would hold again (1)\n“{QUESTION}”" in shown


async def test_status_says_that_the_operators_reload_was_held_back(worlds: Callable[..., Any]) -> None:
    async with worlds(corpus=TWO) as world:
        catalogue = world.library.curator.catalogue
        await catalogue.add_check(world.guild.id, world.mod.id, QUESTION, "Ada Stone")
        (world.settings.corpus_dir / "harbour.md").unlink()
        await world.library.reload()
        text = await look(world, "status")
        assert text.index("Held back:") < text.index("harbour.md ·")
        assert QUESTION in text
        assert "Ada Stone" in await asked(world, QUESTION)


# --- At the same time -------------------------------------------------------------------------------------


async def test_a_preview_that_is_out_of_date_is_shown_anew(world: World) -> None:
    shown = response_of(await add(world))
    await keep_added(world, BELLS, "bells.md")
    after = response_of(await press(world.mod, shown, "Apply"))
    assert "has changed since that preview" in text_of(after)
    assert "Then: 3 documents" in text_of(after)
    assert "Otto Blum" not in await asked(world, OTHER_QUESTION)
    assert "#3 is live" in text_of(response_of(await press(world.mod, after, "Apply")))
    for question, name in ((OTHER_QUESTION, "Otto Blum"), (BELLS_QUESTION, "Ines Vale")):
        assert name in await asked(world, question)


async def test_a_preview_that_can_no_longer_be_applied_says_why(world: World) -> None:
    shown = response_of(await add(world))
    await keep_added(world, LANTERNS, "others.md")
    after = response_of(await press(world.mod, shown, "Apply"))
    assert "the same text as 'others.md'" in text_of(after)
    # It never can be, so nobody is offered to try.
    assert buttons_of(after) == []


async def test_the_second_of_two_at_once_is_told_who_is_at_it(world: World) -> None:
    role = world.guild.create_role("More mods", permissions=discord.Permissions(manage_guild=True))
    carol = world.guild.add_member(world.env.create_user("carol"), roles=[role])
    world.embedder.entered.clear()
    world.embedder.gate.clear()
    first = begin(world, world.mod, world.channel, "corpus add", file=FILE)
    await until(world.embedder.entered.is_set)
    second = begin(world, carol, world.channel, "corpus reload")
    await until(lambda: any("is changing this server's library" in each for each in notes(world)))
    world.embedder.gate.set()
    told = refusal_of(await second)
    assert told.startswith(f"<@{world.mod.id}> is changing this server's library (“added lanterns.md”")
    assert buttons_of(response_of(await first)) == ["Apply", "Cancel"]


class Build:
    """A build that goes on when it is told to.

    The simulated Discord's clock stands still while threads work, so this one has no thread.
    """

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self.steps: list[tuple[str, int, int]] = []
        self.goes_on = asyncio.Event()
        self.ended = asyncio.Event()
        preview = world.library.curator.preview

        async def previewing(guild: int, person: int, change: Any, progress: Any) -> Any:
            while not self.goes_on.is_set():
                for step in self.steps:
                    progress(*step)
                await asyncio.sleep(0.005)
            try:
                return await preview(guild, person, change, None)
            finally:
                self.ended.set()

        monkeypatch.setattr(world.library.curator, "preview", previewing)
        monkeypatch.setattr(progress, "NOTE_SECONDS", 0.02)


async def test_how_far_a_build_is_stands_in_the_response(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = Build(world, monkeypatch)
    first = begin(world, world.mod, world.channel, "corpus add", file=FILE)
    for steps, said in (
        ([], "Reading the files…"),
        ([("read", 3, 12)], "Reading: 3 of 12 documents."),
        ([("embed", 64, 96)], "Embedding: 64 of 96 texts."),
        ([("split", 1, 9)], "Splitting and embedding: 1 of 9 new documents."),
        ([("split", 1, 9), ("embed", 0, 7)], "Embedding: 0 of 7 texts, new document 2 of 9."),
        ([("index", 0, 1)], "Building the index…"),
    ):
        build.steps = steps
        await until(lambda said=said: any(said in each for each in notes(world)))
    # The same is not said twice.
    edits = len(notes(world))
    await asyncio.sleep(0.1)
    assert len(notes(world)) == edits
    build.goes_on.set()
    assert "Added (1): lanterns.md" in text_of(response_of(await first))


async def test_who_waits_for_the_build_of_another_server_is_told(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = Build(world, monkeypatch)
    monkeypatch.setattr(world.library.curator._workers, "builds", 2)
    first = begin(world, world.mod, world.channel, "corpus add", file=FILE)
    await until(lambda: any("Other libraries are being built" in each for each in notes(world)))
    build.goes_on.set()
    assert "Added (1): lanterns.md" in text_of(response_of(await first))


async def test_a_build_counts_while_it_runs_or_waits(world: World) -> None:
    workers = world.library.curator._workers
    builds = asyncio.gather(*(workers.build(time.sleep, 0.02) for _ in range(2)))
    await asyncio.sleep(0)
    assert world.library.curator.builds == 2
    await builds
    assert world.library.curator.builds == 0


async def test_a_build_that_outlasts_the_response_goes_on_and_what_it_did_is_kept(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        build = Build(world, patched)
        patched.setattr(progress, "WATCH_SECONDS", 0.1)
        first = begin(world, world.mod, world.channel, "corpus add", file=FILE)
        await until(lambda: any("longer than Discord lets me" in (each or "") for each in notes(world)))
        edits = len(notes(world))
        build.goes_on.set()
        assert "give the command again" in refusal_of(await first)
        await build.ended.wait()
        assert len(notes(world)) == edits
    embedded = len(world.embedder.texts)
    shown = response_of(await add(world))
    assert buttons_of(shown) == ["Apply", "Cancel"]
    assert len(world.embedder.texts) == embedded


async def begin_build(world: World, monkeypatch: pytest.MonkeyPatch) -> tuple[Build, asyncio.Task[Any], Any]:
    """Begin a build, and return it, its command, and the message that says how far it is."""
    build = Build(world, monkeypatch)
    first = begin(world, world.mod, world.channel, "corpus add", file=FILE)
    await until(lambda: any("Reading the files" in each for each in notes(world)))
    return build, first, world.channel.history(viewer=world.mod)[-1]


async def test_cancel_on_the_note_stops_a_build_and_leaves_nothing_behind(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        build, first, note = await begin_build(world, patched)
        pressed = await press(world.mod, note, "Cancel")
        shown = response_of(await first)
        assert pressed.acknowledged
        assert not build.ended.is_set()
    assert text_of(shown) == f"Cancelled by <@{world.mod.id}>: add lanterns.md. Nothing has changed."
    assert buttons_of(shown) == []
    assert world.library.curator._previews == {}
    assert await world.library.curator.catalogue.audit(world.guild.id) == ()
    assert buttons_of(response_of(await add(world))) == ["Apply", "Cancel"]


async def test_another_moderator_stops_a_build_by_command(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    role = world.guild.create_role("More mods", permissions=discord.Permissions(manage_guild=True))
    carol = world.guild.add_member(world.env.create_user("carol"), roles=[role])
    _, first, _ = await begin_build(world, monkeypatch)
    told = response_of(await carol.slash(world.channel, "corpus cancel"))
    assert text_of(told) == "Cancelled: add lanterns.md. Nothing has changed."
    assert text_of(response_of(await first)).startswith(f"Cancelled by <@{carol.id}>")
    again = refusal_of(await carol.slash(world.channel, "corpus cancel"))
    assert again == "Nothing is being built for this server at the moment."


async def test_a_build_of_another_server_cannot_be_stopped(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Elsewhere(world)
    build, first, _ = await begin_build(world, monkeypatch)
    second = begin(world, other.mod, other.channel, "corpus cancel")
    await asyncio.sleep(0.05)
    build.goes_on.set()
    assert refusal_of(await second) == "Nothing is being built for this server at the moment."
    assert buttons_of(response_of(await first)) == ["Apply", "Cancel"]


async def test_the_button_of_a_build_that_has_ended_stops_no_other(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        build, first, note = await begin_build(world, patched)
        ended = custom_id(note, "Cancel")
        build.goes_on.set()
        shown = response_of(await first)
    forge(world, shown, custom_id(shown, "Cancel"), ended)
    told = refused(await world.mod.click(shown, custom_id=ended))
    assert told == "Nothing is being built for this server at the moment."


async def test_a_note_that_cannot_be_shown_stops_no_build(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = Build(world, monkeypatch)
    world.env.inject_error("PATCH", "*/messages/@original", status=400, code=50035)
    first = begin(world, world.mod, world.channel, "corpus add", file=FILE)
    await until(lambda: len(notes(world)) == 1)
    build.goes_on.set()
    assert "Added (1): lanterns.md" in text_of(response_of(await first))


async def test_the_first_response_comes_before_anything_is_read(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    read, defer = discord.Attachment.read, discord.InteractionResponse.defer

    async def reading(file: discord.Attachment) -> bytes:
        order.append("read")
        return await read(file)

    async def deferring(response: Any, **options: Any) -> Any:
        order.append("defer")
        return await defer(response, **options)

    monkeypatch.setattr(discord.Attachment, "read", reading)
    monkeypatch.setattr(discord.InteractionResponse, "defer", deferring)
    await add(world)
    assert order == ["defer", "read"]


# --- Status, history and choices --------------------------------------------------------------------------


async def test_status_says_what_is_there_who_changed_it_and_when(world: World) -> None:
    text = await look(world, "status")
    assert "#1" in text
    assert "the shared corpus, as it is" in text
    assert "harbour.md · 227 bytes · <t:" in text
    assert "the operator" in text
    world.clock.now += 3600
    await keep_added(world)
    text = await look(world, "status")
    edition = await world.library.edition(world.guild.id)
    assert f"#2 · `{edition.id[:12]}`" in text
    assert "lanterns.md · 99 bytes · <t:1800003600:R> · added here" in text
    assert "2 documents, 2 passages, 1 quotation" in text
    assert f"<t:1800003600:R> · <@{world.mod.id}> · added lanterns.md" in text
    assert world.settings.embedding_model in text


async def test_status_and_choices_cope_with_a_thousand_documents(world: World) -> None:
    standing = world.library.curator.standings.of(None)
    document = standing.edition.documents[0]
    names = [f"{'long ' * 17}{n:04}.md" for n in range(1_000)]
    documents = tuple(replace(document, name=name) for name in names)
    edition = replace(standing.edition, documents=documents)
    world.library.curator.standings.put(None, Standing(edition, standing.since))
    shown = response_of(await world.mod.slash(world.channel, "corpus status"))
    assert "Page 1 of 100" in text_of(shown)
    assert "0009.md" in text_of(shown)
    shown = response_of(await press(world.mod, shown, "›"))  # noqa: RUF001  the sign is meant
    assert "0010.md" in text_of(shown)
    for page, said in (("999", "Page 100 of 100"), ("x", "Page 1 of 100"), ("9" * 80, "Page 1 of 100")):
        pressed = custom_id(shown, "›")  # noqa: RUF001  the sign is meant
        forge(world, shown, pressed, f"ln:shelf::{page}")
        again = response_of(await world.mod.slash(world.channel, "corpus status"))
        forge(world, again, custom_id(again, "›"), f"ln:shelf::{page}")  # noqa: RUF001
        shown = response_of(await world.mod.click(again, custom_id=f"ln:shelf::{page}"))
        assert said in text_of(shown)
        shown = response_of(await world.mod.slash(world.channel, "corpus status"))
    for typed in ("", "long", "0999", "x" * 6_000, "\u202e"):
        started = time.perf_counter()
        choices = await world.mod.autocomplete(world.channel, "corpus hide", "document", typed)
        assert time.perf_counter() - started < 1
        assert len(choices) <= 25
        assert all(1 <= len(each[part]) <= 100 for each in choices for part in ("name", "value"))
    choices = await world.mod.autocomplete(world.channel, "corpus hide", "document", "0999.MD")
    assert [each["value"] for each in choices] == [names[999]]


async def test_a_document_with_a_name_too_long_for_a_choice_can_still_be_chosen(
    worlds: Callable[..., Any],
) -> None:
    long, twin = "a" * 150, "a" * 149 + "b"
    async with worlds(corpus={"harbour": HARBOUR, long: LANTERNS, twin: BELLS}) as world:
        choices = await world.mod.autocomplete(world.channel, "corpus hide", "document", "aaa")
        assert len({each["value"] for each in choices}) == 2
        assert all(len(each["value"]) <= 100 for each in choices)
        await keep(world, "hide", document=choices[0]["value"])
        assert "Otto Blum" not in await asked(world, OTHER_QUESTION)
        assert "Ines Vale" in await asked(world, BELLS_QUESTION)
        (choice,) = await world.mod.autocomplete(world.channel, "corpus show", "document", "")
        assert choice["value"] == choices[0]["value"]
        await keep(world, "show", document=choice["value"])
        assert "Otto Blum" in await asked(world, OTHER_QUESTION)


async def test_history_keeps_ten_editions_and_marks_the_one_in_use(world: World) -> None:
    for _ in range(6):
        await keep_added(world)
        await keep(world, "remove", document="lanterns.md")
    lines = (await look(world, "history")).splitlines()[1:-1]
    assert [line.split(" ")[0] for line in lines] == [f"#{number}" for number in range(13, 3, -1)]
    assert [line.endswith("in use") for line in lines] == [True] + [False] * 9
    assert all(f"<@{world.mod.id}>" in line for line in lines)
    assert "added lanterns.md · 2 documents" in lines[1]
    choices = await world.mod.autocomplete(world.channel, "corpus rollback", "edition", "added")
    assert [each["value"] for each in choices] == ["12", "10", "8", "6", "4"]
    assert choices[0]["name"] == "#12 · added lanterns.md · just now · 2 documents"


async def test_history_counts_the_documents_of_editions_after_a_restart(world: World) -> None:
    await keep_added(world)
    await world.restart()
    assert "added lanterns.md · 2 documents" in await look(world, "history")
    assert "the shared corpus · 1 document" in await look(world, "history")


async def test_an_edition_is_chosen_by_its_number(world: World) -> None:
    await keep_added(world)
    world.clock.now += 7200
    await keep(world, "remove", document="lanterns.md")
    choices = await world.mod.autocomplete(world.channel, "corpus rollback", "edition", "#2")
    assert choices == [{"name": "#2 · added lanterns.md · 2 hours ago · 2 documents", "value": "2"}]
    assert "#4 is live" in await keep(world, "rollback", edition="#2")
    assert "Otto Blum" in await asked(world, OTHER_QUESTION)
