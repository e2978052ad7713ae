"""What outlives a restart but a server's library: servers' settings, what buttons under answers need, votes.

No text of an answer is kept, and of a question only where a server's moderators have turned ``gaps`` on
(``catalogue.py``, which keeps each server's library in the same database). Every look-up of an answer names
the server and the channel: an id alone opens nothing. All work is done in one thread of the store's own,
never in the event loop. Which database it is, ``embedded.py`` and ``postgresql.py`` know.
"""

from __future__ import annotations

import asyncio
import functools
import json
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar

from linernotes.errors import ClosedError
from linernotes.library.embedded import EmbeddedDatabase
from linernotes.library.news import tell
from linernotes.library.postgresql import ServerDatabase
from linernotes.library.rows import (
    ANSWERS,
    AUDIT,
    BLOCKED,
    CHANNELS,
    CHECKS,
    FACTS,
    FEEDBACK,
    QUESTIONS,
    REVISIONS,
    SERVERS,
    SET_ASIDE,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import sqlalchemy as sa

    from linernotes.models import Certainty
    from linernotes.shards import Shards

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

KEPT_SECONDS = 30 * 24 * 3600
"""How long is kept what the buttons under an answer need."""

KEPT_QUESTION_SECONDS = 15 * 60
"""How long is kept that something was asked: the ids of the message, the channel and the server."""

AT_WORK = "at work: "
"""How the names of facts begin that say who changes a server's library; the server's id follows."""

# Old rows are looked for at most so often, when something is written.
_PURGE_SECONDS = 3600

Work: TypeAlias = "Callable[[sa.Connection], object]"
"""Something to do in a transaction, in the store's thread."""

# --- What is kept -----------------------------------------------------------------------------------------

Rule = Literal["allow", "deny"]


@dataclass(frozen=True, slots=True)
class Server:
    """What a server's moderators have set; ``chat/frame/server_settings.py`` says what a new field takes."""

    channels: Mapping[int, Rule] = field(default_factory=dict)
    blocked: frozenset[int] = frozenset()
    moderator_role: int | None = None
    gaps: bool = False


@dataclass(frozen=True, slots=True)
class Evidence:
    """A passage that led to an answer, where its sentences stand, and the figures; never its text.

    ``digests`` name the texts of the sentences by which it is found again when the article has changed: those
    that were shown, or, where none was, those that came nearest. What was kept before there were digests has
    none.
    """

    document: str
    passage: int
    score: float
    signals: Mapping[str, float]
    sentences: tuple[tuple[int, int], ...] = ()
    digests: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Posted:
    """An answer under which there are buttons.

    ``key`` is the id of the question's message or interaction; ``guild`` is ``None`` in a direct message;
    ``message`` is ``None`` until it has been sent. ``certainty`` is ``None`` where nothing was answered, and
    in what was kept before answers had one. ``other`` is where another document answers, which a button
    offers.
    """

    key: int
    guild: int | None
    channel: int
    asker: int
    edition: str
    confidence: float
    evidence: tuple[Evidence, ...]
    message: int | None = None
    certainty: Certainty | None = None
    other: Evidence | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """A question in a message, by its ids alone: neither what was asked nor by whom.

    ``guild`` is ``None`` in a direct message; ``open`` until it has been answered.
    """

    message: int
    guild: int | None
    channel: int
    at: float
    open: bool = True


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How much was kept about a person until they asked to be forgotten.

    ``acts`` counts the changes to a library of which it is no longer known who made them.
    """

    answers: int
    votes: int
    acts: int


# --- The store --------------------------------------------------------------------------------------------


class Store:
    """The database; opened with the first call, or by ``open``, which says at once what is wrong with it."""

    def __init__(
        self,
        path: Path | None,
        *,
        url: str | None = None,
        alone: bool = False,
        shards: Shards | None = None,
        clock: Callable[[], float] = time.time,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        """Use the database at ``path``, or one in memory.

        Args:
            path: the file; its folder is made.
            url: a PostgreSQL server's address; it then keeps the database, and no file is used.
            alone: whether other processes are kept out of what this one serves of the server's database.
            shards: what it serves; by default, all servers there are.
            clock: gives seconds since 1970.
            ticks: gives seconds that no change of the clock moves.
        """
        self._clock = clock
        self.ticks = ticks
        """Seconds since some moment, which go on evenly whatever becomes of the clock."""
        self._pool = ThreadPoolExecutor(1, "linernotes-store")
        self._database: EmbeddedDatabase | ServerDatabase
        if url is None:
            self._database = EmbeddedDatabase(path)
        else:
            self._database = ServerDatabase(url, alone=alone, shards=shards, ticks=ticks)
        self.shards = shards
        """What this process serves; ``None`` where it serves all servers."""
        self._purged = float("-inf")

    @property
    def clock(self) -> Callable[[], float]:
        """Seconds since 1970."""
        return self._clock

    @property
    def is_in_memory(self) -> bool:
        """Say whether what is kept is gone when the process ends; known once it has been opened."""
        return self._database.is_in_memory

    @property
    def is_on_server(self) -> bool:
        """Say whether a PostgreSQL server keeps the database, and files with it."""
        return isinstance(self._database, ServerDatabase)

    @property
    def server(self) -> ServerDatabase | None:
        """The database of a PostgreSQL server, where one keeps it; for ``processes.py``."""
        return self._database if isinstance(self._database, ServerDatabase) else None

    def serves(self, guild: int | None) -> bool:
        """Say whether this process serves a server, or with ``None`` direct messages."""
        return self.shards is None or self.shards.serves(guild)

    def ours(self, guild: sa.ColumnElement[Any]) -> tuple[sa.ColumnElement[bool], ...]:
        """Return what holds of rows of the servers that this process serves, by their column."""
        if self.shards is None:
            return ()
        from sqlalchemy import Integer, type_coerce

        # As ``Shards.serves`` has it; 0 stands for direct messages.
        return ((guild.bitwise_rshift(type_coerce(22, Integer)) % self.shards.count).in_(self.shards.ids),)

    @property
    def is_first(self) -> bool:
        """Say whether this is the process that does what is done once over all: the one of shard 0."""
        return self.serves(None)

    async def open(self) -> None:
        """Open the database, make it if there is none, and bring an older one up to date.

        Raises:
            StoreError: it is locked, read-only or cannot be read.
            StoreLostError: it is damaged, another program's or from a newer version.
        """
        await self.in_thread(self._database.open)

    async def close(self) -> None:
        """Close the database; calls under way are finished."""
        try:
            self._pool.submit(self._database.close)
        except RuntimeError:  # it is closed
            return
        await asyncio.to_thread(self._pool.shutdown)

    async def run(self, work: Callable[[sa.Connection], _T], *, lasting: bool = False) -> _T:
        """Do work in the store's thread, as one transaction.

        Args:
            work: what to do.
            lasting: whether somebody is promised that it is kept: it is on the disk, and in the database's
                own file, before this returns, so that neither a power cut nor the loss of what SQLite keeps
                beside it takes it away.

        Raises:
            StoreError: the database cannot be used.
            ClosedError: the store has been closed.
        """
        return await self.in_thread(functools.partial(self._transact, work, lasting=lasting))

    async def copy(self, path: Path) -> None:
        """Write the database as it is now into a new file, which is whole by itself.

        Raises:
            StoreError: the database cannot be read, or the copy not written.
            ClosedError: the store has been closed.
        """
        # Not as a transaction: a database that is being written to by its own connection is not copied.
        await self.in_thread(functools.partial(self._database.copy, path))

    # --- Servers ---

    async def servers(self) -> dict[int, Server]:
        """Return the settings of all servers that have any and are this process's to serve."""

        def read(db: sa.Connection) -> dict[int, Server]:
            channels: dict[int, dict[int, Rule]] = {}
            for guild, channel, rule in CHANNELS.select(db, *self.ours(CHANNELS.c.guild)):
                channels.setdefault(guild, {})[channel] = rule
            blocked: dict[int, set[int]] = {}
            for guild, member in BLOCKED.select(db, *self.ours(BLOCKED.c.guild)):
                blocked.setdefault(guild, set()).add(member)
            rows = SERVERS.select(db, *self.ours(SERVERS.c.guild))
            own = {guild: (role, bool(gaps)) for guild, role, gaps in rows}
            # A server's own row may be damaged: what else was set stays.
            return {
                guild: Server(
                    channels.get(guild, {}), frozenset(blocked.get(guild, ())), *own.get(guild, (None, False))
                )
                for guild in own.keys() | channels.keys() | blocked.keys()
            }

        return await self.run(read)

    async def save_server(self, guild: int, server: Server, *also: Work) -> None:
        """Keep the settings of a server in place of those before.

        Args:
            guild: the server.
            server: its settings.
            also: what is done in the same transaction: both, or neither.
        """

        def write(db: sa.Connection) -> None:
            for table in (CHANNELS, BLOCKED, SERVERS):
                table.delete(db, table.c.guild == guild)
            SERVERS.insert(db, (guild, server.moderator_role, int(server.gaps)))
            for channel, rule in server.channels.items():
                CHANNELS.insert(db, (guild, channel, rule))
            for member in server.blocked:
                BLOCKED.insert(db, (guild, member))
            tell(db, "settings", guild)
            for work in also:
                work(db)

        await self.run(write, lasting=True)

    # --- Answers ---

    async def record(self, posted: Posted) -> None:
        """Keep what the buttons under an answer need, for 30 days."""
        evidence = json.dumps(
            {
                "passages": [_written(each) for each in posted.evidence],
                "certainty": posted.certainty,
                "other": None if posted.other is None else _written(posted.other),
            }
        )
        row = (
            posted.key,
            posted.guild or 0,
            posted.channel,
            posted.message,
            posted.asker,
            posted.edition,
            posted.confidence,
            evidence,
            self._clock(),
        )

        def write(db: sa.Connection) -> None:
            self._purge(db)
            # With the votes on it, if there was another.
            ANSWERS.delete(db, ANSWERS.c.key == posted.key)
            ANSWERS.insert(db, row)

        await self.run(write)

    async def sent(self, key: int, message: int) -> None:
        """Note the message in which an answer was sent."""
        await self.run(lambda db: ANSWERS.update(db, {"message": message}, ANSWERS.c.key == key))

    async def find(self, key: int, *, guild: int | None, channel: int) -> Posted | None:
        """Return the answer with this key if it was given in this server and channel within 30 days."""
        return await self._find("key", key, guild, channel)

    async def find_message(self, message: int, *, guild: int | None, channel: int) -> Posted | None:
        """Return the answer that was sent as this message of this server and channel within 30 days."""
        return await self._find("message", message, guild, channel)

    async def drop(self, key: int) -> None:
        """Forget an answer that has been removed."""
        await self.run(lambda db: ANSWERS.delete(db, ANSWERS.c.key == key))

    async def vote(self, key: int, person: int, vote: Literal[-1, 1]) -> bool:
        """Keep a person's one vote on an answer; return ``False`` if it was the same before."""

        def write(db: sa.Connection) -> bool:
            row = (key, person, vote)
            before = FEEDBACK.select(db, FEEDBACK.c.answer == key, FEEDBACK.c.person == person)
            FEEDBACK.insert(db, row, "replace")
            return before != [row]

        return await self.run(write)

    async def votes(self, key: int) -> dict[int, int]:
        """Return the votes on an answer by person."""
        rows = await self.run(lambda db: FEEDBACK.select(db, FEEDBACK.c.answer == key))
        return {person: vote for _, person, vote in rows}

    # --- Questions ---

    async def keep_questions(self, questions: tuple[Question, ...]) -> None:
        """Keep that these were asked, in place of what was kept of them before, for a quarter of an hour."""
        rows = [(each.message, each.guild or 0, each.channel, each.at, int(each.open)) for each in questions]

        def write(db: sa.Connection) -> None:
            old = QUESTIONS.c.at <= self._clock() - KEPT_QUESTION_SECONDS
            # Another process's are its own to end.
            QUESTIONS.delete(db, old, *self.ours(QUESTIONS.c.guild))
            for row in rows:
                QUESTIONS.insert(db, row, "replace")

        await self.run(write)

    async def questions(self) -> tuple[Question, ...]:
        """Return what was asked of our servers in the last quarter of an hour, the oldest first."""

        def read(db: sa.Connection) -> tuple[Question, ...]:
            since = self._clock() - KEPT_QUESTION_SECONDS
            ours = self.ours(QUESTIONS.c.guild)
            rows = QUESTIONS.select(db, QUESTIONS.c.at > since, *ours, order=QUESTIONS.c.message)
            return tuple(
                Question(message, guild or None, channel, at, bool(is_open))
                for message, guild, channel, at, is_open in rows
            )

        return await self.run(read)

    # --- People and facts ---

    async def forget(self, person: int) -> Forgotten:
        """Remove what is kept about a person, in every server.

        What moderators have set stays theirs. The audit trail keeps what was done, without by whom.
        """

        def write(db: sa.Connection) -> Forgotten:
            # What is too old is kept no longer, and not counted as if it were.
            ANSWERS.delete(db, ANSWERS.c.at <= self._clock() - KEPT_SECONDS)
            acts = _acts_of(db, person)
            votes = FEEDBACK.delete(db, FEEDBACK.c.person == person)
            answers = ANSWERS.delete(db, ANSWERS.c.asker == person)
            for table in (AUDIT, REVISIONS, CHECKS):
                table.update(db, {"person": None}, table.c.person == person)
            at_work = FACTS.c.name.startswith(AT_WORK, autoescape=True)
            FACTS.delete(db, at_work, FACTS.c.value.contains(str(person), autoescape=True))
            # What was damaged and put aside names them perhaps, and is of no use without.
            SET_ASIDE.delete(db, SET_ASIDE.c.content.contains(str(person), autoescape=True))
            return Forgotten(answers, votes, acts)

        return await self.run(write, lasting=True)

    async def fact(self, name: str) -> str | None:
        """Return what was noted under this name."""
        rows = await self.run(lambda db: FACTS.select(db, FACTS.c.name == name))
        return rows[0][1] if rows else None

    async def note(self, name: str, value: str, *also: Work, lasting: bool = False) -> None:
        """Note a value under a name; ``also`` is done in the same transaction."""

        def write(db: sa.Connection) -> None:
            FACTS.insert(db, (name, value), "replace")
            for work in also:
                work(db)

        await self.run(write, lasting=lasting)

    async def facts(self, beginning: str) -> dict[str, str]:
        """Return what was noted under names that begin so."""
        rows = await self.run(
            lambda db: FACTS.select(db, FACTS.c.name.startswith(beginning, autoescape=True))
        )
        return {name: value for name, value in rows if name.startswith(beginning)}

    async def drop_fact(self, name: str, *also: Work) -> None:
        """Forget what was noted under this name; ``also`` is done in the same transaction."""

        def write(db: sa.Connection) -> None:
            FACTS.delete(db, FACTS.c.name == name)
            for work in also:
                work(db)

        await self.run(write, lasting=True)

    # --- Parts ---

    async def _find(
        self, by: Literal["key", "message"], value: int, guild: int | None, channel: int
    ) -> Posted | None:
        def read(db: sa.Connection) -> Posted | None:
            rows = ANSWERS.select(
                db,
                ANSWERS.c[by] == value,
                ANSWERS.c.guild == (guild or 0),
                ANSWERS.c.channel == channel,
                ANSWERS.c.at > self._clock() - KEPT_SECONDS,
            )
            return _posted(rows[0]) if rows else None

        # Sixty-four bits are what SQLite takes; a forged id may have more.
        return await self.run(read) if abs(value) < 2**63 else None

    def _purge(self, db: sa.Connection) -> None:
        now = self._clock()
        if now - self._purged >= _PURGE_SECONDS:
            self._purged = now
            ANSWERS.delete(db, ANSWERS.c.at <= now - KEPT_SECONDS)

    def _transact(self, work: Callable[[sa.Connection], _T], *, lasting: bool) -> _T:
        return self._database.transact(work, lasting=lasting)

    async def in_thread(self, work: Callable[[], _T]) -> _T:
        """Do work in the store's thread, where all that is done with the database is.

        Raises:
            ClosedError: the store has been closed.
        """
        try:
            future = asyncio.get_running_loop().run_in_executor(self._pool, work)
        except RuntimeError as error:
            raise ClosedError("The database has been closed.") from error
        return await future


def _acts_of(db: sa.Connection, person: int) -> int:
    """Return how many changes to libraries a person has made.

    One may stand in two tables; what is older than the audit trail stands in one.
    """
    from sqlalchemy import exists

    acts = AUDIT.count(db, AUDIT.c.person == person)
    for table in (REVISIONS, CHECKS):
        told = exists().where(
            AUDIT.c.guild == table.c.guild, AUDIT.c.at == table.c.at, AUDIT.c.person == person
        )
        acts += table.count(db, table.c.person == person, ~told)
    return acts


def _written(evidence: Evidence) -> list[Any]:
    return [
        evidence.document,
        evidence.passage,
        evidence.score,
        dict(evidence.signals),
        evidence.sentences,
        evidence.digests,
    ]


def _read(written: Sequence[Any]) -> Evidence:
    document, passage, score, signals, sentences, *digests = written
    spans = tuple((start, end) for start, end in sentences)
    return Evidence(document, passage, score, signals, spans, tuple(digests[0]) if digests else ())


def _posted(row: tuple[Any, ...]) -> Posted | None:
    key, guild, channel, message, asker, edition, confidence, evidence, _ = row
    try:
        kept = json.loads(evidence)
        if isinstance(kept, list):  # kept by a version before
            kept = {"passages": kept}
        passages = tuple(map(_read, kept["passages"]))
        certainty, other = kept.get("certainty"), kept.get("other")
        second = None if other is None else _read(other)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        _log.warning(
            "The evidence of an answer in the database is damaged (%s): its buttons do nothing.", error
        )
        return None
    return Posted(
        key, guild or None, channel, asker, edition, confidence, passages, message, certainty, second
    )
