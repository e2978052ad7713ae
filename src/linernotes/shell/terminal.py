"""Chat without Discord: a prompt for a person, plain lines for a pipe."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import threading
import unicodedata
from concurrent.futures import Future, wait
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from linernotes.models import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Iterator
    from contextlib import AbstractAsyncContextManager
    from types import TracebackType
    from typing import Any, BinaryIO, Self, TextIO

    from rich.console import Console
    from rich.text import Text

    from linernotes.library import Library
    from linernotes.library.editions import Step
    from linernotes.models import Edition, Hit, Quote, Reason, Turn, Unanswered
    from linernotes.retrieval.index import Index

_T = TypeVar("_T")
Opening: TypeAlias = "Callable[[Building], AbstractAsyncContextManager[Library]]"
"""Opens a library that reports to the given progress; called in a thread, where it may import at leisure."""

REMEMBERED = 8
"""How many earlier questions of a chat are kept to understand the next one."""

SENTENCES: dict[Reason, str] = {
    "silent": "The article does not say.",
    "empty": "There is no question in that.",
    "too-long": "That question is too long for me; please put it in a few words.",
    "greeting": "Hello! Ask me something about the article.",
    "lyrics": "I do not give out lyrics, but I can tell what the article says about the song.",
    "language": "I can only answer in the language of the article; please ask in that.",
}

DISCORD_HINT = (
    "No DISCORD_TOKEN is set, so this is a chat in the terminal;"
    " to connect Discord, put DISCORD_TOKEN=<your bot's token> into .env and start again."
)

_STEPS: dict[Step, str] = {
    "read": "Loading the model",
    "split": "Dividing the article",
    "embed": "Embedding the article",
    "index": "Building the index",
}

_HELP = (
    ("/quotes [words]", "the quotations, all or those that have to do with some words"),
    ("/sources", "the documents that I answer from"),
    ("/help", "this list"),
    ("/quit", "leave; so do Ctrl-C and Ctrl-D"),
)


# --- A library that opens behind the prompt ---------------------------------------------------------------


class Background:
    """Runs a library in a thread of its own, so that a person can type while the model loads."""

    def __init__(
        self,
        opening: Callable[[], AbstractAsyncContextManager[Library]],
        on_failure: Callable[[], None] = lambda: None,
    ) -> None:
        """Begin to open; both are called from the thread, ``on_failure`` when opening fails."""
        self.ready: Future[Library] = Future()
        self._opening = opening
        self._on_failure = on_failure
        self._left = False
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._live()), name="linernotes-library", daemon=True
        )
        self._thread.start()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the library. One that is still opening is not waited for; it closes when it is open."""
        self._left = True
        if self.ready.done():
            with contextlib.suppress(RuntimeError):  # the loop has ended by itself
                self._loop.call_soon_threadsafe(self._end.set)
            self._thread.join()

    def call(self, make: Callable[[Library], Coroutine[Any, Any, _T]]) -> _T:
        """Return what a coroutine of the library gives, when the library is open.

        Raises:
            LinerNotesError: the library could not be opened, or the coroutine raised it.
        """
        library = self.ready.result()
        return asyncio.run_coroutine_threadsafe(make(library), self._loop).result()

    async def _live(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._end = asyncio.Event()
        try:
            async with self._opening() as library:
                self.ready.set_result(library)
                if not self._left:
                    await self._end.wait()
        except BaseException as error:
            if self.ready.done():
                raise
            self.ready.set_exception(error)
            self._on_failure()


class Building:
    """Shows on a terminal how far an edition is; hand it to ``Library.open`` as ``progress``."""

    def __init__(self, console: Console) -> None:
        """Show it on this console, or nowhere when that is no terminal."""
        self._console = console
        self._state: tuple[Step, int, int] = ("read", 0, 0)

    def __call__(self, step: Step, done: int, total: int) -> None:
        """Take note; called from a worker's thread."""
        self._state = (step, done, total)

    def wait_for(self, future: Future[Any]) -> None:
        """Show the progress until ``future`` is done, and leave nothing of it behind."""
        if future.done() or not self._console.is_terminal:
            wait([future])
            return
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

        words = TextColumn("{task.description}")
        with Progress(SpinnerColumn(), words, BarColumn(), console=self._console, transient=True) as shown:
            task = shown.add_task("", total=None)
            while not future.done():
                step, done, total = self._state
                # Only the embedding takes long enough to be counted.
                shown.update(
                    task,
                    description=_STEPS[step],
                    completed=done,
                    total=total if step == "embed" and total else None,
                )
                wait([future], timeout=0.1)


# --- Words ------------------------------------------------------------------------------------------------


def printable(text: str) -> str:
    """Return ``text`` on one line without control characters, which could command a terminal."""
    return " ".join("".join(" " if unicodedata.category(char) == "Cc" else char for char in text).split())


def place_of(edition: Edition[Index], hit: Hit) -> str:
    """Say where a passage stands: title or name of the document, and the passage's number."""
    name = hit.passage.document
    titles = {document.name: document.title for document in edition.documents}
    return f"{titles.get(name) or name}, passage {hit.passage.number}"


def places_of(edition: Edition[Index], answer: Answer) -> str:
    """Say where an answer's sentences stand, in the order of the text."""
    hits = {(hit.passage.document, hit.passage.number): hit for hit in answer.hits}
    used = dict.fromkeys((sentence.document, sentence.passage) for sentence in answer.sentences)
    return "; ".join(place_of(edition, hits[key]) for key in used if key in hits)


def quotes_in(edition: Edition[Index], answer: Answer) -> tuple[Quote, ...]:
    """Return the quotations that an answer shows, wholly or in part."""
    return tuple(
        quote
        for quote in edition.quotes
        if any(
            sentence.document == quote.document and start < sentence.end and sentence.start < end
            for sentence in answer.sentences
            for start, end in quote.spans
        )
    )


def attribution(quote: Quote) -> str:
    """Say who said it and to whom, as far as the text says; may be empty."""
    if quote.speaker is None:
        return quote.source or ""
    return quote.speaker if quote.source is None else f"{quote.speaker}, {quote.source}"


def sentence_for(edition: Edition[Index], reply: Unanswered) -> str:
    """Say why there is no answer."""
    sentence = SENTENCES[reply.reason]
    if len(edition.documents) > 1:
        sentence = sentence.replace("The article does", "The articles do").replace(
            "the article", "the articles"
        )
        sentence = sentence.replace("the articles says", "the articles say")
    return sentence


def lines_of(edition: Edition[Index], turn: Turn) -> Iterator[str]:
    """Yield what a person reads of a reply: the answer, its quotations' speakers, and its place."""
    reply = turn.reply
    if isinstance(reply, Answer):
        yield printable(reply.text)
        yield from (f"  — {name}" for name in _speakers(edition, reply))
        yield f"  {printable(places_of(edition, reply))}"
        return
    yield sentence_for(edition, reply)
    if reply.nearest is not None:
        yield f"  Related, but no answer: {printable(place_of(edition, reply.nearest))}"


def line_of(edition: Edition[Index], turn: Turn) -> str:
    """Return a reply and its place on one line, for a pipe."""
    first, *rest = lines_of(edition, turn)
    return " ".join([first, f"[{' '.join(each.strip() for each in rest)}]"]) if rest else first


def reasons_of(edition: Edition[Index], turn: Turn) -> Iterator[str]:
    """Yield what led to a reply: the question as it was understood, and the passages with their signals."""
    reply = turn.reply
    yield f"Understood as: {printable(turn.standalone)}"
    yield f"Confidence: {reply.confidence:.2f}"
    hits = reply.hits if isinstance(reply, Answer) else [reply.nearest] if reply.nearest else []
    for hit in hits:
        signals = ", ".join(f"{name} {value:.2f}" for name, value in hit.signals.items())
        yield f"{printable(place_of(edition, hit))}: score {hit.score:.2f} ({signals})"


def _speakers(edition: Edition[Index], answer: Answer) -> Iterable[str]:
    names = (attribution(quote) for quote in quotes_in(edition, answer) if quote.speaker is not None)
    return dict.fromkeys(map(printable, names))


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
        self._turns: tuple[Turn, ...] = ()

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
            case _ if command.startswith("/"):
                self._say(f"I know no {printable(command)}; /help names what I know.")
            case _:
                edition = self._edition(background)
                turn = _ask(background, line, self._turns)
                self._turns = (*self._turns, turn)[-REMEMBERED:]
                first, *rest = lines_of(edition, turn)
                self._say(first)
                for each in rest:
                    self._say(each, "dim")

    def _edition(self, background: Background) -> Edition[Index]:
        self._building.wait_for(background.ready)
        return background.call(lambda library: library.edition())

    def _quotes(self, background: Background, about: str | None) -> None:
        self._edition(background)
        quotes = background.call(lambda library: library.quotes(about=about))
        for quote in quotes:
            self._say(f"“{printable(quote.text)}”")
            self._say(f"  — {printable(attribution(quote)) or 'speaker not named'}", "dim")
        if not quotes:
            self._say("I found no quotation.")

    def _sources(self, background: Background) -> None:
        edition = self._edition(background)
        for document in edition.documents:
            passages = sum(passage.document == document.name for passage in edition.passages)
            facts = [document.artist, document.date, document.source, f"{passages} passages"]
            self._say(printable(document.title or document.name))
            self._say(f"  {printable(', '.join(filter(None, facts)))} ({document.name})", "dim")

    def _say(self, line: str, style: str = "") -> None:
        self._console.print(_text(line, style))


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
