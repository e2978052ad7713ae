"""The loss, the steps, and checkpoints from which a run goes on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional

from linernotes.measuring.training.network import MASKED, ReaderNetwork
from linernotes.reading.windows import pad

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from linernotes.measuring.training.lessons import Lesson, Lessons
    from linernotes.models import Floats

# Padded tokens of a step, some 40 windows.
TOKENS = 3_600
RATE, HEAD_RATE, WEIGHT_DECAY = 1.2e-4, 5e-4, 0.01
_BETAS = (0.9, 0.98)
_CLIP = 1.0
# The rate rises over the first steps, stays, and falls in a line over the last part of them (warmup-stable-
# decay, Hu et al. 2024): where the end is may be said late.
_WARMUP = 300
# Of the rate, where a reader goes on: at the whole of it, much of what it knows would be lost again.
_BEGUN = 0.5
_FALLING = 0.2
_LAST = 0.02


class Batch(NamedTuple):
    """Lessons as tensors: W windows of T tokens, whose S sentences compete within Q questions."""

    ids: Tensor
    kinds: Tensor
    mask: Tensor
    """(W, T) each."""
    outside: Tensor
    """(W, T): where no answer may lie; the first token stands for "no words here", and is not outside."""
    first: Tensor
    last: Tensor
    """(W,): the answer's tokens, 0 for none."""
    answered: Tensor
    """(W,): 1.0 where the window answers."""
    certain: Tensor
    """(W,): 0.0 where the window may answer although it is not said to."""
    place: Tensor
    """(W, T): the token's sentence; S where it is in none."""
    question: Tensor
    """(S,): the sentence's question."""
    doubtful: Tensor
    """(S,): whether it is left out of the competition."""
    gold: Tensor
    """(Q,): the sentence that answers, or S plus the question's number where none does."""


def collate(questions: Sequence[Sequence[Lesson]]) -> Batch:
    """Put the lessons of some questions together, padded to the longest window."""
    lessons = [each for lessons in questions for each in lessons]
    ids, kinds, mask = pad([each.window for each in lessons])
    total = sum(len(each.window.sentences) for each in lessons)
    outside, place = np.ones(ids.shape, bool), np.full(ids.shape, total, np.int64)
    outside[:, 0] = False
    question: list[int] = []
    doubtful: list[bool] = []
    gold = [total + number for number in range(len(questions))]
    rows = ((number, each) for number, lessons in enumerate(questions) for each in lessons)
    for row, (number, lesson) in enumerate(rows):
        for at, (begin, stop) in enumerate(lesson.window.sentences):
            outside[row, begin:stop] = False
            place[row, begin:stop] = len(question)
            if at == lesson.gold:
                gold[number] = len(question)
            question.append(number)
            # A sentence that was cut off altogether has no tokens to be known by.
            doubtful.append(at in lesson.doubtful or begin == stop)
    return Batch(
        ids=torch.from_numpy(ids),
        kinds=torch.from_numpy(kinds),
        mask=torch.from_numpy(mask),
        outside=torch.from_numpy(outside),
        first=torch.tensor([each.first for each in lessons]),
        last=torch.tensor([each.last for each in lessons]),
        answered=torch.tensor([float(each.gold is not None) for each in lessons]),
        certain=torch.tensor([float(each.gold is not None or not each.doubtful) for each in lessons]),
        place=torch.from_numpy(place),
        question=torch.tensor(question),
        doubtful=torch.tensor(doubtful),
        gold=torch.tensor(gold),
    )


def loss_of(logits: Tensor, batch: Batch) -> Tensor:
    """Return the loss of logits of shape (W, T, 3), the sum of three.

    - each window: its answer's first and last token against all others and against "no words here";
    - each window: whether it answers;
    - each question: the sentence that answers against all others of its windows, and against none of them.
    """
    first = functional.cross_entropy(
        logits[:, :, 0].masked_fill(batch.outside, MASKED), batch.first, reduction="none"
    )
    last = functional.cross_entropy(
        logits[:, :, 1].masked_fill(batch.outside, MASKED), batch.last, reduction="none"
    )
    answered = functional.binary_cross_entropy_with_logits(logits[:, 0, 2], batch.answered, reduction="none")
    windows = ((first + last + answered) * batch.certain).sum() / batch.certain.sum().clamp_min(1.0)
    sentences, questions = len(batch.question), len(batch.gold)
    evidence = _log_sums(logits[:, :, 2].reshape(-1), batch.place.reshape(-1), sentences + 1)[:sentences]
    # "None of them" has 0 in each question.
    scores = torch.cat([evidence.masked_fill(batch.doubtful, MASKED), torch.zeros(questions)])
    whole = _log_sums(scores, torch.cat([batch.question, torch.arange(questions)]), questions)
    return 0.5 * windows + 0.5 * (whole - scores[batch.gold]).mean()


def _log_sums(values: Tensor, groups: Tensor, count: int) -> Tensor:
    """Return for each of ``count`` groups the logarithm of the sum of the exponentials of its values."""
    peaks = torch.full((count,), 10 * MASKED).scatter_reduce(0, groups, values.detach(), "amax")
    sums = torch.zeros(count).index_add(0, groups, (values - peaks[groups]).exp())
    return sums.clamp_min(1e-30).log() + peaks


def rate_at(step: int, steps: int) -> float:
    """Return the rate at a step of ``steps``, as a share of the highest."""
    falling = max(round(steps * _FALLING), 1)
    left = min(1.0, (steps - step) / falling)
    return min(1.0, (step + 1) / _WARMUP) * (_LAST + (1.0 - _LAST) * left)


def _precision() -> torch.dtype:
    """Return the precision that is fastest here: to emulate bfloat16 costs more than it saves."""
    # Nothing public says it.
    has = torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()  # noqa: SLF001
    return torch.bfloat16 if has else torch.float32


class Learner:
    """A network that learns, in bfloat16 where the processor has it; its weights are kept in float32.

    As Micikevicius et al. 2018 do.
    """

    def __init__(self, network: ReaderNetwork, lessons: Lessons, seed: int, *, begun: bool = False) -> None:
        """Take a network, which is changed, and what it learns from; ``begun`` if it is a reader already."""
        self.step = 0
        self.windows = 0
        """How many it has learned from."""
        self._pool = 0
        self._network, self._lessons, self._seed = network, lessons, seed
        self._share = _BEGUN if begun else 1.0
        # Most words are met too seldom to learn anything of them.
        for table in (network.words, network.positions):
            table.weight.requires_grad_(False)  # noqa: FBT003  it has no name
        self._low = {name: each for name, each in network.named_parameters() if each.requires_grad}
        self._high = {name: each.detach().clone().float() for name, each in self._low.items()}
        network.to(_precision())
        network.head.float()
        self._optimizer = torch.optim.AdamW(self._parts(), betas=_BETAS, fused=True)

    def _parts(self) -> Iterator[dict[str, object]]:
        def is_head(name: str) -> bool:
            return name.startswith("head.")

        def part(want: Callable[[str, Tensor], bool], rate: float, decay: float) -> dict[str, object]:
            chosen = [each for name, each in self._high.items() if want(name, each)]
            return {"params": chosen, "highest": rate, "lr": rate, "weight_decay": decay}

        yield part(lambda name, each: not is_head(name) and each.ndim > 1, RATE, WEIGHT_DECAY)
        yield part(lambda name, each: not is_head(name) and each.ndim == 1, RATE, 0.0)
        yield part(lambda name, _: is_head(name), HEAD_RATE, 0.0)

    def learn(self, steps: int) -> Iterator[float]:
        """Learn until there were ``steps`` steps; yield the loss after each."""
        self._network.train()
        while self.step < steps:
            for questions in self._lessons.batches(self._seed, self._pool, TOKENS):
                if self.step == steps:
                    return
                yield self._learn_from(questions, rate_at(self.step, steps))
            self._pool += 1

    def _learn_from(self, questions: Sequence[Sequence[Lesson]], share: float) -> float:
        batch = collate(questions)
        loss = loss_of(self._network(batch.ids, batch.kinds, batch.mask).float(), batch)
        loss.backward()  # type: ignore[no-untyped-call]  # PyTorch's own types lack it
        for name, low in self._low.items():
            self._high[name].grad = None if low.grad is None else low.grad.float()
            low.grad = None
        torch.nn.utils.clip_grad_norm_(self._high.values(), _CLIP)
        for part in self._optimizer.param_groups:
            part["lr"] = part["highest"] * share * self._share
        self._optimizer.step()
        with torch.no_grad():
            for name, low in self._low.items():
                low.copy_(self._high[name])
        self.step += 1
        self.windows += len(batch.first)
        return float(loss.detach())

    def weights(self) -> dict[str, Floats]:
        """Return all weights by name."""
        return {
            name: self._high.get(name, each.detach()).float().numpy()
            for name, each in self._network.state_dict().items()
        }

    def save(self, path: Path) -> None:
        """Write what ``resume`` needs, whole or not at all."""
        tensors = {name: torch.from_numpy(each) for name, each in self.weights().items()}
        for name, high in self._high.items():
            state = self._optimizer.state.get(high, {})
            tensors |= {f"{key}:{name}": value.detach() for key, value in state.items()}
        told = json.dumps({"step": self.step, "windows": self.windows, "pool": self._pool})
        part = path.with_suffix(".part")
        save_file(
            {name: each.contiguous() for name, each in tensors.items()}, part, metadata={"progress": told}
        )
        part.replace(path)

    def resume(self, path: Path) -> None:
        """Go on from what ``save`` wrote, at the beginning of the questions that it was among."""
        from safetensors import safe_open

        tensors = load_file(path)
        with torch.no_grad():
            for name, high in self._high.items():
                high.copy_(tensors[name])
                self._low[name].copy_(high)
                state = {key: tensors.get(f"{key}:{name}") for key in ("step", "exp_avg", "exp_avg_sq")}
                if all(each is not None for each in state.values()):
                    self._optimizer.state[high] = state
        with safe_open(path, "pt") as file:
            progress = json.loads(file.metadata()["progress"])
        self.step, self.windows, self._pool = (progress[key] for key in ("step", "windows", "pool"))
