"""Questions on the whole ("tldr", "who sings it?"): how many get the sentence that answers, and which miss.

::

    python benchmarks/whole.py [--misses]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from linernotes.answering.whole import EXAMPLES
from linernotes.library import Library
from linernotes.measuring.cases import Case, read_cases
from linernotes.measuring.judging import Mark, Outcome, mark
from linernotes.models import Answer, Unanswered
from linernotes.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ROOT = Path(__file__).parents[1]
GOLDEN = ROOT / "tests" / "golden"
FORMS = {
    "a": "what the song is about",
    "b": "what the title means",
    "c": "whom it is by",
    "d": "what it is called",
    "e": "what this is",
    "f": "a summary",
    "g": "who performs",
}


class Asked(NamedTuple):
    """A question, what it asks for, what was replied, and whether its article was looked at before."""

    article: str
    form: str
    case: Case
    reply: Answer | Unanswered
    seen: bool

    @property
    def mark(self) -> Mark:
        """Compare the reply with what is known."""
        return mark(Outcome(self.case, self.reply, 0))


def folder_of(article: str) -> Path:
    """Return where an article is."""
    places = (GOLDEN / "conversations" / article, GOLDEN / "articles" / article)
    return next((each for each in places if each.is_dir()), ROOT / "corpus")


def cases_of(file: Path) -> list[tuple[str, Case]]:
    """Return an article's questions, each with what it asks for."""
    forms = [json.loads(line)["form"] for line in file.read_text(encoding="utf-8").splitlines()]
    return list(zip(forms, read_cases(file.read_bytes(), file.name)[0].cases, strict=True))


async def ask(article: str, cases: Iterable[tuple[str, Case]], *, seen: bool) -> list[Asked]:
    """Ask one article its questions."""
    found: list[Asked] = []
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(corpus_dir=folder_of(article), data_dir=Path(folder))
        async with Library.open(settings, keep="nothing") as library:
            for form, case in cases:
                turn = await library.ask(case.question, history=case.history)
                found.append(Asked(article, form, case, turn.reply, seen))
    return found


def row(name: str, asked: Iterable[Asked]) -> str:
    """Return a row of the table."""
    every = list(asked)
    right = [each.mark for each in every if each.case.is_answerable]
    near = [each.mark for each in every if not each.case.is_answerable]
    shown = [each for each in right if each.is_shown]
    told = [
        f"{len(right)}",
        f"{sum(each.is_lead_right for each in shown)}",
        f"{sum(each.is_right for each in shown)}",
        f"{sum(each.is_right and not each.is_stated for each in shown)}",
        f"{sum(not each.is_right and each.is_stated for each in shown)}",
        f"{len(right) - len(shown)}",
        f"{sum(each.characters or 0 for each in shown) / max(len(shown), 1):.0f}",
        f"{sum(each.is_shown and each.is_stated for each in near)} of {len(near)}",
    ]
    return f"| {name} | {' | '.join(told)} |"


async def main(files: Sequence[Path], *, misses: bool) -> None:
    """Print the table, and the questions that were not answered first."""
    every: list[Asked] = []
    for at, file in enumerate(files):
        every += await ask(file.stem, cases_of(file), seen=at % 2 == 0)
    columns = (
        "asked for,answerable,in the lead,shown,of it near,stated but wrong,refused,characters,near stated"
    )
    print(f"| {' | '.join(columns.split(','))} |")
    print("|---|---|---|---|---|---|---|---|---|")
    for form, name in FORMS.items():
        print(row(name, (each for each in every if each.form == form)))
    print(row("all", every))
    print(row("of articles looked at", (each for each in every if each.seen)))
    print(row("of the others", (each for each in every if not each.seen)))
    examples = {text.casefold().strip("?!. ") for texts in EXAMPLES.values() for text in texts}
    others = (each for each in every if each.case.question.casefold().strip("?!. ") not in examples)
    print(row("none of our examples", others))
    for each in every if misses else ():
        if each.case.is_answerable and not (each.mark.is_shown and each.mark.is_lead_right):
            lead = each.reply.lead.text if isinstance(each.reply, Answer) else "-"
            print(f"{each.form} {each.article}: {each.case.question} -> {lead[:120]!r}, not {each.case.gold}")


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--misses", action="store_true", help="print what was missed")
    sets = sorted((GOLDEN / "whole").glob("*.jsonl"))
    asyncio.run(main(sets, misses=arguments.parse_args().misses))
