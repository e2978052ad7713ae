"""A network with fewer heads and units, to learn on: those that its loss depends on least are left out.

How much it depends on one is the square of the loss's slope by a factor of 1.0 that it is multiplied by, over
many batches (Molchanov et al. 2019; for heads Michel et al. 2019).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import torch

from linernotes.measuring.training.batches import collate
from linernotes.measuring.training.learning import fastest, loss_of
from linernotes.measuring.training.network import Layer, from_weights

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from torch import Tensor, nn

    from linernotes.measuring.training.batches import Batch
    from linernotes.measuring.training.lessons import Lessons
    from linernotes.models import Floats

# No layer loses all it has: of its heads and its units at least so many stay.
_LEAST_HEADS, _LEAST_UNITS = 3, 256
# Processors multiply so many columns at a time.
_UNITS_AT_A_TIME = 32
# The loss is measured on so many batches of so many tokens: small ones, whose slopes do not cancel out.
_BATCHES, _TOKENS = 200, 1_500


@dataclass(frozen=True, slots=True)
class Size:
    """So many heads and units of its feed-forward half stay of a layer, on the average of all layers."""

    heads: int
    units: int


def narrow(weights: Mapping[str, Floats], lessons: Lessons, seed: int, size: Size) -> dict[str, Floats]:
    """Return the weights of a narrower network: the same layers with less in them.

    Args:
        weights: a reader's, by the names that ``network`` uses; it must have learned already.
        lessons: what its loss is measured on.
        seed: which of them.
        size: of the narrower network.
    """
    drawn = islice(lessons.batches(seed, 0, _TOKENS), _BATCHES)
    of_heads, of_units = _importance(weights, map(collate, drawn))
    kept_heads = _best(of_heads, size.heads, _LEAST_HEADS, 1)
    kept_units = _best(of_units, size.units, _LEAST_UNITS, _UNITS_AT_A_TIME)
    narrowed = dict(weights)
    for number, (stay, units_stay) in enumerate(zip(kept_heads, kept_units, strict=True)):
        at = f"layers.{number}"
        count = len(of_heads[number])
        for kind in ("weight", "bias"):
            whole = weights[f"{at}.qkv.{kind}"]
            parts = whole.reshape(3, count, -1, *whole.shape[1:])[:, stay]
            narrowed[f"{at}.qkv.{kind}"] = parts.reshape(-1, *whole.shape[1:])
            narrowed[f"{at}.up.{kind}"] = weights[f"{at}.up.{kind}"][units_stay]
        out = weights[f"{at}.out.weight"]
        narrowed[f"{at}.out.weight"] = out.reshape(len(out), count, -1)[:, stay].reshape(len(out), -1)
        narrowed[f"{at}.down.weight"] = weights[f"{at}.down.weight"][:, units_stay].copy()
    return narrowed


def _importance(weights: Mapping[str, Floats], batches: Iterable[Batch]) -> tuple[list[Tensor], list[Tensor]]:
    """Return for each layer how much the loss depends on each of its heads, and on each of its units."""
    device = fastest()
    network = from_weights(weights).to(device).eval().requires_grad_(requires_grad=False)
    of_heads: list[Tensor] = []
    of_units: list[Tensor] = []
    for layer in (each for each in network.layers if isinstance(each, Layer)):
        for factors, linear, count in (
            (of_heads, layer.out, layer.heads),
            (of_units, layer.down, layer.down.in_features),
        ):
            factor = torch.ones(count, device=device, requires_grad=True)
            linear.register_forward_pre_hook(_multiply_by(factor, linear.in_features // count))
            factors.append(factor)
    every = [*of_heads, *of_units]
    sums = [torch.zeros_like(each) for each in every]
    for drawn in batches:
        batch = drawn.to(device)
        loss = loss_of(network(batch.ids, batch.kinds, batch.mask).float(), batch)
        for total, slope in zip(sums, torch.autograd.grad(loss, every), strict=True):
            total.add_(slope.square())
    return [each.cpu() for each in sums[: len(of_heads)]], [each.cpu() for each in sums[len(of_heads) :]]


def _multiply_by(factor: Tensor, times: int) -> Callable[[nn.Module, Any], tuple[Tensor]]:
    """Return what multiplies the input of a linear layer, each number of ``factor`` so many in a row."""
    return lambda _module, given: (given[0] * factor.repeat_interleave(times),)


def _best(importance: Sequence[Tensor], mean: int, least: int, step: int) -> list[list[int]]:
    """Return for each layer which stay, in order: the most important of all layers, ``mean`` on the average.

    At least ``least`` stay in each, and a multiple of ``step``.
    """
    ranked = torch.cat(list(importance)).sort(descending=True).values
    bar = ranked[min(mean * len(importance), len(ranked)) - 1]
    kept = []
    for each in importance:
        count = round(int((each >= bar).sum()) / step) * step
        stay = each.argsort(descending=True)[: max(count, least)]
        kept.append(sorted(int(number) for number in stay))
    return kept
