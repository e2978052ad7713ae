"""Who works at the same time: one process on ``DATA_DIR``."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from linernotes.errors import DataFolderBusyError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Keep every other process out of the data folder; a folder that cannot be written to needs no lock.

    Raises:
        DataFolderBusyError: another process holds it.
    """
    held = FileLock(folder / "lock", timeout=0, thread_local=False)
    holder = folder / "lock.pid"
    with ExitStack() as releases:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            releases.enter_context(held)
            holder.write_text(str(os.getpid()))
        except Timeout:
            try:
                who = f"process {int(holder.read_bytes())}"
            except (OSError, ValueError):
                who = "another process"
            raise DataFolderBusyError(
                f"The data folder {folder} is in use by {who}: stop it, or set DATA_DIR to another folder."
            ) from None
        except OSError:
            # Nothing can be written, so there is nothing to guard; the store gives the warning.
            pass
        yield
