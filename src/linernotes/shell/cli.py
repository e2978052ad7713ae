"""The commands; the one place where the parts are put together.

Outside scripts rely on the output and the exit status of each: extend them, break nothing. What costs time to
import is imported where it is used, so that ``--help`` and a wrong setting are answered at once.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import io
import json
import logging
import os
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from linernotes.errors import ConfigurationError, LinerNotesError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence

    from linernotes.engine import Engine
    from linernotes.library.service import Keep, Library
    from linernotes.measuring.evaluation import Article, Case, Expected, Figures, Outcome
    from linernotes.measuring.questions import Asked
    from linernotes.models import Answer, Document, Hit, Lead, Quote, Sentence, Span, Turn, Unanswered
    from linernotes.retrieval.embedding import Embedder
    from linernotes.settings import Settings
    from linernotes.shell.terminal import Background, Building

INTERRUPTED = 130
"""The exit status of a command that Ctrl-C ended, as shells have it."""


class _Commands(TyperGroup):
    """Turns what a command raises into one sentence and an exit status."""

    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]  # typer's own type for it is private
        """Run a command."""
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                # JSON is UTF-8 whatever the locale says; a terminal keeps the encoding that it can show.
                encoding = stream.encoding if stream.isatty() else "utf-8"
                stream.reconfigure(encoding=encoding, errors="backslashreplace")
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except LinerNotesError as error:
            sys.stderr.write(f"{error}\n")
            raise typer.Exit(error.exit_status) from None
        except BrokenPipeError:
            # Who reads has had enough. What is still in the buffer must not fail at the interpreter's end.
            with contextlib.suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit from None
        return result


app = typer.Typer(
    cls=_Commands,
    add_completion=False,
    pretty_exceptions_enable=False,  # it shows local variables, and a token may be among them
    context_settings={"help_option_names": ["-h", "--help"]},
)

CorpusOption = Annotated[
    Path | None,
    typer.Option(
        "--corpus",
        metavar="DIR",
        help="Answer from this folder; nothing is kept, no server's library touched.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]


def main() -> NoReturn:
    """Run the command line on the process's arguments."""
    status = 0
    try:
        app(prog_name="bot.py")
    except SystemExit as left:
        status = left.code if isinstance(left.code, int) else 1
    if any(thread.name.startswith("linernotes-") for thread in threading.enumerate()):
        # Left while the model was loading: nobody waits for that, and there is nothing to lose.
        with contextlib.suppress(OSError):
            sys.stdout.flush()
        os._exit(status)
    sys.exit(status)


# --- Without a command ------------------------------------------------------------------------------------


@app.callback(invoke_without_command=True)
def start(ctx: typer.Context) -> None:
    """Answer questions about a song from an article.

    Without a command, this is the Discord bot if DISCORD_TOKEN is set, and else a chat in the terminal.
    """
    if ctx.invoked_subcommand is not None:
        return
    settings = _settings()
    if settings.discord_token is not None:
        _log_to_stderr(settings, for_people=False)
        raise typer.Exit(_run_discord(settings))
    _log_to_stderr(settings)
    from linernotes.shell import terminal

    terminal.run(lambda building: _open(settings, "own", building), hint=terminal.DISCORD_HINT)


def _run_discord(settings: Settings) -> int:
    from linernotes import chat
    from linernotes.shell import control

    return chat.run(settings, control.serve)


# --- ask --------------------------------------------------------------------------------------------------


@app.command()
def ask(
    question: Annotated[str | None, typer.Argument(help="The question.")] = None,
    *,
    corpus: CorpusOption = None,
    as_json: JsonOption = False,
    batch: Annotated[
        str | None,
        typer.Option(
            "--batch",
            metavar="FILE",
            help='JSON Lines with "question" and perhaps "id" and "history"; - is standard input.'
            " One JSON line back for each.",
        ),
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show which passages and signals led to it.")
    ] = False,
) -> None:
    """Answer one question, or a batch of them."""
    from linernotes.measuring.questions import Asked, load, read_batch

    if (question is None) == (batch is None):
        raise typer.BadParameter("Give a QUESTION or a --batch FILE, one of them.")
    settings = _ready(corpus)
    asked = (Asked(question or ""),) if batch is None else read_batch(load(batch), batch)
    with _background(settings, corpus) as background:
        for each in asked:
            turn, milliseconds = _answer(background, each)
            if as_json or batch is not None:
                _print_json(_row(each, turn, milliseconds, explain=explain))
            else:
                _print_turn(background, turn, explain=explain)


def _answer(background: Background, asked: Asked) -> tuple[Turn, float]:
    """Return the reply and how long it took, the answers to the earlier questions left out."""
    turns = background.call(lambda library: library.recall(asked.history)) if asked.history else ()
    started = time.perf_counter()
    turn = background.call(lambda library: library.ask(asked.question, turns=turns))
    return turn, (time.perf_counter() - started) * 1_000


def _row(asked: Asked, turn: Turn, milliseconds: float, *, explain: bool) -> dict[str, Any]:
    from linernotes.models import Answer

    reply: Answer | Unanswered = turn.reply
    row: dict[str, Any] = dict(asked.key)
    row["question"] = asked.question
    if isinstance(reply, Answer):
        row |= {
            "answered": True,
            "text": reply.text,
            "confidence": round(reply.confidence, 4),
            "sentences": [_span(each) for each in reply.sentences],
            "passages": [_passage(hit) for hit in reply.hits],
            "reason": None,
            "nearest": None,
        }
    else:
        row |= {
            "answered": False,
            "text": "",
            "confidence": round(reply.confidence, 4),
            "sentences": [],
            "passages": [],
            "reason": reply.reason,
            "nearest": None if reply.nearest is None else _passage(reply.nearest),
        }
    row |= {"edition": reply.edition, "milliseconds": round(milliseconds, 2)}
    if isinstance(reply, Answer):
        bold = [_span(each) for each in reply.bold]
        row |= {"lead": _span(reply.lead), "certainty": reply.certainty, "bold": bold}
    else:
        row |= {"lead": None, "certainty": None, "bold": []}
    if explain:
        hits = reply.hits if isinstance(reply, Answer) else [reply.nearest] if reply.nearest else []
        row["explanation"] = {
            "standalone": turn.standalone,
            "signals": [{name: round(value, 4) for name, value in hit.signals.items()} for hit in hits],
        }
    return row


def _span(span: Lead | Sentence | Span) -> dict[str, Any]:
    return {"document": span.document, "start": span.start, "end": span.end, "text": span.text}


def _passage(hit: Hit) -> dict[str, Any]:
    passage = hit.passage
    return {
        "document": passage.document,
        "number": passage.number,
        "start": passage.start,
        "end": passage.end,
        "text": passage.text,
        "score": round(hit.score, 4),
    }


def _print_turn(background: Background, turn: Turn, *, explain: bool) -> None:
    from linernotes.shell.terminal import lines_of, reasons_of

    edition = background.call(lambda library: library.edition())
    for line in lines_of(edition, turn):
        typer.echo(line)
    if explain:
        typer.echo()
        for line in reasons_of(edition, turn):
            typer.echo(line)


# --- quotes -----------------------------------------------------------------------------------------------


@app.command()
def quotes(
    *,
    corpus: CorpusOption = None,
    speaker: Annotated[
        str | None,
        typer.Option("--speaker", metavar="NAME", help="Only by this speaker; part of a name will do."),
    ] = None,
    about: Annotated[
        str | None, typer.Option("--about", metavar="TEXT", help="The best match for this text first.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show the quotations of the corpus."""
    settings = _ready(corpus)
    found = (
        _quotes_in_order(settings, speaker)
        if about is None
        else _quotes_about(settings, corpus, speaker, about)
    )
    if as_json:
        _print_json([_quote(quote) for quote in found])
        return
    from linernotes.shell.terminal import attribution, printable

    for quote in found:
        typer.echo(f"“{printable(quote.text)}”")
        typer.echo(f"  — {printable(attribution(quote)) or 'speaker not named'} ({quote.document})")
    if not found:
        typer.echo("There is no such quotation." if speaker else "The corpus holds no quotation.")


def _quotes_in_order(settings: Settings, speaker: str | None) -> tuple[Quote, ...]:
    # The text alone says what is quoted: no need to wait for the model.
    from linernotes.corpus.quotes import find_quotes
    from linernotes.library.service import spoken_by
    from linernotes.library.shared import read_shared

    documents = read_shared(settings).require()
    found = tuple(quote for document in documents for quote in find_quotes(document))
    return found if speaker is None else spoken_by(found, speaker)


def _quotes_about(
    settings: Settings, corpus: Path | None, speaker: str | None, about: str
) -> tuple[Quote, ...]:
    with _background(settings, corpus) as background:
        return background.call(lambda library: library.quotes(speaker=speaker, about=about))


def _quote(quote: Quote) -> dict[str, Any]:
    return {
        "text": quote.text,
        "speaker": quote.speaker,
        "source": quote.source,
        "document": quote.document,
        "spans": [list(span) for span in quote.spans],
    }


# --- check and doctor -------------------------------------------------------------------------------------


@app.command()
def check(*, corpus: CorpusOption = None, as_json: JsonOption = False) -> None:
    """Read a corpus as a reload would, and say what is wrong with it."""
    from linernotes.corpus.quotes import find_quotes
    from linernotes.errors import CorpusError
    from linernotes.library.shared import read_shared

    settings = _ready(corpus)
    reading = read_shared(settings)
    counted = [(document, len(find_quotes(document))) for document in reading.documents]
    if as_json:
        documents = [
            {
                "document": document.name,
                "title": document.title,
                "artist": document.artist,
                "source": document.source,
                "date": document.date,
                "language": document.language,
                "characters": len(document.text),
                "quotes": number,
            }
            for document, number in counted
        ]
        problems = [
            {"severity": each.severity, "document": each.document, "line": each.line, "message": each.message}
            for each in reading.problems
        ]
        _print_json({"ok": not reading.errors, "documents": documents, "problems": problems})
    else:
        for document, number in counted:
            title = document.title or "without a title"
            typer.echo(f"{document.name}: {title}; {len(document.text):,} characters, {number} quotations")
        for problem in reading.problems:
            typer.echo(f"{problem.severity}: {problem}")
        if not reading.problems:
            typer.echo("Nothing is wrong.")
    if reading.errors:
        raise typer.Exit(CorpusError.exit_status)


@app.command()
def reload(*, as_json: JsonOption = False) -> None:
    """Let the running bot read the shared corpus again, and say what became of each server."""
    from rich.console import Console

    from linernotes.shell.control import request_reload

    settings = _settings()
    _log_to_stderr(settings)
    console = Console(stderr=True)
    with console.status("Waiting for the bot ...") as status:
        report = request_reload(
            settings.data_dir,
            lambda step, done, total: status.update(f"The bot is at it: {step} {done} of {total} ..."),
        )
    if as_json:
        _print_json(report)
        return
    typer.echo(
        f"The shared corpus is edition {report['edition'][:8]} now: {report['documents']} documents,"
        f" {report['passages']} passages, {report['quotations']} quotations."
    )
    for server in report["servers"]:
        typer.echo(" ".join(f"Server {server['guild']}: {server['did']}. {server['said']}".split()))


@app.command()
def doctor() -> None:
    """Check the installation: Python, settings, model, corpus and data folder, one line for each."""
    from linernotes.shell.doctor import examine

    status = 0
    for finding in examine(_environment()):
        typer.echo(str(finding))
        status = status or finding.exit_status
    raise typer.Exit(status)


# --- evaluate ---------------------------------------------------------------------------------------------


@app.command()
def evaluate(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE",
            help="Our JSON Lines, SQuAD 2.0 or expected quotations, perhaps with a corpus: run.jsonl=corpus.",
        ),
    ],
    *,
    corpus: CorpusOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask questions with known answers, and print how many come out right.

    Several files get a column each, and one for all of them.
    """
    from linernotes.measuring.evaluation import ALL, as_json_of, figures
    from linernotes.measuring.evaluation import as_json as figures_as_json

    settings = _ready(corpus)
    # All of it is read before the model is loaded and the first question asked.
    sets = {each.name: each for each in _question_sets(settings, corpus, files)}
    load_model = functools.cache(lambda: _load_model(settings))
    outcomes = {name: tuple(_outcomes(each, load_model)) for name, each in sets.items()}
    quotations = {name: _quotations(each) for name, each in sets.items()}
    found = {name: figures(outcomes[name], quotations[name]) for name in sets}
    if len(sets) > 1:
        found[ALL] = figures(
            [each for name in sets for each in outcomes[name]],
            [each for name in sets for each in quotations[name]],
        )
    if not as_json:
        _print_figures(found)
    elif len(sets) == 1:
        _print_json(figures_as_json(*found.values()))
    else:
        about = {
            name: {"file": each.file, "corpus": None if each.corpus is None else str(each.corpus)}
            for name, each in sets.items()
        }
        _print_json(as_json_of(found, about))


@dataclasses.dataclass(frozen=True, slots=True)
class _QuestionSet:
    """A file of questions, or of expected quotations; without a corpus, that of the settings is asked."""

    name: str
    file: str
    corpus: Path | None
    settings: Settings
    articles: tuple[Article, ...]
    expected: tuple[Expected, ...]


def _question_sets(settings: Settings, corpus: Path | None, given: Sequence[str]) -> Iterator[_QuestionSet]:
    from linernotes.library.shared import read_shared
    from linernotes.measuring.evaluation import ALL, read_cases, read_expected
    from linernotes.measuring.questions import load

    names = {ALL}
    for each in given:
        file, folder = _split(each)
        data = load(file)
        expected = read_expected(data, file)
        articles = read_cases(data, file) if expected is None else ()
        of = corpus if folder is None else folder
        own = settings if of is None else settings.model_copy(update={"corpus_dir": of})
        if any(article.text is None for article in articles) or expected is not None:
            read_shared(own).require()
        name = Path(file).stem if Path(file).stem not in names else each
        names.add(name)
        yield _QuestionSet(name, file, of, own, articles, expected or ())


def _split(given: str) -> tuple[str, Path | None]:
    """Return file and folder of ``FILE=FOLDER``; a file with such a name is a file."""
    file, _, folder = given.partition("=")
    is_file = False
    with contextlib.suppress(OSError):
        is_file = Path(given).exists()
    return (given, None) if is_file or not folder else (file, Path(folder))


def _load_model(settings: Settings) -> Embedder:
    from rich.console import Console

    from linernotes.retrieval.embedding import SentenceTransformerEmbedder

    with Console(stderr=True).status("Loading the model ..."):
        return SentenceTransformerEmbedder(settings.embedding_model)


def _outcomes(given: _QuestionSet, load_model: Callable[[], Embedder]) -> Iterator[Outcome]:
    """Ask every question, of its article's text where it has one, else of the corpus."""
    from linernotes.library import Library
    from linernotes.shell.terminal import Background

    for article in given.articles:
        embedder = load_model()
        if article.text is None:
            with _background(given.settings, given.corpus, embedder) as background:
                yield from _ask_all(background, embedder, article)
            continue
        with tempfile.TemporaryDirectory() as folder:
            # Written out and read again: a text of its own meets what every corpus meets.
            Path(folder, "article.txt").write_text(article.text, encoding="utf-8")
            alone = given.settings.model_copy(update={"corpus_dir": Path(folder)})
            with Background(
                functools.partial(Library.open, alone, embedder=embedder, keep="nothing")
            ) as background:
                yield from _ask_all(background, embedder, article)


def _ask_all(background: Background, embedder: Embedder, article: Article) -> Iterator[Outcome]:
    from rich.console import Console
    from rich.progress import track

    from linernotes.engine import Engine
    from linernotes.measuring.evaluation import Outcome
    from linernotes.measuring.questions import Asked
    from linernotes.models import Answer

    engine = Engine(embedder)
    console = Console(stderr=True)
    cases = track(
        article.cases, article.title, console=console, transient=True, disable=not console.is_terminal
    )
    for case in cases:
        turn, milliseconds = _answer(background, Asked(case.question, case.history))
        withheld = None
        if case.is_answerable and not isinstance(turn.reply, Answer):
            withheld = _withheld(background, engine, turn, case.history)
        yield Outcome(case, turn.reply, milliseconds, withheld)


def _withheld(background: Background, engine: Engine, turn: Turn, history: Sequence[str]) -> Answer | None:
    """Return the answer that was refused. The library never gives it away; the engine that it asks does."""
    from linernotes.models import Answer

    edition = background.call(lambda library: library.edition())
    turns = background.call(lambda library: library.recall(history)) if history else ()
    reply = engine.ask(edition, turn.question, turns, refuse=False).reply
    return reply if isinstance(reply, Answer) else None


def _quotations(given: _QuestionSet) -> tuple[bool | None, ...]:
    """Say of each expected quotation whether its speaker is right, or ``None`` where it is not found."""
    from linernotes.corpus.quotes import find_quotes
    from linernotes.library.shared import read_shared
    from linernotes.measuring.evaluation import mark_quotations

    if not given.expected:
        return ()
    documents = read_shared(given.settings).require()
    return mark_quotations(given.expected, [each for document in documents for each in find_quotes(document)])


# As wide are tables that go into a file or a pipe.
_PIPED_WIDTH = 100


def _print_figures(sets: Mapping[str, Figures]) -> None:
    from rich.console import Console

    from linernotes.measuring.evaluation import as_tables

    console = Console(highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _PIPED_WIDTH
    console.print(as_tables(sets, console.width))


@app.command()
def tune(
    questions: Annotated[
        list[str],
        typer.Argument(help="SQuAD 2.0 files, and ours with their corpus folder: run.jsonl=corpus."),
    ],
    *,
    write: Annotated[bool, typer.Option("--write", help="Replace the weights that ship.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Learn the weights from questions with known answers, and print what cross-validation says of them."""
    from linernotes.engine import Engine
    from linernotes.library.editions import EditionStore
    from linernotes.measuring.evaluation import as_json_of
    from linernotes.measuring.tuning import as_files
    from linernotes.measuring.tuning import tune as learn

    settings = _ready(None)
    engine = Engine(_load_model(settings))
    store = EditionStore(None, engine.segments, engine.indexes)
    articles = [
        (store.open_edition(documents), cases, is_squad)
        for given in questions
        for documents, cases, is_squad in _lessons(settings, given)
    ]
    tuned = learn(engine, articles)
    if as_json:
        _print_json(as_json_of(tuned.report, {name: {"set": name} for name in tuned.report}))
    else:
        _print_figures(tuned.report)
    if write:
        for room, text in zip(("retrieval", "answering"), as_files(tuned), strict=True):
            Path(__file__).with_name(room).joinpath("weights.json").write_text(text, encoding="utf-8")


def _lessons(settings: Settings, given: str) -> Iterator[tuple[Sequence[Document], Sequence[Case], bool]]:
    """Read a question file: the documents and questions of each article, and whether these are SQuAD's."""
    from linernotes.corpus.documents import read_corpus, read_document
    from linernotes.measuring.evaluation import read_cases
    from linernotes.measuring.questions import load

    file, folder = _split(given)
    for article in read_cases(load(file), file):
        if article.text is None:
            reading = read_corpus(
                folder or settings.corpus_dir,
                max_file_bytes=settings.max_file_bytes,
                max_corpus_bytes=settings.max_corpus_bytes,
            )
            yield reading.require(), article.cases, False
        else:
            yield [read_document(article.text.encode(), "article.txt")[0]], article.cases, True


# --- Parts ------------------------------------------------------------------------------------------------


def _environment() -> dict[str, str]:
    """Return the environment, with what ``.env`` in the working directory adds to it.

    Raises:
        ConfigurationError: ``.env`` cannot be read.
    """
    from dotenv import dotenv_values

    try:
        # No interpolation: a value is what stands there.
        written = dotenv_values(".env", interpolate=False, encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"The file .env cannot be read: {error}.") from None
    return {name: value for name, value in written.items() if value is not None} | dict(os.environ)


def _settings() -> Settings:
    from linernotes.settings import Settings

    return Settings.from_env(_environment())


def _ready(corpus: Path | None) -> Settings:
    """Return the settings of a command that answers from ``corpus``, or from the shared corpus."""
    settings = _settings()
    _log_to_stderr(settings)
    return settings if corpus is None else settings.model_copy(update={"corpus_dir": corpus})


def _log_to_stderr(settings: Settings, *, for_people: bool = True) -> None:
    # Who types a command reads its answer, not how it came about, unless LOG_LEVEL asks for it.
    quiet = for_people and "log_level" not in settings.model_fields_set
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    # Libraries set levels of their own; of them we want to hear what is wrong, no more.
    handler.addFilter(
        lambda record: record.levelno >= logging.WARNING or record.name.startswith("linernotes")
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("linernotes").setLevel(logging.WARNING if quiet else settings.log_level.upper())


@contextlib.asynccontextmanager
async def _open(
    settings: Settings, keep: Keep, progress: Building, embedder: Embedder | None = None
) -> AsyncIterator[Library]:
    """Open a library; one that works on ``DATA_DIR`` alone can be told to reload."""
    from linernotes.library import Library
    from linernotes.shell import control

    async with Library.open(settings, embedder=embedder, keep=keep, progress=progress) as library:
        if keep != "own":
            yield library
            return
        async with control.serve(library, settings.data_dir):
            yield library


@contextlib.contextmanager
def _background(
    settings: Settings, corpus: Path | None, embedder: Embedder | None = None
) -> Iterator[Background]:
    """Open a library for a command, and show on a terminal how far it is."""
    from rich.console import Console

    from linernotes.shell.terminal import Background, Building

    building = Building(Console(stderr=True))
    keep: Keep = "borrow" if corpus is None else "nothing"
    with Background(lambda: _open(settings, keep, building, embedder)) as background:
        building.wait_for(background.ready)
        yield background


def _print_json(value: object) -> None:
    sys.stdout.write(f"{json.dumps(value, ensure_ascii=False, allow_nan=False)}\n")
    sys.stdout.flush()
