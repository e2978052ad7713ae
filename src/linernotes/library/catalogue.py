"""Each server's library in the database: its revisions, check questions, gaps and audit trail.

A *revision* is one state of a server's library: the edition, the files of its own and the shared documents
that it hides. The newest one counts. It is written in one transaction with its line in the audit trail, after
the edition has been saved whole: whenever the process ends, the two agree. Every look-up names the server.
"""

from __future__ import annotations

import json
import logging
import math
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from linernotes.errors import RefusalError, StoreUnkeptError
from linernotes.library.blobs import LISTED
from linernotes.library.news import tell
from linernotes.library.rows import (
    ANSWERS,
    AUDIT,
    DEPARTURES,
    FACTS,
    GAPS,
    QUARANTINED,
    RELEASED,
    SERVERS,
    SET_ASIDE,
    SWEPT,
    Damaged,
)
from linernotes.library.rows import (
    CHECKS as CHECK_ROWS,
)
from linernotes.library.rows import (
    REVISIONS as REVISION_ROWS,
)
from linernotes.library.store import KEPT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    import sqlalchemy as sa

    from linernotes.library.folders import Kind
    from linernotes.library.rows import Condition, Table
    from linernotes.library.store import Store, Work

_log = logging.getLogger(__name__)

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
QUARANTINE_SECONDS: Final = 30 * _DAY

TWO_LOOKS: Final = float(_DAY)
"""So many seconds must the bot have run between two looks that both find something due, before it goes.

A clock that jumps makes all due at once; whoever mends it has that long.
"""

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


@dataclass(frozen=True, slots=True)
class Tidied:
    """What tidying has found in the database.

    ``gone``: the servers of which nothing is kept any more. ``kept``: what others, ours, need on the disk.
    ``released``: what revisions named that are gone on purpose, and no other names. ``is_sure``: whether
    every revision can be read; where one cannot, nobody knows what it needs.
    """

    gone: frozenset[int]
    kept: Kept
    released: Kept
    is_sure: bool


@dataclass(frozen=True, slots=True)
class Missing:
    """A server's newest state, of which the audit trail alone knows: its row was damaged or lost."""

    act: Act
    edition: str


@dataclass(frozen=True, slots=True)
class Survey:
    """What a start has to know of our servers.

    ``named``: what their revisions need on the disk. ``newest``: the newest revision of each. ``missing``:
    those whose newest state stands in the audit trail alone.
    """

    named: Kept
    newest: Mapping[int, Revision]
    missing: Mapping[int, Missing]


class Catalogue:
    """The libraries of all servers; each call is one transaction in the store's thread."""

    def __init__(self, store: Store) -> None:
        """Take the database."""
        self._store = store
        self._ticked = store.ticks()

    # --- Revisions ---

    async def newest(self, guild: int | None = None) -> dict[int, Revision]:
        """Return the newest revision of each of our servers that has any, or of one alone."""

        def read(db: sa.Connection) -> dict[int, Revision]:
            of = REVISION_ROWS.c.guild
            which = self._store.ours(of) if guild is None else (of == guild,)
            rows = REVISION_ROWS.select(db, *which, order=REVISION_ROWS.c.number)
            return {each.guild: each for each in map(_revision, rows)}

        return await self._store.run(read)

    async def revisions(self, guild: int) -> tuple[Revision, ...]:
        """Return the revisions of a server, the newest first."""

        def read(db: sa.Connection) -> tuple[Revision, ...]:
            which, order = REVISION_ROWS.c.guild == guild, REVISION_ROWS.c.number.desc()
            return tuple(map(_revision, REVISION_ROWS.select(db, which, order=order)[:REVISIONS]))

        return await self._store.run(read)

    async def survey(self) -> Survey:
        """Return what a start has to know of our servers; each row is read once, for they may be many.

        Revisions and audit trail are written in one transaction, so that they differ only where a row has
        been damaged or lost.
        """

        def read(db: sa.Connection) -> Survey:
            ours = self._store.ours
            rows = REVISION_ROWS.select(db, *ours(REVISION_ROWS.c.guild), order=REVISION_ROWS.c.number)
            revisions = [*map(_revision, rows)]
            newest = {each.guild: each for each in revisions}
            which = (AUDIT.c.after.is_not(None), *ours(AUDIT.c.guild))
            moves = AUDIT.select(db, *which, order=AUDIT.c.number)
            acts = {row[1]: row for row in moves}
            missing = {
                guild: Missing(_act(row), row[6])
                for guild, row in acts.items()
                if guild not in newest or _is_behind(newest[guild], _act(row))
            }
            return Survey(_kept(revisions), newest, missing)

        return await self._store.run(read)

    async def next_number(self, guild: int) -> int:
        """Return the number of the next revision of a server."""
        return await self._store.run(lambda db: REVISION_ROWS.next_number(db, REVISION_ROWS.c.guild == guild))

    async def commit(self, revision: Revision, *, before: Revision, sure: bool = False) -> None:
        """Make a revision the newest of its server, and write down who did it.

        Args:
            revision: what counts from now on; its number is one more than that of ``before``.
            before: what counted until now. Where the server had no library of its own, it is kept as its
                first revision, to which one can go back.
            sure: make sure that a database that keeps files has those that the revision names.

        Raises:
            RefusalError: another process has changed the server's library meanwhile.
            StoreUnkeptError: it has not.
            StoreError: it cannot be written.
        """

        def write(db: sa.Connection) -> None:
            if sure:
                _require_kept(db, revision)
            if REVISION_ROWS.has(
                db, REVISION_ROWS.c.guild == revision.guild, REVISION_ROWS.c.number >= revision.number
            ):
                raise RefusalError(
                    "Somebody has changed this server's library meanwhile; please start again."
                )
            _insert(db, before, unless_there=True)
            _insert(db, revision)
            act = Act(0, revision.at, revision.person, revision.what, before.edition, revision.edition)
            _write_act(db, revision.guild, act)
            for each in (before, revision):
                _take_up(db, each)
            tell(db, "library", revision.guild)

        await self._store.run(write, lasting=True)

    async def expect(self, kind: Kind, digest: str) -> None:
        """Say that a file is about to be written which a revision is to name; if none does, it may go."""
        await self._store.run(lambda db: RELEASED.insert(db, (kind, digest), "ignore"), lasting=True)

    async def move(self, revision: Revision, edition: str, what: str) -> None:
        """Say that a revision stands for another edition, because its own can no longer be used as it is."""
        act = Act(0, self._store.clock(), OPERATOR, what, revision.edition, edition)

        def write(db: sa.Connection) -> None:
            _insert(db, replace(revision, edition=edition), over=True)
            _write_act(db, revision.guild, act)
            _release(db, "editions", [revision.edition])
            _take_up(db, replace(revision, edition=edition))
            tell(db, "library", revision.guild)

        await self._store.run(write, lasting=True)

    async def hold(self, revision: Revision, what: str) -> bool:
        """Write down that a server stays where it is; ``False`` if that was the last that happened."""
        act = Act(0, self._store.clock(), OPERATOR, what, revision.edition, revision.edition)

        def write(db: sa.Connection) -> bool:
            _insert(db, revision, unless_there=True)
            is_new = _last_move(db, revision.guild) != (what, revision.edition)
            if is_new:
                _write_act(db, revision.guild, act)
            _take_up(db, revision)
            tell(db, "library", revision.guild)
            return is_new

        return await self._store.run(write, lasting=True)

    async def release(self, revision: Revision) -> None:
        """Write down that a server is no longer held back, if it was."""
        what = "no longer held back"
        act = Act(0, self._store.clock(), OPERATOR, what, revision.edition, revision.edition)

        def write(db: sa.Connection) -> None:
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
        return await self._acts(lambda: (AUDIT.c.guild == guild,), first, most)

    async def last_act(self, guild: int) -> Act | None:
        """Return the newest line of a server's audit trail that an edition came of, or stayed."""
        acts = await self._acts(lambda: (AUDIT.c.guild == guild, AUDIT.c.after.is_not(None)), 0, 1)
        return acts[0] if acts else None

    async def count_acts(self, guild: int) -> int:
        """Return how many lines a server's audit trail has."""
        return await self._store.run(lambda db: AUDIT.count(db, AUDIT.c.guild == guild))

    async def _acts(
        self, which: Callable[[], tuple[Condition, ...]], first: int, most: int | None
    ) -> tuple[Act, ...]:
        rows = await self._store.run(
            lambda db: AUDIT.select(db, *which(), order=AUDIT.c.number.desc(), first=first, most=most)
        )
        return tuple(map(_act, rows))

    # --- Check questions ---

    async def checks(self, guild: int) -> tuple[Check, ...]:
        """Return a server's check questions, the oldest first."""
        rows = await self._store.run(
            lambda db: CHECK_ROWS.select(db, CHECK_ROWS.c.guild == guild, order=CHECK_ROWS.c.number)
        )
        return tuple(Check(number, *rest) for number, _, *rest in rows)

    async def checked_guilds(self) -> frozenset[int]:
        """Return those of our servers that have check questions."""
        rows = await self._store.run(lambda db: CHECK_ROWS.select(db, *self._store.ours(CHECK_ROWS.c.guild)))
        return frozenset(guild for _, guild, *_ in rows)

    async def add_check(self, guild: int, person: int, question: str, words: str) -> bool:
        """Keep a check question in place of an equal one; ``False`` if the server has too many."""

        def write(db: sa.Connection) -> bool:
            from sqlalchemy import select

            same = (CHECK_ROWS.c.guild == guild, CHECK_ROWS.c.question == question)
            if CHECK_ROWS.count(db, same[0], ~same[1]) >= CHECKS:
                return False
            now = self._store.clock()
            number = CHECK_ROWS.next_number(db)
            before = db.execute(select(CHECK_ROWS.c.number).where(*same)).scalar()
            if before is None:
                CHECK_ROWS.insert(db, (number, guild, question, words, now, person))
            else:
                CHECK_ROWS.rewrite(db, (before, guild, question, words, now, person), *same)
            _write_act(db, guild, Act(0, now, person, f"check question added: {question}", None, None))
            return True

        return await self._store.run(write, lasting=True)

    async def remove_check(self, guild: int, person: int, number: int) -> bool:
        """Remove a check question; ``False`` if the server has none with this number."""

        def write(db: sa.Connection) -> bool:
            columns = CHECK_ROWS.c
            gone = CHECK_ROWS.table.delete().where(columns.guild == guild, columns.number == number)
            question = db.execute(gone.returning(columns.question)).scalar()
            if question is not None:
                what = f"check question removed: {question}"
                _write_act(db, guild, Act(0, self._store.clock(), person, what, None, None))
            return question is not None

        return await self._store.run(write, lasting=True)

    # --- Gaps ---

    async def add_gap(self, guild: int, question: str) -> int:
        """Keep a question that was not answered, and return its number; who asked is not kept."""

        def write(db: sa.Connection) -> int:
            from sqlalchemy import and_, or_, select

            now = self._store.clock()
            number = GAPS.append(db, (guild, question, 0, now))
            ours, columns = GAPS.c.guild == guild, GAPS.c
            last = (
                select(columns.number).where(ours).order_by(columns.number.desc()).offset(_MOST_GAPS).limit(1)
            )
            GAPS.delete(
                db, or_(columns.at <= now - GAP_SECONDS, and_(ours, columns.number <= last.scalar_subquery()))
            )
            return number

        return await self._store.run(write)

    async def tell_gap(self, guild: int, number: int) -> bool:
        """Note that a member wants a question answered; ``False`` if it is no longer kept."""
        since = self._store.clock() - GAP_SECONDS
        return await self._store.run(
            lambda db: (
                GAPS.update(
                    db, {"told": 1}, GAPS.c.guild == guild, GAPS.c.number == number, GAPS.c.at > since
                )
                > 0
            )
        )

    async def gaps(self, guild: int) -> tuple[Gap, ...]:
        """Return what was not answered in the last 30 days, the newest first."""
        since = self._store.clock() - GAP_SECONDS
        rows = await self._store.run(
            lambda db: GAPS.select(db, GAPS.c.guild == guild, GAPS.c.at > since, order=GAPS.c.number.desc())
        )
        return tuple(Gap(number, question, bool(told), at) for number, _, question, told, at in rows)

    async def drop_gaps(self, guild: int, numbers: Collection[int]) -> None:
        """Remove those of a server's gaps that have been answered."""
        await self._store.run(
            lambda db: GAPS.delete(db, GAPS.c.guild == guild, GAPS.c.number.in_(numbers)), lasting=True
        )

    def clearing_gaps(self, guild: int) -> Work:
        """Return what removes a server's gaps, to be done together with turning them off."""
        return lambda db: GAPS.delete(db, GAPS.c.guild == guild)

    # --- Leaving ---

    async def set_members(self, guilds: frozenset[int]) -> None:
        """Say in which of our servers the bot is; for the others, the 30 days begin if they have not."""

        def write(db: sa.Connection) -> None:
            known = _known(db)
            now = self._store.clock()
            for guild in guilds & DEPARTURES.guilds(db):
                DEPARTURES.delete(db, DEPARTURES.c.guild == guild)
            for guild in filter(self._store.serves, known - guilds):
                DEPARTURES.insert(db, (guild, now), "ignore")

        await self._store.run(write)

    async def leave(self, guild: int) -> None:
        """Note that the bot has left a server."""
        await self._store.run(lambda db: DEPARTURES.insert(db, (guild, self._store.clock()), "ignore"))

    async def join(self, guild: int) -> None:
        """Note that the bot is in a server."""
        await self._store.run(lambda db: DEPARTURES.delete(db, DEPARTURES.c.guild == guild))

    # --- What is damaged ---

    async def sweep(self) -> tuple[Damaged, ...]:
        """Put aside every row that is not what was written; tell the log and each server's audit trail."""

        def write(db: sa.Connection) -> tuple[Damaged, ...]:
            now = self._store.clock()
            # All of them first: what is noted below is in a table that is looked through as well.
            found = [damaged for table in SWEPT for damaged in table.set_aside(db, now)]
            known = _known(db) if found else set()
            for damaged in found:
                if damaged.guild in known and damaged.guild is not None:
                    what = f"a row of {_IN_WORDS.get(damaged.table, damaged.table)} was damaged and put aside"
                    _write_act(db, damaged.guild, Act(0, now, OPERATOR, what, None, None))
            return tuple(found)

        found = await self._store.run(write, lasting=True)
        for damaged in found:
            _log.warning("%s It has been put aside, and its server goes on without it.", damaged)
        return found

    async def is_new(self) -> bool:
        """Say whether the database knows of no server's library, whole, damaged or gone."""
        return await self._store.run(
            lambda db: (
                not (
                    REVISION_ROWS.has(db)
                    or SET_ASIDE.has(db, SET_ASIDE.c.source == REVISION_ROWS.name)
                    or AUDIT.has(db, AUDIT.c.after.is_not(None))
                )
            )
        )

    async def released(self) -> Kept:
        """Return what may go from the disk, and what is about to be written there, as far as it is named."""
        return await self._store.run(_released)

    async def named(self) -> Kept:
        """Return what the revisions of our servers need on the disk."""

        def read(db: sa.Connection) -> Kept:
            return _kept(map(_revision, REVISION_ROWS.select(db, *self._store.ours(REVISION_ROWS.c.guild))))

        return await self._store.run(read)

    # --- Tidying ---

    async def tidy(self) -> Tidied:
        """Remove what is too old, and servers left long ago.

        What is asked day by day goes on its day: gaps, and what buttons need. A server's library and the
        audit trail go when they have been due at two looks with a day of running between them.
        """

        def write(db: sa.Connection) -> Tidied:
            now = self._store.clock()
            ran = self._run_on(db)
            gone = _due(db, DEPARTURES, now - LEFT_SECONDS, ran)
            going = [
                _revision(row)
                for guild in gone
                for row in REVISION_ROWS.select(db, REVISION_ROWS.c.guild == guild)
            ]
            for table in (*_OF_GUILD, DEPARTURES):
                for guild in gone:
                    table.delete(db, table.c.guild == guild)
            for table, seconds in ((AUDIT, AUDIT_SECONDS), (SET_ASIDE, QUARANTINE_SECONDS)):
                _note_due(db, table, now - seconds, ran)
                table.delete(db, *_twice(table, now - seconds, ran))
            GAPS.delete(db, GAPS.c.at <= now - GAP_SECONDS)
            ANSWERS.delete(db, ANSWERS.c.at <= now - KEPT_SECONDS)
            looked = REVISION_ROWS.look(db, order=REVISION_ROWS.c.number.desc())
            is_sure = all(damaged is None for _, damaged in looked)
            kept: dict[int, list[Revision]] = {}
            for revision in (_revision(row) for row, damaged in looked if damaged is None):
                of_guild = kept.setdefault(revision.guild, [])
                if len(of_guild) < REVISIONS or not is_sure:
                    of_guild.append(revision)
                    continue
                going.append(revision)
                REVISION_ROWS.delete(
                    db,
                    REVISION_ROWS.c.guild == revision.guild,
                    REVISION_ROWS.c.number == revision.number,
                )
            need = _kept(revision for revisions in kept.values() for revision in revisions)
            went = _kept(going)
            _release(db, "editions", went.editions)
            _release(db, "uploads", went.uploads)
            if is_sure:
                _withhold(db, "editions", need.editions)
                _withhold(db, "uploads", need.uploads)
            for guild in gone:
                tell(db, "library", guild)
                tell(db, "settings", guild)
            ours = {guild: revisions for guild, revisions in kept.items() if self._store.serves(guild)}
            need = _kept(revision for revisions in ours.values() for revision in revisions)
            return Tidied(frozenset(gone), need, _released(db), is_sure)

        return await self._store.run(write, lasting=True)

    def _run_on(self, db: sa.Connection) -> float:
        """Return for how many seconds bots have run on this database, all of them together."""
        ticks = self._store.ticks()
        since, self._ticked = self._ticked, ticks
        rows = FACTS.select(db, FACTS.c.name == _RAN)
        try:
            ran = float(rows[0][1]) if rows else 0.0
        except ValueError:
            ran = 0.0
        ran = (ran if math.isfinite(ran) else 0.0) + max(0.0, ticks - since)
        FACTS.insert(db, (_RAN, repr(ran)), "replace")
        return ran

    async def settled(self, kind: Kind, digests: Collection[str]) -> None:
        """Note that files have gone from the disk which no revision names any more."""
        if digests:
            await self._store.run(lambda db: _withhold(db, kind, digests))

    async def quarantined(self, names: Collection[str]) -> frozenset[str]:
        """Take note of what stands in the quarantine, and return what has stood there long enough."""

        def write(db: sa.Connection) -> frozenset[str]:
            now = self._store.clock()
            known = {name for name, _ in QUARANTINED.select(db)}
            for each in known - {*names}:
                QUARANTINED.delete(db, QUARANTINED.c.name == each)
            for each in {*names} - known:
                QUARANTINED.insert(db, (each, now), "replace")
            ran = self._run_on(db)
            return frozenset(_due(db, QUARANTINED, now - QUARANTINE_SECONDS, ran))

        return await self._store.run(write)


# Not the answers, which go after 30 days wherever they were given: where somebody has brought the bot along,
# they may be younger than its departure.
_OF_GUILD: Final = (REVISION_ROWS, AUDIT, CHECK_ROWS, GAPS, SERVERS)
_IN_WORDS: Final = {
    "channels": "the rules for channels",
    "blocked": "the list of who is blocked",
    "servers": "the settings",
    "revisions": "the history",
    "audit": "this trail",
    "checks": "the check questions",
    "gaps": "the questions without an answer",
    "departures": "where the bot has left",
}
_RAN: Final = "seconds run"


def _known(db: sa.Connection) -> set[int]:
    """Return the servers of which something is kept."""
    return set().union(*(table.guilds(db) for table in _OF_GUILD))


def _due(db: sa.Connection, table: Table, limit: float, ran: float) -> list[Any]:
    """Note what is due in a table, and return the keys of rows that were so at two looks apart.

    ``due`` says how long bots had run when a row was found due first.
    """
    from sqlalchemy import select

    _note_due(db, table, limit, ran)
    key = next(iter(table.table.primary_key))
    return list(db.execute(select(key).where(*_twice(table, limit, ran))).scalars())


def _note_due(db: sa.Connection, table: Table, limit: float, ran: float) -> None:
    from sqlalchemy import or_

    at, due = table.c.at, table.c.due
    # Where the count of seconds was lost, it begins again.
    table.update(db, {"due": None}, or_(at > limit, due > ran))
    table.update(db, {"due": ran}, at <= limit, due.is_(None))


def _twice(table: Table, limit: float, ran: float) -> tuple[Condition, Condition]:
    """Return what holds of rows that are due now, and were at a look long enough ago."""
    return table.c.at <= limit, table.c.due <= ran - TWO_LOOKS


def _is_behind(newest: Revision, last: Act) -> bool:
    """Say whether an act led to a revision after this one."""
    if newest.edition == last.after:
        return False
    # Two at one moment are told apart by where the act came from.
    return newest.at < last.at or (newest.at == last.at and newest.edition == last.before)


def _kept(revisions: Iterable[Revision]) -> Kept:
    found = tuple(revisions)
    return Kept(
        frozenset(revision.edition for revision in found),
        frozenset(upload.digest for revision in found for upload in revision.own.values()),
    )


def _released(db: sa.Connection) -> Kept:
    rows = RELEASED.select(db)
    return Kept(
        frozenset(digest for kind, digest in rows if kind == "editions"),
        frozenset(digest for kind, digest in rows if kind == "uploads"),
    )


def _release(db: sa.Connection, kind: Kind, digests: Collection[str]) -> None:
    """Say that files may go from the disk, for what named them has gone on purpose."""
    for digest in digests:
        RELEASED.insert(db, (kind, digest), "ignore")


def _withhold(db: sa.Connection, kind: Kind, digests: Collection[str]) -> None:
    """Say that files may not go from the disk, for a revision names them."""
    if not digests:
        return
    for digest in {digest for _, digest in RELEASED.select(db, RELEASED.c.kind == kind)} & {*digests}:
        RELEASED.delete(db, RELEASED.c.kind == kind, RELEASED.c.digest == digest)


def _take_up(db: sa.Connection, revision: Revision) -> None:
    """Withhold what a revision names."""
    _withhold(db, "editions", [revision.edition])
    _withhold(db, "uploads", [upload.digest for upload in revision.own.values()])


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


def _act(row: tuple[Any, ...]) -> Act:
    number, _, at, person, what, before, after = row
    return Act(number, at, person, what, before, after)


def _insert(db: sa.Connection, revision: Revision, *, unless_there: bool = False, over: bool = False) -> None:
    REVISION_ROWS.insert(
        db,
        (
            revision.guild,
            revision.number,
            revision.edition,
            revision.what,
            revision.at,
            revision.person,
            json.dumps({name: asdict(upload) for name, upload in revision.own.items()}),
            json.dumps(sorted(revision.hidden)),
            int(revision.follows),
        ),
        "ignore" if unless_there else "replace" if over else "refuse",
    )


def _require_kept(db: sa.Connection, revision: Revision) -> None:
    """Make sure, where the database keeps files, that it has all that a revision names.

    What no revision named until now, another process may have let go meanwhile; from here on it cannot.

    Raises:
        StoreUnkeptError: it has not.
    """
    if db.dialect.name != "postgresql":
        return
    from sqlalchemy import select

    from linernotes.library.tables import files

    need = _kept([revision])
    listed = select(files.c.path).where(
        files.c.kind == LISTED, files.c.name.in_(need.editions), files.c.path != ""
    )
    segments = frozenset(db.execute(listed).scalars())
    for kind, digests in (("editions", need.editions), ("uploads", need.uploads), ("segments", segments)):
        which = (files.c.kind == kind, files.c.name.in_(digests))
        if missing := digests - {*db.execute(select(files.c.name).where(*which)).scalars()}:
            raise StoreUnkeptError(
                f"The database on the server lacks {len(missing)} of the {kind} that are to count."
            )


def _last_move(db: sa.Connection, guild: int) -> tuple[str, str] | None:
    """Return what was done last that an edition came of, and which."""
    which = (AUDIT.c.guild == guild, AUDIT.c.after.is_not(None))
    rows = AUDIT.select(db, *which, order=AUDIT.c.number.desc(), most=1)
    return (rows[0][4], rows[0][6]) if rows else None


def _write_act(db: sa.Connection, guild: int, act: Act) -> None:
    AUDIT.insert(db, (AUDIT.next_number(db), guild, act.at, act.person, act.what, act.before, act.after))
