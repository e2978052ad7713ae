"""The connection to Discord's gateway: kept up with pauses, and never ended by one bad event.

discord.py ends the program when an event cannot be parsed, connects again at once however often it is
thrown out, and logs a traceback for each try. ``Steady`` makes these decisions instead; what it needs of
discord.py's inner parts is gathered in this file, and ``tests/chat/test_gateway.py`` fails if a version moves
them.
"""

from __future__ import annotations

import asyncio
import time
import weakref
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import discord
import yarl
from discord.ext import commands
from discord.gateway import DiscordWebSocket, ReconnectWebSocket
from discord.shard import EventItem, EventType, Shard
from discord.webhook.async_ import async_context, interaction_response_params

from linernotes.chat.frame import logs
from linernotes.chat.frame.endings import ending, refusal
from linernotes.chat.frame.link import Link
from linernotes.errors import LinerNotesError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from linernotes.shards import Shards

_log = logs.get(__name__)

GIVE_UP_SECONDS = 15 * 60.0
"""A bot that has had no connection for so long ends; whoever supervises it starts it again."""

GIVE_UP_DEATHS = 20
"""So many connections one after the other that died young are as bad; with the pauses, that takes a while."""

SILENT_SECONDS = 4.0
"""Discord acknowledges a heartbeat at once; one that is not for so long means that nobody is there."""

_CONNECT_SECONDS: Final = 60.0
_CLOSE_SECONDS: Final = 2.0
_AUTOCOMPLETE: Final = 4

# discord.py's names for its own private parts.
_QUEUE: Final = "_AutoShardedClient__queue"
_SHARDS: Final = "_AutoShardedClient__shards"
_SESSION: Final = "_HTTPClient__session"


class _Shard(Shard):
    """A connection that reports each of its ends to ``Steady.connect``, and decides nothing itself."""

    async def _handle_disconnect(self, error: Exception) -> None:
        self._dispatch("disconnect")
        self._dispatch("shard_disconnect", self.id)
        self._queue_put(EventItem(EventType.reconnect, self, error))


class Steady(commands.AutoShardedBot):
    """A bot whose connection is kept up. ``link`` says how it is."""

    def __init__(self, *given: Any, **options: Any) -> None:
        """Take what ``AutoShardedBot`` does."""
        super().__init__(*given, **options)
        self.link = Link(time.monotonic)
        parsers = self._connection.parsers
        # Without a session that is told what there is, nothing else can be understood.
        for event in parsers.keys() - {"READY", "RESUMED"}:
            parsers[event] = self._guarded(event, parsers[event])
        self.own_shards: Shards | None = None
        """The shards of this process; ``None`` for as many as Discord recommends, all of them."""
        self.take_turn: Callable[[int], Awaitable[float]] | None = None
        """Where several processes IDENTIFY: takes a turn among those with this number, and returns for how
        many seconds to wait for it."""
        self._identifying = asyncio.Lock()
        # So many may IDENTIFY within five seconds, each with another remainder of its number; and the shards
        # whose turn has come.
        self._at_once = 1
        self._turns: set[int] = set()
        self._connecting: set[asyncio.Task[None]] = set()
        # discord.py forgets a socket whose first frames fail, and leaves it open.
        self._sockets: weakref.WeakKeyDictionary[aiohttp.ClientWebSocketResponse, float]
        self._sockets = weakref.WeakKeyDictionary()
        ws_connect = self.http.ws_connect

        async def remembered(*given: Any, **options: Any) -> aiohttp.ClientWebSocketResponse:
            socket = await ws_connect(*given, **options)
            self._sockets[socket] = time.monotonic()
            return socket

        self.http.ws_connect = remembered  # type: ignore[method-assign]
        self.add_listener(self._note_up, "on_shard_connect")
        self.add_listener(self._note_up, "on_shard_resumed")

    # --- Health ---

    @property
    def seconds_down(self) -> float | None:
        """For how long the bot has lacked a connection, or ``None`` if all work."""
        if self.is_closed():
            return self.link.seconds_down() or 0.0
        silent = [
            seconds for seconds in map(_unacknowledged, _shards(self).values()) if seconds > SILENT_SECONDS
        ]
        found = self.link.seconds_down()
        return max(found or 0.0, *silent) if silent else found

    async def _note_up(self, shard: int) -> None:
        self.link.up(shard)
        _log.info("connected", shard=shard)

    # --- Events ---

    def _guarded(self, event: str, parse: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """Return a parser that logs what it does not understand, and goes on."""

        def guarded(data: Any) -> None:
            try:
                parse(data)
            except Exception as error:  # noqa: BLE001  whatever an event holds, the next one may be good
                if event == "INTERACTION_CREATE":
                    self._read_again(data, parse, error)
                else:
                    _log.warning("event not understood", what=event, exc_info=error)

        return guarded

    def _read_again(self, data: Any, parse: Callable[[Any], Any], error: Exception) -> None:
        """Read an interaction that lacks something of its channel; else tell who waits for it."""
        try:
            channel = data["channel"]
            common = {"name": "", "position": 0, "nsfw": False, "permission_overwrites": []}
            parse({**data, "channel": {**common, **dict.fromkeys(("parent_id", "topic")), **channel}})
        except Exception:  # noqa: BLE001  the first error says more
            _log.warning("event not understood", what="INTERACTION_CREATE", exc_info=error)
            task = asyncio.ensure_future(self._refuse_unread(data))
            self._connecting.add(task)
            task.add_done_callback(self._connecting.discard)

    async def _refuse_unread(self, data: Any) -> None:
        try:
            autocomplete = data["type"] == _AUTOCOMPLETE
            said = (
                {"choices": []}
                if autocomplete
                else {"content": "I could not read that; please try again.", "flags": 64}
            )
            await async_context.get().create_interaction_response(
                int(data["id"]),
                data["token"],
                session=getattr(self.http, _SESSION),
                proxy=self.http.proxy,
                params=interaction_response_params(type=8 if autocomplete else 4, data=said),
            )
        except Exception as error:  # noqa: BLE001  an interaction without an id cannot be answered
            _log.info("not told", reason=type(error).__name__)

    # --- Connecting ---

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """Let one connection after the other identify itself, five seconds apart."""
        if shard_id in self._turns:
            self._turns.discard(shard_id)
            return
        async with self._identifying:
            await super().before_identify_hook(shard_id, initial=initial)

    async def _await_turn(self, shard: int) -> None:
        """Wait for a turn to IDENTIFY, where other processes do; before connecting, for that must not last.

        Where the database that gives turns is away, those of this process alone are kept apart.
        """
        self._turns.discard(shard)
        if self.take_turn is None:
            return
        try:
            seconds = await self.take_turn(shard % self._at_once)
        except LinerNotesError as error:
            _log.warning("no turn to identify", shard=shard, reason=str(error))
            return
        await asyncio.sleep(seconds)
        self._turns.add(shard)

    async def launch_shards(self) -> None:
        """Connect for the first time."""
        recommended, address, limits = await self.http.get_bot_gateway()
        own = self.own_shards
        self.shard_count = recommended if own is None else own.count
        state = self._connection
        state.shard_count = self.shard_count
        state.shard_ids = range(recommended) if own is None else list(own.ids)
        if self.shard_count < recommended:
            _log.warning("Discord recommends more shards", shards=self.shard_count, recommended=recommended)
        self._at_once = max(int(limits.get("max_concurrency", 1)), 1)
        remaining, seconds = limits.get("remaining", 1), limits.get("reset_after", 0) / 1_000
        if remaining < len(state.shard_ids):
            _log.warning("no connection left today", remaining=remaining, again_in=round(seconds))
            await asyncio.sleep(seconds)
        for shard in state.shard_ids:
            await self.launch_shard(yarl.URL(address), shard, initial=shard == state.shard_ids[0])

    async def launch_shard(self, gateway: yarl.URL, shard_id: int, *, initial: bool = False) -> None:
        """Connect one shard for the first time, with pauses, until it works.

        Raises:
            LinerNotesError: it is of no use, or no longer.
        """
        while True:
            await self._await_turn(shard_id)
            try:
                coro = DiscordWebSocket.from_client(self, initial=initial, gateway=gateway, shard_id=shard_id)
                ws = await asyncio.wait_for(coro, timeout=_CONNECT_SECONDS)
                break
            except Exception as error:  # noqa: BLE001  whatever a gateway sends first
                self.link.down(shard_id)
                self._give_up_after(shard_id, error)
                seconds = self.link.pause(shard_id, identify=True)
                _log_lost(shard_id, error, seconds, identify=True)
            await asyncio.sleep(seconds)
        shard = _Shard(ws, self, getattr(self, _QUEUE).put_nowait)
        _shards(self)[shard_id] = shard
        shard.launch()

    async def connect(self, *, reconnect: bool = True) -> None:
        """Be connected until ``close``.

        Raises:
            LinerNotesError: Discord refuses it, or is not to be had for long; what was under way is finished.
        """
        self._reconnect = reconnect
        try:
            await self.launch_shards()
            while not self.is_closed():
                item = await getattr(self, _QUEUE).get()
                if item.type == EventType.clean_close:
                    return
                self.link.down(item.shard.id)
                self._give_up_after(item.shard.id, item.error)
                task = asyncio.ensure_future(self._connect_again(item.shard, item.error))
                self._connecting.add(task)
                task.add_done_callback(self._connecting.discard)
        finally:
            for task in self._connecting:
                task.cancel()

    async def _connect_again(self, shard: Shard, error: Exception) -> None:
        resume = (
            _lost_by_accident(error) and shard.ws.session_id is not None and self.link.may_resume(shard.id)
        )
        seconds = self.link.pause(shard.id, identify=not resume)
        _log_lost(shard.id, error, seconds, identify=not resume)
        # After a frame that could not be read, the old connection is still there.
        await asyncio.gather(_closed(shard), self._close_forgotten(), asyncio.sleep(seconds))
        if not resume:
            await self._await_turn(shard.id)
        if not self.is_closed():
            await shard.reidentify(ReconnectWebSocket(shard.id, resume=resume))

    async def close(self) -> None:
        """Disconnect."""
        for task in self._connecting:
            task.cancel()
        await self._close_forgotten(0.0)
        await super().close()

    async def _close_forgotten(self, seconds: float = _CONNECT_SECONDS) -> None:
        """Close the sockets that no connection uses, and that were opened so long ago that none will."""
        before = time.monotonic() - seconds
        used = {id(shard.ws.socket) for shard in _shards(self).values()}
        forgotten = [
            socket for socket, at in self._sockets.items() if at <= before and id(socket) not in used
        ]
        for each in forgotten:
            with suppress(aiohttp.ClientError, OSError, RuntimeError):
                await asyncio.wait_for(each.close(), _CLOSE_SECONDS)

    def _give_up_after(self, shard: int, error: Exception) -> None:
        found = refusal(error)
        if found is not None:
            raise found from error
        seconds = self.link.seconds_down_of(shard)
        if seconds >= GIVE_UP_SECONDS or self.link.deaths_of(shard) >= GIVE_UP_DEATHS:
            raise ending(error, seconds) from error


async def _closed(shard: Shard) -> None:
    """Close what is left of a connection, so that its session can be resumed."""
    with suppress(aiohttp.ClientError, OSError, TimeoutError, RuntimeError):
        await asyncio.wait_for(shard.ws.close(code=4000), _CLOSE_SECONDS)


def _lost_by_accident(error: Exception) -> bool:
    """Say whether the session may still be there."""
    return error.resume if isinstance(error, ReconnectWebSocket) else True


def _log_lost(shard: int, error: Exception, seconds: float, *, identify: bool) -> None:
    known = isinstance(error, ReconnectWebSocket | discord.DiscordException | OSError | TimeoutError)
    _log.warning(
        "connection lost",
        shard=shard,
        reason=type(error).__name__,
        code=getattr(error, "code", None),
        again_in=round(seconds, 1),
        by="IDENTIFY" if identify else "RESUME",
        # What nobody foresaw is worth its traceback, once in a while: the pauses grow.
        exc_info=None if known else error,
    )


def _shards(bot: commands.AutoShardedBot) -> dict[int, Shard]:
    found: dict[int, Shard] = getattr(bot, _SHARDS)
    return found


def _unacknowledged(shard: Shard) -> float:
    """Return for how long the acknowledgement of a heartbeat has been due."""
    alive = shard.ws._keep_alive  # noqa: SLF001  discord.py shows how long the last good one took, no more
    if alive is None or alive._last_ack >= alive._last_send:  # noqa: SLF001  the same
        return 0.0
    return time.perf_counter() - alive._last_ack - (alive.interval or 0.0)  # noqa: SLF001  the same
