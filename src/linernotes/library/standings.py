"""Which edition each server works with now; in memory, and changed by one assignment.

A library that nobody has used for long may be let go where there is too little room (``room.py``): of it, the
revision alone stays, by which ``memory.py`` takes it up again. Who is at work with an edition holds it: it is
found again as long as anybody does.
"""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from linernotes.errors import EditionError
from linernotes.library.catalogue import OPERATOR, Revision
from linernotes.library.room import Room

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from linernotes.models import Edition
    from linernotes.retrieval.index import Index


@dataclass(frozen=True, slots=True)
class Standing:
    """The edition that a server works with, since when, and its own revision, if it has one.

    ``held`` is ``None`` where the edition was let go: then the revision says which it is.
    """

    held: Edition[Index] | None
    since: float
    revision: Revision | None = None

    @property
    def edition(self) -> Edition[Index]:
        """Return the edition, which must be held: the shared one always is; for another, see ``memory.py``.

        Raises:
            EditionError: it was let go.
        """
        if self.held is None:
            raise EditionError(f"Edition {self.edition_id} was let go, and is to be taken up first.")
        return self.held

    @property
    def edition_id(self) -> str:
        """Return the id of the edition."""
        if self.held is not None:
            return self.held.id
        return "" if self.revision is None else self.revision.edition


class Standings:
    """What each server works with; a server without a library of its own works with the shared corpus."""

    def __init__(self, room: Room | None = None, is_saved: Callable[[str], bool] = lambda _: False) -> None:
        """Begin with nothing; the shared standing, ``None``, comes first and is never let go.

        Args:
            room: how much may be held; by default, all.
            is_saved: says of an edition's id whether it can be taken up again from the disk.
        """
        self._standings: dict[int | None, Standing] = {}
        self._room = Room() if room is None else room
        self._is_saved = is_saved
        # By how many each server's library is needed as it is.
        self._pinned: Counter[int | None] = Counter()
        self.on_let_go: Callable[[str], object] = lambda _edition: None
        """Told of each edition that is let go."""
        self.left_out: tuple[str, ...] = ()
        """A sentence for each file of the shared corpus that could not be read when it was read last."""

    def of(self, guild: int | None) -> Standing:
        """Return what a server works with."""
        return self._standings.get(guild) or self._standings[None]

    def use(self, guild: int | None) -> Standing:
        """Return what a server works with, and let that stay longer than what is used less."""
        self._room.use(guild)
        return self.of(guild)

    def put(self, guild: int | None, standing: Standing) -> None:
        """Let a server work with another edition from now on."""
        self._standings[guild] = standing
        if standing.held is None:
            self._room.leave(guild)
        else:
            self._room.take(guild, standing.held)
            self._make_room()

    def drop(self, guild: int) -> None:
        """Let a server work with the shared corpus."""
        self._standings.pop(guild, None)
        self._room.leave(guild)

    def take_back(self, guild: int | None, before: Standing, edition: Edition[Index]) -> None:
        """Hold again what was let go, unless the server works with something else by now."""
        if self._standings.get(guild) is before:
            self.put(guild, Standing(edition, before.since, before.revision))

    @contextmanager
    def pinned(self, guild: int | None) -> Iterator[None]:
        """Let nothing of a server go, as long as the context lasts."""
        self._pinned[guild] += 1
        try:
            yield
        finally:
            self._pinned[guild] -= 1
            if not self._pinned[guild]:
                del self._pinned[guild]
            self._make_room()

    def _make_room(self) -> None:
        """Let go what was used longest ago, as far as there is too little room."""
        for guild in self._room.excess((None, *self._pinned)):
            standing = self._standings[guild]
            edition, revision = standing.held, standing.revision
            if (
                edition is not None
                and revision is not None
                # Otherwise it would not come back as it is.
                and revision.edition == edition.id
                and self._is_saved(edition.id)
            ):
                self.put(guild, Standing(None, standing.since, revision))
                self.on_let_go(edition.id)

    @property
    def is_full(self) -> bool:
        """Say whether no more libraries should be taken up than are asked for."""
        return self._room.is_full

    @property
    def held(self) -> int:
        """How many servers' own libraries are in memory now."""
        return sum(each.held is not None for guild, each in self._standings.items() if guild is not None)

    def base(self, guild: int) -> Revision:
        """Return a server's newest revision; the shared edition counts as the first where it has none."""
        standing = self.of(guild)
        return standing.revision or Revision(
            guild, 1, standing.edition_id, "the shared corpus", standing.since, OPERATOR
        )

    @property
    def guilds(self) -> frozenset[int]:
        """The servers that have a library of their own."""
        return frozenset(guild for guild in self._standings if guild is not None)
