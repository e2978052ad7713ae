"""One worker for the reader: the questions that wait are read one after another, on one core at most."""

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

    from linernotes.models import Excerpt, Reading
    from linernotes.reading.reader import Reader


@dataclass(eq=False, slots=True)
class _Job:
    question: str
    excerpts: Sequence[Excerpt]
    earlier: str
    windows: int | None
    future: Future[list[Reading | None]] = field(default_factory=Future)


class QueuedReader:
    """A ``Reader`` in front of another, with one thread that calls it.

    What waits is not put together: on one thread, eight windows in a batch took 113 ms and one by one 78, for
    they need no padding and stay in the processor's caches; and the first need not wait for the last. Safe to
    call from any thread but its own.
    """

    def __init__(self, reader: Reader) -> None:
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

    def read(
        self, question: str, excerpts: Sequence[Excerpt], earlier: str = "", windows: int | None = None
    ) -> list[Reading | None]:
        """Return one reading for each excerpt, in order, when the worker has come to it.

        Raises:
            ClosedError: the reader was closed before.
            Exception: whatever the model raised for these excerpts.
        """
        if not excerpts:
            return []
        job = _Job(question, excerpts, earlier, windows)
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

    def _work(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._jobs or self._closed)
                if not self._jobs:
                    return
                job = self._jobs.popleft()
            try:
                job.future.set_result(self._reader.read(job.question, job.excerpts, job.earlier, job.windows))
            except Exception as error:  # noqa: BLE001  the caller gets it
                job.future.set_exception(error)
