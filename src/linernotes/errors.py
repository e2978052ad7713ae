"""The tree of errors.

Every message is a sentence for the person who reads it, and names the file, line or setting to look at.

::

    LinerNotesError
    ├── ConfigurationError            78  the settings, the machine or the data folder
    │   ├── SettingsError                 one or more settings have wrong values; all are named at once
    │   ├── ModelError                    the embedding model is missing, damaged or unsuitable
    │   ├── DataFolderBusyError           another process works on the same DATA_DIR
    │   ├── DataFolderError               DATA_DIR is there and cannot be read
    │   ├── StoreError                    the database in DATA_DIR is locked, read-only or cannot be read
    │   │   ├── StoreLostError                it is missing, damaged, another program's or newer
    │   │   ├── StoreUnkeptError              it keeps files, and lacks some that are to count
    │   │   └── StoreAwayError            69  its server cannot be reached, or does not answer
    │   │       └── StoreTakenError               another process has what this one is to serve
    │   └── DiscordRefusedError           Discord refuses the token, or an intent that is not switched on
    ├── CorpusError                   65  the corpus as a whole cannot be read
    │   └── DocumentError                 one document cannot be read: file, line and reason
    ├── QuestionFileError             65  a batch or evaluation file: file, line and reason
    ├── EmptyIndexError               65  a search in an index without sentences
    ├── ForeignVectorsError           65  vectors of another model or dimension
    ├── EditionError                  65  a stored edition or segment cannot be used
    │   ├── EditionDamagedError           a checksum or a shape is wrong
    │   ├── EditionForeignError           made by another model, setting or version
    │   └── EditionUnsavedError           it cannot be written to the disk
    ├── BackupError                   65  a backup cannot be made, is none of ours, or is not whole
    ├── RefusalError                  65  what a member asks for is not allowed, not there, or not now
    ├── BotAbsentError                69  no bot runs on this DATA_DIR, or it does not answer
    ├── DiscordUnreachableError       69  Discord or the network is not to be had
    └── ClosedError                   69  work was asked of something that has been closed

The number is the exit status of the command line (sysexits.h: 65 data, 69 unavailable, 78 configuration).
"""

from __future__ import annotations

from typing import ClassVar


class LinerNotesError(Exception):
    """The root: everything that this package raises on purpose."""

    exit_status: ClassVar[int] = 65


class ConfigurationError(LinerNotesError):
    """The settings, the machine or the data folder must be changed by the operator."""

    exit_status: ClassVar[int] = 78


class SettingsError(ConfigurationError):
    """One or more settings have wrong values; ``problems`` holds a sentence for each."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        """Keep the sentences, one for each wrong setting."""
        super().__init__("\n".join(problems))
        self.problems = problems


class ModelError(ConfigurationError):
    """The embedding model is missing, damaged or unsuitable."""


class DataFolderBusyError(ConfigurationError):
    """Another process works on the same ``DATA_DIR``."""


class DataFolderError(ConfigurationError):
    """``DATA_DIR`` is there and cannot be read."""


class StoreError(ConfigurationError):
    """The database in ``DATA_DIR`` is damaged, locked, read-only, full or from a newer version."""


class StoreLostError(StoreError):
    """The database in ``DATA_DIR`` is missing, damaged, another program's or from a newer version.

    What it knew of stands beside it still: a copy of it can be put back, or it can be set aside.
    """


class StoreUnkeptError(StoreError):
    """The database keeps files, and lacks some that are to count; they can be kept again."""


class StoreAwayError(StoreError):
    """The database's server cannot be reached, or does not answer; it is looked for again by itself."""

    exit_status: ClassVar[int] = 69


class StoreTakenError(StoreAwayError):
    """Another process on the database's server has what this one is to serve; that may pass."""


class DiscordRefusedError(ConfigurationError):
    """Discord refuses the token, or an intent that is not switched on for the application."""


class CorpusError(LinerNotesError):
    """The corpus as a whole cannot be read."""


class DocumentError(CorpusError):
    """One document cannot be read: ``name`` (path below the corpus folder), ``line`` (from 1) and reason."""

    def __init__(self, name: str, reason: str, line: int | None = None) -> None:
        """Put file, line and reason into one sentence."""
        where = name if line is None else f"{name}, line {line}"
        super().__init__(f"{where}: {reason}")
        self.name = name
        self.reason = reason
        self.line = line


class QuestionFileError(LinerNotesError):
    """A batch or evaluation file cannot be used: ``line`` (from 1) and reason."""

    def __init__(self, name: str, reason: str, line: int | None = None) -> None:
        """Put file, line and reason into one sentence."""
        where = name if line is None else f"{name}, line {line}"
        super().__init__(f"{where}: {reason}")
        self.name = name
        self.reason = reason
        self.line = line


class EmptyIndexError(LinerNotesError):
    """A search in an index that holds no sentence."""


class ForeignVectorsError(LinerNotesError):
    """Vectors of another model, or of another dimension, than the index holds."""


class EditionError(LinerNotesError):
    """A stored edition or segment cannot be used."""


class EditionDamagedError(EditionError):
    """A checksum, a size or a shape of a stored file is wrong."""


class EditionForeignError(EditionError):
    """A stored edition or segment was made by another model, setting or version."""


class EditionUnsavedError(EditionError):
    """An edition cannot be written to the disk; it would be gone after a restart."""


class BackupError(LinerNotesError):
    """A backup cannot be made; or a file is none of ours, from a newer version, or not whole."""


class RefusalError(LinerNotesError):
    """What a member asks for is not allowed, not there, or not now; the sentence is for them."""


class BotAbsentError(LinerNotesError):
    """No bot runs on this ``DATA_DIR``, or it does not answer."""

    exit_status: ClassVar[int] = 69


class DiscordUnreachableError(LinerNotesError):
    """Discord or the network is not to be had."""

    exit_status: ClassVar[int] = 69


class ClosedError(LinerNotesError):
    """Work was asked of a library or a model that has been closed, or was cut short by the closing."""

    exit_status: ClassVar[int] = 69
