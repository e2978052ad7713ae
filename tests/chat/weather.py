"""What goes wrong between the bot and Discord: by a script, or at random from a seed."""

from __future__ import annotations

import random
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Final

NOT_TAKEN: Final = ("cloudflare 429", "cloudflare 403", "429", "429 for all")
EITHER: Final = ("500", "502", "503", "504", "520", "524", "reset", "truncated", "no JSON", "hang")


@dataclass(frozen=True)
class Fault:
    """What happens to a request: ``taken`` if Discord has done what was asked all the same."""

    kind: str
    taken: bool = False


FAULTS: Final = (
    *(Fault(kind) for kind in NOT_TAKEN),
    *(Fault(kind, taken) for kind in EITHER for taken in (False, True) if kind != "no JSON" or taken),
)


@dataclass
class Weather:
    """Decides for each request whether it goes wrong.

    ``script`` is worked off first, for requests whose address has ``only`` in it; then they all meet what
    is ``lasting``, however fast the machine asks; else comes chance, if any.
    """

    script: deque[Fault | None] = field(default_factory=deque)
    lasting: Fault | None = None
    only: str = ""
    chance: random.Random | None = None
    rate: float = 0.0
    counts: Counter[Fault] = field(default_factory=Counter)

    def storm(self, seed: int, rate: float) -> None:
        """Let this part of the requests go wrong from now on."""
        self.chance = random.Random(seed)  # noqa: S311  it makes faults
        self.rate = rate

    def calm(self) -> None:
        """Let nothing go wrong any more."""
        self.script.clear()
        self.lasting = None
        self.chance = None

    def next(self, path: str) -> Fault | None:
        """Return what happens to the next request."""
        fault: Fault | None = None
        if self.script:
            if self.only in path:
                fault = self.script.popleft()
        elif self.lasting is not None:
            if self.only in path:
                fault = self.lasting
        elif self.chance is not None and self.chance.random() < self.rate:
            fault = self.chance.choice(FAULTS)
        if fault is not None:
            self.counts[fault] += 1
        return fault
