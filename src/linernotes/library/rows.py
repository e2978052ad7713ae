"""Rows as they are written and read: the one place where what stands in the database is checked.

SQLite takes any value in any column, and a bit that flips in a cell is as good to it as what was written. So
each row that says what moderators have made has a *seal*, a digest of what it says; and no row is used before
its columns have been looked at here. A row that is not what was written costs its server alone: it is left
out, named in the log, and put aside at the next start (table ``set_aside``), where nothing is lost.
"""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping, Sequence

_log = logging.getLogger(__name__)

_SURROGATE = re.compile("[\ud800-\udfff]")
_DIGEST = re.compile(r"[0-9a-f]{64}")
# A time before this program was written, or three hundred years after, is none.
_SECONDS = range(2**35)
# Counts go on from the largest: one that has a flipped bit at the top must leave room above it.
_MOST: Final = 2**62
_SIXTY_FOUR: Final = 2**63


# --- What a column may hold -------------------------------------------------------------------------------


def _integer(value: object) -> int:
    # A row that is to be written may have numbers larger than SQLite takes; that is refused here as well.
    if type(value) is not int or not -_SIXTY_FOUR <= value < _SIXTY_FOUR:
        raise ValueError("is no whole number")
    return value


def _count(value: object) -> int:
    if not 0 <= _integer(value) < _MOST:
        raise ValueError("is no number to count by")
    return _integer(value)


def _flag(value: object) -> int:
    if _integer(value) not in {0, 1}:
        raise ValueError("is neither 0 nor 1")
    return _integer(value)


def _real(value: object) -> float:
    if type(value) not in {int, float} or not math.isfinite(value):  # type: ignore[arg-type]  # looked at first
        raise ValueError("is no number")
    return float(value)  # type: ignore[arg-type]


def _time(value: object) -> float:
    if int(_real(value)) not in _SECONDS:
        raise ValueError("is no time")
    return _real(value)


def _text(value: object) -> str:
    # What is no UTF-8 comes as lone surrogates (``database.py``), and those are never written.
    if type(value) is not str or (not value.isascii() and _SURROGATE.search(value)):
        raise ValueError("is no text")
    return value


def _rule(value: object) -> str:
    if value not in {"allow", "deny"}:
        raise ValueError("is neither allow nor deny")
    return _text(value)


def _names(value: object) -> str:
    names = json.loads(_text(value))
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError("is no list of names")
    return _text(value)


def _files(value: object) -> str:
    files = json.loads(_text(value))
    if not isinstance(files, dict):
        raise ValueError("is no list of files")  # noqa: TRY004  all that is wrong with a row is one error
    for upload in files.values():
        if not isinstance(upload, dict) or upload.keys() != {"digest", "size", "at"}:
            raise ValueError("is no list of files")
        if not _DIGEST.fullmatch(_text(upload["digest"])):
            raise ValueError("names no file")
        _integer(upload["size"])
        _time(upload["at"])
    return _text(value)


def _or_none(check: Callable[[object], Any]) -> Callable[[object], Any]:
    return lambda value: None if value is None else check(value)


# --- Tables -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Damaged:
    """A row that is not what was written: its table, the server, if one stands there, and what is wrong."""

    table: str
    guild: int | None
    reason: str

    def __str__(self) -> str:
        """Say it in a sentence."""
        whose = "" if self.guild is None else f" of server {self.guild}"
        return f"A row{whose} in the table {self.table} of the database is damaged: {self.reason}."


@dataclass(frozen=True, slots=True)
class Table:
    """A table: its columns, each with what it may hold, in the order in which rows are given and taken.

    ``sealed`` names the columns that the seal is over; without any, the table has none. Who did something is
    never among them, for it goes when somebody asks to be forgotten.
    """

    name: str
    columns: Mapping[str, Callable[[object], Any]]
    sealed: tuple[str, ...] = ()
    blank: tuple[object, ...] | None = None
    """What stands in place of a damaged row, behind its first column, where others hang on it."""

    def seal_of(self, row: Sequence[object]) -> str:
        """Return the seal of a row.

        Raises:
            ValueError: a column holds what it may not.
        """
        checked = dict(zip(self.columns, self._checked(row), strict=True))
        parts = [self.name, *(checked[name] for name in self.sealed)]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]

    def insert(
        self, db: sqlite3.Connection, row: Sequence[object], how: str = "INSERT", also: str = ""
    ) -> None:
        """Write a row with its seal.

        Args:
            db: the database.
            row: the values of all columns.
            how: ``INSERT``, or ``INSERT OR IGNORE`` and the like.
            also: what follows, such as ``ON CONFLICT``.
        """
        names, values = [*self.columns], [*row]
        if self.sealed:
            names, values = [*names, "seal"], [*values, self.seal_of(row)]
        marks = ", ".join("?" * len(values))
        db.execute(f"{how} INTO {self.name} ({', '.join(names)}) VALUES ({marks}) {also}", values)

    def select(
        self, db: sqlite3.Connection, which: str = "", values: Sequence[object] = ()
    ) -> list[tuple[Any, ...]]:
        """Return the rows that are what was written; the others are named in the log.

        Args:
            db: the database.
            which: what follows the table's name, ``r``: ``WHERE``, ``ORDER BY`` and so on.
            values: what the marks in it stand for.
        """
        return [row for row, damaged in self.look(db, which, values) if damaged is None]

    def look(
        self, db: sqlite3.Connection, which: str = "", values: Sequence[object] = ()
    ) -> list[tuple[tuple[Any, ...], Damaged | None]]:
        """Return all rows, each with what is wrong with it, if anything is; the log is told."""
        names = ", ".join(f"r.{name}" for name in [*self.columns, *(["seal"] if self.sealed else [])])
        found: list[tuple[tuple[Any, ...], Damaged | None]] = []
        for row in db.execute(f"SELECT {names} FROM {self.name} AS r {which}", values):  # noqa: S608  our own words
            try:
                found.append((self.check(row), None))
            except (ValueError, RecursionError) as error:
                damaged = Damaged(self.name, self._guild(row), str(error) or "it cannot be read")
                _log.warning("%s It is left out.", damaged)
                found.append((row[: len(self.columns)], damaged))
        return found

    def check(self, row: Sequence[Any]) -> tuple[Any, ...]:
        """Return a row's columns, the seal left out.

        Raises:
            ValueError: it is not what was written.
        """
        checked = self._checked(row[: len(self.columns)])
        if self.sealed and row[-1] != self.seal_of(checked):
            raise ValueError("its seal does not fit")
        return checked

    def seal_all(self, db: sqlite3.Connection) -> None:
        """Seal the rows that an older version has written without."""
        names = ", ".join(self.columns)
        for number, *row in db.execute(f"SELECT rowid, {names} FROM {self.name}").fetchall():  # noqa: S608  our own words
            try:
                sealed = self.seal_of(row)
            except (ValueError, RecursionError):
                continue
            db.execute(f"UPDATE {self.name} SET seal = ? WHERE rowid = ?", (sealed, number))  # noqa: S608  our own words

    def set_aside(self, db: sqlite3.Connection, now: float) -> list[Damaged]:
        """Move the rows that are damaged into the table ``set_aside``, and return what is wrong with each."""
        names = ", ".join(f"r.{name}" for name in [*self.columns, *(["seal"] if self.sealed else [])])
        moved: list[Damaged] = []
        for number, *row in db.execute(f"SELECT r.rowid, {names} FROM {self.name} AS r").fetchall():  # noqa: S608  our own words
            try:
                self.check(row)
            except (ValueError, RecursionError) as error:
                damaged = Damaged(self.name, self._guild(row), str(error) or "it cannot be read")
                content = dict(zip(self.columns, row, strict=False))
                db.execute(
                    "INSERT INTO set_aside (source, content, at) VALUES (?, ?, ?)",
                    (self.name, json.dumps(content, default=_in_ascii), now),
                )
                if self.blank is None:
                    db.execute(f"DELETE FROM {self.name} WHERE rowid = ?", (number,))  # noqa: S608  our own words
                else:
                    self.insert(db, (number, *self.blank), "INSERT", self._replacing())
                moved.append(damaged)
        return moved

    def _replacing(self) -> str:
        key, *others = [*self.columns, "seal"]
        return f"ON CONFLICT ({key}) DO UPDATE SET " + ", ".join(
            f"{name} = excluded.{name}" for name in others
        )

    def _checked(self, row: Sequence[object]) -> tuple[Any, ...]:
        checked: list[Any] = []
        for (name, check), value in zip(self.columns.items(), row, strict=True):
            try:
                checked.append(check(value))
            except json.JSONDecodeError:
                raise ValueError(f"{name} cannot be read") from None
            except ValueError as error:
                raise ValueError(f"{name} {error}") from None
        return tuple(checked)

    def _guild(self, row: Sequence[object]) -> int | None:
        value = dict(zip(self.columns, row, strict=False)).get("guild")
        return value if type(value) is int else None


def _in_ascii(value: object) -> str:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else repr(value)


SERVERS: Final = Table(
    "servers",
    {"guild": _integer, "moderator_role": _or_none(_integer), "gaps": _flag},
    ("guild", "moderator_role", "gaps"),
    blank=(None, 0),
)
CHANNELS: Final = Table(
    "channels",
    {"guild": _integer, "channel": _integer, "rule": _rule},
    ("guild", "channel", "rule"),
)
BLOCKED: Final = Table("blocked", {"guild": _integer, "member": _integer}, ("guild", "member"))
REVISIONS: Final = Table(
    "revisions",
    {
        "guild": _integer,
        "number": _count,
        "edition": _text,
        "what": _text,
        "at": _time,
        "person": _or_none(_integer),
        "own": _files,
        "hidden": _names,
        "follows": _flag,
    },
    ("guild", "number", "edition", "what", "at", "own", "hidden", "follows"),
)
AUDIT: Final = Table(
    "audit",
    {
        "number": _count,
        "guild": _integer,
        "at": _time,
        "person": _or_none(_integer),
        "what": _text,
        "before": _or_none(_text),
        "after": _or_none(_text),
    },
    ("guild", "at", "what", "before", "after"),
)
CHECKS: Final = Table(
    "checks",
    {
        "number": _count,
        "guild": _integer,
        "question": _text,
        "words": _text,
        "at": _time,
        "person": _or_none(_integer),
    },
    ("guild", "question", "words", "at"),
)
GAPS: Final = Table(
    "gaps", {"number": _count, "guild": _integer, "question": _text, "told": _flag, "at": _time}
)
DEPARTURES: Final = Table("departures", {"guild": _integer, "at": _time}, ("guild", "at"))
FACTS: Final = Table("facts", {"name": _text, "value": _text})
ANSWERS: Final = Table(
    "answers",
    {
        "key": _integer,
        "guild": _integer,
        "channel": _integer,
        "asker": _integer,
        "edition": _text,
        "confidence": _real,
        "evidence": _text,
        "message": _or_none(_integer),
    },
)

SEALED: Final = (SERVERS, CHANNELS, BLOCKED, REVISIONS, AUDIT, CHECKS, DEPARTURES)
"""The tables of which each row has a seal."""

SWEPT: Final = (CHANNELS, BLOCKED, SERVERS, REVISIONS, AUDIT, CHECKS, GAPS, DEPARTURES, FACTS)
"""The tables that are looked through at the start; those of a server's settings before the server's own."""
