"""One worker for the reader: the questions that wait are read in one batch."""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, Self

from linernotes.errors import ClosedError
from linernotes.reading.reader import Asked

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from linernotes.models import Excerpt, Reading

# A question has some eight excerpts, 60 ms of one core; of more at once, the first waits for the last.
GATHER_EXCERPTS = 64


class BatchReader(Protocol):
    """Reads the excerpts of several questions together."""

    def read_all(self, asked: Sequence[Asked]) -> list[list[Reading]]:
        """Return the readings of each question's excerpts."""
        ...


@dataclass(eq=False, slots=True)
class _Job:
    asked: Asked
    future: Future[list[Reading]] = field(default_factory=Future)


class BatchingReader:
    """A ``Reader`` in front of another, with one thread that calls it.

    Safe to call from any thread but its own.
    """

    def __init__(self, reader: BatchReader) -> None:
        """Start the worker; ``close`` ends it."""
        self._reader = reader
        self._wake = threading.Condition()
        self._jobs: deque[_Job] = deque()
        self._closed = False
        # A daemon, so that a process whose library was never closed can still end.
        self._thread = threading.Thread(target=self._work, name="linernotes-reader", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        """Return the reader itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def read(self, question: str, excerpts: Sequence[Excerpt]) -> list[Reading]:
        """Return one reading for each excerpt, in order, when the worker has come to it.

        Raises:
            ClosedError: the reader was closed before.
            Exception: whatever the model raised for these excerpts.
        """
        if not excerpts:
            return []
        job = _Job(Asked(question, excerpts))
        with self._wake:
            if self._closed:
                raise ClosedError("The reader has been closed.")
            self._jobs.append(job)
            self._wake.notify()
        return job.future.result()

    def close(self) -> None:
        """Read what waits, and end the worker; may be called again."""
        with self._wake:
            self._closed = True
            self._wake.notify()
        self._thread.join()

    # --- The worker's thread ---

    def _work(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._jobs or self._closed)
                if not self._jobs:
                    return
                taken = self._gather()
            self._answer(taken)

    def _gather(self) -> list[_Job]:
        """Take the questions for one batch, those that wait longest first; at least one."""
        taken: list[_Job] = []
        room = GATHER_EXCERPTS
        while self._jobs and (not taken or len(self._jobs[0].asked.excerpts) <= room):
            taken.append(self._jobs.popleft())
            room -= len(taken[-1].asked.excerpts)
        return taken

    def _answer(self, jobs: list[_Job]) -> None:
        try:
            found = self._reader.read_all([job.asked for job in jobs])
        except Exception as error:  # noqa: BLE001  the caller gets it
            if len(jobs) == 1:
                jobs[0].future.set_exception(error)
            else:
                # What the model cannot read must not cost the other questions their answers.
                for job in jobs:
                    self._answer([job])
            return
        for job, readings in zip(jobs, found, strict=True):
            job.future.set_result(readings)
