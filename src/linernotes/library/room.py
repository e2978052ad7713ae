"""What the libraries that are held take of the memory that there is for them, and which is to go first.

What several of them share, a document's segment or a whole edition, is counted once.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from linernotes.models import Edition, Passage, PreparedSegment, Quote, Sentence
    from linernotes.retrieval.index import Index

# What Python keeps of a piece besides its text and of a document besides its own, in bytes, as measured with
# ``tracemalloc`` over the articles of ``tests/golden``.
PIECE_BYTES = 700
CHARACTER_BYTES = 3


def sizes_of(edition: Edition[Index]) -> Mapping[int, int]:
    """Return what an edition holds, each part by its identity, and how many bytes it takes.

    Its segments are parts that other editions share; what was built over them and its documents are its own.
    """
    own = edition.index.nbytes + sum(CHARACTER_BYTES * len(each.text) for each in edition.documents)
    return {id(edition): own} | {id(each): _size_of(each) for each in edition.segments}


def _size_of(segment: PreparedSegment) -> int:
    pieces: tuple[Passage | Sentence | Quote, ...] = (*segment.passages, *segment.sentences, *segment.quotes)
    arrays = sum(array.nbytes for array in segment.arrays.values())
    return arrays + sum(PIECE_BYTES + len(piece.text) for piece in pieces)


class Room:
    """Counts what is held, below a bound; in one thread."""

    def __init__(
        self,
        bound: int | None = None,
        sizes: Callable[[Edition[Index]], Mapping[int, int]] = sizes_of,
    ) -> None:
        """Take the bound in bytes, ``None`` for none, and what an edition holds."""
        self.bound = bound
        self.taken = 0
        """How many bytes are taken."""
        self._sizes = sizes
        # The parts of each library that is held, who was used last at the end; and of each part, by how many.
        self._held: OrderedDict[int | None, Mapping[int, int]] = OrderedDict()
        self._holders: dict[int, int] = {}

    @property
    def is_full(self) -> bool:
        """Say whether more is taken than there may be."""
        return self.bound is not None and self.taken > self.bound

    def __len__(self) -> int:
        """Return how many libraries are held."""
        return len(self._held)

    def take(self, guild: int | None, edition: Edition[Index]) -> None:
        """Count a library, in place of what this server had, as the one used last."""
        self.leave(guild)
        if self.bound is None:
            return
        parts = self._held[guild] = self._sizes(edition)
        for part, size in parts.items():
            if part not in self._holders:
                self.taken += size
            self._holders[part] = self._holders.get(part, 0) + 1

    def use(self, guild: int | None) -> None:
        """Count a library as the one used last, if it is held."""
        if guild in self._held:
            self._held.move_to_end(guild)

    def leave(self, guild: int | None) -> None:
        """Count a library no more."""
        for part, size in self._held.pop(guild, {}).items():
            self._holders[part] -= 1
            if not self._holders[part]:
                del self._holders[part]
                self.taken -= size

    def excess(self, kept: Iterable[int | None]) -> Iterator[int | None]:
        """Yield the libraries that are to go, the one used longest ago first, as long as too much is taken.

        Who is given one has it ``leave``, or it stays.
        """
        if self.bound is None:
            return
        spared = {*kept}
        for guild in list(self._held)[:-1]:
            if not self.is_full:
                return
            if guild not in spared:
                yield guild
