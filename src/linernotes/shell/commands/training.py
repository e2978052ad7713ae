"""``train``: a reader is trained from questions in SQuAD's format, and from our own."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from linernotes.errors import ConfigurationError
from linernotes.shell.environment import settings_for
from linernotes.shell.options import JsonOption, file_and_folder
from linernotes.shell.output import print_json, table_console

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from linernotes.measuring.training.batches import Pace
    from linernotes.measuring.training.narrowing import Size
    from linernotes.measuring.training.run import Material, Teacher, Trained
    from linernotes.models import Document
    from linernotes.settings import Settings

_STEPS = 5_000
# What the training itself takes for granted (a test compares them): to ask it would load PyTorch.
_RATE, _TOKENS = 1.2e-4, 3_600


def train(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE",
            help="In SQuAD's format, gzipped or not, or FILE=FOLDER: our own lines, and their texts.",
        ),
    ],
    *,
    held_out: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE", help="Judge by these; without it, by a twentieth of the articles."),
    ] = None,
    steps: Annotated[int, typer.Option(min=1, help="So many, some forty windows each.")] = _STEPS,
    seed: Annotated[int, typer.Option(help="Of all that is drawn by lot.")] = 1,
    out: Annotated[Path, typer.Option(help="The folder for reader.onnx and the checkpoint.")] = Path(
        "reader-training"
    ),
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint there.")] = False,
    start: Annotated[
        Path | None,
        typer.Option(metavar="READER.onnx", help="Start from this reader, instead of the encoder."),
    ] = None,
    heads: Annotated[
        int | None,
        typer.Option(min=1, help="Of what it starts from, so many heads of a layer stay, on the average."),
    ] = None,
    units: Annotated[
        int | None,
        typer.Option(min=1, help="So many units of a layer's feed-forward half stay, on the average."),
    ] = None,
    kept: Annotated[
        float,
        typer.Option(
            min=0.0, max=1.0, metavar="SHARE", help="So much of what it starts from stays in what is written."
        ),
    ] = 0.0,
    teacher: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="MODEL",
            help="A larger encoder (BERT's or MPNet's, .safetensors), which learns first and then teaches;"
            " or readers (.onnx) that teach together, each named by an option of its own.",
        ),
    ] = None,
    teacher_steps: Annotated[int, typer.Option(min=1, help="So many of the teacher.")] = _STEPS,
    rate: Annotated[float, typer.Option(help="The highest at which it learns.")] = _RATE,
    tokens: Annotated[int, typer.Option(min=256, help="Of one step, some ninety a window.")] = _TOKENS,
    drawing: Annotated[
        int, typer.Option(min=0, help="So many processes draw ahead; a graphics card wants several.")
    ] = 0,
    as_json: JsonOption = False,
) -> None:
    """Train the reader, and print what it makes of articles that it has not seen."""
    from rich.console import Console

    console = Console(stderr=True)
    with console.status("Reading the questions ..."):
        from linernotes.measuring.training.run import read_material

        settings = settings_for(None)
        judged = [_with_texts(settings, each) for each in held_out or ()]
        material = read_material([_with_texts(settings, each) for each in files], judged, seed)
    _prepare(out, resume=resume)
    begun = None if start is None else _read_start(start)
    if (heads is None) != (units is None) or (heads is not None and begun is None):
        raise ConfigurationError("To narrow a reader, say --start, --heads and --units.")
    if kept and begun is None:
        raise ConfigurationError("With --kept, say with --start of what.")
    from linernotes.measuring.training.batches import Pace
    from linernotes.measuring.training.narrowing import Size

    narrowed = Size(heads, units) if heads is not None and units is not None else None
    taught = _teachers(teacher or (), teacher_steps)
    pace = Pace(rate, tokens, drawing)
    trained = _train(
        material,
        console,
        out,
        steps,
        seed,
        pace=pace,
        resume=resume,
        start=begun,
        narrowed=narrowed,
        kept=kept,
        teacher=taught,
    )
    if as_json:
        figures = {
            name: None if math.isnan(value) else value
            for name, value in dataclasses.asdict(trained.figures).items()
        }
        print_json(
            {"file": str(trained.path), "sha256": trained.sha256, "windows": trained.windows, **figures}
        )
    else:
        _print(trained)


def _with_texts(settings: Settings, given: str) -> tuple[str, tuple[Document, ...] | None]:
    """Return a file of questions and the texts in its folder, if it has one.

    Raises:
        CorpusError: nothing there can be read.
    """
    from linernotes.library.shared import read_shared

    file, folder = file_and_folder(given)
    if folder is None:
        return file, None
    return file, read_shared(settings.model_copy(update={"corpus_dir": folder})).require()


def _prepare(folder: Path, *, resume: bool) -> None:
    """Make the folder.

    Raises:
        ConfigurationError: it cannot be made, or a checkpoint is missing there, or would be lost.
    """
    from linernotes.measuring.training.run import CHECKPOINT

    try:
        folder.mkdir(parents=True, exist_ok=True)
        there = (folder / CHECKPOINT).is_file()
    except OSError as error:
        raise ConfigurationError(f"The folder {folder} cannot be made: {error}.") from None
    if resume and not there:
        raise ConfigurationError(f"In {folder} is no checkpoint to go on from.")
    if there and not resume:
        raise ConfigurationError(
            f"In {folder} is the checkpoint of another run: go on from it with --resume,"
            " or name another folder."
        )


def _read_start(path: Path) -> bytes:
    """Read a reader's file.

    Raises:
        ConfigurationError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"The reader {path} cannot be read: {error}.") from None


def _teachers(paths: Sequence[Path], steps: int) -> Teacher | list[bytes] | None:
    """Return who teaches: an encoder that learns in so many steps first, or the files of readers.

    Raises:
        ConfigurationError: one is not there, or they are not of one kind.
    """
    from linernotes.measuring.training.run import Teacher

    for path in paths:
        if not path.is_file():
            raise ConfigurationError(f"The teacher {path} is no file.")
    if not paths:
        return None
    if all(path.suffix == ".onnx" for path in paths):
        return [_read_start(path) for path in paths]
    if len(paths) > 1:
        raise ConfigurationError("Several teachers must all be readers (.onnx).")
    return Teacher(paths[0], steps)


def _train(
    material: Material,
    console: Console,
    folder: Path,
    steps: int,
    seed: int,
    *,
    pace: Pace,
    resume: bool,
    start: bytes | None,
    narrowed: Size | None,
    kept: float,
    teacher: Teacher | Sequence[bytes] | None,
) -> Trained:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from linernotes.measuring.training.run import Teacher
    from linernotes.measuring.training.run import train as run

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[told]}"),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        learning_first = teacher if isinstance(teacher, Teacher) else None
        teaching = progress.add_task(
            "Teacher",
            total=learning_first.steps if learning_first else 0,
            visible=learning_first is not None,
            told="",
        )
        learning = progress.add_task("Learning", total=steps, told="")
        judging = progress.add_task("Judging", total=len(material.judged_questions), told="")
        mean = math.nan

        def on_step(step: int, loss: float) -> None:
            nonlocal mean
            mean = loss if math.isnan(mean) else 0.8 * mean + 0.2 * loss
            progress.update(learning, completed=step, told=f"loss {mean:.3f}")

        return run(
            material,
            folder,
            steps=steps,
            seed=seed,
            resume=resume,
            start=start,
            narrowed=narrowed,
            kept=kept,
            teacher=teacher,
            pace=pace,
            on_step=on_step,
            on_taught=lambda step, loss: progress.update(teaching, completed=step, told=f"loss {loss:.3f}"),
            on_judged=lambda: progress.advance(judging),
        )


def _print(trained: Trained) -> None:
    from rich.table import Table

    figures = trained.figures
    table = Table(title=f"{figures.questions} questions held out, {figures.near_misses} near misses")
    table.add_column("measure")
    table.add_column("", justify="right")
    for name, value in (
        ("one of the sentences read holds the answer", figures.within_reach),
        ("the first holds it, by its words", figures.lead_by_words),
        ("the first holds it, by the reader", figures.lead),
        ("F1 of the reader's words", figures.f1),
        ("F1 where it is surest, a half", figures.f1_surest_half),
        ("AUROC of answerable against near misses", figures.auroc),
        ("near misses held back with a quarter of right leads", figures.held_back),
    ):
        table.add_row(name, "–" if math.isnan(value) else f"{value:.3f}")  # noqa: RUF001  a dash for nothing
    console = table_console()
    console.print(table)
    console.print(f"{trained.path}, from {trained.windows} windows, SHA-256 {trained.sha256}")
