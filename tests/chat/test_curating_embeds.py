"""What is said about a library keeps to Discord's limits for any text, and lets no text forge anything."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_embeds import LONG, NASTY, check, edition_of, forged, quickly

from linernotes.chat.curating import embeds
from linernotes.chat.frame.embeds import listed, who
from linernotes.chat.frame.markup import width
from linernotes.library.catalogue import OPERATOR, Check, Revision, Upload
from linernotes.library.changes import Add, Hide, Plan, Reload, Remove, RollBack, Unhide
from linernotes.library.overview import Past, Shelved, Status
from linernotes.library.previews import Difference, Preview, Verdict, lacking
from linernotes.models import Document, Quote

TEXT = NASTY | LONG
NUMBER = st.sampled_from([0, 1, 2, 7])


def revision_of(text: str, *, number: int = 1, hidden: int = 0, follows: bool = True) -> Revision:
    names = frozenset(f"{text}{n}" for n in range(hidden))
    return Revision(1, number, "e" * 64, text, 1.8e9, 5, {}, names, follows)


def preview_of(text: str, many: int, *, change: Any = None, follows: bool = True, broken: int = 0) -> Preview:
    """A preview in which everything is ``text``, ``many`` times."""
    edition = edition_of(text)
    names = (text,) * many
    quotes = (Quote(((0, 1),), text, text, text, "a.md"),) * many
    check_ = Check(1, text, text, 1.8e9, 5)
    return Preview(
        "0" * 16,
        1,
        5,
        change or Add(text, b""),
        revision_of(text),
        Plan((), {text: Upload("d", 1, 1.0)}, frozenset(), follows, names),
        edition,
        edition,
        Difference(names, names, names, many, many, many, quotes, quotes),
        (Verdict(check_, before=True, after=False, answer=text),) * broken
        + (Verdict(check_, before=False, after=True, answer=text),) * many,
        1.8e9,
    )


def unmarked(embed: Any) -> str:
    """What is shown of texts, without the markup that is ours."""
    parts = [embed.title or "", embed.description or "", *(each.value or "" for each in embed.fields)]
    text = "\n".join(parts)
    for ours in ("**", "-# ", "*Apply anyway*", "*Apply*", "`/corpus reload`", "`/corpus rollback`"):
        text = text.replace(ours, "")
    return text


@given(TEXT, NUMBER, NUMBER, st.booleans())
@quickly
def test_a_preview_keeps_to_discords_limits(text: str, many: int, broken: int, follows: bool) -> None:
    shown = preview_of(text, many, follows=follows, broken=broken)
    check(embeds.preview(shown))
    check(embeds.preview(shown, embeds.sentence(text)))


def test_an_answer_that_would_only_be_near_breaks_a_check_question_and_says_so() -> None:
    value = embeds.preview(preview_of("Ada Stone", 0, broken=1)).fields[0].value
    assert value == "“Ada Stone”\nI would answer “Ada Stone”, and not be sure of it."


@given(NASTY, NUMBER)
@quickly
def test_no_text_in_a_preview_forges_markup(text: str, many: int) -> None:
    assert forged(unmarked(embeds.preview(preview_of(text, many, broken=many)))) == []


@given(TEXT)
@quickly
def test_what_follows_a_preview_keeps_to_discords_limits(text: str) -> None:
    for change in (Reload(), Add(text, b""), Remove(text), Hide(text), Unhide(text), RollBack(7)):
        check(embeds.preview(preview_of(text, 1, change=change)))
        check(embeds.applying(change))
        check(embeds.cancelled(change))
        check(embeds.applied(revision_of(change.what), edition_of(text)))
    check(embeds.failed(embeds.sentence(text)))


@given(TEXT, NUMBER, NUMBER, st.integers(-5, 2_000), st.booleans())
@quickly
def test_a_status_keeps_to_discords_limits(
    text: str, many: int, hidden: int, page: int, is_own: bool
) -> None:
    document = Document(text or "a.md", None, None, "x", ((0, 1),), ())
    shelved = tuple(
        Shelved(document, 10**n % 10**9, None if n % 2 else 1.8e9, own=is_own) for n in range(many)
    )
    revision = revision_of(text, hidden=hidden, follows=not is_own)
    embed = embeds.status(Status(edition_of(text), revision, is_own, shelved, text, text), page)
    check(embed)


@given(NASTY)
@quickly
def test_no_text_in_a_status_or_a_history_forges_markup(text: str) -> None:
    document = Document(text or "a.md", None, None, "x", ((0, 1),), ())
    shelved = (Shelved(document, 1, None, own=True),)
    revision = revision_of(text, hidden=2)
    status = embeds.status(Status(edition_of(text), revision, True, shelved, text, text), 0)  # noqa: FBT003
    for embed in (status, embeds.history([Past(revision, None)])):
        text = (
            unmarked(embed).replace("<t:1800000000:R>", "").replace("<@5>", "").replace("`eeeeeeeeeeee`", "")
        )
        assert forged(text.replace("#1 ·", "")) == []


@given(TEXT, st.none() | st.integers(0, 10**6))
@quickly
def test_a_history_keeps_to_discords_limits(text: str, documents: int | None) -> None:
    past = [Past(revision_of(text, number=10**6 + number), documents) for number in range(10)]
    check(embeds.history(past))
    for each in past:
        assert 1 <= width(embeds.edition_choice(each, 1.9e9)) <= 100


def test_a_thousand_of_everything_fit() -> None:
    check(embeds.preview(preview_of("a text of some words", 1_000, broken=1_000)))


def test_what_finds_no_room_is_counted_and_costs_nothing() -> None:
    said: list[int] = []

    def say(number: int) -> str:
        said.append(number)
        return f"number {number}"

    assert listed(range(1_000), 60, say) == "number 0, number 1, number 2, number 3, and 996 more"
    assert len(said) < 10
    assert listed(range(1_000), 5, say) == "1000 of them"
    assert listed([], 60, str) == ""


def test_a_preview_and_a_sentence_of_thousands_are_shown_at_once() -> None:
    names = tuple(f"{'ü' * 80} {number}.md" for number in range(5_000))
    shown = preview_of("a.md", 1)
    shown = replace(
        shown,
        difference=replace(shown.difference, added=names, removed=names, changed=names),
        plan=replace(shown.plan, warnings=names),
        base=replace(shown.base, hidden=frozenset(names)),
    )
    problems = "\n".join(f"{name}, line 3: it is no text." for name in names)
    started = time.perf_counter()
    embed = embeds.preview(shown)
    sentence = embeds.sentence(problems)
    assert time.perf_counter() - started < 0.1
    assert "Added (5000): " in str(embed.fields[0].value)
    assert sentence.splitlines()[0] == f"{'ü' * 80} 0.md, line 3: it is no text."
    assert sentence.endswith(" more")


@given(TEXT)
@quickly
def test_any_documents_name_makes_a_choice_of_its_own(text: str) -> None:
    choice = embeds.document_choice(text)
    assert 1 <= width(choice) <= 100
    assert choice == text or choice != embeds.document_choice(f"{text} ")
    assert choice == choice.strip()


@given(TEXT)
@quickly
def test_a_sentence_of_the_librarys_is_shown_as_it_stands(text: str) -> None:
    assert width(embeds.sentence(text)) <= 820
    assert forged(embeds.sentence(f"x {text}")) == []


def test_a_sentence_begins_with_who_is_at_work_and_nothing_else_is_a_mention() -> None:
    shown = embeds.sentence("<@5> is changing it (“added <@6>”).")
    assert shown.startswith("<@5> is changing it")
    assert "<@6>" not in shown
    assert embeds.sentence("First.\n\nSecond: *x*.") == "First.\nSecond: \\*x\\*."


CORPUS, DATA = Path("/srv/my music/corpus"), Path("/srv/my music/corpus/.data")


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (f"The corpus folder {CORPUS} does not exist.", "The corpus folder does not exist."),
        (f"The corpus in {CORPUS} is larger.", "The corpus in the corpus folder is larger."),
        (f"{DATA}/staging and {CORPUS}/a.md.", "the data folder/staging and the corpus folder/a.md."),
        (f"{CORPUS}s and /old{CORPUS} stay.", f"{CORPUS}s and /old{CORPUS} stay."),
        ("a.md, line 2: it is empty.", "a.md, line 2: it is empty."),
    ],
)
def test_the_operators_folders_stand_in_no_sentence(said: str, shown: str) -> None:
    assert embeds.without_folders(said, corpus=CORPUS, data=DATA) == shown


def test_a_folder_is_known_by_its_relative_its_absolute_and_its_real_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    monkeypatch.chdir(tmp_path)
    for form in ("../x/corpus", "link/corpus", tmp_path / "link" / "corpus", tmp_path / "real" / "corpus"):
        corpus = Path(form if str(form).startswith("..") else "link/corpus")
        said = f"The corpus folder {form} does not exist."
        assert (
            embeds.without_folders(said, corpus=corpus, data=Path("data"))
            == "The corpus folder does not exist."
        )


def test_a_folder_that_is_named_by_an_ordinary_word_costs_no_sentence_that_word() -> None:
    said = "The corpus folder corpus holds no file. No data: the corpus is larger than a data folder."
    shown = said.replace("folder corpus", "folder", 1)
    assert embeds.without_folders(said, corpus=Path("corpus"), data=Path("data")) == shown
    assert embeds.without_folders("a/b.", corpus=Path("/"), data=Path()) == "a/b."


@pytest.mark.parametrize(
    ("model", "shown"),
    [("all-MiniLM-L6-v2", "all-MiniLM-L6-v2"), ("/srv/models/mine/", "mine"), ("team/theirs", "theirs")],
)
def test_a_model_in_a_folder_is_named_without_the_folder(model: str, shown: str) -> None:
    status = Status(edition_of("x"), revision_of("x"), True, (), model, None)  # noqa: FBT003
    assert {each.name: each.value for each in embeds.status(status, 0).fields}["Model"] == shown


@given(st.lists(NASTY, max_size=50), st.integers(30, 300))
@quickly
def test_a_list_is_cut_between_its_items_and_says_how_many_more_there_are(
    items: list[str], room: int
) -> None:
    shown = listed(items, room, str)
    assert width(shown) <= room
    if shown != ", ".join(items):
        more = int(shown.removesuffix(" more").removesuffix(" of them").split(" ")[-1])
        assert 0 < more <= len(items)
        assert not shown.endswith("more") or shown.startswith(", ".join(items[: len(items) - more]))


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-5, "just now"),
        (59, "just now"),
        (60, "1 minute ago"),
        (7_200, "2 hours ago"),
        (90_000, "1 day ago"),
        (400 * 86_400, "400 days ago"),
    ],
)
def test_how_long_ago_is_said_in_the_largest_unit(seconds: float, said: str) -> None:
    assert embeds.ago(seconds) == said


@pytest.mark.parametrize(
    ("number", "said"),
    [(0, "0 bytes"), (1, "1 byte"), (999, "999 bytes"), (1_000, "1.0 kB"), (2e6, "2.0 MB")],
)
def test_a_size_is_said_in_a_unit_of_its_own(number: int, said: str) -> None:
    assert embeds.size(number) == said


@pytest.mark.parametrize(("person", "said"), [(None, "somebody"), (OPERATOR, "the operator"), (5, "<@5>")])
def test_who_has_changed_a_library_is_named(person: int | None, said: str) -> None:
    assert who(person) == said


def test_what_an_answer_lacks_is_named_as_it_was_written() -> None:
    assert lacking("Ada Stone built it.", "ada stone; 1871\n Harbour ;;") == ("1871", "Harbour")
    assert lacking("", "") == ()
