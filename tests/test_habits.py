"""The articles of `golden/habits` fit together: what is asked and quoted stands in the text that is read."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from linernotes.corpus.files import read_document
from linernotes.corpus.quotes import find_quotes
from linernotes.measuring.cases import read_cases, read_expected
from linernotes.words import holds

if TYPE_CHECKING:
    from linernotes.models import Document

HABITS = Path(__file__).parent / "golden" / "habits"
FOLDERS = sorted(path.parent for path in HABITS.glob("*/clean.txt"))
# A quotation that its verb splits is joined: so far may the two parts stand from each other.
VERB = 200

every_habit = pytest.mark.parametrize("folder", FOLDERS, ids=[folder.name for folder in FOLDERS])


def shown(folder: Path) -> str:
    """Return the article in one line, as a person reads it."""
    lines = (folder / "clean.txt").read_text(encoding="utf-8").splitlines()
    return " ".join(re.sub(r"^[#~] ", "", line) for line in lines)


def rows(folder: Path, name: str) -> list[dict[str, Any]]:
    lines = (folder / name).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def stands_in(text: str, article: str) -> bool:
    """Say whether a quotation stands in the article, in one piece or split once by whoever says it."""
    if text in article:
        return True
    for blank in re.finditer(" ", text):
        first, second = text[: blank.start()], text[blank.end() :]
        at = article.find(first)
        if at < 0:
            return False
        if second in article[at + len(first) : at + len(text) + VERB]:
            return True
    return False


def test_there_are_ten_habits_and_more() -> None:
    """The folders are found, and each has a row in the table."""
    assert len(FOLDERS) >= 10
    table = (HABITS / "README.md").read_text(encoding="utf-8")
    assert [folder.name for folder in FOLDERS if f"| `{folder.name}` |" not in table] == []


@every_habit
def test_a_habit_has_one_text_and_enough_questions(folder: Path) -> None:
    """One text of an article's length, ten answerable questions, three near misses, one off topic."""
    assert len(list((folder / "corpus").iterdir())) == 1
    assert 550 <= len(shown(folder).split()) <= 1200
    cases = read_cases((folder / "questions.jsonl").read_bytes(), folder.name)[0].cases
    kinds = [case.kind for case in cases]
    assert kinds.count("answerable") >= 10
    assert kinds.count("near") >= 3
    assert kinds.count("off") >= 1
    assert all(bool(case.gold) == case.is_answerable for case in cases)


@every_habit
def test_the_golden_answers_stand_in_the_article(folder: Path) -> None:
    """Each question has a golden answer that the article holds."""
    lines = (folder / "clean.txt").read_text(encoding="utf-8").splitlines()
    cases = read_cases((folder / "questions.jsonl").read_bytes(), folder.name)[0].cases
    missing = [
        case.question
        for case in cases
        if case.is_answerable and not any(holds(line, case.gold) for line in lines)
    ]
    assert missing == []


@every_habit
def test_the_quotations_stand_in_the_article(folder: Path) -> None:
    """Each quotation is of the folder's text, and stands there word for word."""
    expected = read_expected((folder / "quotes.jsonl").read_bytes(), folder.name)
    assert expected
    assert {each.document for each in expected} == {path.name for path in (folder / "corpus").iterdir()}
    assert [each.text for each in expected if not stands_in(each.text, shown(folder))] == []
    assert len({each.text for each in expected}) == len(expected)
    assert all(set(row) == {"file", "text", "speaker", "source"} for row in rows(folder, "quotes.jsonl"))


def read(folder: Path) -> Document:
    path = next((folder / "corpus").iterdir())
    return read_document(path.read_bytes(), path.name)[0]


def load_crumbs() -> Any:
    path = Path(__file__).parents[1] / "benchmarks" / "crumbs.py"
    spec = importlib.util.spec_from_file_location("crumbs", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["crumbs"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@every_habit
def test_no_block_that_is_read_has_a_crumb_of_markup(folder: Path) -> None:
    """Whatever is shown of an article in a habit, there is no markup left in it."""
    document = read(folder)
    crumbs = load_crumbs()
    found = [
        crumb.kind
        for block in document.blocks
        for crumb in crumbs.find_crumbs(document.text[block.start : block.end])
    ]
    assert found == []


def test_in_an_interview_by_mail_the_quoted_lines_ask() -> None:
    """Each reply below a quoted question is the guest's, an editor's word between them is nobody's."""
    folder = HABITS / "11-email-interview"
    expected = read_expected((folder / "quotes.jsonl").read_bytes(), folder.name)
    found = {(quote.text, quote.speaker) for quote in find_quotes(read(folder))}
    assert found == {(each.text, each.speaker) for each in expected}


def test_no_id_is_used_twice() -> None:
    """The questions of all habits may be asked in one batch."""
    ids = [row["id"] for folder in FOLDERS for row in rows(folder, "questions.jsonl")]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize(
    ("text", "stands"),
    [
        ("We ran all day.", True),
        ("We ran, and we sang.", True),
        ("We ran, and we wept.", False),
        ("and we sang. We ran,", False),
    ],
)
def test_a_split_quotation_is_looked_for_in_order(text: str, stands: bool) -> None:
    """The check itself tells what stands in an article from what does not."""
    assert stands_in(text, "“We ran all day.” So she said. “We ran,” said Ann, “and we sang.”") is stands
