"""Places that servers share: whoever asks much leaves room for whoever has not asked yet. Never waits."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable


class Shares:
    """A number of places; one taker holds at most as many as are free.

    That is the dynamic threshold by which switches share a buffer between their ports (Choudhury and Hahne
    1998): one taker alone gets half of the places, of many each gets nearly the same, and whoever comes late
    finds one free.
    """

    def __init__(self, places: int) -> None:
        """Take the number of places; all are free."""
        self._places = places
        self._held: Counter[Hashable] = Counter()
        self._taken = 0

    @property
    def taken(self) -> int:
        """How many are held."""
        return self._taken

    def take(self, taker: Hashable) -> bool:
        """Take a place; ``False`` where the taker's share is used up."""
        if self._held[taker] >= self._places - self._taken:
            if not self._held[taker]:
                del self._held[taker]
            return False
        self._held[taker] += 1
        self._taken += 1
        return True

    def give_back(self, taker: Hashable) -> None:
        """Give a place back."""
        self._held[taker] -= 1
        self._taken -= 1
        if not self._held[taker]:
            del self._held[taker]
