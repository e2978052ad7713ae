"""One worker for the model: questions that wait share a forward pass, and go before the rest of a rebuild."""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import Future
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


@dataclass(eq=False, slots=True)
class _Job:
    """Texts to embed, the shortest first to save padding; ``order`` says where each of them stood."""

    texts: Sequence[str]
    order: Sequence[int]
    future: Future[list[Embedding]] = field(default_factory=Future)
    done: list[Embedding] = field(default_factory=list)

    @classmethod
    def of(cls, texts: Sequence[str]) -> Self:
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        return cls([texts[i] for i in order], order)

    def finish(self) -> None:
        found = dict(zip(self.order, self.done, strict=True))
        self.future.set_result([found[i] for i in range(len(found))])


class BatchingEmbedder:
    """An ``Embedder`` in front of another, with one thread that calls it.

    A call whose texts fit into one small batch is a question: all that wait are embedded in one forward pass.
    A longer call is a rebuild: it is done in small batches, and the questions that wait go first between two.
    Safe to call from any thread but its own.
    """

    def __init__(self, embedder: Embedder) -> None:
        """Start the worker; ``close`` ends it."""
        self._embedder = embedder
        self._wake = threading.Condition()
        self._questions: deque[_Job] = deque()
        self._builds: deque[_Job] = deque()
        self._closed = False
        # A daemon, so that a process whose library was never closed can still end.
        self._thread = threading.Thread(target=self._work, name="linernotes-embedder", daemon=True)
        self._thread.start()

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
            self._wake.notify()
        return job.future.result()

    def close(self) -> None:
        """Finish the questions that wait, cut a rebuild short and end the worker; may be called again."""
        with self._wake:
            self._closed = True
            self._wake.notify()
        self._thread.join()

    # --- The worker's thread ---

    def _work(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._questions or self._builds or self._closed)
                if self._closed:
                    while self._builds:
                        self._builds.popleft().future.set_exception(
                            ClosedError("The embedding model was closed before the corpus was embedded.")
                        )
                    if not self._questions:
                        return
                asked = self._gather()
                build = self._builds[0] if self._builds else None
            # In turn, so that neither can keep the other waiting for long.
            if asked:
                self._answer(asked)
            if build is not None:
                self._go_on(build)

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
                job.done = [next(found) for _ in job.texts]
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

    def _go_on(self, job: _Job) -> None:
        rest = job.texts[len(job.done) :]
        try:
            job.done += self._embedder.embed(rest[: _batch(rest, BUILD_TEXTS, BUILD_CHARS)])
        except Exception as error:  # noqa: BLE001  the caller gets it
            job.future.set_exception(error)
        else:
            if len(job.done) < len(job.texts):
                return
            job.finish()
        with self._wake:
            self._builds.remove(job)


def _batch(texts: Sequence[str], most: int, chars: int) -> int:
    """Return how many of the first texts fit into one batch, padded to the longest; at least one."""
    longest = 0
    for count, text in enumerate(texts[:most], 1):
        longest = max(longest, len(text))
        if count > 1 and count * longest > chars:
            return count - 1
    return min(len(texts), most)
