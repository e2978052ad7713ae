"""Which edition each server works with now; in memory, and changed by one assignment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from linernotes.library.catalogue import OPERATOR, Revision

if TYPE_CHECKING:
    from linernotes.models import Edition
    from linernotes.retrieval.index import Index


@dataclass(frozen=True, slots=True)
class Standing:
    """The edition that a server works with, since when, and its own revision, if it has one."""

    edition: Edition[Index]
    since: float
    revision: Revision | None = None


class Standings:
    """What each server works with; a server without a library of its own works with the shared corpus."""

    def __init__(self) -> None:
        """Begin with nothing; the shared standing, ``None``, comes first."""
        self._standings: dict[int | None, Standing] = {}
        self.left_out: tuple[str, ...] = ()
        """A sentence for each file of the shared corpus that could not be read when it was read last."""

    def of(self, guild: int | None) -> Standing:
        """Return what a server works with."""
        return self._standings.get(guild) or self._standings[None]

    def put(self, guild: int | None, standing: Standing) -> None:
        """Let a server work with another edition from now on."""
        self._standings[guild] = standing

    def drop(self, guild: int) -> None:
        """Let a server work with the shared corpus."""
        self._standings.pop(guild, None)

    def base(self, guild: int) -> Revision:
        """Return a server's newest revision; the shared edition counts as the first where it has none."""
        standing = self.of(guild)
        return standing.revision or Revision(
            guild, 1, standing.edition.id, "the shared corpus", standing.since, OPERATOR
        )

    @property
    def guilds(self) -> frozenset[int]:
        """The servers that have a library of their own."""
        return frozenset(guild for guild in self._standings if guild is not None)
