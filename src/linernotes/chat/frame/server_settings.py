"""What each server's moderators have set, in memory and in the store: read at the start, written through.

A new setting is a field of ``Server`` (``library/store.py``, its column in ``tables.py``), a setter here, a
command in the feature whose matter it is, and a line in ``governing/embeds.py``.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from linernotes.chat.frame import logs
from linernotes.errors import ClosedError, StoreError
from linernotes.library.store import Server

if TYPE_CHECKING:
    from collections.abc import Mapping

    from linernotes.library.news import News
    from linernotes.library.store import Rule, Store, Work

_log = logs.get(__name__)
_AGAIN_SECONDS: Final = 1.0


class Servers:
    """The settings of all servers, in memory and in the store, so that a check never waits."""

    def __init__(self, store: Store) -> None:
        """Take the store; nothing is known until ``load``."""
        self._store = store
        self._servers: dict[int, Server] = {}
        # Of which servers settings are being written: what is read meanwhile may be what was before.
        self._saving: Counter[int] = Counter()
        self._reading: asyncio.Task[None] | None = None
        self._is_old = False

    async def load(self) -> None:
        """Read the settings of all servers."""
        read = await self._store.servers()
        saving = {guild: self._servers[guild] for guild in self._saving if guild in self._servers}
        self._servers = read | saving

    def hear(self, news: News) -> None:
        """Read the settings again where another process has changed some, or may have."""
        if news.topic not in {"settings", "all"} or not self._store.serves(news.guild or None):
            return
        self._is_old = True
        if self._reading is None or self._reading.done():
            self._reading = asyncio.ensure_future(self._read_again())

    async def _read_again(self) -> None:
        while self._is_old:
            self._is_old = False
            try:
                await self.load()
            except ClosedError:
                return
            except StoreError as error:
                _log.warning("settings not read again", reason=str(error))
                self._is_old = True
                await asyncio.sleep(_AGAIN_SECONDS)

    def of(self, guild: int | None) -> Server:
        """Return the settings of a server."""
        return Server() if guild is None else self._servers.get(guild, Server())

    async def set_rule(self, guild: int, channel: int, rule: Rule | None) -> Server:
        """Allow or deny a channel, or with ``None`` neither."""
        channels: Mapping[int, Rule] = {
            other: its for other, its in self.of(guild).channels.items() if other != channel
        }
        if rule is not None:
            channels = {**channels, channel: rule}
        return await self._save(guild, replace(self.of(guild), channels=channels))

    async def set_blocked(self, guild: int, member: int, *, blocked: bool) -> Server:
        """Block a member, or no longer."""
        before = self.of(guild)
        members = before.blocked | {member} if blocked else before.blocked - {member}
        return await self._save(guild, replace(before, blocked=members))

    async def set_moderator_role(self, guild: int, role: int | None, *also: Work) -> Server:
        """Let members with a role moderate, or with ``None`` those alone who may manage the server.

        Args:
            guild: the server.
            role: the role.
            also: what the store does in the same transaction.
        """
        return await self._save(guild, replace(self.of(guild), moderator_role=role), *also)

    async def set_gaps(self, guild: int, *also: Work, kept: bool) -> Server:
        """Keep what is not answered, or no longer; ``also`` as in ``set_moderator_role``."""
        return await self._save(guild, replace(self.of(guild), gaps=kept), *also)

    def drop(self, guild: int) -> None:
        """Forget the settings of a server that has been removed from the store."""
        self._servers.pop(guild, None)

    async def _save(self, guild: int, server: Server, *also: Work) -> Server:
        # In memory first: two changes at once must not each start from the same settings.
        before, self._servers[guild] = self._servers.get(guild), server
        self._saving[guild] += 1
        try:
            await self._store.save_server(guild, server, *also)
        except BaseException:
            if self._servers.get(guild) is server:
                self._servers[guild] = before or Server()
            raise
        finally:
            self._saving[guild] -= 1
            self._saving += Counter()
        return server
