"""Which part of all servers a process serves: its shards, as Discord numbers them, and how many there are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Self

# What Discord's largest bots have is some thousands.
_MOST: Final = 100_000
_PART: Final = re.compile(r"(\d{1,6})(?:-(\d{1,6}))?")


@dataclass(frozen=True, slots=True)
class Shards:
    """The shards of a process, each once and in order, of ``count`` over all processes."""

    ids: tuple[int, ...]
    count: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``0-3/16``, ``0/2`` or ``0,2/4``.

        Raises:
            ValueError: it is written otherwise, or names a shard that there is not; a sentence's end.
        """
        parts, slash, total = text.replace(" ", "").partition("/")
        found = [_PART.fullmatch(part) for part in parts.split(",")]
        if not slash or not re.fullmatch(r"\d{1,6}", total) or None in found:
            raise ValueError(
                "must be this process's shards and the number of all of them, such as 0-3/16, 0/2 or 0,2/4"
            )
        count = int(total)
        if not 1 <= count <= _MOST:
            raise ValueError(f"must name a number of shards from 1 to {_MOST:,} behind the slash")
        ids: set[int] = set()
        for first, last in (each.groups() for each in found if each is not None):
            begin, end = int(first), int(last or first)
            if begin > end:
                raise ValueError(f"names the shards {begin}-{end} the wrong way round")
            if end >= count:
                raise ValueError(
                    f"names shard {end}, but of {count} the last is {count - 1}: they begin at 0"
                )
            ids |= {*range(begin, end + 1)}
        return cls(tuple(sorted(ids)), count)

    @property
    def is_all(self) -> bool:
        """Say whether there are no others."""
        return len(self.ids) == self.count

    def serves(self, guild: int | None) -> bool:
        """Say whether a server is one of these shards' own; direct messages (``None``) are shard 0's."""
        return ((guild or 0) >> 22) % self.count in self.ids

    def __str__(self) -> str:
        """Write them as they are set."""
        runs: list[list[int]] = []
        for each in self.ids:
            if runs and runs[-1][1] == each - 1:
                runs[-1][1] = each
            else:
                runs.append([each, each])
        written = ",".join(f"{first}" if first == last else f"{first}-{last}" for first, last in runs)
        return f"{written}/{self.count}"
