"""Turns: of all builds one works at a time, for a moment, and then the next; one can be stopped meanwhile.

A build stops for the others where it asks the model for something, and nowhere else: whoever holds a lock at
such a place would keep those waiting whose turn it is.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from linernotes.errors import ClosedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from linernotes.models import Embedding
    from linernotes.retrieval.embedding import Embedder

TURN_SECONDS: Final = 0.25
"""So long a build goes on before the next has its turn; a piece of work that has begun is finished first."""


class Build:
    """What goes on in turn with others."""

    def __init__(self) -> None:
        """Begin without a turn."""
        self.is_stopped = False
        self.since = 0.0

    def stop(self) -> None:
        """Let it end where it would stop for others next; what it has finished is kept. From any thread."""
        self.is_stopped = True


class Turns:
    """Gives builds their turns, each in a thread of its own. Safe to call from threads."""

    def __init__(self) -> None:
        """Begin with nobody at it."""
        self._changed = threading.Condition()
        self._at_it: Build | None = None
        self._waiting: deque[Build] = deque()
        self._closed = False
        self._mine = threading.local()

    @contextmanager
    def taking(self, build: Build) -> Iterator[None]:
        """Wait for a build's first turn; what the thread does from now on is its work.

        Raises:
            ClosedError: the turns have been closed, or the build was stopped.
        """
        self._wait(build)
        self._mine.build = build
        try:
            yield
        finally:
            self._mine.build = None
            with self._changed:
                # One that was stopped while it waited has no turn to pass on.
                if self._at_it is build:
                    self._pass_on()

    def pause(self) -> None:
        """Let the others come to their turns, if the build of this thread has had its own.

        Raises:
            ClosedError: the turns have been closed, or the build was stopped.
        """
        build: Build | None = getattr(self._mine, "build", None)
        if build is None:
            return
        if build.is_stopped or self._closed:
            raise ClosedError("The build was stopped.")
        if self._waiting and time.perf_counter() - build.since >= TURN_SECONDS:
            # In one step: whoever is next must see that this build waits again.
            with self._changed:
                self._pass_on()
                self._wait(build)

    def close(self) -> None:
        """End every build where it would stop for others next."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _wait(self, build: Build) -> None:
        with self._changed:
            self._waiting.append(build)
            if self._at_it is None:
                self._pass_on()
            # Looked at now and then: that a build is stopped wakes nobody.
            while self._at_it is not build and not build.is_stopped and not self._closed:
                self._changed.wait(TURN_SECONDS)
            if build.is_stopped or self._closed:
                if self._at_it is build:
                    self._pass_on()
                else:
                    self._waiting.remove(build)
                raise ClosedError("The build was stopped.")
            build.since = time.perf_counter()

    def _pass_on(self) -> None:
        """Give the turn to who waits longest."""
        self._at_it = self._waiting.popleft() if self._waiting else None
        self._changed.notify_all()


class TurningEmbedder:
    """An ``Embedder`` in front of another: a build that asks it for something lets others go on."""

    def __init__(self, embedder: Embedder, turns: Turns) -> None:
        """Take the embedder and the turns."""
        self._embedder = embedder
        self._turns = turns
        # Known before any build: they never change, and are asked for often.
        self.digest = embedder.digest
        self.dimension = embedder.dimension
        self.max_tokens = embedder.max_tokens

    def count_tokens(self, text: str) -> int:
        """Return how many tokens ``text`` has, special tokens left out."""
        self._turns.pause()
        return self._embedder.count_tokens(text)

    def embed(self, texts: Sequence[str]) -> list[Embedding]:
        """Return one embedding for each text, in order."""
        self._turns.pause()
        return self._embedder.embed(texts)
