"""``/corpus moderators``, ``questions``, ``gaps`` and ``audit``: a server's library is watched over."""

from __future__ import annotations

import asyncio
import sqlite3
from typing import TYPE_CHECKING, Any

import discord
import pytest
from test_embeds import forged
from test_journeys_commands import custom_id, forge, press, refusal_of, response_of
from test_journeys_corpus import COMMANDS, Elsewhere, keep_added, let_through, refused
from test_journeys_messages import _without as without
from test_journeys_messages import buttons_of
from world import text_of

from fakes import HARBOUR, LANTERNS, OTHER_QUESTION, QUESTION, note
from linernotes.chat.frame import membership
from linernotes.chat.overseeing import gaps
from linernotes.chat.overseeing.gaps import LONGEST
from linernotes.chat.overseeing.held_back import tell_moderators
from linernotes.errors import StoreError
from linernotes.library import catalogue
from linernotes.library.catalogue import CHECKS, OPERATOR, TWO_LOOKS
from linernotes.library.following import Moved
from linernotes.library.store import Server

if TYPE_CHECKING:
    from collections.abc import Callable

    import simcord
    from world import World

    from linernotes.library.catalogue import Catalogue

DAY = 24 * 3600
ON, BACK = "›", "‹"  # noqa: RUF001  the signs are meant
UNKNOWN = "What did the harbour cost?"


def catalogue_of(world: World) -> Catalogue:
    return world.library.curator.catalogue


async def corpus(world: World, command: str, *, by: Any = None, **options: Any) -> Any:
    """Give a command of the group, and return what is shown."""
    return response_of(await (by or world.mod).slash(world.channel, f"corpus {command}", **options))


async def pressed(world: World, shown: Any, label: str) -> str:
    """Press a button as the moderator, and return what is shown then."""
    return text_of(response_of(await press(world.mod, shown, label)))


async def fill_in(
    world: World, opened: simcord.InteractionResult, question: str, words: str, *, by: Any = None
) -> simcord.InteractionResult:
    """Send a form that was opened."""
    return await (by or world.mod).submit_modal(opened, {"question": question, "words": words})


async def add_check(world: World, question: str = QUESTION, words: str = "Ada Stone") -> str:
    """Add a check question as the moderator, and return what is said then."""
    opened = await press(world.mod, await corpus(world, "questions"), "Add")
    result = await fill_in(world, opened, question, words)
    assert result.ephemeral
    return text_of(response_of(result))


def begins_with(opened: simcord.InteractionResult) -> str | None:
    """Return the question with which a form begins."""
    assert opened.modal is not None
    found = {each["component"]["custom_id"]: each["component"] for each in opened.modal["components"]}
    return found["question"].get("value")


async def collect(world: World) -> Any:
    """Turn on that questions without an answer are kept."""
    return response_of(await press(world.mod, await corpus(world, "gaps"), "Turn on"))


async def kept(world: World) -> list[str]:
    """Return the questions that are kept, the newest first."""
    return [gap.question for gap in await catalogue_of(world).gaps(world.guild.id)]


async def acts(world: World) -> list[str]:
    """Return what the audit trail holds, the newest first."""
    return [act.what for act in await catalogue_of(world).audit(world.guild.id)]


async def demote(world: World) -> None:
    """Take the moderator's role away."""
    for role in list(world.env.backend.get_guild(world.guild.id).members[world.mod.id].role_ids):
        world.env.backend.remove_member_role(world.guild.id, world.mod.id, role)
    await world.env.settle()


# --- Who may ----------------------------------------------------------------------------------------------


async def test_a_member_is_refused_whatever_discord_shows(world: World) -> None:
    let_through(world, world.alice)
    for command in ("moderators", "questions", "gaps", "audit"):
        result = await world.alice.slash(world.channel, f"corpus {command}")
        assert "for moderators" in refusal_of(result), command
        assert await acts(world) == [], command


async def test_who_is_no_moderator_any_more_cannot_use_what_is_still_there(world: World) -> None:
    for number in range(6):
        await catalogue_of(world).add_check(world.guild.id, 1, f"{number}?", "Ada")
    checks = await corpus(world, "questions")
    audit = await corpus(world, "audit")
    gaps = await collect(world)
    await world.alice.send(world.channel, f"{world.me} {QUESTION}")
    thanks = response_of(await press(world.mod, world.answers[0], "👎"))
    form = await press(world.mod, checks, "Add")
    before = await catalogue_of(world).checks(world.guild.id), await acts(world)
    await demote(world)
    for shown, label in (
        (checks, "Add"),
        (checks, "Remove 1"),
        (checks, ON),
        (gaps, "Turn off"),
        (thanks, "Make it a check question"),
    ):
        assert "for moderators" in refused(await press(world.mod, shown, label)), label
    assert "for moderators" in refused(await fill_in(world, form, QUESTION, "Ada"))
    add = custom_id(checks, "Add")
    for copied in ("ln:audit::1", "ln:gaps::1", "ln:gapson:"):
        forge(world, checks, add, copied)
        assert "for moderators" in refused(await world.mod.click(checks, custom_id=copied)), copied
        forge(world, checks, copied, add)
    assert audit.components == []
    assert (await catalogue_of(world).checks(world.guild.id), await acts(world)) == before
    assert world.bot.servers.of(world.guild.id).gaps


async def test_where_the_bot_is_no_member_nothing_of_it_opens_or_changes_anything(world: World) -> None:
    checks = await corpus(world, "questions")
    form = await press(world.mod, checks, "Add")
    preview = response_of(
        await world.mod.slash(world.channel, "corpus add", file=("l.md", LANTERNS.encode()))
    )
    gaps = await collect(world)
    world.silence()
    await world.alice.send(world.channel, f"{world.me} {UNKNOWN}")
    before = await acts(world)
    world.bot._connection._remove_guild(world.bot.get_guild(world.guild.id))  # type: ignore[arg-type]
    mine = {f"corpus {command}": {} for command in ("moderators", "questions", "gaps", "audit")}
    for command, options in (*COMMANDS.items(), *mine.items()):
        result = await world.mod.slash(world.channel, command, **options)
        assert "invite me as a bot first" in refusal_of(result), command
    for shown, label in ((preview, "Apply"), (preview, "Cancel"), (gaps, "Turn off"), (checks, "Add")):
        assert "invite me as a bot first" in refused(await press(world.mod, shown, label)), label
    assert "invite me as a bot first" in refused(await fill_in(world, form, QUESTION, "Ada"))
    assert await world.mod.autocomplete(world.channel, "corpus hide", "document", "") == []
    told = await press(world.alice, world.answers[0], "Tell a moderator")
    assert "do not collect questions" in refusal_of(told)
    assert await acts(world) == before
    assert [gap.told for gap in await catalogue_of(world).gaps(world.guild.id)] == [False]


async def test_a_moderator_of_another_server_sees_nothing_of_this_one(world: World) -> None:
    other = Elsewhere(world)
    await add_check(world)
    await collect(world)
    world.silence()
    await world.alice.send(world.channel, f"{world.me} {UNKNOWN}")
    for command, said in (
        ("questions", "There are none yet"),
        ("gaps", "They are not kept"),
        ("audit", "Nothing has been changed"),
    ):
        shown = text_of(response_of(await other.mod.slash(other.channel, f"corpus {command}")))
        assert said in shown
        assert "Ada" not in shown
        assert "cost" not in shown


async def test_copied_custom_ids_open_and_change_nothing_of_another_server(world: World) -> None:
    other = Elsewhere(world)
    await add_check(world)
    await collect(world)
    await world.alice.send(world.channel, f"{world.me} {QUESTION}")
    answer = world.answers[0]
    world.silence()
    await world.alice.send(world.channel, f"{world.me} {UNKNOWN}")
    tell = custom_id(world.answers[1], "Tell a moderator")
    remove = custom_id(await corpus(world, "questions"), "Remove 1")
    await other.mod.slash(other.channel, "corpus gaps")
    shown = response_of(await other.mod.slash(other.channel, "corpus questions"))
    add = custom_id(shown, "Add")
    where = {"guild": world.guild.id, "channel": world.channel.id}

    async def click(copied: str) -> simcord.InteractionResult:
        forge(world, shown, add, copied)
        result = await other.mod.click(shown, custom_id=copied)
        forge(world, shown, copied, add)
        return result

    assert "no longer there" in refused(await click(remove))
    assert "do not collect" in refused(await click(tell))
    await world.bot.servers.set_gaps(other.guild.id, kept=True)
    assert "no longer have" in refused(await click(tell))
    assert begins_with(await click(f"ln:checkfrom:{answer.id}")) is None
    await click("ln:gapsoff:")
    assert len(await catalogue_of(world).checks(world.guild.id)) == 1
    assert [gap.told for gap in await catalogue_of(world).gaps(world.guild.id)] == [False]
    assert await world.bot.store.find(world.answers[0].id, **where) is None
    assert world.bot.servers.of(world.guild.id).gaps


async def test_forged_custom_ids_are_told_so(world: World) -> None:
    await collect(world)
    shown = await corpus(world, "questions")
    add = custom_id(shown, "Add")
    for copied in (
        *("ln:checkdrop:", "ln:checkdrop:x:y", "ln:checkdrop:9999999999999999999:0", "ln:checkdrop:0:1"),
        *("ln:tell:", "ln:tell:-1", "ln:tell:9999999999999999999", "ln:tell:9223372036854775807"),
    ):
        forge(world, shown, add, copied)
        assert "no longer" in refused(await world.mod.click(shown, custom_id=copied)), copied
        forge(world, shown, copied, add)
    for copied in ("ln:checks::999", "ln:gaps::999", "ln:audit::999", "ln:checks:x"):
        forge(world, shown, add, copied)
        shown = response_of(await world.mod.click(shown, custom_id=copied))
        assert shown.embeds
        shown = await corpus(world, "questions")
    for copied in ("ln:checkfrom:", "ln:checkfrom:x", "ln:checkfrom:9223372036854775807"):
        forge(world, shown, add, copied)
        assert begins_with(await world.mod.click(shown, custom_id=copied)) is None
        forge(world, shown, copied, add)


async def test_every_command_and_form_responds_before_anything_is_waited_for(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = {name: await corpus(world, name) for name in ("questions", "gaps")}
    await world.alice.send(world.channel, f"{world.me} {QUESTION}")
    thanks = response_of(await press(world.mod, world.answers[0], "👎"))
    early: list[str] = []
    current: list[discord.Interaction[Any]] = []
    from_data = discord.Interaction.__init__

    def spied_interaction(self: Any, **given: Any) -> None:
        from_data(self, **given)
        current.append(self)

    run = world.bot.store.run

    async def spied_run(work: Any, **options: Any) -> Any:
        if not current[-1].response.is_done():
            early.append(str(current[-1].data))
        return await run(work, **options)

    monkeypatch.setattr(discord.Interaction, "__init__", spied_interaction)
    monkeypatch.setattr(world.bot.store, "run", spied_run)
    for name in ("moderators", "questions", "gaps", "audit"):
        await corpus(world, name)
    await press(world.mod, shown["gaps"], "Turn on")
    await press(world.mod, shown["gaps"], "Turn off")
    opened = await press(world.mod, shown["questions"], "Add")
    await fill_in(world, opened, QUESTION, "Ada")
    opened = await press(world.mod, thanks, "Make it a check question")
    await fill_in(world, opened, OTHER_QUESTION, "Otto")
    await press(world.mod, await corpus(world, "questions"), "Remove 1")
    assert early == []
    assert len(current) == 12


# --- Moderators -------------------------------------------------------------------------------------------


async def test_members_with_a_role_moderate_until_it_is_cleared(world: World) -> None:
    role = world.guild.create_role("Archivists")
    carol = world.guild.add_member(world.env.create_user("carol"), roles=[role])
    let_through(world, carol)
    said = text_of(await corpus(world, "moderators", role=role))
    assert f"<@&{role.id}>" in said
    assert "Integrations" in said
    assert "Check questions" in text_of(await corpus(world, "questions", by=carol))
    settings = text_of(response_of(await world.mod.slash(world.channel, "settings show")))
    assert f"or have the role <@&{role.id}>" in settings
    assert "Only members who may manage" in text_of(await corpus(world, "moderators"))
    assert "for moderators" in refusal_of(await carol.slash(world.channel, "corpus questions"))
    assert await acts(world) == ["moderators: no role", "moderators: the role Archivists"]


async def test_members_with_the_role_or_manage_messages_remove_answers(world: World) -> None:
    role = world.guild.create_role("Archivists")
    cleaners = world.guild.create_role("Cleaners", permissions=discord.Permissions(manage_messages=True))
    carol = world.guild.add_member(world.env.create_user("carol"), roles=[role])
    dora = world.guild.add_member(world.env.create_user("dora"), roles=[cleaners])
    await corpus(world, "moderators", role=role)
    for remover in (carol, dora):
        await world.alice.send(world.channel, f"{world.me} {QUESTION}")
        await remover.react(world.answers[0], "❌")
        assert world.answers == []
        await world.alice.send(world.channel, f"{world.me} {QUESTION}")
        await remover.context_menu(world.channel, "Remove this answer", world.answers[0])
        assert world.answers == []
    # To manage messages is not to keep the library.
    let_through(world, dora)
    assert "for moderators" in refusal_of(await dora.slash(world.channel, "corpus audit"))


async def test_the_role_opens_no_settings(world: World) -> None:
    role = world.guild.create_role("Archivists")
    carol = world.guild.add_member(world.env.create_user("carol"), roles=[role])
    await corpus(world, "moderators", role=role)
    command = world.env.backend.find_command("settings", world.guild.id, type=1)
    allowed = [{"id": str(carol.id), "type": 2, "permission": True}]
    world.env.backend.set_command_permissions(world.guild.id, int(command["id"]), allowed)
    for name, options in (
        ("settings show", {}),
        ("settings block", {"member": world.bob}),
        ("settings channel", {"channel": world.channel, "rule": "deny"}),
    ):
        told = refusal_of(await carol.slash(world.channel, name, **options))
        assert "the role for moderators is not enough" in told
    assert world.bot.servers.of(world.guild.id) == Server(moderator_role=role.id)


async def test_the_role_survives_a_restart(world: World) -> None:
    role = world.guild.create_role("Archivists")
    await corpus(world, "moderators", role=role)
    await world.restart()
    assert world.bot.servers.of(world.guild.id).moderator_role == role.id


async def test_the_role_is_not_enough_to_say_who_moderates(world: World) -> None:
    role = world.guild.create_role("Archivists")
    carol = world.guild.add_member(world.env.create_user("carol"), roles=[role])
    let_through(world, carol)
    await corpus(world, "moderators", role=role)
    result = await carol.slash(world.channel, "corpus moderators")
    assert "members who may manage this server" in refusal_of(result)
    assert world.bot.servers.of(world.guild.id).moderator_role == role.id


async def test_a_role_that_all_or_applications_have_is_refused(world: World) -> None:
    bots = next(role for role in world.guild.roles.values() if role._role.managed)
    for role, said in ((world.guild.default_role, "Everybody has"), (bots, "belongs to an application")):
        assert said in refusal_of(await world.mod.slash(world.channel, "corpus moderators", role=role))
    assert world.bot.servers.of(world.guild.id).moderator_role is None
    assert await acts(world) == []


async def test_a_role_that_is_deleted_is_forgotten_and_another_is_not(world: World) -> None:
    role, other = world.guild.create_role("Archivists"), world.guild.create_role("Others")
    await corpus(world, "moderators", role=role)
    world.env.backend.delete_role(world.guild.id, other.id)
    await world.env.settle()
    assert world.bot.servers.of(world.guild.id).moderator_role == role.id
    world.env.backend.delete_role(world.guild.id, role.id)
    await world.env.settle()
    assert world.bot.servers.of(world.guild.id).moderator_role is None


# --- Check questions --------------------------------------------------------------------------------------


async def test_a_check_question_is_added_listed_and_removed(world: World) -> None:
    shown = await corpus(world, "questions")
    assert "There are none yet" in text_of(shown)
    assert buttons_of(shown) == ["Add"]
    said = await add_check(world, QUESTION, "Ada Stone\n\n  harbour  ")
    assert "Words: Ada Stone, harbour" in said
    assert "✅ The answer holds them." in said
    shown = await corpus(world, "questions")
    assert shown.ephemeral
    assert f"1. “{QUESTION}”\nWords: Ada Stone, harbour\n✅" in text_of(shown)
    assert buttons_of(shown) == ["Remove 1", "Add"]
    remove = custom_id(shown, "Remove 1")
    said = await pressed(world, shown, "Remove 1")
    assert f"Removed: “{QUESTION}” Words: Ada Stone, harbour" in said
    assert "There are none yet" in said
    forge(world, shown, custom_id(shown, "Add"), remove)
    assert "no longer there" in refused(await world.mod.click(shown, custom_id=remove))
    assert await acts(world) == [f"check question removed: {QUESTION}", f"check question added: {QUESTION}"]


async def test_a_check_question_that_is_not_met_says_what_is_answered_now(world: World) -> None:
    said = await add_check(world, QUESTION, "Ada Stone\nOtto Blum")
    assert "❌ Missing: “Otto Blum”. Now I answer: “The harbour was built by Ada Stone in 1871." in said
    assert "begins to count once" in said
    assert "❌ Missing: “Otto Blum”" in text_of(await corpus(world, "questions"))
    world.silence()
    assert "❌ Now I answer that the article does not say." in text_of(await corpus(world, "questions"))


async def test_check_questions_are_paged(world: World) -> None:
    for number in range(7):
        await catalogue_of(world).add_check(world.guild.id, world.mod.id, f"Who built {number}?", "Ada")
    shown = await corpus(world, "questions")
    assert buttons_of(shown) == [*(f"Remove {each}" for each in range(1, 6)), BACK, ON, "Add"]
    assert f"Page 1 of 2, 7 of at most {CHECKS}" in text_of(shown)
    shown = response_of(await press(world.mod, shown, ON))
    assert "6. “Who built 5?”" in text_of(shown)
    assert buttons_of(shown) == ["Remove 6", "Remove 7", BACK, ON, "Add"]
    shown = response_of(await press(world.mod, shown, "Remove 7"))
    assert "Removed: “Who built 6?”" in text_of(shown)
    shown = response_of(await press(world.mod, shown, "Remove 6"))
    assert "5. “Who built 4?”" in text_of(shown)
    assert "Page" not in text_of(shown)


async def test_a_server_has_so_many_check_questions_at_most(world: World) -> None:
    for number in range(CHECKS):
        await catalogue_of(world).add_check(world.guild.id, world.mod.id, f"Who built {number}?", "Ada")
    opened = await press(world.mod, await corpus(world, "questions"), "Add")
    assert f"has {CHECKS} check questions" in refusal_of(await fill_in(world, opened, QUESTION, "Ada"))
    assert len(await catalogue_of(world).checks(world.guild.id)) == CHECKS


async def test_a_form_without_a_question_or_words_is_refused(world: World) -> None:
    for question, words, said in (
        ("<@1> <:a:1>", "Ada", "write a question"),
        (QUESTION, " \n \n", "at least one word"),
        (QUESTION, "“…”\n;;", "at least one word"),
    ):
        opened = await press(world.mod, await corpus(world, "questions"), "Add")
        assert said in refusal_of(await fill_in(world, opened, question, words)), words
        assert await catalogue_of(world).checks(world.guild.id) == (), words


async def test_a_form_that_was_opened_before_a_restart_is_answered(world: World) -> None:
    opened = await press(world.mod, await corpus(world, "questions"), "Add")
    await world.restart()
    told = await fill_in(world, opened, QUESTION, "Ada")
    assert "please open it again" in refusal_of(told)
    assert await catalogue_of(world).checks(world.guild.id) == ()


async def test_a_form_that_was_opened_long_ago_is_answered(world: World) -> None:
    shown = await corpus(world, "questions")
    opened = await press(world.mod, shown, "Add")
    early = await press(world.mod, shown, "Add")
    await world.env.advance_time(1_799)
    assert "at least one word" in refusal_of(await fill_in(world, early, QUESTION, "\n"))
    await world.env.advance_time(2)
    assert "please open it again" in refusal_of(await fill_in(world, opened, QUESTION, "Ada"))
    assert await catalogue_of(world).checks(world.guild.id) == ()


async def test_text_of_a_check_question_forges_nothing(world: World) -> None:
    said = await add_check(world, "Who is @everyone [a](https://evil.example)?", "||x||\n<@1>")
    for text in (said, text_of(await corpus(world, "questions"))):
        assert forged(text.replace("1. ", "")) == []


async def test_a_failing_store_is_told_and_nothing_is_kept(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = await press(world.mod, await corpus(world, "questions"), "Add")

    async def fail(*_given: Any) -> bool:
        raise StoreError("The database cannot grow because the disk is full.")

    monkeypatch.setattr(catalogue_of(world), "add_check", fail)
    assert "cannot reach my notes" in refusal_of(await fill_in(world, opened, QUESTION, "Ada"))


async def test_a_change_that_breaks_a_check_question_says_so(world: World) -> None:
    await keep_added(world)
    await add_check(world, OTHER_QUESTION, "Otto Blum")
    shown = await corpus(world, "remove", document="lanterns.md")
    assert "1 check question would break" in text_of(shown)
    assert buttons_of(shown) == ["Apply anyway", "Cancel"]


# --- From an answer's 👎 ----------------------------------------------------------------------------------


async def test_a_moderators_thumb_down_makes_a_check_question_of_the_answers_question(world: World) -> None:
    await world.alice.send(world.channel, f"{world.me} {QUESTION}")
    thanks = response_of(await press(world.mod, world.answers[0], "👎"))
    assert thanks.ephemeral
    assert buttons_of(thanks) == ["Make it a check question"]
    opened = await press(world.mod, thanks, "Make it a check question")
    assert begins_with(opened) == QUESTION
    await fill_in(world, opened, QUESTION, "1871")
    (check,) = await catalogue_of(world).checks(world.guild.id)
    assert (check.question, check.words, check.person) == (QUESTION, "1871", world.mod.id)


async def test_nobody_else_and_no_thumb_up_is_offered_one(world: World) -> None:
    await world.alice.send(world.channel, f"{world.me} {QUESTION}")
    for actor, label in ((world.alice, "👎"), (world.bob, "👎"), (world.mod, "👍")):
        assert response_of(await press(actor, world.answers[0], label)).components == []
    await world.alice.send_dm(QUESTION)
    answer = world.said(world.alice.user.dm_channel)[-1]
    result = await world.alice.user.click(answer, custom_id=custom_id(answer, "👎"))
    assert response_of(result).components == []


async def test_a_question_that_is_no_longer_known_is_asked_for(world: World) -> None:
    await world.alice.send(world.channel, f"{world.me} {QUESTION}")
    thanks = response_of(await press(world.mod, world.answers[0], "👎"))
    world.clock.now += 1_801
    opened = await press(world.mod, thanks, "Make it a check question")
    assert begins_with(opened) is None
    assert "Ada Stone" in text_of(response_of(await fill_in(world, opened, QUESTION, "Ada Stone")))


async def test_a_follow_up_becomes_a_question_that_stands_alone(world: World) -> None:
    await world.alice.send(world.channel, f"{world.me} {QUESTION}")
    first = world.answers[0]
    await world.alice.send(world.channel, f"{world.me} How long did it take her?", reply_to=first)
    thanks = response_of(await press(world.mod, world.answers[1], "👎"))
    begun = begins_with(await press(world.mod, thanks, "Make it a check question"))
    assert begun is not None
    assert "harbour" in begun
    assert "How long did it take her?" in begun


async def test_a_private_answers_question_is_for_who_asked_it(world: World) -> None:
    private = response_of(await world.alice.slash(world.channel, "ask", question=QUESTION, private=True))
    await world.alice.send(world.channel, f"{world.me} {QUESTION}")
    thanks = response_of(await press(world.mod, world.answers[-1], "👎"))
    label = "Make it a check question"
    mine = custom_id(thanks, label)
    copied = f"ln:checkfrom:{private.id}"
    forge(world, thanks, mine, copied)
    assert begins_with(await world.mod.click(thanks, custom_id=copied)) is None
    own = response_of(await world.mod.slash(world.channel, "ask", question=QUESTION, private=True))
    thanks = response_of(await press(world.mod, own, "👎"))
    assert begins_with(await press(world.mod, thanks, label)) == QUESTION


async def test_a_long_question_is_cut_to_what_a_form_takes(world: World) -> None:
    question = "Who built the harbour in 1871" + ", and who built it in 1871" * 20 + "?"
    await world.alice.send(world.channel, f"{world.me} {question}")
    thanks = response_of(await press(world.mod, world.answers[0], "👎"))
    begun = begins_with(await press(world.mod, thanks, "Make it a check question"))
    assert begun is not None
    assert 250 < len(begun) <= 300


# --- Gaps -------------------------------------------------------------------------------------------------


async def test_nothing_is_kept_until_a_moderator_turns_it_on(world: World) -> None:
    world.silence()
    await world.alice.send(world.channel, f"{world.me} {UNKNOWN}")
    assert "Tell a moderator" not in buttons_of(world.answers[0])
    assert await kept(world) == []
    shown = await corpus(world, "gaps")
    assert "They are not kept in this server" in text_of(shown)
    assert buttons_of(shown) == ["Turn on"]
    on = response_of(await press(world.mod, shown, "Turn on"))
    assert "None in the last 30 days" in text_of(on)
    assert buttons_of(on) == ["Turn off"]
    await world.alice.send(world.channel, f"{world.me} {UNKNOWN}")
    assert await kept(world) == [UNKNOWN]
    await world.restart()
    assert world.bot.servers.of(world.guild.id).gaps


async def test_turning_it_off_removes_what_is_kept_and_an_old_button_says_so(world: World) -> None:
    on = await collect(world)
    world.silence()
    await world.alice.send(world.channel, f"{world.me} {UNKNOWN}")
    off = response_of(await press(world.mod, on, "Turn off"))
    assert "They are not kept" in text_of(off)
    assert await kept(world) == []
    told = await press(world.alice, world.answers[0], "Tell a moderator")
    assert "do not collect questions" in refusal_of(told)
    await press(world.mod, off, "Turn on")
    told = await press(world.alice, world.answers[0], "Tell a moderator")
    assert "no longer have that question" in refusal_of(told)
    assert await acts(world) == [
        "questions without an answer: kept",
        "questions without an answer: no longer kept, and removed",
        "questions without an answer: kept",
    ]


async def test_a_setting_that_cannot_be_written_down_is_not_made(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    on = await collect(world)
    role = world.guild.create_role("Archivists")
    world.silence()
    await world.alice.send(world.channel, f"{world.me} {UNKNOWN}")
    before = await acts(world)

    def fail(*_given: Any) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(catalogue, "_write_act", fail)
        assert "cannot reach my notes" in refused(await press(world.mod, on, "Turn off"))
        result = await world.mod.slash(world.channel, "corpus moderators", role=role)
        assert "cannot reach my notes" in refusal_of(result)
    assert (await kept(world), await acts(world)) == ([UNKNOWN], before)
    for _ in range(2):
        found = world.bot.servers.of(world.guild.id)
        assert (found.gaps, found.moderator_role) == (True, None)
        await world.bot.servers.load()
    await press(world.mod, on, "Turn off")
    assert await kept(world) == []


async def test_only_what_the_article_is_silent_about_is_kept(world: World) -> None:
    await collect(world)
    for question in (QUESTION, "Hello!", "What are the lyrics?"):
        await world.alice.send(world.channel, f"{world.me} {question}")
        await world.alice.slash(world.channel, "ask", question=question)
    assert await kept(world) == []
    for answer in world.answers:
        assert "Tell a moderator" not in buttons_of(answer)


async def test_commands_messages_and_their_menu_are_kept_alike_and_direct_messages_never(
    world: World,
) -> None:
    await collect(world)
    world.silence()
    await world.alice.send(world.channel, f"{world.me} What did one cost?")
    await world.alice.slash(world.channel, "ask", question="What did two cost?")
    await world.alice.slash(world.channel, "ask", question="What did three cost?", private=True)
    message = await world.bob.send(world.channel, "What did four cost?")
    await world.alice.context_menu(world.channel, "Ask about this", message)
    await world.alice.send_dm("What did five cost?")
    await world.alice.user.slash("ask", question="What did six cost?")
    assert await kept(world) == [f"What did {each} cost?" for each in ("four", "three", "two", "one")]


async def test_a_question_that_is_edited_while_it_is_answered_is_kept_once(world: World) -> None:
    await collect(world)
    world.silence()
    asked: list[discord.Message] = []
    backend = world.env.backend

    def edit() -> None:
        (message,) = [each for each in world.channel.history() if each.author.id == world.alice.id]
        asked.append(message)
        backend.edit_message(world.channel.id, message.id, {"content": f"{world.me} What did it weigh?"})

    world.meanwhile(edit)
    await world.alice.send(world.channel, f"{world.me} {UNKNOWN}")
    assert asked
    assert await kept(world) == ["What did it weigh?"]


async def test_neither_who_asked_nor_who_is_meant_is_kept(world: World) -> None:
    await collect(world)
    world.silence()
    role = world.guild.create_role("Sailors")
    mentions = f"{world.bob.mention} <@&{role.id}> {world.channel.mention} <:harbour:1234567890123456789>"
    text = f"{mentions} {world.bob.id} ada@stone.example what did it cost?"
    await world.alice.send(world.channel, f"{world.me} {text}")
    message = await world.bob.send(world.channel, text)
    await world.alice.slash(world.channel, "ask", question=text)
    await world.alice.context_menu(world.channel, "Ask about this", message)
    assert await kept(world) == ["what did it cost?"] * 3
    rows = await world.bot.store.run(lambda db: db.exec_driver_sql("SELECT * FROM gaps").fetchall())
    ids = {each.id for each in (world.alice, world.bob, world.channel, world.bot.user)}  # type: ignore[union-attr]
    assert all(not ids & set(row) for row in rows)


async def test_where_nothing_is_left_of_a_question_there_is_nothing_to_tell(world: World) -> None:
    await collect(world)
    world.silence()
    await world.alice.send(world.channel, f"{world.me} {world.bob.mention} ?!")
    await world.alice.slash(world.channel, "ask", question="ada@stone.example ???")
    assert await kept(world) == []
    for answer in world.answers:
        assert "Tell a moderator" not in buttons_of(answer)


async def test_a_member_tells_a_moderator_and_nobody_learns_who(world: World) -> None:
    await collect(world)
    world.silence()
    await world.alice.send(world.channel, f"{world.me} {UNKNOWN}")
    assert buttons_of(world.answers[0]) == ["Nearest passage", "Tell a moderator"]
    for _ in range(2):
        result = await press(world.bob, world.answers[0], "Tell a moderator")
        assert "and not who" in refusal_of(result)
    shown = text_of(await corpus(world, "gaps"))
    assert f"“{UNKNOWN}”\n-# asked once · 1 time with *Tell a moderator* · last <t:" in shown
    assert str(world.bob.id) not in shown
    await world.restart()
    assert "and not who" in refusal_of(await press(world.alice, world.answers[0], "Tell a moderator"))


async def test_what_is_only_near_is_a_gap_too(world: World) -> None:
    await collect(world)
    world.doubt()
    await world.alice.send(world.channel, f"{world.me} {QUESTION}")
    assert buttons_of(world.answers[0]) == ["Passage", "Why", "👍", "👎", "Tell a moderator"]
    assert await kept(world) == [QUESTION]


async def test_a_check_question_is_not_met_by_what_is_only_near(world: World) -> None:
    world.doubt()
    assert "❌ The nearest that I find holds them" in await add_check(world)


async def test_a_blocked_member_tells_nothing(world: World) -> None:
    await collect(world)
    world.silence()
    await world.alice.send(world.channel, f"{world.me} {UNKNOWN}")
    await world.mod.slash(world.channel, "settings block", member=world.bob)
    assert "not to answer you" in refusal_of(await press(world.bob, world.answers[0], "Tell a moderator"))


async def test_what_was_asked_alike_is_grouped_and_counted(world: World) -> None:
    await collect(world)
    add = catalogue_of(world).add_gap
    for question in ("What did the harbour cost?", "what did the harbour cost?", "Who paid the lamps?"):
        await add(world.guild.id, question)
    shown = text_of(await corpus(world, "gaps"))
    first, second = shown.split("\n\n")
    assert "“what did the harbour cost?”\nalso “What did the harbour cost?”" in first
    assert "asked 2 times" in first
    assert "“Who paid the lamps?”\n-# asked once" in second


async def test_gaps_are_paged(world: World) -> None:
    await collect(world)
    for word in ("anchors", "bells", "cranes", "docks", "engines", "flags"):
        await catalogue_of(world).add_gap(world.guild.id, f"{word} {word} {word}")
    shown = await corpus(world, "gaps")
    assert buttons_of(shown) == [*(f"Answer {number}" for number in range(1, 6)), BACK, ON, "Turn off"]
    assert "Page 1 of 2" in text_of(shown)
    assert "Page 2 of 2" in await pressed(world, shown, ON)


async def test_turning_pages_embeds_nothing_until_there_is_something_new(world: World) -> None:
    await collect(world)
    read = catalogue_of(world)
    numbers = [await read.add_gap(world.guild.id, f"{word} {word}") for word in "abcdefg"]
    shown = await corpus(world, "gaps")
    embedded = len(world.embedder.texts)
    await read.tell_gap(world.guild.id, numbers[0])
    shown = response_of(await press(world.mod, shown, ON))
    assert "“a a”" in text_of(shown)
    assert "1 time with *Tell a moderator*" in text_of(shown)
    shown = response_of(await press(world.mod, shown, BACK))
    assert "“g g”" in text_of(shown)
    assert len(world.embedder.texts) == embedded
    await read.add_gap(world.guild.id, "h h")
    assert "“h h”" in text_of(await corpus(world, "gaps"))
    assert len(world.embedder.texts) > embedded


async def test_what_was_removed_is_in_no_group_though_its_number_is_given_again(world: World) -> None:
    on = await collect(world)
    first = await catalogue_of(world).add_gap(world.guild.id, "first first")
    assert "first first" in text_of(await corpus(world, "gaps"))
    off = response_of(await press(world.mod, on, "Turn off"))
    await press(world.mod, off, "Turn on")
    assert await catalogue_of(world).add_gap(world.guild.id, "second second") == first
    shown = text_of(await corpus(world, "gaps"))
    assert "second second" in shown
    assert "first first" not in shown


async def tidy_twice(world: World) -> None:
    """Look twice, with a day of running between the looks."""
    store = world.library.store
    await world.library.curator.tidy()
    ran = store.ticks() + TWO_LOOKS
    store.ticks = lambda: ran
    await world.library.curator.tidy()


async def test_of_so_many_servers_the_groups_are_known_and_of_those_removed_no_longer(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gaps, "_SERVERS", 2)
    groups = world.bot.presses["gaps"].__self__.groups
    for guild in (1, 2, 3):
        await catalogue_of(world).add_gap(guild, "a a")
        await groups.of(guild)
    assert set(groups._known) == {2, 3}
    await catalogue_of(world).leave(3)
    world.clock.now += 30 * DAY
    await tidy_twice(world)
    assert set(groups._known) == {2}


async def test_gaps_are_gone_after_thirty_days(world: World) -> None:
    await collect(world)
    world.silence()
    await world.alice.send(world.channel, f"{world.me} {UNKNOWN}")
    world.clock.now += 30 * DAY
    assert "None in the last 30 days" in text_of(await corpus(world, "gaps"))


async def test_a_question_that_cannot_be_kept_is_answered_all_the_same(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(*_given: Any) -> int:
        raise StoreError("The database cannot grow because the disk is full.")

    await collect(world)
    world.silence()
    monkeypatch.setattr(catalogue_of(world), "add_gap", fail)
    await world.alice.send(world.channel, f"{world.me} {UNKNOWN}")
    assert "does not say" in text_of(world.answers[0])
    assert "Tell a moderator" not in buttons_of(world.answers[0])
    assert "disk is full" in caplog.text


# --- The audit trail --------------------------------------------------------------------------------------


async def test_the_audit_trail_says_who_did_what_and_from_which_edition_to_which(world: World) -> None:
    before = world.library.curator.standings.of(None).edition.id
    await keep_added(world)
    after = world.library.curator.standings.of(world.guild.id).edition.id
    await note(catalogue_of(world), world.guild.id, OPERATOR, "stayed")
    shown = await corpus(world, "audit")
    assert shown.ephemeral
    operator, mine = (shown.embeds[0].description or "").splitlines()
    at = int(world.clock.now)
    assert operator == f"<t:{at}:R> · the operator · stayed"
    change = f"added lanterns.md · `{before[:8]}` → `{after[:8]}` (#2)"
    assert mine == f"<t:{at}:R> · <@{world.mod.id}> · {change}"
    assert "kept for a year" in text_of(shown)


async def test_the_audit_trail_is_paged_newest_first(world: World) -> None:
    for number in range(12):
        await note(catalogue_of(world), world.guild.id, world.mod.id, f"act {number}")
    shown = await corpus(world, "audit")
    assert "act 11\n" in text_of(shown)
    assert "Page 1 of 2, kept for a year" in text_of(shown)
    shown = response_of(await press(world.mod, shown, ON))
    assert text_of(shown).splitlines()[1].endswith("act 1")
    assert "Page 2 of 2" in text_of(shown)


async def test_who_asked_to_be_forgotten_is_named_nowhere(world: World) -> None:
    await keep_added(world)
    await add_check(world)
    forget = await world.mod.slash(world.channel, "privacy", forget=True)
    # An article added and a check question: two acts, though more than one table names who did them.
    said = text_of(response_of(forget))
    assert said == "Your name is gone from 2 notes of what you have changed as a moderator."
    shown = text_of(await corpus(world, "audit"))
    assert shown.count("somebody who asked to be forgotten · ") == 2
    for command in ("audit", "questions", "history", "status"):
        assert str(world.mod.id) not in text_of(await corpus(world, command))


async def test_privacy_tells_what_is_kept_of_moderators_and_of_questions(world: World) -> None:
    shown = text_of(response_of(await world.alice.slash(world.channel, "privacy")))
    for said in (
        "for a quarter of an hour: its id",
        "for a year: who did what",
        "only in servers whose moderators have turned that on",
        "Nobody knows whose they are",
        "goes after 30 days",
        "no longer by whom",
    ):
        assert said in shown


async def test_all_of_it_reads_well_where_embeds_are_not_shown(world: World) -> None:
    await add_check(world)
    await collect(world)
    await catalogue_of(world).add_gap(world.guild.id, UNKNOWN)
    channel = without(world, embed_links=True)
    for command in ("moderators", "questions", "gaps", "audit"):
        shown = response_of(await world.mod.slash(channel, f"corpus {command}"))
        assert shown.embeds == [], command
        assert shown.content, command


# --- The operator's reload --------------------------------------------------------------------------------


async def held_back(world: World) -> tuple[Moved, ...]:
    """Let the operator's reload hold the server back."""
    await add_check(world)
    (world.settings.corpus_dir / "harbour.md").write_text(HARBOUR.replace("Ada Stone", "Eve Rock"))
    return (await world.library.curator.reload_all()).servers


def give_updates_channel(world: World, channel: Any) -> None:
    world.env.backend.edit_guild(world.guild.id, {"public_updates_channel_id": channel.id})


async def test_moderators_of_a_server_that_was_held_back_are_told(world: World) -> None:
    channel = world.guild.create_text_channel("moderators")
    give_updates_channel(world, channel)
    await world.env.settle()
    moved = await held_back(world)
    assert [each.move for each in moved] == ["held"]
    await tell_moderators(world.bot, moved)
    (told,) = world.said(channel)
    assert f"would break 1 check question (“{QUESTION}”). `/corpus reload` shows" in told.content
    assert "`/corpus reload`" in told.content


async def test_moderators_of_a_server_whose_library_was_damaged_are_told_what_is_lost(world: World) -> None:
    channel = world.guild.create_text_channel("moderators")
    give_updates_channel(world, channel)
    await world.env.settle()
    said = "made again from the files, for the edition was damaged; gulls.txt is lost"
    await tell_moderators(world.bot, [Moved(world.guild.id, "mended", "e" * 64, said)])
    (told,) = world.said(channel)
    assert "gulls.txt is lost" in told.content
    assert "`/corpus status`" in told.content


async def test_nobody_is_told_of_servers_that_moved_are_gone_or_have_no_channel(world: World) -> None:
    channel = world.guild.create_text_channel("moderators")
    bare = world.env.create_guild("Bare")
    give_updates_channel(world, channel)
    await world.env.settle()
    held, gone = Moved(bare.id, "held", "e" * 64, "stayed"), Moved(404, "held", "e" * 64, "stayed")
    await tell_moderators(world.bot, [held, gone, Moved(world.guild.id, "moved", "e" * 64)])
    assert world.said(channel) == []


async def test_where_the_bot_may_not_write_it_tries_nothing(world: World) -> None:
    channel = without(world, send_messages=True)
    give_updates_channel(world, channel)
    await world.env.settle()
    await tell_moderators(world.bot, await held_back(world))
    assert world.requests("POST", f"/channels/{channel.id}/messages") == []


async def test_a_network_that_fails_is_logged_and_stops_nothing(
    world: World, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_given: Any, **_options: Any) -> None:
        raise ConnectionResetError("gone")

    give_updates_channel(world, world.guild.create_text_channel("moderators"))
    await world.env.settle()
    monkeypatch.setattr(discord.TextChannel, "send", fail)
    await tell_moderators(world.bot, [Moved(world.guild.id, "held", "e" * 64, "stayed")])
    assert "moderators not told" in caplog.text


async def test_a_refusal_by_discord_is_logged_and_the_next_server_is_told(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    channel = world.guild.create_text_channel("moderators")
    give_updates_channel(world, channel)
    await world.env.settle()
    world.env.inject_error("POST", f"/channels/{channel.id}/messages", status=403, code=50013, message="No")
    held = Moved(world.guild.id, "held", "e" * 64, "stayed")
    await tell_moderators(world.bot, [held, held])
    assert len(world.said(channel)) == 1
    assert "moderators not told" in caplog.text


# --- Leaving a server -------------------------------------------------------------------------------------


async def fill(world: World) -> None:
    """Let there be something of everything in the server."""
    await keep_added(world)
    await add_check(world)
    await collect(world)
    await catalogue_of(world).add_gap(world.guild.id, UNKNOWN)
    await world.mod.slash(world.channel, "settings block", member=world.bob)


async def written(world: World) -> None:
    """Wait until what the bot heard stands in the store, whose thread the simulation does not wait for."""
    await world.env.settle()
    await world.bot.store.run(lambda _: None)


async def left(world: World) -> list[Any]:
    """Return what is kept of the server."""
    guild = world.guild.id
    read = catalogue_of(world)
    found: list[Any] = [
        *await read.revisions(guild),
        *await read.audit(guild),
        *await read.checks(guild),
        *await read.gaps(guild),
    ]
    return [*found, *((await world.bot.store.servers()).get(guild, Server()).blocked)]


async def test_what_is_kept_of_a_server_goes_thirty_days_after_the_bot_has_left(world: World) -> None:
    await fill(world)
    world.env.backend.remove_guild(world.guild.id)
    await written(world)
    world.clock.now += 30 * DAY - 1
    await world.library.curator.tidy()
    assert await left(world)
    assert world.bot.servers.of(world.guild.id).blocked
    world.clock.now += 1
    await tidy_twice(world)
    assert await left(world) == []
    assert world.bot.servers.of(world.guild.id) == Server()
    assert world.library.curator.standings.of(world.guild.id).revision is None


async def test_what_is_kept_of_a_server_stays_where_the_bot_stays_or_comes_back(world: World) -> None:
    await fill(world)
    backend = world.env.backend
    guild = backend.get_guild(world.guild.id)
    channels = {each: backend.channels[each] for each in guild.channel_ids}
    backend.remove_guild(world.guild.id)
    await written(world)
    world.clock.now += 20 * DAY
    backend.guilds[guild.id] = guild
    backend.channels.update(channels)
    await world.restart()
    world.clock.now += 20 * DAY
    await tidy_twice(world)
    assert await left(world)


async def test_the_thirty_days_begin_with_a_start_where_the_bot_was_removed_while_it_was_off(
    world: World,
) -> None:
    await fill(world)
    guild = world.guild.id
    await catalogue_of(world).set_members(frozenset())
    await catalogue_of(world).join(guild)
    world.bot._connection._remove_guild(world.bot.get_guild(guild))  # type: ignore[arg-type]
    world.bot.dispatch("ready")
    await written(world)
    world.clock.now += 30 * DAY
    await tidy_twice(world)
    assert await left(world) == []


@pytest.mark.parametrize("event", ["ready", "guild_join", "guild_remove"])
async def test_a_store_that_fails_is_logged_and_stops_nothing(
    world: World, event: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(*_given: Any) -> None:
        raise StoreError("The database cannot grow because the disk is full.")

    for name in ("set_members", "join", "leave"):
        monkeypatch.setattr(catalogue_of(world), name, fail)
    guild = world.bot.get_guild(world.guild.id)
    world.bot.dispatch(event, *([] if event == "ready" else [guild]))
    await world.env.settle()
    assert "disk is full" in caplog.text
    assert world.env.errors == []


class Tidier:
    """A curator that can do nothing but tidy, and fails at first."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.times = 0
        self.done = asyncio.Event()

    async def tidy(self) -> None:
        self.times += 1
        if self.errors:
            raise self.errors.pop()
        self.done.set()


async def test_it_is_tidied_again_and_again_whatever_fails(caplog: pytest.LogCaptureFixture) -> None:
    curator: Any = Tidier(StoreError("The database cannot grow because the disk is full."), OSError("odd"))
    async with membership.tidying(curator, seconds=0.001):
        await asyncio.wait_for(curator.done.wait(), 5)
    assert "disk is full" in caplog.text
    assert "odd" in caplog.text
    times = curator.times
    await asyncio.sleep(0.02)
    assert curator.times == times >= 3


async def test_nothing_is_tidied_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    curator: Any = Tidier()
    async with membership.tidying(curator):
        await asyncio.sleep(0.01)
    assert curator.times == 0


# --- Text -------------------------------------------------------------------------------------------------


async def test_a_long_question_is_kept_in_part(worlds: Callable[..., Any]) -> None:
    async with worlds(corpus={"harbour": HARBOUR, "lanterns": LANTERNS}) as world:
        await collect(world)
        world.silence()
        await world.alice.send(world.channel, f"{world.me} {'Who paid for it all? ' * 30}")
        (question,) = await kept(world)
        assert 150 < len(question) <= LONGEST
