"""Workers for the model: questions that wait share a forward pass, and go before the rest of a rebuild.

One thread answers questions and goes on with a rebuild between them. Others only rebuild, on cores that have
nothing else to do: they give way to whatever wants their core.
"""

from __future__ import annotations

import os
import sys
import threading
from collections import deque
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from linernotes.errors import ClosedError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from linernotes.models import Embedding
    from linernotes.retrieval.embedding import Embedder

# A pass costs what its padded texts cost: 162 tokens (some 800 characters) took 22 ms on two cores, 32 such
# texts 600 ms: large batches gain nothing but keep questions waiting. 32 short questions took 46 ms.
BUILD_TEXTS = 8
BUILD_CHARS = 1_000
GATHER_TEXTS = 32
GATHER_CHARS = 4_000


# By so much threads that only rebuild stand back: a thread of normal priority has nine times their share.
_NICENESS = 10


def idle_cores(most: int = 3) -> int:
    """Return how many threads may rebuild beside the one that answers: one for each other core.

    Args:
        most: more than these keep the memory busy rather than the cores.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores - 1, most)


@dataclass(eq=False, slots=True)
class _Job:
    """Texts to embed, the shortest first to save padding; ``order`` says where each of them stood.

    All before text ``taken`` are with a worker, or done: ``done`` has them by where they stood.
    """

    texts: Sequence[str]
    order: Sequence[int]
    future: Future[list[Embedding]] = field(default_factory=Future)
    done: dict[int, Embedding] = field(default_factory=dict)
    taken: int = 0

    @classmethod
    def of(cls, texts: Sequence[str]) -> Self:
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        return cls([texts[i] for i in order], order)

    def take(self) -> tuple[int, Sequence[str]]:
        """Return the next batch, and where it stands."""
        start = self.taken
        rest = self.texts[start : start + BUILD_TEXTS]
        batch = rest[: _batch(rest, BUILD_TEXTS, BUILD_CHARS)]
        self.taken += len(batch)
        return start, batch

    def keep(self, start: int, found: Sequence[Embedding]) -> None:
        """Keep the embeddings of a batch, and finish with the last of them."""
        self.done.update(zip(self.order[start : start + len(found)], found, strict=True))
        if len(self.done) == len(self.texts):
            self.finish()

    def finish(self) -> None:
        self.future.set_result([self.done[i] for i in range(len(self.done))])

    def fail(self, error: BaseException) -> None:
        """End with an error; one that has ended stays as it is."""
        self.taken = len(self.texts)
        if not self.future.done():
            self.future.set_exception(error)


class BatchingEmbedder:
    """An ``Embedder`` in front of another, with threads that call it.

    A call whose texts fit into one small batch is a question: all that wait are embedded in one forward pass.
    A longer call is a rebuild: it is done in small batches, and the questions that wait go first between two.
    Safe to call from any thread but its own.
    """

    def __init__(self, embedder: Embedder, *, builders: int = 0) -> None:
        """Start the workers; ``close`` ends them.

        Args:
            embedder: the other; with builders, it is called from several threads at a time.
            builders: how many threads beside the first only rebuild.
        """
        self._embedder = embedder
        self._wake = threading.Condition()
        self._questions: deque[_Job] = deque()
        self._builds: deque[_Job] = deque()
        self._closed = False
        # A daemon, so that a process whose library was never closed can still end.
        self._threads = [threading.Thread(target=self._work, name="linernotes-embedder", daemon=True)]
        self._threads += [
            threading.Thread(target=self._build, name=f"linernotes-embedder-{number}", daemon=True)
            for number in range(1, builders + 1)
        ]
        for each in self._threads:
            each.start()

    def __enter__(self) -> Self:
        """Return the embedder itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    @property
    def digest(self) -> str:
        """Name the model and its weights."""
        return self._embedder.digest

    @property
    def dimension(self) -> int:
        """Return the length of a vector."""
        return self._embedder.dimension

    @property
    def max_tokens(self) -> int:
        """Return how many tokens a text may have, special tokens left out."""
        return self._embedder.max_tokens

    def count_tokens(self, text: str) -> int:
        """Return how many tokens ``text`` has, special tokens left out."""
        return self._embedder.count_tokens(text)

    def embed(self, texts: Sequence[str]) -> list[Embedding]:
        """Return one embedding for each text, in order, when the worker has come to it.

        Raises:
            ClosedError: the embedder was closed before, or during a rebuild.
            Exception: whatever the model raised for these texts.
        """
        if not texts:
            return []
        job = _Job.of(texts)
        with self._wake:
            if self._closed:
                raise ClosedError("The embedding model has been closed.")
            fits = _batch(job.texts, BUILD_TEXTS, BUILD_CHARS) == len(job.texts)
            (self._questions if fits else self._builds).append(job)
            self._wake.notify_all()
        return job.future.result()

    def close(self) -> None:
        """Finish the questions that wait, cut a rebuild short and end the workers; may be called again."""
        with self._wake:
            self._closed = True
            self._wake.notify_all()
        for each in self._threads:
            each.join()

    # --- The first worker's thread ---

    def _work(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._questions or self._waits() or self._closed)
                if self._closed:
                    while self._builds:
                        self._builds.popleft().fail(
                            ClosedError("The embedding model was closed before the corpus was embedded.")
                        )
                    if not self._questions:
                        return
                asked = self._gather()
                build = self._take()
            # In turn, so that neither can keep the other waiting for long.
            if asked:
                self._answer(asked)
            if build is not None:
                self._go_on(*build)

    def _gather(self) -> list[_Job]:
        """Take the questions for one forward pass, those that wait longest first."""
        waiting = [text for job in self._questions for text in job.texts]
        room = _batch(waiting, GATHER_TEXTS, GATHER_CHARS)
        asked: list[_Job] = []
        while self._questions and (not asked or len(self._questions[0].texts) <= room):
            asked.append(self._questions.popleft())
            room -= len(asked[-1].texts)
        return asked

    def _answer(self, jobs: list[_Job]) -> None:
        texts = [text for job in jobs for text in job.texts]
        try:
            found = iter(self._embedder.embed(texts))
            for job in jobs:
                job.done = {at: next(found) for at in job.order}
        except Exception as error:  # noqa: BLE001  the caller gets it
            if len(jobs) == 1:
                jobs[0].future.set_exception(error)
            else:
                # A text that the model cannot take must not cost the other questions their answers.
                for job in jobs:
                    self._answer([job])
            return
        for job in jobs:
            job.finish()

    # --- Rebuilding, in all threads ---

    def _build(self) -> None:
        _stand_back()
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._waits() or self._closed)
                if self._closed:
                    return
                build = self._take()
            if build is not None:
                self._go_on(*build)

    def _waits(self) -> bool:
        """Say whether a batch of a rebuild is there to be taken; under the lock."""
        return any(job.taken < len(job.texts) for job in self._builds)

    def _take(self) -> tuple[_Job, int, Sequence[str]] | None:
        """Take the next batch of the rebuild that waits longest; under the lock."""
        job = next((job for job in self._builds if job.taken < len(job.texts)), None)
        return None if job is None else (job, *job.take())

    def _go_on(self, job: _Job, start: int, texts: Sequence[str]) -> None:
        error: Exception | None = None
        try:
            found = self._embedder.embed(texts)
        except Exception as raised:  # noqa: BLE001  the caller gets it
            error = raised
        with self._wake:
            if job.future.done():
                return
            if error is not None:
                job.fail(error)
            else:
                job.keep(start, found)
            if job.future.done() and job in self._builds:
                self._builds.remove(job)


def _stand_back() -> None:
    """Let whatever else wants this thread's core go first, where the system can do that for one thread."""
    if sys.platform == "linux":
        # A thread has a number of its own there, and its own priority.
        with suppress(OSError):
            me = threading.get_native_id()
            os.setpriority(os.PRIO_PROCESS, me, max(os.getpriority(os.PRIO_PROCESS, me), _NICENESS))


def _batch(texts: Sequence[str], most: int, chars: int) -> int:
    """Return how many of the first texts fit into one batch, padded to the longest; at least one."""
    longest = 0
    for count, text in enumerate(texts[:most], 1):
        longest = max(longest, len(text))
        if count > 1 and count * longest > chars:
            return count - 1
    return min(len(texts), most)
