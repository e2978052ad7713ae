"""Questions of the worst kinds -> how they are answered now, beside how they were: ``docs/exchanges.md``.

Each exchange is asked of articles of this repository and written down as Discord shows it, without colours
and avatars, and as the terminal does. What was answered before stands in ``exchanges_before.json``, as commit
f6c9d88 gave it.

    python benchmarks/exchanges.py > docs/exchanges.md
"""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from linernotes.chat.asking import answer_buttons, embeds, evidence
from linernotes.chat.frame.buttons import Press
from linernotes.library import Library
from linernotes.library.examples import Examples
from linernotes.library.store import Posted
from linernotes.models import Answer
from linernotes.settings import Settings
from linernotes.shell.wording import lines_of, text_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import discord

    from linernotes.models import Edition, Turn
    from linernotes.retrieval.index import Index

ROOT = Path(__file__).parents[1]
BEFORE = Path(__file__).with_name("exchanges_before.json")
GOLDEN = ROOT / "tests" / "golden" / "articles"

RUN = (ROOT / "corpus" / "run.md",)
TWO = (*RUN, GOLDEN / "song" / "paper-moons.md")
INTERVIEW = (GOLDEN / "interview" / "nadia-okafor.md",)
SONG = (GOLDEN / "song" / "paper-moons.md",)
CONVERSED = ROOT / "tests" / "golden" / "conversations"
CANDLE_TAX = (CONVERSED / "candle-tax" / "text.md",)
LANTERN_WES = (CONVERSED / "lantern-wes-arrest" / "text.md",)
SONG_AND_ALBUM = (GOLDEN / "song" / "paper-moons.md", GOLDEN / "harbour" / "harbour-lights.md")
BAND = (GOLDEN / "band" / "velvet-abacus.md",)


class Exchange(NamedTuple):
    """Questions of one conversation, asked of some articles, and what was wrong with the answers before.

    ``None`` where no answer of before is kept.
    """

    articles: tuple[Path, ...]
    questions: tuple[str, ...]
    wrong: str | None


EXCHANGES = (
    Exchange(RUN, ("who is featured on the track?",), "two sentences beside the answer, one of them noise"),
    Exchange(
        RUN,
        ("What did Killer Mike say about Atlanta?",),
        "a block quotation without marks, a sentence about somebody else behind it, a whole clause in bold",
    ),
    Exchange(
        RUN, ("What did Young Thug say from jail?",), "the words of the quotation run into the narration"
    ),
    Exchange(RUN, ("When was RUN released?",), "somebody else's arrest comes first"),
    Exchange(RUN, ("When was Killer Mike arrested?",), "a near miss, answered as if it were stated"),
    Exchange(RUN, ("When was Killer Mike born?",), "fifteen lines to say that the article does not"),
    Exchange(RUN, ("What is the capital of France?",), "a passage of 560 characters, for this too"),
    Exchange(TWO, ("Who produced RUN?",), "a long refusal, with suggestions about the other song"),
    Exchange(
        TWO, ("Who is featured on the song?",), "one song's answer, without its name, and none of the other's"
    ),
    Exchange(
        TWO, ("Who produced Paper Moons?", "when was it released?"), "the second answer is cut from both"
    ),
    Exchange(SONG_AND_ALBUM, ("When was the song released?",), None),
    Exchange(TWO, ("Which label released it?",), None),
    Exchange(TWO, ("When was Killer Mike born?",), None),
    Exchange(INTERVIEW, ("Is the rhythm in seven to be clever?",), "the reply and its question in one line"),
    Exchange(BAND, ("who played bass?",), "the items of a list in one line, without their heading"),
    Exchange(SONG, ("what's this about?",), "the opening, whatever is asked of the whole"),
    Exchange(CANDLE_TAX, ("what does the title mean",), "the opening, and the meaning stands further down"),
    Exchange(LANTERN_WES, ("what does the title mean",), "the opening, stated, where nobody tells"),
    Exchange(RUN, ("tldr",), None),
    Exchange(TWO, ("who sings it?",), "one song's opening, and none of the other's"),
)


def as_discord(embed: discord.Embed, buttons: list[str]) -> str:
    """Write down an embed and the buttons under it."""
    parts = [
        f"[{embed.title}]" if embed.title else "",
        embed.description or "",
        *(f"\n{each.name}\n{each.value}" for each in embed.fields),
        f"\n({embed.footer.text})" if embed.footer.text else "",
        "  ".join(f"[ {each} ]" for each in buttons),
    ]
    return "\n".join(part for part in parts if part)


def characters(embed: discord.Embed) -> int:
    """Return how many characters a person is shown."""
    parts = [embed.title, embed.description, embed.footer.text]
    parts += [part for each in embed.fields for part in (each.name, each.value)]
    return sum(len(part) for part in parts if part)


def shown(edition: Edition[Index], turn: Turn, examples: Sequence[str]) -> tuple[discord.Embed, list[str]]:
    """Return what Discord shows of a turn: the embed, and the labels of its buttons."""
    reply = turn.reply
    other = reply.other if isinstance(reply, Answer) else None
    kept = None if other is None else evidence.evidence_of_other(other)
    certainty = reply.certainty if isinstance(reply, Answer) else None
    found = evidence.evidence_of(turn)
    posted = Posted(1, None, 1, 1, edition.id, reply.confidence, found, certainty=certainty, other=kept)
    buttons = answer_buttons.buttons_of(posted, reply, edition)
    items = [each.item if isinstance(each, Press) else each for each in buttons]
    labels = [item.label or str(item.emoji) for item in items]
    return embeds.reply(edition, turn, examples=examples, named=other is not None), labels


async def main() -> None:
    """Print the page."""
    before = json.loads(BEFORE.read_text(encoding="utf-8"))
    lines: list[str] = []
    figures: list[tuple[str, int, int]] = []
    for number, exchange in enumerate(EXCHANGES, start=1):
        with tempfile.TemporaryDirectory() as folder:
            corpus = Path(folder) / "corpus"
            corpus.mkdir()
            for article in exchange.articles:
                shutil.copy(article, corpus)
            settings = Settings(corpus_dir=corpus, data_dir=Path(folder) / "data")
            async with Library.open(settings, keep="nothing") as library:
                edition = await library.edition()
                turns: tuple[Turn, ...] = ()
                titles = " and ".join(document.title or document.name for document in edition.documents)
                lines += [
                    f"## {number}. {exchange.questions[-1]}",
                    "",
                    f"{titles}." if exchange.wrong is None else f"{titles}. Before: {exchange.wrong}.",
                    "",
                ]
                for question in exchange.questions:
                    turn = await library.ask(question, turns=turns)
                    turns = (*turns, turn)
                    examples = () if isinstance(turn.reply, Answer) else await Examples(library).of(None)
                    embed, buttons = shown(edition, turn, examples)
                    old = None if exchange.wrong is None else before[f"{titles}: {question}"]
                    terminal = "\n".join(map(text_of, lines_of(edition, turn, choose=": /song")))
                    if old is not None:
                        figures.append((question, old["characters"], characters(embed)))
                    for name, text in (
                        ("Discord before", old and old["discord"]),
                        ("Discord now", as_discord(embed, buttons)),
                        ("Terminal before", old and old["terminal"]),
                        ("Terminal now", terminal),
                    ):
                        if text is not None:
                            lines += [f"{name}, “{question}”:", "", "```text", text, "```", ""]
    mean_before = sum(old for _, old, _ in figures) / len(figures)
    mean_now = sum(new for _, _, new in figures) / len(figures)
    print("# Exchanges of the worst kinds, before and now\n")
    print("Printed by `python benchmarks/exchanges.py`; before is commit f6c9d88, of those that ask for the")
    print("whole (16 to 20) commit 82d528c. In Discord, `**` is bold,")
    print("`>` a block quotation, brackets are buttons, and what stands in parentheses is in small.\n")
    print("![Before and later, as SimCord's preview shows them](images/exchanges.png)\n")
    print("The picture is of the day on which the lead came first, left before and right after. Here are")
    print("those that stand alone as they are now (`make screenshots`):\n")
    print("![As they are now, as SimCord's preview shows them](images/exchanges-now.png)\n")
    print("Not mended: “who is featured on the track?”, and of the song likewise, leads with the")
    print("other guest. “When was Killer Mike arrested?” is near: Young Thug's arrest is what is told.\n")
    print("| question | characters shown before | now |\n|---|---|---|")
    for question, old, new in figures:
        print(f"| {question} | {old} | {new} |")
    print(f"| mean | {mean_before:.0f} | {mean_now:.0f} |\n")
    print("\n".join(lines).rstrip())


if __name__ == "__main__":
    asyncio.run(main())
