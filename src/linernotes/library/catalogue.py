"""Each server's library in the database: its revisions, check questions, gaps and audit trail.

A *revision* is one state of a server's library: the edition, the files of its own and the shared documents
that it hides. The newest one counts. It is written in one transaction with its line in the audit trail, after
the edition has been saved whole: whenever the process ends, the two agree. Every look-up names the server.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

from linernotes.library.store import KEPT_SECONDS

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

    from linernotes.library.store import Store, Work

REVISIONS: Final = 10
"""How many revisions of a server are kept."""

CHECKS: Final = 50
"""How many check questions a server may have; each is asked twice for a preview."""

OPERATOR: Final = 0
"""Stands for a person's id where the operator of the bot has done something."""

HELD: Final = "stayed"
"""How a line of the audit trail begins that says that a server was not moved by the operator's reload."""

_DAY: Final = 24 * 3600
AUDIT_SECONDS: Final = 365 * _DAY
GAP_SECONDS: Final = 30 * _DAY
LEFT_SECONDS: Final = 30 * _DAY

# A server's gaps are grouped in memory: the oldest go when there are more.
_MOST_GAPS: Final = 2_000


@dataclass(frozen=True, slots=True)
class Upload:
    """A file of a server's own: the SHA-256 and the size of its bytes, and when it was added."""

    digest: str
    size: int
    at: float


@dataclass(frozen=True, slots=True)
class Revision:
    """A state of a server's library.

    ``own`` maps names of documents to files; ``hidden`` names shared documents. ``follows`` says whether the
    operator's reload moves it: not after a rollback. ``person`` is who made it, ``OPERATOR``, or ``None`` for
    somebody who has asked to be forgotten. ``number`` counts from 1 in each server.
    """

    guild: int
    number: int
    edition: str
    what: str
    at: float
    person: int | None
    own: Mapping[str, Upload] = field(default_factory=dict)
    hidden: frozenset[str] = frozenset()
    follows: bool = True


@dataclass(frozen=True, slots=True)
class Act:
    """A line of the audit trail: who did what, when, from which edition to which."""

    number: int
    at: float
    person: int | None
    what: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Check:
    """A question whose answer must hold some words."""

    number: int
    question: str
    words: str
    at: float
    person: int | None


@dataclass(frozen=True, slots=True)
class Gap:
    """A question that the article did not answer; ``told`` says that a member wants it to."""

    number: int
    question: str
    told: bool
    at: float


@dataclass(frozen=True, slots=True)
class Kept:
    """What must stay on the disk, as digests."""

    editions: frozenset[str]
    uploads: frozenset[str]


class Catalogue:
    """The libraries of all servers; each call is one transaction in the store's thread."""

    def __init__(self, store: Store) -> None:
        """Take the database."""
        self._store = store

    # --- Revisions ---

    async def newest(self) -> dict[int, Revision]:
        """Return the newest revision of each server that has any."""

        def read(db: sqlite3.Connection) -> dict[int, Revision]:
            rows = db.execute(
                f"SELECT {_REVISION} FROM revisions AS r"  # noqa: S608  our own words
                " WHERE number = (SELECT max(number) FROM revisions WHERE guild = r.guild)"
            )
            return {revision.guild: revision for revision in map(_revision, rows)}

        return await self._store.run(read)

    async def revisions(self, guild: int) -> tuple[Revision, ...]:
        """Return the revisions of a server, the newest first."""

        def read(db: sqlite3.Connection) -> tuple[Revision, ...]:
            rows = db.execute(
                f"SELECT {_REVISION} FROM revisions WHERE guild = ? ORDER BY number DESC LIMIT ?",  # noqa: S608  our own words
                (guild, REVISIONS),
            )
            return tuple(map(_revision, rows))

        return await self._store.run(read)

    async def commit(self, revision: Revision, *, before: Revision) -> None:
        """Make a revision the newest of its server, and write down who did it.

        Args:
            revision: what counts from now on; its number is one more than that of ``before``.
            before: what counted until now. Where the server had no library of its own, it is kept as its
                first revision, to which one can go back.
        """

        def write(db: sqlite3.Connection) -> None:
            _insert(db, before, unless_there=True)
            _insert(db, revision)
            act = Act(0, revision.at, revision.person, revision.what, before.edition, revision.edition)
            _write_act(db, revision.guild, act)

        await self._store.run(write)

    async def move(self, revision: Revision, edition: str, what: str) -> None:
        """Say that a revision stands for another edition, because its own can no longer be used as it is."""
        act = Act(0, self._store.clock(), OPERATOR, what, revision.edition, edition)

        def write(db: sqlite3.Connection) -> None:
            db.execute(
                "UPDATE revisions SET edition = ? WHERE guild = ? AND number = ?",
                (edition, revision.guild, revision.number),
            )
            _write_act(db, revision.guild, act)

        await self._store.run(write)

    async def hold(self, revision: Revision, what: str) -> bool:
        """Write down that a server stays where it is; ``False`` if that was the last that happened."""
        act = Act(0, self._store.clock(), OPERATOR, what, revision.edition, revision.edition)

        def write(db: sqlite3.Connection) -> bool:
            _insert(db, revision, unless_there=True)
            is_new = _last_move(db, revision.guild) != (what, revision.edition)
            if is_new:
                _write_act(db, revision.guild, act)
            return is_new

        return await self._store.run(write)

    async def release(self, revision: Revision) -> None:
        """Write down that a server is no longer held back, if it was."""
        what = "no longer held back"
        act = Act(0, self._store.clock(), OPERATOR, what, revision.edition, revision.edition)

        def write(db: sqlite3.Connection) -> None:
            last = _last_move(db, revision.guild)
            if last is not None and last[0].startswith(HELD):
                _write_act(db, revision.guild, act)

        await self._store.run(write)

    # --- The audit trail ---

    def noting(self, guild: int, person: int, what: str) -> Work:
        """Return what writes down what somebody did, to be done together with it."""
        act = Act(0, self._store.clock(), person, what, None, None)
        return lambda db: _write_act(db, guild, act)

    async def audit(self, guild: int, *, first: int = 0, most: int | None = None) -> tuple[Act, ...]:
        """Return a server's audit trail, the newest line first.

        Args:
            guild: the server.
            first: how many lines are left out at the beginning.
            most: how many lines are returned at most; all of them by default.
        """
        return await self._acts("guild = ?", guild, first, -1 if most is None else most)

    async def last_act(self, guild: int) -> Act | None:
        """Return the newest line of a server's audit trail that an edition came of, or stayed."""
        acts = await self._acts("guild = ? AND after IS NOT NULL", guild, 0, 1)
        return acts[0] if acts else None

    async def count_acts(self, guild: int) -> int:
        """Return how many lines a server's audit trail has."""
        since = self._store.clock() - AUDIT_SECONDS
        return await self._store.run(
            lambda db: int(
                db.execute(
                    "SELECT count(*) FROM audit WHERE guild = ? AND at > ?", (guild, since)
                ).fetchone()[0]
            )
        )

    async def _acts(self, which: str, guild: int, first: int, most: int) -> tuple[Act, ...]:
        since = self._store.clock() - AUDIT_SECONDS
        return await self._store.run(
            lambda db: tuple(
                Act(*row)
                for row in db.execute(
                    "SELECT number, at, person, what, before, after FROM audit"  # noqa: S608  one of two texts of ours
                    f" WHERE {which} AND at > ? ORDER BY number DESC LIMIT ? OFFSET ?",
                    (guild, since, most, first),
                )
            )
        )

    # --- Check questions ---

    async def checks(self, guild: int) -> tuple[Check, ...]:
        """Return a server's check questions, the oldest first."""
        rows = await self._store.run(
            lambda db: db.execute(
                "SELECT number, question, words, at, person FROM checks WHERE guild = ? ORDER BY number",
                (guild,),
            ).fetchall()
        )
        return tuple(Check(*row) for row in rows)

    async def checked_guilds(self) -> frozenset[int]:
        """Return the servers that have check questions."""
        rows = await self._store.run(lambda db: db.execute("SELECT DISTINCT guild FROM checks").fetchall())
        return frozenset(guild for (guild,) in rows)

    async def add_check(self, guild: int, person: int, question: str, words: str) -> bool:
        """Keep a check question in place of an equal one; ``False`` if the server has too many."""

        def write(db: sqlite3.Connection) -> bool:
            others = db.execute(
                "SELECT count(*) FROM checks WHERE guild = ? AND question <> ?", (guild, question)
            ).fetchone()[0]
            if others >= CHECKS:
                return False
            now = self._store.clock()
            db.execute(
                "INSERT INTO checks (guild, question, words, at, person) VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT (guild, question)"
                " DO UPDATE SET words = excluded.words, at = excluded.at, person = excluded.person",
                (guild, question, words, now, person),
            )
            _write_act(db, guild, Act(0, now, person, f"check question added: {question}", None, None))
            return True

        return await self._store.run(write)

    async def remove_check(self, guild: int, person: int, number: int) -> bool:
        """Remove a check question; ``False`` if the server has none with this number."""

        def write(db: sqlite3.Connection) -> bool:
            row = db.execute(
                "DELETE FROM checks WHERE guild = ? AND number = ? RETURNING question", (guild, number)
            ).fetchone()
            if row is not None:
                what = f"check question removed: {row[0]}"
                _write_act(db, guild, Act(0, self._store.clock(), person, what, None, None))
            return row is not None

        return await self._store.run(write)

    # --- Gaps ---

    async def add_gap(self, guild: int, question: str) -> int:
        """Keep a question that was not answered, and return its number; who asked is not kept."""

        def write(db: sqlite3.Connection) -> int:
            now = self._store.clock()
            made = db.execute(
                "INSERT INTO gaps (guild, question, told, at) VALUES (?, ?, 0, ?)", (guild, question, now)
            )
            db.execute(
                "DELETE FROM gaps WHERE at <= ? OR (guild = ? AND number <= ("
                " SELECT number FROM gaps WHERE guild = ? ORDER BY number DESC LIMIT 1 OFFSET ?))",
                (now - GAP_SECONDS, guild, guild, _MOST_GAPS),
            )
            return int(made.lastrowid or 0)

        return await self._store.run(write)

    async def tell_gap(self, guild: int, number: int) -> bool:
        """Note that a member wants a question answered; ``False`` if it is no longer kept."""
        since = self._store.clock() - GAP_SECONDS
        return await self._store.run(
            lambda db: (
                db.execute(
                    "UPDATE gaps SET told = 1 WHERE guild = ? AND number = ? AND at > ?",
                    (guild, number, since),
                ).rowcount
                > 0
            )
        )

    async def gaps(self, guild: int) -> tuple[Gap, ...]:
        """Return what was not answered in the last 30 days, the newest first."""
        since = self._store.clock() - GAP_SECONDS
        return await self._store.run(
            lambda db: tuple(
                Gap(number, question, bool(told), at)
                for number, question, told, at in db.execute(
                    "SELECT number, question, told, at FROM gaps"
                    " WHERE guild = ? AND at > ? ORDER BY number DESC",
                    (guild, since),
                )
            )
        )

    def clearing_gaps(self, guild: int) -> Work:
        """Return what removes a server's gaps, to be done together with turning them off."""
        return lambda db: db.execute("DELETE FROM gaps WHERE guild = ?", (guild,))

    # --- Leaving ---

    async def set_members(self, guilds: frozenset[int]) -> None:
        """Say in which servers the bot is; for the others, the 30 days begin unless they have begun."""

        def write(db: sqlite3.Connection) -> None:
            known = {guild for table in _OF_GUILD for (guild,) in db.execute(f"SELECT guild FROM {table}")}  # noqa: S608  names of ours
            now = self._store.clock()
            db.executemany("DELETE FROM departures WHERE guild = ?", [(guild,) for guild in guilds])
            db.executemany(
                "INSERT OR IGNORE INTO departures VALUES (?, ?)",
                [(guild, now) for guild in known - guilds],
            )

        await self._store.run(write)

    async def leave(self, guild: int) -> None:
        """Note that the bot has left a server."""
        await self._store.run(
            lambda db: db.execute(
                "INSERT OR IGNORE INTO departures VALUES (?, ?)", (guild, self._store.clock())
            )
        )

    async def join(self, guild: int) -> None:
        """Note that the bot is in a server."""
        await self._store.run(lambda db: db.execute("DELETE FROM departures WHERE guild = ?", (guild,)))

    # --- Tidying ---

    async def tidy(self) -> tuple[frozenset[int], Kept]:
        """Remove what is too old, and servers left long ago.

        Returns:
            The servers that were removed, and what the others' revisions need on the disk.
        """

        def write(db: sqlite3.Connection) -> tuple[frozenset[int], Kept]:
            now = self._store.clock()
            gone = [
                guild
                for (guild,) in db.execute(
                    "SELECT guild FROM departures WHERE at <= ?", (now - LEFT_SECONDS,)
                )
            ]
            for table in (*_OF_GUILD, "departures"):
                db.executemany(f"DELETE FROM {table} WHERE guild = ?", [(guild,) for guild in gone])  # noqa: S608  names of ours
            db.execute("DELETE FROM audit WHERE at <= ?", (now - AUDIT_SECONDS,))
            db.execute("DELETE FROM gaps WHERE at <= ?", (now - GAP_SECONDS,))
            db.execute("DELETE FROM answers WHERE at <= ?", (now - KEPT_SECONDS,))
            db.execute(
                "DELETE FROM revisions AS r WHERE number <="
                " (SELECT max(number) FROM revisions WHERE guild = r.guild) - ?",
                (REVISIONS,),
            )
            kept = [
                _revision(row)
                for row in db.execute(f"SELECT {_REVISION} FROM revisions")  # noqa: S608  our own words
            ]
            return frozenset(gone), Kept(
                frozenset(revision.edition for revision in kept),
                frozenset(upload.digest for revision in kept for upload in revision.own.values()),
            )

        return await self._store.run(write)


# Not the answers, which go after 30 days wherever they were given: where somebody has brought the bot along,
# they may be younger than its departure.
_OF_GUILD: Final = ("revisions", "audit", "checks", "gaps", "servers")
_REVISION: Final = "guild, number, edition, what, at, person, own, hidden, follows"


def _revision(row: tuple[Any, ...]) -> Revision:
    guild, number, edition, what, at, person, own, hidden, follows = row
    return Revision(
        guild,
        number,
        edition,
        what,
        at,
        person,
        {name: Upload(**upload) for name, upload in json.loads(own).items()},
        frozenset(json.loads(hidden)),
        bool(follows),
    )


def _insert(db: sqlite3.Connection, revision: Revision, *, unless_there: bool = False) -> None:
    db.execute(
        f"INSERT {'OR IGNORE ' * unless_there}INTO revisions ({_REVISION})"  # noqa: S608  our own words
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            revision.guild,
            revision.number,
            revision.edition,
            revision.what,
            revision.at,
            revision.person,
            json.dumps({name: asdict(upload) for name, upload in revision.own.items()}),
            json.dumps(sorted(revision.hidden)),
            revision.follows,
        ),
    )


def _last_move(db: sqlite3.Connection, guild: int) -> tuple[str, str] | None:
    """Return what was done last that an edition came of, and which."""
    row: tuple[str, str] | None = db.execute(
        "SELECT what, after FROM audit WHERE guild = ? AND after IS NOT NULL ORDER BY number DESC LIMIT 1",
        (guild,),
    ).fetchone()
    return row


def _write_act(db: sqlite3.Connection, guild: int, act: Act) -> None:
    db.execute(
        "INSERT INTO audit (guild, at, person, what, before, after) VALUES (?, ?, ?, ?, ?, ?)",
        (guild, act.at, act.person, act.what, act.before, act.after),
    )
