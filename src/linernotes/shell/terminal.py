"""Chat without Discord: a prompt for a person at a terminal, a line for each question of a pipe."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Protocol

from linernotes.answering.alternative import alternative_to, keep_promise
from linernotes.models import TALK, Answer, Unanswered
from linernotes.shell.background import Background, Building
from linernotes.shell.songs import REMEMBERED, Songs, find_songs
from linernotes.shell.wording import (
    attribution,
    harmless,
    line_of,
    lines_of,
    name_of,
    printable,
    reasons_of,
    title_of,
)
from linernotes.words import counted

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from typing import BinaryIO, TextIO

    from rich.console import Console
    from rich.text import Text

    from linernotes.library.examples import Examples
    from linernotes.library.service import Library
    from linernotes.models import Alternative, Edition, Quote, Turn
    from linernotes.retrieval.index import Index
    from linernotes.shell.background import Opening

DISCORD_HINT = (
    "No DISCORD_TOKEN is set, so this is a chat in the terminal;"
    " to connect Discord, put DISCORD_TOKEN=<your bot's token> into .env and start again."
)

_HELP = (
    ("/song [name]", "ask one song from now on, or the other one that answers too; /song all: all of them"),
    ("/passage [number]", "the passage in which the answer stands, or another one of that article"),
    ("/why", "what led to the last answer"),
    ("/quotes [words]", "the quotations: all, a speaker's, or those that have to do with some words"),
    ("/more", "the next page of the quotations"),
    ("/sources", "the documents that I answer from"),
    ("/help", "this list"),
    ("/quit", "leave; so do Ctrl-C and Ctrl-D"),
)
_NAMES: Final = tuple(name.partition(" ")[0] for name, _ in _HELP)
_QUOTES_PER_PAGE: Final = 10
HISTORY: Final = "terminal-history"
"""The file in ``DATA_DIR`` that keeps what was typed; readable for its owner alone."""
# No article has a passage with a number as long.
_DIGITS: Final = 9


class Reads(Protocol):
    """What reads the lines that a person types."""

    def read(self) -> str:
        """Return the next line; raises ``EOFError`` or ``KeyboardInterrupt`` where the person leaves."""

    def end(self) -> None:
        """End a wait for a line, and all that would follow; called from another thread."""


# --- A pipe -----------------------------------------------------------------------------------------------


def answer_lines(background: Background, questions: BinaryIO, out: TextIO) -> None:
    """Answer the questions of a pipe, one on each line, to its end; blank lines are passed over.

    Raises:
        LinerNotesError: the library could not be opened.
    """
    edition = background.call(lambda library: library.edition())
    turns: tuple[Turn, ...] = ()
    for raw in questions:
        question = raw.decode("utf-8-sig", "replace").strip()
        if not question:
            continue
        turn = _ask(background, question, turns)
        turns = (*turns, turn)[-REMEMBERED:]
        out.write(f"{line_of(edition, turn)}\n")
        out.flush()


def _ask(background: Background, question: str, turns: tuple[Turn, ...]) -> Turn:
    return background.call(lambda library: library.ask(question, turns=turns))


# --- A person ---------------------------------------------------------------------------------------------


class Chat:
    """A conversation with a person at a terminal."""

    def __init__(self, console: Console, history: Path | None = None, prompt: Reads | None = None) -> None:
        """Talk on this console.

        Args:
            console: where replies are shown.
            history: the file that keeps what was typed; none is kept without.
            prompt: what reads lines; by default, the terminal.
        """
        self._console = console
        self._building = Building(console)
        self._songs = Songs()
        self._history = history
        self._prompt = prompt
        self._background: Background | None = None
        self._examples: Examples | None = None
        self._more: tuple[Quote, ...] = ()

    def run(self, opening: Opening) -> None:
        """Talk until the person leaves; ``opening`` is given the progress to report to.

        Raises:
            LinerNotesError: the library could not be opened.
        """
        prompt = self._prompt or self._open_prompt()
        with Background(lambda: opening(self._building), prompt.end) as background:
            self._background = background
            try:
                self._console.print("Ask about the song, or type /help.", style="bold")
                for line in iter(lambda: self._read(background, prompt), None):
                    if line.casefold() in {"/quit", "/exit"}:
                        break
                    self._obey(background, line)
            except KeyboardInterrupt:
                self._console.print()
            if background.ready.done():
                background.ready.result()  # a library that could not be opened says why

    def _open_prompt(self) -> Reads:
        from linernotes.shell.prompt import Prompt

        words = {"/song": self._song_words, "/quotes": self._speakers}
        return Prompt(self._history, {name: words.get(name, list) for name in _NAMES})

    def _read(self, background: Background, prompt: Reads) -> str | None:
        """Return the next line that is not blank, or ``None`` at the end of input or without a library."""
        while True:
            if background.ready.done() and background.ready.exception() is not None:
                return None
            try:
                line = prompt.read().strip()
            except EOFError:
                self._console.print()
                return None
            if line:
                return line

    def _obey(self, background: Background, line: str) -> None:
        """Do what a line says."""
        command, _, words = line.partition(" ")
        words = words.strip()
        match command.casefold():
            case "/help":
                for name, meaning in _HELP:
                    self._say(f"{name:<20}{meaning}")
            case "/quotes":
                self._quotes(background, words or None)
            case "/more":
                self._show_quotes()
            case "/sources":
                self._sources(background)
            case "/song":
                self._choose_song(background, words)
            case "/passage":
                self._open_passage(background, words)
            case "/why":
                self._say_why(background)
            case _ if command.startswith("/"):
                self._say(f"I know no {printable(command)}; /help names what I know.")
            case _:
                self._answer(background, line)

    # --- What can be completed; nothing is waited for ---

    def _opened(self) -> Edition[Index] | None:
        background = self._background
        if background is None or not background.ready.done() or background.ready.exception() is not None:
            return None
        return background.call(lambda library: library.edition())

    def _song_words(self) -> list[str]:
        edition = self._opened()
        return (
            []
            if edition is None
            else ["all", *(printable(each.title or each.name) for each in edition.songs)]
        )

    def _speakers(self) -> list[str]:
        edition = self._opened()
        quotes = () if edition is None else edition.quotes
        return sorted({printable(quote.speaker) for quote in quotes if quote.speaker})

    # --- Answers ---

    def _answer(self, background: Background, question: str) -> None:
        edition = self._edition(background)
        turns, song = self._songs.turns, self._songs.chosen
        self._show(edition, background.call(lambda library: library.ask(question, turns=turns, song=song)))
        reply = self._songs.turns[-1].reply
        if isinstance(reply, Unanswered) and reply.reason in TALK:
            self._suggest(background)

    def _suggest(self, background: Background) -> None:
        """Name questions that these articles answer."""
        examples = self._examples

        async def find(library: Library) -> tuple[str, ...]:
            from linernotes.library.examples import Examples

            self._examples = examples or Examples(library)
            return await self._examples.of(None)

        if found := background.call(find):
            self._say("You could ask:", "dim")
            for question in found:
                self._say(printable(question), "", 2)

    def _show(self, edition: Edition[Index], turn: Turn) -> None:
        self._songs.remember(turn)
        styles = {"title": "bold cyan", "aside": "dim", "place": "dim cyan"}
        for line in lines_of(edition, turn, choose=": /song"):
            self._say(line.text, styles.get(line.kind, ""), line.indent, line.bold)

    def _open_passage(self, background: Background, words: str) -> None:
        """Show a passage of the document of the last answer whole, with what was shown of it in bold."""
        edition = self._edition(background)
        reply = self._songs.turns[-1].reply if self._songs.turns else None
        nearest = None if reply is None or isinstance(reply, Answer) else reply.nearest
        if not isinstance(reply, Answer) and nearest is None:
            self._say("Ask something first: then /passage shows where the answer stands.")
            return
        if isinstance(reply, Answer):
            name, number, shown = reply.lead.document, reply.lead.sentences[0].passage, reply.sentences
        else:
            assert nearest is not None  # noqa: S101  said above
            name, number, shown = nearest.passage.document, nearest.passage.number, ()
        if words:
            number = int(words) if words.isascii() and words.isdigit() and len(words) <= _DIGITS else 0
        passage = next((p for p in edition.passages if (p.document, p.number) == (name, number)), None)
        if passage is None:
            count = sum(each.document == name for each in edition.passages)
            title = printable(title_of(edition, name))
            self._say(f"“{title}” has passages 1 to {count}: /passage 1, for example.")
            return
        self._say(f"{printable(title_of(edition, name))}, passage {number}", "bold cyan")
        if passage.heading:
            self._say(printable(passage.heading.replace(" > ", " › ")), "dim")  # noqa: RUF001  the sign is meant
        at = passage.start
        for line in passage.text.split("\n"):
            spans = [
                (max(each.start - at, 0), min(each.end - at, len(line)))
                for each in shown
                if each.document == name and each.start < at + len(line) and at < each.end
            ]
            self._say(harmless(line), "", 2, spans)
            at += len(line) + 1

    def _say_why(self, background: Background) -> None:
        """Show what led to the last reply."""
        edition = self._edition(background)
        if not self._songs.turns:
            self._say("Ask something first: then /why shows what led to the answer.")
            return
        for reason in reasons_of(edition, self._songs.turns[-1]):
            self._say(reason, "", 2)

    def _choose_song(self, background: Background, words: str) -> None:
        """Ask the song that answers too, or one that is named from now on, or show which there are."""
        edition = self._edition(background)
        offered = self._songs.offered
        if not words and offered is not None:
            self._show_other(background, edition, offered)
            return
        if words.casefold() == "all":
            self._songs.choose(None)
            self._say("I ask all songs again.")
            return
        found = find_songs(edition, words)
        if words and len(found) == 1:
            self._songs.choose(found[0].name)
            self._say(f"From now on I ask “{printable(found[0].title or found[0].name)}”.")
            return
        if words and not found:
            self._say("I know no such song.")
        for number, document in enumerate(edition.documents, start=1):
            if document in found or not found:
                here = " (now)" if document.name == self._songs.current else ""
                self._say(f"{number:>3}  {printable(name_of(document))}{here}")

    def _show_other(self, background: Background, edition: Edition[Index], offered: Alternative) -> None:
        """Ask the last question of the song that answers too; the one that answered is then offered."""
        last = self._songs.take_back()
        turns = self._songs.turns
        turn = background.call(
            lambda library: library.ask(last.question, turns=turns, document=offered.document)
        )
        turn = keep_promise(turn, offered, edition.passages)
        if isinstance(turn.reply, Answer) and isinstance(last.reply, Answer):
            turn = replace(turn, reply=replace(turn.reply, other=alternative_to(last.reply)))
        self._show(edition, turn)

    def _edition(self, background: Background) -> Edition[Index]:
        self._building.wait_for(background.ready)
        edition = background.call(lambda library: library.edition())
        if self._building.notice:
            self._say(self._building.notice, "dim")
            self._building.notice = ""
        return edition

    def _quotes(self, background: Background, words: str | None) -> None:
        """Show the quotations of a speaker, those that have to do with some words, or all."""
        self._edition(background)
        quotes: tuple[Quote, ...] = ()
        if words is not None:
            quotes = background.call(lambda library: library.quotes(speaker=words))
        self._more = quotes or background.call(lambda library: library.quotes(about=words))
        if not self._more:
            self._say("I found no quotation.")
            return
        self._show_quotes()

    def _show_quotes(self) -> None:
        """Show the next page of the quotations."""
        if not self._more:
            self._say("There are no more; /quotes shows them from the first.")
            return
        page, self._more = self._more[:_QUOTES_PER_PAGE], self._more[_QUOTES_PER_PAGE:]
        for quote in page:
            self._say(f"“{printable(quote.text)}”")
            self._say(f"— {printable(attribution(quote)) or 'speaker not named'}", "dim", 2)
        if self._more:
            self._say(f"{len(self._more)} more: /more", "dim cyan")

    def _sources(self, background: Background) -> None:
        edition = self._edition(background)
        for document in edition.documents:
            passages = sum(passage.document == document.name for passage in edition.passages)
            facts = [document.artist, document.date, document.source, counted(passages, "passage")]
            self._say(printable(document.title or document.name))
            self._say(f"{printable(', '.join(filter(None, facts)))} ({document.name})", "dim", 2)

    def _say(self, line: str, style: str = "", indent: int = 0, bold: Iterable[tuple[int, int]] = ()) -> None:
        """Print a line; where it is broken, what follows begins as far in as it does."""
        text = _text(line, style)
        for start, end in bold:
            text.stylize("bold", start, end)
        margin = _text(" " * indent, "")
        for part in text.wrap(self._console, max(1, self._console.width - indent)):
            part.rstrip()
            self._console.print(margin + part)


def _text(line: str, style: str) -> Text:
    from rich.text import Text

    # A Text, never a string: nothing of a corpus or a question may be read as rich's markup.
    return Text(line, style)


def run(opening: Opening, *, hint: str, beside: Opening, history: Path | None = None) -> None:
    """Chat with whoever is at standard input, after one line on how to connect Discord.

    Args:
        opening: opens the library for a pipe.
        beside: opens it for a person, beside a running bot as well.
        hint: how to connect Discord.
        history: the file that keeps what a person types at a terminal.

    Raises:
        LinerNotesError: the library could not be opened.
    """
    from rich.console import Console

    if sys.stdin is not None and sys.stdin.isatty():
        console = Console(highlight=False)
        console.print(_text(hint, "dim"))
        Chat(console, history).run(beside)
        return
    sys.stderr.write(f"{hint}\n")
    building = Building(Console(stderr=True))
    with Background(lambda: opening(building)) as background:
        building.wait_for(background.ready)
        if sys.stdin is not None:
            answer_lines(background, sys.stdin.buffer, sys.stdout)
