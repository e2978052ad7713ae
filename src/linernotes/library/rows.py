"""Rows as they are written and read: the one place where what stands in the database is checked.

SQLite takes any value in any column, and a bit that flips in a cell is as good to it as what was written. So
each row that says what moderators have made has a *seal*, a digest of what it says; and no row is used before
its columns have been looked at here. A row that is not what was written costs its server alone: it is left
out, named in the log, and put aside at the next start (table ``set_aside``), where nothing is lost.

Statements are SQLAlchemy's, made of the tables of ``tables.py``, and the same for SQLite and PostgreSQL. It
is imported when the first is made, in the thread that works with the database.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import logging
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import sqlalchemy as sa
    from sqlalchemy.dialects import postgresql, sqlite
    from sqlalchemy.sql.base import ReadOnlyColumnCollection

_log = logging.getLogger(__name__)

_SURROGATE = re.compile("[\ud800-\udfff]")
_DIGEST = re.compile(r"[0-9a-f]{64}")
# A time before this program was written, or three hundred years after, is none.
_SECONDS = range(2**35)
# Counts go on from the largest: one that has a flipped bit at the top must leave room above it.
_MOST: Final = 2**62
_SIXTY_FOUR: Final = 2**63
# Where several processes count on from the largest number, they do so one after the other.
_COUNTING: Final = 0x4C4E0001

Condition: TypeAlias = "sa.ColumnElement[bool]"
"""What rows must fulfil, such as ``CHECKS.c.guild == guild``."""

Conflict = Literal["refuse", "ignore", "replace"]
"""What becomes of a row that is to be written where one with its key stands already."""


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
        return self._seal(self._checked(row))

    def _seal(self, checked: Sequence[Any]) -> str:
        values = dict(zip(self.columns, checked, strict=True))
        parts = [self.name, *(values[name] for name in self.sealed)]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]

    @property
    def table(self) -> sa.Table:
        """The table, as statements name it."""
        from linernotes.library.tables import metadata

        return metadata.tables[self.name]

    @property
    def c(self) -> ReadOnlyColumnCollection[str, sa.Column[Any]]:
        """Its columns, as statements name them; those that rows are not given with among them."""
        return self.table.c

    @property
    def read(self) -> tuple[str, ...]:
        """What is read of a row, and written: its columns, and its seal, if it has one."""
        return (*self.columns, "seal") if self.sealed else (*self.columns,)

    # --- Writing ---

    def insert(self, db: sa.Connection, row: Sequence[object], conflict: Conflict = "refuse") -> None:
        """Write a row with its seal.

        Args:
            db: the database.
            row: the values of all columns.
            conflict: what becomes of it where a row with its key stands already.

        Raises:
            ValueError: a column holds what it may not.
        """
        db.execute(_inserting(self.name, self.read, conflict, db.dialect.name), self._values(db, row))

    def insert_all(self, db: sa.Connection, rows: Iterable[Sequence[object]]) -> None:
        """Write rows that may stand there already."""
        for row in rows:
            self.insert(db, row, "ignore")

    def append(self, db: sa.Connection, row: Sequence[object]) -> int:
        """Write a row whose first column is a number that the database counts; return that number."""
        values = self._values(db, (0, *row))
        number = next(iter(self.columns))
        del values[number]
        return int(db.execute(self.table.insert().returning(self.c[number]), values).scalar_one())

    def update(self, db: sa.Connection, values: Mapping[str, object], *which: Condition) -> int:
        """Change columns that are under no seal, and return in how many rows."""
        return int(db.execute(self.table.update().where(*which).values(values)).rowcount)

    def rewrite(self, db: sa.Connection, row: Sequence[object], *which: Condition) -> int:
        """Write a row with its seal in place of those that there are, and return how many these were."""
        return int(db.execute(self.table.update().where(*which).values(self._values(db, row))).rowcount)

    def delete(self, db: sa.Connection, *which: Condition) -> int:
        """Remove rows, and return how many."""
        return int(db.execute(self.table.delete().where(*which)).rowcount)

    # --- Reading ---

    def select(
        self,
        db: sa.Connection,
        *which: Condition,
        order: sa.ColumnElement[Any] | None = None,
        first: int = 0,
        most: int | None = None,
    ) -> list[tuple[Any, ...]]:
        """Return the rows that are what was written; the others are named in the log.

        Args:
            db: the database.
            which: what they must fulfil, all of it.
            order: by what they come in order.
            first: how many are left out at the beginning.
            most: how many are returned at most; all of them by default.
        """
        looked = self.look(db, *which, order=order, first=first, most=most)
        return [row for row, damaged in looked if damaged is None]

    def look(
        self,
        db: sa.Connection,
        *which: Condition,
        order: sa.ColumnElement[Any] | None = None,
        first: int = 0,
        most: int | None = None,
    ) -> list[tuple[tuple[Any, ...], Damaged | None]]:
        """Return all rows, each with what is wrong with it, if anything is; the log is told."""
        statement = _reading(self.name, self.read).where(*which)
        if order is not None:
            statement = statement.order_by(order)
        if first or most is not None:
            statement = statement.limit(most).offset(first)
        found: list[tuple[tuple[Any, ...], Damaged | None]] = []
        for row in map(tuple, db.execute(statement)):
            try:
                found.append((self.check(row), None))
            except (ValueError, RecursionError) as error:
                damaged = Damaged(self.name, self._guild(row), str(error) or "it cannot be read")
                _log.warning("%s It is left out.", damaged)
                found.append((row[: len(self.columns)], damaged))
        return found

    def has(self, db: sa.Connection, *which: Condition) -> bool:
        """Say whether there is such a row; what it holds is not looked at."""
        from sqlalchemy import select

        statement = select(next(iter(self.c))).where(*which).limit(1)
        return db.execute(statement).first() is not None

    def count(self, db: sa.Connection, *which: Condition) -> int:
        """Return how many such rows there are; what they hold is not looked at."""
        from sqlalchemy import func, select

        return int(db.execute(select(func.count()).select_from(self.table).where(*which)).scalar_one())

    def guilds(self, db: sa.Connection) -> set[int]:
        """Return the servers that have rows; what these hold is not looked at."""
        from sqlalchemy import select

        return {guild for (guild,) in db.execute(select(self.c.guild).distinct())}

    def next_number(self, db: sa.Connection, *which: Condition) -> int:
        """Return one more than the largest number of such rows; who asks is to write it next."""
        from sqlalchemy import func, select

        if db.dialect.name == "postgresql":
            db.execute(select(func.pg_advisory_xact_lock(_COUNTING)))
        largest = db.execute(select(func.max(self.c.number)).where(*which)).scalar_one()
        return int(largest or 0) + 1

    def check(self, row: Sequence[Any]) -> tuple[Any, ...]:
        """Return a row's columns, the seal left out.

        Raises:
            ValueError: it is not what was written.
        """
        checked = self._checked(row[: len(self.columns)])
        if self.sealed and row[-1] != self._seal(checked):
            raise ValueError("its seal does not fit")
        return checked

    # --- What is damaged ---

    def seal_all(self, db: sa.Connection) -> None:
        """Seal the rows that an older version has written without."""
        from sqlalchemy import select

        place = _place(db.dialect.name)
        for number, *row in db.execute(select(place, *(self.c[name] for name in self.columns))).fetchall():
            try:
                sealed = self.seal_of(row)
            except (ValueError, RecursionError):
                continue
            self.update(db, {"seal": sealed}, place == number)

    def set_aside(self, db: sa.Connection, now: float) -> list[Damaged]:
        """Move the rows that are damaged into the table ``set_aside``, and return what is wrong with each."""
        place = _place(db.dialect.name)
        moved: list[Damaged] = []
        for number, *row in db.execute(_placing(self.name, self.read, db.dialect.name)).fetchall():
            try:
                self.check(row)
            except (ValueError, RecursionError) as error:
                damaged = Damaged(self.name, self._guild(row), str(error) or "it cannot be read")
                content = dict(zip(self.columns, row, strict=False))
                SET_ASIDE.append(db, (self.name, json.dumps(content, default=_in_ascii), now))
                if self.blank is None:
                    self.delete(db, place == number)
                else:
                    self.insert(db, (row[0], *self.blank), "replace")
                moved.append(damaged)
        return moved

    # --- Parts ---

    def _values(self, db: sa.Connection, row: Sequence[object]) -> dict[str, object]:
        if db.dialect.name == "postgresql":
            # The one character that it does not take.
            row = [each.replace("\0", "\ufffd") if isinstance(each, str) else each for each in row]
        values: dict[str, object] = dict(zip(self.columns, row, strict=True))
        if self.sealed:
            values["seal"] = self.seal_of(row)
        return values

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


@functools.cache
def _reading(name: str, columns: tuple[str, ...]) -> sa.Select[Any]:
    """Return the statement that reads all rows of a table; to make one anew costs as much as to run it."""
    from sqlalchemy import select

    from linernotes.library.tables import metadata

    return select(*(metadata.tables[name].c[column] for column in columns))


@functools.cache
def _placing(name: str, columns: tuple[str, ...], dialect: str) -> sa.Select[Any]:
    """Return the statement that reads all rows of a table, and before each where it stands; likewise."""
    from sqlalchemy import select

    from linernotes.library.tables import metadata

    return select(_place(dialect), *(metadata.tables[name].c[column] for column in columns))


@functools.cache
def _inserting(name: str, columns: tuple[str, ...], conflict: Conflict, dialect: str) -> sa.Insert:
    """Return the statement that writes a row of a table; likewise."""
    from linernotes.library.tables import metadata

    table = metadata.tables[name]
    if conflict == "refuse":
        return table.insert()
    statement = _insert_of(dialect, table)
    if conflict == "ignore":
        return statement.on_conflict_do_nothing()
    key = [column.name for column in table.primary_key]
    others = {column: statement.excluded[column] for column in columns if column not in key}
    return statement.on_conflict_do_update(index_elements=key, set_=others)


def _insert_of(dialect: str, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
    """Return a statement that may say what becomes of a row whose key is taken; its dialect alone is read."""
    if dialect == "postgresql":
        from sqlalchemy.dialects.postgresql import insert as of_server

        return of_server(table)
    from sqlalchemy.dialects.sqlite import insert

    return insert(table)


@functools.cache
def _place(dialect: str) -> sa.ColumnElement[Any]:
    """Return where a row stands, by which it is found again whatever its cells hold."""
    from sqlalchemy import Text, cast, literal_column

    if dialect == "postgresql":
        return cast(literal_column("ctid"), Text)
    return literal_column("rowid")


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
        "message": _or_none(_integer),
        "asker": _integer,
        "edition": _text,
        "confidence": _real,
        "evidence": _text,
        "at": _real,
    },
)
FEEDBACK: Final = Table("feedback", {"answer": _integer, "person": _integer, "vote": _integer})
QUESTIONS: Final = Table(
    "questions", {"message": _integer, "guild": _integer, "channel": _integer, "at": _real, "open": _flag}
)
RELEASED: Final = Table("released", {"kind": _text, "digest": _text})
QUARANTINED: Final = Table("quarantined", {"name": _text, "at": _real})
SET_ASIDE: Final = Table("set_aside", {"number": _count, "source": _text, "content": _text, "at": _real})

SEALED: Final = (SERVERS, CHANNELS, BLOCKED, REVISIONS, AUDIT, CHECKS, DEPARTURES)
"""The tables of which each row has a seal."""

SWEPT: Final = (CHANNELS, BLOCKED, SERVERS, REVISIONS, AUDIT, CHECKS, GAPS, DEPARTURES, FACTS)
"""The tables that are looked through at the start; those of a server's settings before the server's own."""
