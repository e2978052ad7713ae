"""``evaluate`` and ``tune``: questions with known answers are asked, and the figures printed."""

from __future__ import annotations

import dataclasses
import functools
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import linernotes
from linernotes.errors import QuestionFileError, RefusalError
from linernotes.shell.environment import settings_for
from linernotes.shell.options import (  # typer reads the annotations
    CorpusOption,
    JsonOption,
    file_and_folder,
)
from linernotes.shell.output import print_json, table_console

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from linernotes.engine import Engine
    from linernotes.measuring.cases import Article, Case, Expected
    from linernotes.measuring.figures import Figures
    from linernotes.measuring.judging import Outcome
    from linernotes.measuring.noted import Asked
    from linernotes.measuring.tuning import Step
    from linernotes.models import Answer, Document, Evidence, Turn
    from linernotes.reading.reader import OnnxReader
    from linernotes.retrieval.embedding import Embedder
    from linernotes.settings import Settings
    from linernotes.shell.background import Background

# --- evaluate ---------------------------------------------------------------------------------------------


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
    from linernotes.measuring.controls import controls_of
    from linernotes.measuring.figures import figures
    from linernotes.measuring.report import ALL, as_json_of
    from linernotes.measuring.report import as_json as figures_as_json

    settings = settings_for(corpus)
    # All of it is read before the model is loaded and the first question asked.
    sets = {each.name: each for each in _question_sets(settings, corpus, files)}
    load_models = functools.cache(lambda: _load_models(settings))
    outcomes = {name: tuple(_outcomes(each, load_models)) for name, each in sets.items()}
    quotations = {name: _quotations(each) for name, each in sets.items()}
    found = {name: figures(outcomes[name], quotations[name], controls_of([outcomes[name]])) for name in sets}
    if len(sets) > 1:
        found[ALL] = figures(
            [each for name in sets for each in outcomes[name]],
            [each for name in sets for each in quotations[name]],
            controls_of([outcomes[name] for name in sets]),
        )
    if not as_json:
        _print_figures(found)
    elif len(sets) == 1:
        print_json(figures_as_json(*found.values()))
    else:
        about = {
            name: {"file": each.file, "corpus": None if each.corpus is None else str(each.corpus)}
            for name, each in sets.items()
        }
        print_json(as_json_of(found, about))


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
    from linernotes.measuring.cases import read_cases, read_expected
    from linernotes.measuring.json_lines import load
    from linernotes.measuring.report import ALL

    names = {ALL}
    for each in given:
        file, folder = file_and_folder(each)
        data = load(file)
        expected = read_expected(data, file)
        articles = read_cases(data, file) if expected is None else ()
        of = corpus if folder is None else folder
        own = settings if of is None else settings.model_copy(update={"corpus_dir": of})
        if any(article.text is None for article in articles) or expected is not None:
            read_shared(own).accept()
        name = Path(file).stem if Path(file).stem not in names else each
        names.add(name)
        yield _QuestionSet(name, file, of, own, articles, expected or ())


def _outcomes(
    given: _QuestionSet, load_models: Callable[[], tuple[Embedder, OnnxReader | None]]
) -> Iterator[Outcome]:
    """Ask every question, of its article's text where it has one, else of the corpus."""
    from linernotes.engine import Engine
    from linernotes.library import Library
    from linernotes.shell.background import Background, library_for

    for article in given.articles:
        embedder, reader = load_models()
        engine = Engine(embedder, reader=reader)
        if article.text is None:
            with library_for(given.settings, given.corpus, embedder, reader) as background:
                yield from _ask_all(background, engine, article)
            continue
        with tempfile.TemporaryDirectory() as folder:
            # Written out and read again: a text of its own meets what every corpus meets.
            Path(folder, "article.txt").write_text(article.text, encoding="utf-8")
            alone = given.settings.model_copy(update={"corpus_dir": Path(folder)})
            with Background(
                functools.partial(Library.open, alone, embedder=embedder, reader=reader, keep="nothing")
            ) as background:
                yield from _ask_all(background, engine, article)


def _ask_all(background: Background, engine: Engine, article: Article) -> Iterator[Outcome]:
    from rich.console import Console
    from rich.progress import track

    from linernotes.measuring.controls import other_passages
    from linernotes.measuring.judging import Outcome
    from linernotes.models import Answer
    from linernotes.shell.background import timed_ask

    console = Console(stderr=True)
    cases = track(
        article.cases, article.title, console=console, transient=True, disable=not console.is_terminal
    )
    edition = background.call(lambda library: library.edition())
    outcomes: list[Outcome] = []
    told: list[tuple[int, tuple[str, Evidence]]] = []
    for case in cases:
        turn, milliseconds = timed_ask(background, case.question, case.history)
        withheld = None
        if case.is_answerable and not isinstance(turn.reply, Answer):
            withheld = _withheld(background, engine, turn, case.history)
        if case.kind in {"answerable", "near"} and (asked := engine.search(edition, case.question)):
            told.append((len(outcomes), (asked.question, asked.evidence)))
        outcomes.append(Outcome(case, turn.reply, milliseconds, withheld))
    strayed = other_passages([asked for _, asked in told], edition.index)
    for (at, _), probability in zip(told, strayed, strict=True):
        outcomes[at] = dataclasses.replace(outcomes[at], strayed=probability)
    yield from outcomes


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
    from linernotes.library.shared import require_shared
    from linernotes.measuring.judging import mark_quotations

    if not given.expected:
        return ()
    documents = require_shared(given.settings).documents
    return mark_quotations(given.expected, [each for document in documents for each in find_quotes(document)])


# --- tune -------------------------------------------------------------------------------------------------


# Weights are judged by an article that they have not seen.
_FEWEST_ARTICLES = 2
_STEPS: dict[Step, str] = {"ask": "Asking", "learn": "Learning"}


def tune(
    questions: Annotated[
        list[str],
        typer.Argument(help="SQuAD 2.0 files, and ours with their corpus folder: run.jsonl=corpus."),
    ],
    *,
    write: Annotated[bool, typer.Option("--write", help="Replace the weights that ship.")] = False,
    most: Annotated[
        int | None,
        typer.Option("--most", metavar="N", min=1, help="Of each of SQuAD's articles, N questions at most."),
    ] = None,
    notes: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER=TEXTS",
            help="Notes with questions put to them, NAME.jsonl of the article in TEXTS/NAME.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Learn the weights from questions with known answers, and print what cross-validation says of them."""
    from rich.console import Console
    from rich.progress import Progress

    from linernotes.engine import Engine
    from linernotes.library.editions import EditionStore
    from linernotes.measuring.report import as_json_of
    from linernotes.measuring.tuning import as_files
    from linernotes.measuring.tuning import tune as learn

    settings = settings_for(None)
    # All of it is read before the model is loaded: what is wrong with it is said at once.
    lessons = [each for given in questions for each in _lessons(settings, given)]
    if len(lessons) < _FEWEST_ARTICLES:
        raise QuestionFileError(
            ", ".join(questions),
            "there is one article only, and each is judged by weights from the others; name a second file.",
        )
    noted = [*_noted(settings, notes)] if notes is not None else []
    embedder, reader = _load_models(settings)
    engine = Engine(embedder, reader=reader)
    store = EditionStore(None, engine.segments, engine.indexes)
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as shown:
        reading = shown.add_task("Embedding the articles", total=len(lessons))
        articles = []
        for documents, cases, is_squad in lessons:
            articles.append((store.open_edition(documents), cases, is_squad))
            shown.advance(reading)
        tasks = {step: shown.add_task(words, total=None) for step, words in _STEPS.items()}
        tuned = learn(
            engine,
            articles,
            lambda step, done, total: shown.update(tasks[step], completed=done, total=total),
            most=most,
            noted=[(store.open_edition(documents), asked) for documents, asked in noted],
        )
    if as_json:
        print_json(as_json_of(tuned.report, {name: {"set": name} for name in tuned.report}))
    else:
        _print_figures(tuned.report)
    if write:
        for room, text in zip(("retrieval", "answering"), as_files(tuned), strict=True):
            Path(linernotes.__file__).parent.joinpath(room, "weights.json").write_text(text, encoding="utf-8")


def _lessons(settings: Settings, given: str) -> Iterator[tuple[Sequence[Document], Sequence[Case], bool]]:
    """Read a question file: the documents and questions of each article, and whether these are SQuAD's."""
    from linernotes.corpus.files import read_document
    from linernotes.library.shared import read_shared
    from linernotes.measuring.cases import read_cases
    from linernotes.measuring.json_lines import load

    file, folder = file_and_folder(given)
    for article in read_cases(load(file), file):
        if article.text is None:
            there = settings.model_copy(update={"corpus_dir": folder or settings.corpus_dir})
            yield read_shared(there).require(), article.cases, False
        else:
            yield [read_document(article.text.encode(), "article.txt")[0]], article.cases, True


def _noted(settings: Settings, given: str) -> Iterator[tuple[Sequence[Document], Sequence[Asked]]]:
    """Read articles with notes on them, and what is put to these: as they say, in other words, and near."""
    from linernotes.corpus.files import read_document
    from linernotes.library.notes import make_note, write_notes
    from linernotes.library.shared import read_shared
    from linernotes.measuring.json_lines import load, rows, text_of, texts_of
    from linernotes.measuring.noted import Asked
    from linernotes.models import NOTES

    folder, texts = file_and_folder(given)
    if texts is None:
        raise QuestionFileError(
            given, "is not FOLDER=TEXTS: the folder of the notes, and that of the articles."
        )
    files = sorted(Path(folder).glob("*.jsonl"))
    if not files:
        raise QuestionFileError(folder, "has no file NAME.jsonl.")
    for file in files:
        written, asked = [], []
        for line, row in rows(load(str(file)), str(file)):
            question, answer = (text_of(row, key, str(file), line) for key in ("question", "answer"))
            try:
                written.append(make_note(question, answer))
            except RefusalError as error:
                raise QuestionFileError(str(file), str(error), line) from None
            ways = (question, *texts_of(row, "asked", str(file), line))
            asked += [Asked(each, written[-1].answer) for each in ways]
            asked += [Asked(each, None) for each in texts_of(row, "near", str(file), line)]
        article = read_shared(settings.model_copy(update={"corpus_dir": texts / file.stem})).require()
        yield [*article, read_document(write_notes(written), NOTES)[0]], asked


# --- What both need ---------------------------------------------------------------------------------------


def _load_models(settings: Settings) -> tuple[Embedder, OnnxReader | None]:
    """Return the embedder and, where the settings want it, the reader."""
    from rich.console import Console

    from linernotes.reading.reader import OnnxReader
    from linernotes.retrieval.embedding import open_embedder

    with Console(stderr=True).status("Loading the models ..."):
        reader = OnnxReader() if settings.reader else None
        return open_embedder(settings.embedding_model), reader


def _print_figures(sets: Mapping[str, Figures]) -> None:
    from linernotes.measuring.report import as_tables

    console = table_console()
    console.print(as_tables(sets, console.width))
