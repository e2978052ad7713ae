"""What outlives a restart but a server's library: servers' settings, what buttons under answers need, votes.

No text of an answer is kept, and of a question only where a server's moderators have turned ``gaps`` on
(``catalogue.py``, which keeps each server's library in the same database). Every look-up of an answer names
the server and the channel: an id alone opens nothing. All work is done in one thread of the store's own,
never in the event loop. The file itself is ``database.py``'s.
"""

from __future__ import annotations

import asyncio
import functools
import json
import logging
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar

from linernotes.errors import ClosedError
from linernotes.library.database import connect, in_sentences, transaction

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping
    from pathlib import Path

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

KEPT_SECONDS = 30 * 24 * 3600
"""How long is kept what the buttons under an answer need."""

KEPT_QUESTION_SECONDS = 15 * 60
"""How long is kept that something was asked: the ids of the message, the channel and the server."""

# Old rows are looked for at most so often, when something is written.
_PURGE_SECONDS = 3600

Work: TypeAlias = "Callable[[sqlite3.Connection], object]"
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
    """A passage that led to an answer, where its sentences stand, and the figures; never its text."""

    document: str
    passage: int
    score: float
    signals: Mapping[str, float]
    sentences: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Posted:
    """An answer under which there are buttons.

    ``key`` is the id of the question's message or interaction; ``guild`` is ``None`` in a direct message;
    ``message`` is ``None`` until it has been sent.
    """

    key: int
    guild: int | None
    channel: int
    asker: int
    edition: str
    confidence: float
    evidence: tuple[Evidence, ...]
    message: int | None = None


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

    def __init__(self, path: Path | None, *, clock: Callable[[], float] = time.time) -> None:
        """Use the database at ``path``, or one in memory; ``clock`` gives seconds since 1970."""
        self._path = path
        self._clock = clock
        self._pool = ThreadPoolExecutor(1, "linernotes-store")
        self._connection: sqlite3.Connection | None = None
        self._purged = float("-inf")
        self._in_memory = path is None

    @property
    def clock(self) -> Callable[[], float]:
        """Seconds since 1970."""
        return self._clock

    @property
    def is_in_memory(self) -> bool:
        """Say whether what is kept is gone when the process ends; known once it has been opened."""
        return self._in_memory

    async def open(self) -> None:
        """Open the database, make it if there is none, and bring an older one up to date.

        Raises:
            StoreError: it is damaged, locked, read-only, another program's or from a newer version.
        """
        await self.run(lambda _: None)

    async def close(self) -> None:
        """Close the database; calls under way are finished."""
        try:
            self._pool.submit(self._close)
        except RuntimeError:  # it is closed
            return
        await asyncio.to_thread(self._pool.shutdown)

    async def run(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        """Do work in the store's thread, as one transaction.

        Raises:
            StoreError: the database cannot be used.
            ClosedError: the store has been closed.
        """
        try:
            future = asyncio.get_running_loop().run_in_executor(
                self._pool, functools.partial(self._transact, work)
            )
        except RuntimeError as error:
            raise ClosedError("The database has been closed.") from error
        return await future

    # --- Servers ---

    async def servers(self) -> dict[int, Server]:
        """Return the settings of all servers that have any."""

        def read(db: sqlite3.Connection) -> dict[int, Server]:
            channels: dict[int, dict[int, Rule]] = {}
            for guild, channel, rule in db.execute("SELECT guild, channel, rule FROM channels"):
                channels.setdefault(guild, {})[channel] = rule
            blocked: dict[int, set[int]] = {}
            for guild, member in db.execute("SELECT guild, member FROM blocked"):
                blocked.setdefault(guild, set()).add(member)
            return {
                guild: Server(channels.get(guild, {}), frozenset(blocked.get(guild, ())), role, bool(gaps))
                for guild, role, gaps in db.execute("SELECT guild, moderator_role, gaps FROM servers")
            }

        return await self.run(read)

    async def save_server(self, guild: int, server: Server, *also: Work) -> None:
        """Keep the settings of a server in place of those before.

        Args:
            guild: the server.
            server: its settings.
            also: what is done in the same transaction: both, or neither.
        """

        def write(db: sqlite3.Connection) -> None:
            db.execute("DELETE FROM servers WHERE guild = ?", (guild,))
            db.execute(
                "INSERT INTO servers (guild, moderator_role, gaps) VALUES (?, ?, ?)",
                (guild, server.moderator_role, server.gaps),
            )
            db.executemany(
                "INSERT INTO channels VALUES (?, ?, ?)",
                [(guild, channel, rule) for channel, rule in server.channels.items()],
            )
            db.executemany(
                "INSERT INTO blocked VALUES (?, ?)", [(guild, member) for member in server.blocked]
            )
            for work in also:
                work(db)

        await self.run(write)

    # --- Answers ---

    async def record(self, posted: Posted) -> None:
        """Keep what the buttons under an answer need, for 30 days."""
        evidence = json.dumps(
            [
                [each.document, each.passage, each.score, dict(each.signals), each.sentences]
                for each in posted.evidence
            ]
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

        def write(db: sqlite3.Connection) -> None:
            self._purge(db)
            db.execute("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)

        await self.run(write)

    async def sent(self, key: int, message: int) -> None:
        """Note the message in which an answer was sent."""
        await self.run(lambda db: db.execute("UPDATE answers SET message = ? WHERE key = ?", (message, key)))

    async def find(self, key: int, *, guild: int | None, channel: int) -> Posted | None:
        """Return the answer with this key if it was given in this server and channel within 30 days."""
        return await self._find("key = ?", key, guild, channel)

    async def find_message(self, message: int, *, guild: int | None, channel: int) -> Posted | None:
        """Return the answer that was sent as this message of this server and channel within 30 days."""
        return await self._find("message = ?", message, guild, channel)

    async def drop(self, key: int) -> None:
        """Forget an answer that has been removed."""
        await self.run(lambda db: db.execute("DELETE FROM answers WHERE key = ?", (key,)))

    async def vote(self, key: int, person: int, vote: Literal[-1, 1]) -> bool:
        """Keep a person's one vote on an answer; return ``False`` if it was the same before."""

        def write(db: sqlite3.Connection) -> bool:
            before = db.execute(
                "SELECT vote FROM feedback WHERE answer = ? AND person = ?", (key, person)
            ).fetchone()
            db.execute("INSERT OR REPLACE INTO feedback VALUES (?, ?, ?)", (key, person, vote))
            return bool(before != (vote,))

        return await self.run(write)

    async def votes(self, key: int) -> dict[int, int]:
        """Return the votes on an answer by person."""
        return await self.run(
            lambda db: dict(db.execute("SELECT person, vote FROM feedback WHERE answer = ?", (key,)))
        )

    # --- Questions ---

    async def keep_questions(self, questions: tuple[Question, ...]) -> None:
        """Keep that these were asked, in place of what was kept of them before, for a quarter of an hour."""
        rows = [(each.message, each.guild or 0, each.channel, each.at, each.open) for each in questions]

        def write(db: sqlite3.Connection) -> None:
            db.execute("DELETE FROM questions WHERE at <= ?", (self._clock() - KEPT_QUESTION_SECONDS,))
            db.executemany("INSERT OR REPLACE INTO questions VALUES (?, ?, ?, ?, ?)", rows)

        await self.run(write)

    async def questions(self) -> tuple[Question, ...]:
        """Return what was asked in the last quarter of an hour, the oldest first."""

        def read(db: sqlite3.Connection) -> tuple[Question, ...]:
            found = db.execute(
                "SELECT message, guild, channel, at, open FROM questions WHERE at > ? ORDER BY message",
                (self._clock() - KEPT_QUESTION_SECONDS,),
            )
            return tuple(
                Question(message, guild or None, channel, at, bool(is_open))
                for message, guild, channel, at, is_open in found
            )

        return await self.run(read)

    # --- People and facts ---

    async def forget(self, person: int) -> Forgotten:
        """Remove what is kept about a person, in every server.

        What moderators have set stays theirs. The audit trail keeps what was done, without by whom.
        """

        def write(db: sqlite3.Connection) -> Forgotten:
            votes = db.execute("DELETE FROM feedback WHERE person = ?", (person,)).rowcount
            answers = db.execute("DELETE FROM answers WHERE asker = ?", (person,)).rowcount
            acts = sum(
                db.execute(f"UPDATE {table} SET person = NULL WHERE person = ?", (person,)).rowcount  # noqa: S608  one of three names of ours
                for table in ("audit", "revisions", "checks")
            )
            return Forgotten(answers, votes, acts)

        return await self.run(write)

    async def fact(self, name: str) -> str | None:
        """Return what was noted under this name."""
        row = await self.run(
            lambda db: db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        )
        return None if row is None else str(row[0])

    async def note(self, name: str, value: str) -> None:
        """Note a value under a name."""
        await self.run(lambda db: db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value)))

    # --- Parts ---

    async def _find(self, by: str, value: int, guild: int | None, channel: int) -> Posted | None:
        def read(db: sqlite3.Connection) -> Posted | None:
            row = db.execute(
                "SELECT key, guild, channel, asker, edition, confidence, evidence, message FROM answers"  # noqa: S608  one of two texts of ours
                f" WHERE {by} AND guild = ? AND channel = ? AND at > ?",
                (value, guild or 0, channel, self._clock() - KEPT_SECONDS),
            ).fetchone()
            return None if row is None else _posted(row)

        # Sixty-four bits are what SQLite takes; a forged id may have more.
        return await self.run(read) if abs(value) < 2**63 else None

    def _purge(self, db: sqlite3.Connection) -> None:
        now = self._clock()
        if now - self._purged >= _PURGE_SECONDS:
            self._purged = now
            db.execute("DELETE FROM answers WHERE at <= ?", (now - KEPT_SECONDS,))

    def _transact(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        if self._connection is None:
            self._connection = self._connect()
            # For whoever forgets to close the store: the connection goes with it.
            weakref.finalize(self, self._connection.close)
        with in_sentences(self._path), transaction(self._connection):
            return work(self._connection)

    def _connect(self) -> sqlite3.Connection:
        path = self._path
        if path is not None and not path.exists():
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch()
            except OSError as error:
                reason = error.strerror or error
                _log.warning(
                    "%s cannot be written (%s): settings and buttons last until the bot stops.", path, reason
                )
                path = None
                self._in_memory = True
        return connect(path)

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()


def _posted(row: tuple[Any, ...]) -> Posted:
    key, guild, channel, asker, edition, confidence, evidence, message = row
    return Posted(
        key,
        guild or None,
        channel,
        asker,
        edition,
        confidence,
        tuple(
            Evidence(document, passage, score, signals, tuple((start, end) for start, end in sentences))
            for document, passage, score, signals, sentences in json.loads(evidence)
        ),
        message,
    )
