"""Notes by the moderators, and articles without a file: what is written into a form becomes an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from test_journeys_commands import press, refusal_of, response_of
from test_journeys_corpus import Elsewhere, asked, keep, keep_added, let_through
from test_journeys_overseeing import acts, collect, corpus, demote, kept
from world import text_of

from fakes import QUESTION
from linernotes.models import NOTES

if TYPE_CHECKING:
    from collections.abc import Callable

    import simcord
    from world import World

COST = "What did the harbour cost?"
ANSWER = "The harbour cost four million crowns."
PASTED = "The bell of the chapel was cast by Emma Fisk in 1880.\n\nIt cracked in the winter of 1902."


async def submit(
    world: World, opened: simcord.InteractionResult, *, by: Any = None, **written: str
) -> simcord.InteractionResult:
    """Send a form that was opened; an input of a note that is not named is left empty."""
    return await (by or world.mod).submit_modal(opened, written)


async def preview_note(world: World, question: str, answer: str, ways: str = "") -> Any:
    """Write a note as the moderator, and return its preview."""
    opened = await world.mod.slash(world.channel, "corpus note")
    return response_of(await submit(world, opened, question=question, answer=answer, ways=ways))


async def write_note(world: World, question: str, answer: str, ways: str = "") -> str:
    """Write a note as the moderator and apply it; return what is said then."""
    shown = await preview_note(world, question, answer, ways)
    return text_of(response_of(await press(world.mod, shown, "Apply")))


def begins(opened: simcord.InteractionResult) -> dict[str, str]:
    """Return with what each input of a form begins."""
    assert opened.modal is not None
    inputs = [each["component"] for each in opened.modal["components"]]
    return {each["custom_id"]: each.get("value") or "" for each in inputs}


# --- From a gap to an answer ------------------------------------------------------------------------------


async def test_a_gap_becomes_a_note_that_answers_it_and_goes_from_the_list(world: World) -> None:
    await collect(world)
    catalogue = world.library.curator.catalogue
    await catalogue.add_gap(world.guild.id, COST)
    await catalogue.add_gap(world.guild.id, "Who is Zoe?")
    shown = await corpus(world, "gaps")
    label = next(f"Answer {number}" for number in (1, 2) if f"{number} · “{COST}”" in text_of(shown))
    opened = await press(world.mod, shown, label)
    assert begins(opened)["question"] == COST
    result = await submit(world, opened, question=COST, answer=ANSWER, ways="")
    assert result.ephemeral
    preview = text_of(response_of(result))
    assert ANSWER in preview
    assert f"✅ the note: “{COST}”" in preview
    assert "Added (1): notes-by-the-moderators.md" in preview
    await press(world.mod, response_of(result), "Apply")
    said = await asked(world, COST)
    assert ANSWER in said
    assert "Notes by the moderators" in said
    assert await kept(world) == ["Who is Zoe?"]
    assert (await acts(world))[0] == f"noted “{COST}”"


async def test_the_ways_in_which_a_gap_was_asked_are_put_into_the_form(world: World) -> None:
    await collect(world)
    catalogue = world.library.curator.catalogue
    for question in ("harbour cost", "cost harbour", "harbour harbour cost"):
        await catalogue.add_gap(world.guild.id, question)
    opened = await press(world.mod, await corpus(world, "gaps"), "Answer 1")
    found = begins(opened)
    assert {found["question"], *found["ways"].splitlines()} == {
        "harbour cost",
        "cost harbour",
        "harbour harbour cost",
    }


async def test_a_gap_that_has_gone_is_told_in_a_sentence(world: World) -> None:
    await collect(world)
    number = await world.library.curator.catalogue.add_gap(world.guild.id, COST)
    shown = await corpus(world, "gaps")
    await world.library.curator.catalogue.drop_gaps(world.guild.id, [number])
    assert "no longer have that question" in refusal_of(await press(world.mod, shown, "Answer 1"))


# --- Notes without a gap ----------------------------------------------------------------------------------


async def test_a_note_is_written_changed_and_removed(world: World) -> None:
    assert "#2 is live" in await write_note(world, COST, ANSWER)
    offered = await world.mod.autocomplete(world.channel, "corpus edit", "note", "harbour")
    assert [each["name"] for each in offered] == [COST]
    opened = await world.mod.slash(world.channel, "corpus edit", note=offered[0]["value"])
    assert begins(opened) == {"question": COST, "answer": ANSWER, "ways": ""}
    changed = "The harbour cost six million crowns."
    shown = response_of(await submit(world, opened, question=COST, answer=changed, ways="cost of harbour"))
    await press(world.mod, shown, "Apply")
    assert changed in await asked(world, COST)
    assert "Removed (1)" in text_of(await corpus(world, "edit", note=COST, remove=True))
    await keep(world, "edit", note=COST, remove=True)
    edition = await world.library.edition(world.guild.id)
    assert NOTES not in [each.name for each in edition.documents]
    assert await acts(world) == [
        f"removed the note on “{COST}”",
        f"changed the note on “{COST}”",
        f"noted “{COST}”",
    ]


async def test_notes_stay_when_another_is_written_or_removed(world: World) -> None:
    await write_note(world, COST, ANSWER)
    await write_note(world, "Who rang the bell?", "Otto Blum rang the bell.")
    assert ANSWER in await asked(world, COST)
    await keep(world, "edit", note=COST, remove=True)
    assert "Otto Blum" in await asked(world, "Who rang the bell?")


async def test_a_second_note_on_the_same_question_is_refused(world: World) -> None:
    await write_note(world, COST, ANSWER)
    opened = await world.mod.slash(world.channel, "corpus note")
    result = await submit(world, opened, question=COST.upper(), answer="Nobody knows it.", ways="")
    assert "There is a note on that question already" in refusal_of(result)


async def test_what_is_no_note_is_refused_in_a_sentence(world: World) -> None:
    for question, answer, said in (
        ("?!", ANSWER, "write a question"),
        (COST, "…", "write the answer"),
        (COST, "Who knows?", "should not end in a question mark"),
    ):
        opened = await world.mod.slash(world.channel, "corpus note")
        told = refusal_of(await submit(world, opened, question=question, answer=answer, ways=""))
        assert said in told, answer


async def test_the_name_of_the_notes_is_kept_for_them(world: World) -> None:
    result = await world.mod.slash(world.channel, "corpus add", file=(NOTES, b"The bell was green."))
    assert "kept for this server's notes" in refusal_of(result)


async def test_a_preview_says_where_a_note_would_not_answer_for_sure(world: World) -> None:
    world.doubt()
    shown = text_of(await preview_note(world, COST, ANSWER))
    assert "not for sure" in shown
    assert "repeats the words of the question" in shown


# --- An article without a file ----------------------------------------------------------------------------


async def test_an_article_is_pasted_into_a_form_and_answers(world: World) -> None:
    opened = await world.mod.slash(world.channel, "corpus add")
    shown = response_of(await submit(world, opened, title="The Bell", text=PASTED))
    assert "Added (1): The Bell.md" in text_of(shown)
    await press(world.mod, shown, "Apply")
    assert "Emma Fisk" in await asked(world, "Who cast the bell of the chapel?")
    assert (await acts(world))[0] == "added The Bell.md"


async def test_a_message_is_added_to_the_articles(world: World) -> None:
    message = await world.bob.send(world.channel, PASTED)
    opened = await world.mod.context_menu(world.channel, "Add to the articles", message)
    assert begins(opened)["text"] == PASTED
    shown = response_of(await submit(world, opened, title="Bell: a *story*", text=PASTED))
    await press(world.mod, shown, "Apply")
    edition = await world.library.edition(world.guild.id)
    added = next(each for each in edition.documents if each.name == "Bell a story.md")
    assert added.title == "Bell: a *story*"


async def test_a_pasted_text_without_a_title_or_a_sentence_is_refused(world: World) -> None:
    for title, text in (("***", PASTED), ("Bell", "…"), ("Bell", "# Bell")):
        opened = await world.mod.slash(world.channel, "corpus add")
        refusal_of(await submit(world, opened, title=title, text=text))
        assert await acts(world) == [], text


# --- Who may ----------------------------------------------------------------------------------------------


async def test_members_are_refused_whatever_discord_lets_through(world: World) -> None:
    let_through(world, world.alice)
    menu = world.env.backend.find_command("Add to the articles", world.guild.id, type=3)
    allowed = [{"id": str(world.alice.id), "type": 2, "permission": True}]
    world.env.backend.set_command_permissions(world.guild.id, int(menu["id"]), allowed)
    message = await world.bob.send(world.channel, PASTED)
    results = [
        await world.alice.slash(world.channel, "corpus note"),
        await world.alice.slash(world.channel, "corpus edit", note=COST),
        await world.alice.slash(world.channel, "corpus add"),
        await world.alice.context_menu(world.channel, "Add to the articles", message),
    ]
    for result in results:
        assert "for moderators" in refusal_of(result)


async def test_who_is_demoted_while_writing_changes_nothing(world: World) -> None:
    opened = await world.mod.slash(world.channel, "corpus note")
    pasted = await world.mod.slash(world.channel, "corpus add")
    await demote(world)
    assert "for moderators" in refusal_of(await submit(world, opened, question=COST, answer=ANSWER, ways=""))
    assert "for moderators" in refusal_of(await submit(world, pasted, title="Bell", text=PASTED))


async def test_the_notes_of_one_server_are_unknown_in_another(world: World) -> None:
    await write_note(world, COST, ANSWER)
    other = Elsewhere(world)
    assert await other.mod.autocomplete(other.channel, "corpus edit", "note", "") == []
    result = await other.mod.slash(other.channel, "corpus edit", note=COST)
    assert "no such note" in refusal_of(result)


async def test_a_form_from_before_a_restart_is_told_in_a_sentence(world: World) -> None:
    opened = await world.mod.slash(world.channel, "corpus note")
    await world.restart()
    result = await submit(world, opened, question=COST, answer=ANSWER, ways="")
    assert "opened too long ago" in refusal_of(result)


# --- Beside songs -----------------------------------------------------------------------------------------


async def test_a_note_is_asked_beside_the_song_that_a_question_names(world: World) -> None:
    await keep_added(world)
    await write_note(world, COST, ANSWER)
    assert ANSWER in await asked(world, COST)
    assert "Ada Stone" in await asked(world, QUESTION)


async def test_one_song_and_notes_are_not_several_songs(worlds: Callable[..., Any]) -> None:
    async with worlds(
        corpus={"harbour": "# Harbour\n\nThe harbour song was written by Ada Stone.\n"}
    ) as world:
        await write_note(world, "Who rang the bell?", "Otto Blum rang the bell.")
        page = text_of(response_of(await world.alice.slash(world.channel, "help")))
        assert "questions about the song with the sentences of the article," in page
