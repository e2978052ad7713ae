"""The losses, the steps, and checkpoints from which a run goes on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, TypeVar

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from linernotes.measuring.training.batches import Batch, Pace, draw_ahead
from linernotes.measuring.training.network import MASKED, Panel, ReaderNetwork

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from linernotes.measuring.training.lessons import Lessons
    from linernotes.models import Floats

_Network = TypeVar("_Network", bound=nn.Module)

WEIGHT_DECAY = 0.01
# The head is new, and learns so many times as fast.
_HEAD = 4.0
_BETAS = (0.9, 0.98)
_CLIP = 1.0
# The rate rises over the first steps, stays, and falls in a line over the last part of them (warmup-stable-
# decay, Hu et al. 2024): where the end is may be said late.
_WARMUP = 300
# Of the rate, where a reader goes on: at the whole of it, much of what it knows would be lost again.
_BEGUN = 0.5
_FALLING = 0.2
_LAST = 0.02
# A teacher's judgement counts so much beside what the files say: where it puts first what answers, and where
# something else. It may never have seen such articles, and its pupil would learn its mistakes.
_TEACHER, _MISTAKEN = 0.7, 0.3
# Its spans are softened by so much.
_SOFTENED = 2.0


def loss_of(logits: Tensor, batch: Batch, counts: Tensor | None = None) -> Tensor:
    """Return the loss of logits of shape (W, T, 3), the sum of three; ``counts``, (Q,), weighs the questions.

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
    if counts is None:
        counts = torch.ones(len(batch.gold), device=logits.device)
    certain = batch.certain * counts[_asked(batch)]
    windows = ((first + last + answered) * certain).sum() / batch.certain.sum().clamp_min(1.0)
    evidence = _evidence(logits, batch).masked_fill(batch.doubtful, MASKED)
    shares = _shares(evidence, batch)
    return 0.5 * windows - 0.5 * (shares[batch.gold] * counts).mean()


def imitation_of(logits: Tensor, teacher: Tensor, batch: Batch, counts: Tensor | None = None) -> Tensor:
    """Return how far logits are from a teacher's, both of shape (W, T, 3); the sum of what ``loss_of`` sums.

    Where the teacher is unsure, so may its pupil be (Hinton et al. 2015): a window that may answer although
    it is not said to, and a sentence beside the one that was named, count here like all others. ``counts``,
    (Q,), weighs the questions.
    """
    if counts is None:
        counts = torch.ones(len(batch.gold), device=logits.device)
    windows = functional.binary_cross_entropy_with_logits(
        logits[:, 0, 2], torch.sigmoid(teacher[:, 0, 2]), reduction="none"
    )
    for kind in (0, 1):
        ours, theirs = (each[:, :, kind].masked_fill(batch.outside, MASKED) for each in (logits, teacher))
        windows = windows + functional.kl_div(
            (ours / _SOFTENED).log_softmax(-1),
            (theirs / _SOFTENED).log_softmax(-1),
            reduction="none",
            log_target=True,
        ).sum(-1) * (_SOFTENED**2)
    ours, theirs = (_shares(_evidence(each, batch), batch) for each in (logits, teacher))
    apart = theirs.exp() * (theirs - ours) * counts[_groups(batch)]
    return 0.5 * (windows * counts[_asked(batch)]).mean() + 0.5 * apart.sum() / len(batch.gold)


def trust_in(teacher: Tensor, batch: Batch) -> Tensor:
    """Return how much a teacher counts in each question, (Q,), by its logits of shape (W, T, 3).

    Less where it puts first another sentence than the one that answers, one where none does, or none.
    """
    evidence = _evidence(teacher, batch).masked_fill(batch.doubtful, MASKED)
    shares, groups = _shares(evidence, batch), _groups(batch)
    likeliest = _peaks(shares, groups, len(batch.gold))
    return torch.where(shares[batch.gold] >= likeliest, _TEACHER, _MISTAKEN)


def _asked(batch: Batch) -> Tensor:
    """Return the question that each window is of, (W,): the one of its first sentence."""
    first = batch.place.amin(1).clamp_max(len(batch.question) - 1)
    return batch.question[first]


def _evidence(logits: Tensor, batch: Batch) -> Tensor:
    """Return the evidence of each sentence, (S,): the logarithm of the sum over its tokens."""
    sentences = len(batch.question)
    return _log_sums(logits[:, :, 2].reshape(-1), batch.place.reshape(-1), sentences + 1)[:sentences]


def _shares(evidence: Tensor, batch: Batch) -> Tensor:
    """Return the logarithms of the shares that sentences, and "none of them", have in questions, (S + Q,)."""
    questions = len(batch.gold)
    # "None of them" has 0 in each question.
    scores = torch.cat([evidence, torch.zeros(questions, device=evidence.device)])
    groups = _groups(batch)
    return scores - _log_sums(scores, groups, questions)[groups]


def _groups(batch: Batch) -> Tensor:
    """Return which question each sentence is of, and each "none of them", (S + Q,)."""
    return torch.cat([batch.question, torch.arange(len(batch.gold), device=batch.question.device)])


def _log_sums(values: Tensor, groups: Tensor, count: int) -> Tensor:
    """Return for each of ``count`` groups the logarithm of the sum of the exponentials of its values."""
    peaks = _peaks(values.detach(), groups, count)
    sums = torch.zeros(count, device=values.device).index_add(0, groups, (values - peaks[groups]).exp())
    return sums.clamp_min(1e-30).log() + peaks


def _peaks(values: Tensor, groups: Tensor, count: int) -> Tensor:
    """Return the highest value of each of ``count`` groups."""
    lowest = torch.full((count,), 10 * MASKED, device=values.device)
    return lowest.scatter_reduce(0, groups, values, "amax")


def rate_at(step: int, steps: int) -> float:
    """Return the rate at a step of ``steps``, as a share of the highest."""
    falling = max(round(steps * _FALLING), 1)
    left = min(1.0, (steps - step) / falling)
    return min(1.0, (step + 1) / _WARMUP) * (_LAST + (1.0 - _LAST) * left)


def fastest() -> torch.device:
    """Return the graphics card, if there is one, or else the processor."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def ready(network: _Network) -> _Network:
    """Return a network where it is fastest, in the precision that is, that learns no more."""
    device = fastest()
    network.to(device, _precision(device))
    return network.eval().requires_grad_(requires_grad=False)


def _precision(device: torch.device) -> torch.dtype:
    """Return the precision that is fastest there: to emulate bfloat16 costs more than it saves."""
    if device.type == "cuda":
        return torch.bfloat16
    # Nothing public says it.
    has = torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()  # noqa: SLF001
    return torch.bfloat16 if has else torch.float32


class Learner:
    """A network that learns, in bfloat16 where the machine has it; its weights are kept in float32.

    As Micikevicius et al. 2018 do.
    """

    def __init__(
        self,
        network: ReaderNetwork,
        lessons: Lessons,
        seed: int,
        *,
        begun: bool = False,
        teacher: ReaderNetwork | Panel | None = None,
        pace: Pace | None = None,
    ) -> None:
        """Take a network, which is changed, and what it learns from.

        Args:
            network: what learns.
            lessons: from what.
            seed: of all that is drawn by lot.
            begun: whether it is a reader already.
            teacher: better readers, whose judgement counts beside what the lessons say; not changed.
            pace: how fast.
        """
        self.step = 0
        self.windows = 0
        """How many it has learned from."""
        self._pool = 0
        self._network, self._lessons, self._seed = network, lessons, seed
        self._share = _BEGUN if begun else 1.0
        self._teacher, self._pace, self._device = teacher, pace or Pace(), fastest()
        # Most words are met too seldom to learn anything of them.
        network.to(self._device)
        for table in (network.words, network.positions, network.distances):
            if table is not None:
                table.weight.requires_grad_(False)  # noqa: FBT003  it has no name
        self._low = {name: each for name, each in network.named_parameters() if each.requires_grad}
        self._high = {name: each.detach().clone().float() for name, each in self._low.items()}
        self._lows: list[Tensor] = [*self._low.values()]
        self._highs = [*self._high.values()]
        self._slopes = [torch.zeros_like(each) for each in self._highs]
        for each, slope in zip(self._highs, self._slopes, strict=True):
            each.grad = slope
        network.to(_precision(self._device))
        network.head.float()
        self._optimizer = torch.optim.AdamW(self._parts(), betas=_BETAS, fused=True)

    def _parts(self) -> Iterator[dict[str, object]]:
        def is_head(name: str) -> bool:
            return name.startswith("head.")

        def part(want: Callable[[str, Tensor], bool], rate: float, decay: float) -> dict[str, object]:
            chosen = [each for name, each in self._high.items() if want(name, each)]
            return {"params": chosen, "highest": rate, "lr": rate, "weight_decay": decay}

        rate = self._pace.rate
        yield part(lambda name, each: not is_head(name) and each.ndim > 1, rate, WEIGHT_DECAY)
        yield part(lambda name, each: not is_head(name) and each.ndim == 1, rate, 0.0)
        yield part(lambda name, _: is_head(name), _HEAD * rate, 0.0)

    def learn(self, steps: int) -> Iterator[Tensor]:
        """Learn until there were ``steps`` steps; yield the loss after each."""
        self._network.train()
        for batches in draw_ahead(self._lessons, self._seed, self._pool, self._pace):
            for batch in batches:
                if self.step == steps:
                    return
                yield self._learn_from(batch, rate_at(self.step, steps))
            self._pool += 1

    def _learn_from(self, drawn: Batch, share: float) -> Tensor:
        batch = drawn.to(self._device)
        logits = self._network(batch.ids, batch.kinds, batch.mask).float()
        if self._teacher is None:
            loss = loss_of(logits, batch)
        else:
            with torch.no_grad():
                theirs = self._teacher(batch.ids, batch.kinds, batch.mask).float()
            trust = trust_in(theirs, batch)
            loss = loss_of(logits, batch, 1 - trust) + imitation_of(logits, theirs, batch, trust)
        loss.backward()  # type: ignore[no-untyped-call]  # PyTorch's own types lack it
        # All at once: a graphics card waits longer for being told than it takes.
        slopes = [torch.zeros_like(each) if each.grad is None else each.grad for each in self._lows]
        torch._foreach_copy_(self._slopes, slopes)
        for low in self._lows:
            low.grad = None
        torch.nn.utils.clip_grad_norm_(self._highs, _CLIP)
        for part in self._optimizer.param_groups:
            part["lr"] = part["highest"] * share * self._share
        self._optimizer.step()
        with torch.no_grad():
            torch._foreach_copy_(self._lows, self._highs)
        self.step += 1
        self.windows += len(drawn.first)
        return loss.detach()

    def weights(self) -> dict[str, Floats]:
        """Return all weights by name."""
        return {
            name: self._high.get(name, each.detach()).float().cpu().numpy()
            for name, each in self._network.state_dict().items()
        }

    def save(self, path: Path) -> None:
        """Write what ``resume`` needs, whole or not at all."""
        tensors = {name: torch.from_numpy(each) for name, each in self.weights().items()}
        for name, high in self._high.items():
            state = self._optimizer.state.get(high, {})
            tensors |= {f"{key}:{name}": value.detach().cpu() for key, value in state.items()}
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
                kept = {key: tensors.get(f"{key}:{name}") for key in ("step", "exp_avg", "exp_avg_sq")}
                state = {key: each.to(self._device) for key, each in kept.items() if each is not None}
                if len(state) == len(kept):
                    self._optimizer.state[high] = state
        with safe_open(path, "pt") as file:
            progress = json.loads(file.metadata()["progress"])
        self.step, self.windows, self._pool = (progress[key] for key in ("step", "windows", "pool"))
