"""Chat without Discord: a prompt for a person at a terminal, a line for each question of a pipe."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from linernotes.answering.alternative import alternative_to, keep_promise
from linernotes.models import Answer
from linernotes.shell.background import Background, Building
from linernotes.shell.songs import REMEMBERED, Songs, find_songs
from linernotes.shell.wording import attribution, line_of, lines_of, name_of, printable
from linernotes.words import counted

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import BinaryIO, TextIO

    from rich.console import Console
    from rich.text import Text

    from linernotes.models import Alternative, Edition, Turn
    from linernotes.retrieval.index import Index
    from linernotes.shell.background import Opening

DISCORD_HINT = (
    "No DISCORD_TOKEN is set, so this is a chat in the terminal;"
    " to connect Discord, put DISCORD_TOKEN=<your bot's token> into .env and start again."
)

_HELP = (
    ("/song [name]", "ask one song from now on, or the other one that answers too; /song all: all of them"),
    ("/quotes [words]", "the quotations, all or those that have to do with some words"),
    ("/sources", "the documents that I answer from"),
    ("/help", "this list"),
    ("/quit", "leave; so do Ctrl-C and Ctrl-D"),
)


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

    def __init__(self, console: Console) -> None:
        """Talk on this console."""
        self._console = console
        self._building = Building(console)
        self._at_prompt = False
        self._songs = Songs()

    def run(self, opening: Opening) -> None:
        """Talk until the person leaves; ``opening`` is given the progress to report to.

        Raises:
            LinerNotesError: the library could not be opened.
        """
        with Background(lambda: opening(self._building), self._wake) as background:
            try:
                self._console.print("Ask about the song, or type /help.", style="bold")
                for line in iter(lambda: self._read(background), None):
                    if line in {"/quit", "/exit"}:
                        break
                    self._obey(background, line)
            except KeyboardInterrupt:
                self._console.print()
            if background.ready.done():
                background.ready.result()  # a library that could not be opened says why

    def _read(self, background: Background) -> str | None:
        """Return the next line that is not blank, or ``None`` at the end of input or without a library."""
        # Only for its effect: input() then edits lines and remembers them.
        with contextlib.suppress(ImportError):
            import readline  # noqa: F401
        while True:
            self._at_prompt = True
            try:
                if background.ready.done() and background.ready.exception() is not None:
                    return None
                line = input("› ").strip()  # noqa: RUF001  the prompt's sign is meant
            except EOFError:
                self._console.print()
                return None
            finally:
                self._at_prompt = False
            if line:
                return line

    def _wake(self) -> None:
        """End a wait at the prompt, from another thread: there will be nothing to answer with."""
        if self._at_prompt and hasattr(signal, "pthread_kill"):
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    def _obey(self, background: Background, line: str) -> None:
        """Do what a line says."""
        command, _, words = line.partition(" ")
        match command:
            case "/help":
                for name, meaning in _HELP:
                    self._say(f"{name:<18}{meaning}")
            case "/quotes":
                self._quotes(background, words.strip() or None)
            case "/sources":
                self._sources(background)
            case "/song":
                self._choose_song(background, words.strip())
            case _ if command.startswith("/"):
                self._say(f"I know no {printable(command)}; /help names what I know.")
            case _:
                self._answer(background, line)

    def _answer(self, background: Background, question: str) -> None:
        edition = self._edition(background)
        turns, song = self._songs.turns, self._songs.chosen
        self._show(edition, background.call(lambda library: library.ask(question, turns=turns, song=song)))

    def _show(self, edition: Edition[Index], turn: Turn) -> None:
        self._songs.remember(turn)
        styles = {"title": "bold", "aside": "dim", "place": "dim"}
        for line in lines_of(edition, turn, choose=": /song"):
            self._say(line.text, styles.get(line.kind, ""), line.indent, line.bold)

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
        return background.call(lambda library: library.edition())

    def _quotes(self, background: Background, about: str | None) -> None:
        self._edition(background)
        quotes = background.call(lambda library: library.quotes(about=about))
        for quote in quotes:
            self._say(f"“{printable(quote.text)}”")
            self._say(f"— {printable(attribution(quote)) or 'speaker not named'}", "dim", 2)
        if not quotes:
            self._say("I found no quotation.")

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


def run(opening: Opening, *, hint: str) -> None:
    """Chat with whoever is at standard input, after one line on how to connect Discord.

    Raises:
        LinerNotesError: the library could not be opened.
    """
    from rich.console import Console

    if sys.stdin is not None and sys.stdin.isatty():
        console = Console(highlight=False)
        console.print(_text(hint, "dim"))
        Chat(console).run(opening)
        return
    sys.stderr.write(f"{hint}\n")
    building = Building(Console(stderr=True))
    with Background(lambda: opening(building)) as background:
        building.wait_for(background.ready)
        if sys.stdin is not None:
            answer_lines(background, sys.stdin.buffer, sys.stdout)
