"""A small Discord over real HTTP and WebSocket, for what a simulation inside one process cannot show."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections import deque
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import WSMsgType, web
from outcomes import Interaction
from weather import Weather

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

TOKEN = "loopback-token"  # noqa: S105  no secret: the server below takes it
APPLICATION = "900000000000000001"
GUILD = "900000000000000002"
CHANNEL = "900000000000000003"
OWNER = "900000000000000004"
# Discord ends an interaction that has not been acknowledged for so long, and knows a nonce for so long.
ACKNOWLEDGE_SECONDS = 3.0
WHEN = "2026-01-01T00:00:00.000000+00:00"


def user(number: str, name: str, *, bot: bool = False) -> dict[str, Any]:
    return {
        "id": number,
        "username": name,
        "discriminator": "0",
        "avatar": None,
        "bot": bot,
        "global_name": None,
    }


ME = user(APPLICATION, "liner-notes", bot=True)
MEMBER = {"roles": [], "joined_at": WHEN, "deaf": False, "mute": False, "flags": 0}


@dataclass
class Request:
    """What the bot has asked for, and when."""

    method: str
    path: str
    body: Any
    at: float


TOLD = web.RequestKey("told", Request)


@dataclass
class Loopback:
    """The server: what it was asked, what it says, and what goes wrong on purpose."""

    url: str = ""
    requests: list[Request] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    edits: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    commands: list[dict[str, Any]] = field(default_factory=list)
    identified: asyncio.Event = field(default_factory=asyncio.Event)
    resumed: asyncio.Event = field(default_factory=asyncio.Event)
    # Over how many connections the bot is told to come, and which of them have come: number and count.
    shards: int = 1
    identities: list[tuple[int, int]] = field(default_factory=list)
    # How many of them may identify themselves at once, by the remainder of their numbers.
    at_once: int = 1
    # Whether the portal lets the bot have what it asks for.
    privileged: bool = True
    # What the next requests to send a message are answered with: a status each.
    failures: deque[int] = field(default_factory=deque)
    # A status with which a message is refused although it was taken.
    lost: deque[int] = field(default_factory=deque)
    # How often the bot is asked for a heartbeat, and when each came.
    heartbeat_seconds: float = 20.0
    heartbeats: list[float] = field(default_factory=list)
    # Whether Discord says that it has heard them.
    acknowledges: bool = True
    # What goes wrong with requests on purpose, and how long one of those hangs that do.
    weather: Weather = field(default_factory=Weather)
    hang_seconds: float = 2.0
    # What members see of their commands and presses, and which of the bot's messages are deleted.
    interactions: dict[str, Interaction] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    # What the gateway does with a connection that comes: a close code each, ``None`` for nothing.
    closes: deque[int | None] = field(default_factory=deque)
    # Text that is sent as it stands in place of HELLO, to each connection that comes.
    garbage: str | None = None
    connections: list[float] = field(default_factory=list)
    identifies: list[float] = field(default_factory=list)
    resumes: list[float] = field(default_factory=list)
    # Whether a session that is resumed is still known.
    remembers: bool = True
    # Channel -> server; there may be more of both.
    channels: dict[str, str] = field(default_factory=lambda: {CHANNEL: GUILD})
    written: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    refusals: deque[tuple[int, int]] = field(default_factory=deque)
    _sessions: int = 0
    # Which connection hears of which part of the servers: its number, of how many, and its last session.
    _sockets: dict[web.WebSocketResponse, int] = field(default_factory=dict)
    _count: int = 1
    _session_of: dict[int, str] = field(default_factory=dict)
    _ids: Any = field(default_factory=lambda: itertools.count(910_000_000_000_000_000))
    _sequence: int = 0
    _sent: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    _nonces: dict[str, dict[str, Any]] = field(default_factory=dict)
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    # --- What members do ---

    async def say(
        self,
        content: str,
        author: str = "Alice",
        number: int = 1,
        channel: str = CHANNEL,
        *,
        heard: bool = True,
    ) -> str:
        """Let a member write a message, of which the bot is told if it is ``heard``; returns its id."""
        message = self._message(content, user(str(920_000_000_000_000_000 + number), author), channel)
        message |= {"guild_id": self.channels[channel], "member": MEMBER}
        if f"<@{APPLICATION}>" in content:
            message["mentions"] = [ME | {"member": MEMBER}]
        self.written.setdefault(channel, []).append(message)
        if heard:
            await self.dispatch("MESSAGE_CREATE", message)
        return str(message["id"])

    async def say_directly(self, content: str, number: int = 1) -> str:
        """Let somebody write a direct message; returns its id."""
        author = user(str(920_000_000_000_000_000 + number), f"member{number}")
        message = self._message(content, author, str(930_000_000_000_000_000 + number))
        await self.dispatch("MESSAGE_CREATE", message | {"channel_type": 1})
        return str(message["id"])

    async def ask(self, question: str, number: int = 1, channel: str = CHANNEL) -> str:
        """Let a member use /ask; returns the interaction's id."""
        option = {"name": "question", "type": 3, "value": question}
        return await self.command("ask", option, number=number, channel=channel)

    async def command(
        self, name: str, *options: Any, number: int = 1, permissions: int = 0, channel: str = CHANNEL
    ) -> str:
        """Let a member use a command; returns the interaction's id."""
        data = {"id": "1", "name": name, "type": 1, "options": list(options)}
        return await self.interact(2, data, number=number, permissions=permissions, channel=channel)

    async def press(self, message: dict[str, Any], custom_id: str, *, number: int = 1) -> str:
        """Let a member press a button under a message of the bot's; returns the interaction's id."""
        data = {"custom_id": custom_id, "component_type": 2}
        return await self.interact(3, data, number=number, channel=message["channel_id"], message=message)

    async def interact(
        self,
        kind: int,
        data: dict[str, Any],
        *,
        number: int = 1,
        permissions: int = 0,
        channel: str = CHANNEL,
        place: dict[str, Any] | None = None,
        **more: Any,
    ) -> str:
        """Let a member use a command or a button; returns the interaction's id.

        ``place`` is what is said of the channel in place of all there is, ``more`` replaces other parts.
        """
        interaction = str(next(self._ids))
        guild = self.channels[channel]
        self.interactions[interaction] = Interaction(time.monotonic(), guild=guild)
        author = user(str(920_000_000_000_000_000 + number), f"member{number}")
        await self.dispatch(
            "INTERACTION_CREATE",
            {
                "id": interaction,
                "application_id": APPLICATION,
                "type": kind,
                "token": f"token-of-{interaction}",
                "version": 1,
                "guild_id": guild,
                "channel_id": channel,
                "channel": self._channel(channel) if place is None else place,
                "member": MEMBER | {"user": author, "permissions": str(permissions)},
                "data": data,
                "locale": "en-US",
                "entitlements": [],
                "authorizing_integration_owners": {"0": guild},
                "context": 0,
                "app_permissions": str(2**45 - 1),
                "attachment_size_limit": 1,
            }
            | more,
        )
        return interaction

    async def dispatch(self, name: str, data: Any) -> None:
        """Send an event to the bot: to the connection of the server in which it happens."""
        self._sequence += 1
        event = {"op": 0, "t": name, "s": self._sequence, "d": data}
        known = data if isinstance(data, dict) else {}
        shard = self._shard_of(known.get("id") if name == "GUILD_CREATE" else known.get("guild_id"))
        self._sent.append((shard, event))
        await self.send(event, shard)

    def _shard_of(self, guild: str | None) -> int:
        """Return which connection is told of a server, or without one of direct messages."""
        return (int(guild or 0) >> 22) % self._count

    @property
    def is_connected(self) -> bool:
        """Say whether somebody hears what happens."""
        return any(not each.closed for each in self._sockets)

    def hears(self, channel: str) -> bool:
        """Say whether somebody hears what happens in a channel."""
        shard = self._shard_of(self.channels[channel])
        return any(not each.closed and its == shard for each, its in self._sockets.items())

    async def send(self, frame: Any, shard: int | None = None) -> None:
        """Send a frame, text as it stands, to whoever is connected, or to one connection."""
        for socket, its in list(self._sockets.items()):
            if shard is not None and its != shard:
                continue
            with suppress(ConnectionError, RuntimeError):
                await (socket.send_str(frame) if isinstance(frame, str) else socket.send_json(frame))

    async def drop(self, code: int = 4000) -> None:
        """Cut the connection, as a restart of Discord's does."""
        sockets, self._sockets = self._sockets, {}
        for socket in sockets:
            with suppress(ConnectionError, RuntimeError, TimeoutError):
                await asyncio.wait_for(socket.close(code=code), 2)

    async def until(self, true: Callable[[], bool], seconds: float = 15.0) -> None:
        """Wait until something is true of what the server has seen.

        Raises:
            TimeoutError: it is not in time.
        """
        # By the clock alone: a cancellation from outside may get lost in the one within.
        end = time.monotonic() + seconds
        while not true():
            if time.monotonic() > end:
                raise TimeoutError
            # A request wakes it; what else happens is looked for.
            with suppress(TimeoutError):
                async with self._changed:
                    await asyncio.wait_for(self._changed.wait(), 0.02)

    def named(self, method: str, part: str) -> list[Request]:
        """Return the requests with this method to addresses with this part."""
        return [each for each in self.requests if each.method == method and part in each.path]

    # --- HTTP ---

    @web.middleware
    async def _record(self, request: web.Request, handler: Callable[..., Any]) -> web.StreamResponse:
        if request.path == "/gateway":
            return await handler(request)  # type: ignore[no-any-return]
        body = await request.text()
        found = Request(request.method, request.path, json.loads(body) if body else None, time.monotonic())
        self.requests.append(found)
        request[TOLD] = found
        if request.headers.get("Authorization", f"Bot {TOKEN}") != f"Bot {TOKEN}":
            return _json({"message": "401: Unauthorized", "code": 0}, 401)
        fault = self.weather.next(request.path)
        if fault is None or fault.taken:
            response: web.StreamResponse = await handler(request)
        async with self._changed:
            self._changed.notify_all()
        return response if fault is None else await self._fail(request, fault.kind)

    async def _fail(self, request: web.Request, kind: str) -> web.StreamResponse:  # noqa: PLR0911
        """Let a request end badly."""
        html = {"Content-Type": "text/html"}
        match kind:
            case "reset":
                assert request.transport is not None
                request.transport.abort()
                return web.Response()
            case "truncated":
                broken = web.StreamResponse(
                    headers={"Content-Type": "application/json", "Content-Length": "999"}
                )
                with suppress(ConnectionError):
                    await broken.prepare(request)
                    await broken.write(b'{"id":')
                    assert request.transport is not None
                    request.transport.abort()
                return broken
            case "hang":
                await asyncio.sleep(self.hang_seconds)
                return _failure(504)
            case "no JSON":
                return web.Response(text="<html>OK</html>", headers=html)
            case "cloudflare 429":
                return web.Response(status=429, text="<html>1015</html>", headers=html | {"Retry-After": "0"})
            case "cloudflare 403":
                return web.Response(status=403, text="<html>1020</html>", headers=html)
            case "429":
                return _failure(429, 0.05)
            case "429 for all":
                return _failure(429, 0.05, for_all=True)
            case status:
                return web.Response(status=int(status), text="<html>upstream</html>", headers=html)

    async def _send(self, request: web.Request) -> web.Response:
        if self.failures:
            return _failure(self.failures.popleft())
        if self.refusals:
            status, code = self.refusals.popleft()
            return _json({"message": "Refused", "code": code}, status)
        body = request[TOLD].body
        channel = request.match_info["channel"]
        nonce = body.get("nonce")
        if nonce in self._nonces and body.get("enforce_nonce"):
            return _json(self._nonces[nonce])
        message = self._message(body.get("content") or "", ME, channel)
        message |= {
            "embeds": body.get("embeds", []),
            "nonce": nonce,
            "components": body.get("components", []),
        }
        message["message_reference"] = body.get("message_reference")
        if nonce is not None:
            self._nonces[nonce] = message
        self.messages.append(message)
        self.written.setdefault(channel, []).append(message)
        if self.lost:
            return _failure(self.lost.popleft())
        return _json(message)

    async def _callback(self, request: web.Request) -> web.Response:
        interaction = request.match_info["interaction"]
        made = self.interactions.setdefault(interaction, Interaction(time.monotonic()))
        if made.acknowledged:
            return _json({"message": "Interaction has already been acknowledged.", "code": 40060}, 400)
        if time.monotonic() - made.at > ACKNOWLEDGE_SECONDS:
            made.too_late = True
            return _json({"message": "Unknown interaction", "code": 10062}, 404)
        made.acknowledged = True
        told = request[TOLD].body
        if told["type"] in {4, 7, 6}:
            made.shown.append(told.get("data") or {})
        return _json(
            {
                "interaction": {
                    "id": interaction,
                    "type": 2,
                    "response_message_id": str(next(self._ids)),
                    "response_message_loading": True,
                    "response_message_ephemeral": False,
                }
            }
        )

    async def _edit(self, request: web.Request) -> web.Response:
        interaction = request.match_info["token"].removeprefix("token-of-")
        body = request[TOLD].body
        made = self.interactions.setdefault(interaction, Interaction(time.monotonic()))
        if not made.acknowledged:
            return _json({"message": "Unknown Webhook", "code": 10015}, 404)
        made.shown.append(body)
        self.edits.setdefault(interaction, []).append(body)
        return _json(self._message(body.get("content") or "", ME) | {"embeds": body.get("embeds", [])})

    async def _original(self, request: web.Request) -> web.Response:
        made = self.interactions[request.match_info["token"].removeprefix("token-of-")]
        if request.method == "DELETE":
            made.shown.append(None)
            return web.Response(status=204)
        body = made.shown[-1] or {} if made.shown else {}
        return _json(self._message(body.get("content") or "", ME) | {"embeds": body.get("embeds", [])})

    async def _followup(self, request: web.Request) -> web.Response:
        made = self.interactions[request.match_info["token"].removeprefix("token-of-")]
        body = request[TOLD].body
        made.followups.append(body)
        return _json(self._message(body.get("content") or "", ME) | {"embeds": body.get("embeds", [])})

    async def _history(self, request: web.Request) -> web.Response:
        after = int(request.query.get("after", 0))
        written = [
            each for each in self.written.get(request.match_info["channel"], ()) if int(each["id"]) > after
        ]
        written = [each for each in written if each["id"] not in self.deleted]
        before = int(request.query.get("before", 2**63))
        limit = int(request.query.get("limit", 50))
        found = [each for each in written if int(each["id"]) < before]
        # After a message come the oldest, else the newest; the newest stand first in either.
        return _json((found[:limit] if "after" in request.query else found[-limit:])[::-1])

    async def _delete(self, request: web.Request) -> web.Response:
        self.deleted.add(request.match_info["message"])
        return web.Response(status=204)

    async def _commands(self, request: web.Request) -> web.Response:
        if request.method == "PUT":
            self.commands = [
                {"description": ""} | each | {"id": str(next(self._ids)), "application_id": APPLICATION}
                for each in request[TOLD].body
            ]
        return _json(self.commands)

    async def _application(self, request: web.Request) -> web.Response:
        return _json(
            {
                "id": APPLICATION,
                "name": "Liner Notes",
                "description": "",
                "icon": None,
                "bot_public": True,
                "bot_require_code_grant": False,
                "owner": user(OWNER, "operator"),
                "verify_key": "0",
                "flags": 0,
                "team": None,
            }
        )

    # --- Gateway ---

    async def _where(self, _request: web.Request) -> web.Response:
        limits = {"total": 1_000, "remaining": 1_000, "reset_after": 0, "max_concurrency": self.at_once}
        address = self.url.replace("http", "ws") + "/gateway"
        return _json({"url": address, "shards": self.shards, "session_start_limit": limits})

    async def _gateway(self, request: web.Request) -> web.WebSocketResponse:  # noqa: C901  a table
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.connections.append(time.monotonic())
        if self.garbage is not None:
            await socket.send_str(self.garbage)
            await asyncio.sleep(0.1)
            return socket
        code = self.closes.popleft() if self.closes else None
        await socket.send_json({"op": 10, "d": {"heartbeat_interval": self.heartbeat_seconds * 1_000}})
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                continue
            told = json.loads(message.data)
            match told["op"]:
                case 1:
                    self.heartbeats.append(time.monotonic())
                    if self.acknowledges:
                        await socket.send_json({"op": 11})
                case 2 | 6 if code is not None:
                    (self.identifies if told["op"] == 2 else self.resumes).append(time.monotonic())
                    await socket.close(code=code)
                    break
                case 6 if not self.remembers or told["d"]["session_id"] not in self._session_of.values():
                    self.resumes.append(time.monotonic())
                    self.remembers = True
                    await socket.send_json({"op": 9, "d": False})
                case 2:
                    self.identifies.append(time.monotonic())
                    if told["d"]["token"] != TOKEN:
                        await socket.close(code=4004)
                        break
                    if not self.privileged and told["d"]["intents"] & 1 << 15:
                        await socket.close(code=4014)
                        break
                    await self._ready(socket, *told["d"].get("shard", (0, 1)))
                case 6:
                    self.resumes.append(time.monotonic())
                    numbers = {session: number for number, session in self._session_of.items()}
                    shard = numbers[told["d"]["session_id"]]
                    sent = [event for its, event in self._sent if its == shard]
                    missed = [each for each in sent if each["s"] > told["d"]["seq"]]
                    # The last one again: what was on its way when the connection went.
                    for event in sent[-1:] + missed:
                        await socket.send_json(event)
                    await socket.send_json({"op": 0, "t": "RESUMED", "s": self._sequence, "d": {}})
                    self._sockets[socket] = shard
                    self.resumed.set()
        return socket

    async def _ready(self, socket: web.WebSocketResponse, shard: int, count: int) -> None:
        self.identities.append((shard, count))
        if count != self._count:
            # The bot divides its servers in another way from now on.
            self._count = count
            self._session_of.clear()
            self._sockets.clear()
        guilds = [each for each in sorted({*self.channels.values()}) if self._shard_of(each) == shard]
        self._sessions += 1
        self._session_of[shard] = f"session-{self._sessions}"
        # What has not been read in the session before is never told: Discord ends such commands itself.
        for made in self.interactions.values():
            if not made.acknowledged and self._shard_of(made.guild) == shard:
                made.too_late = True
        self._sent = [(its, event) for its, event in self._sent if its != shard]
        ready = {
            "v": 10,
            "user": ME,
            "guilds": [{"id": guild, "unavailable": True} for guild in guilds],
            "session_id": self._session_of[shard],
            "resume_gateway_url": self.url.replace("http", "ws"),
            "application": {"id": APPLICATION, "flags": 0},
            "shard": [shard, count],
        }
        # What happens is told to the connection of the server in which it does.
        self._sockets = {each: its for each, its in self._sockets.items() if its != shard}
        self._sockets[socket] = shard
        self._sequence += 1
        event = {"op": 0, "t": "READY", "s": self._sequence, "d": ready}
        self._sent.append((shard, event))
        await socket.send_json(event)
        for guild in guilds:
            await self.dispatch("GUILD_CREATE", self._guild(guild))
        if len({number for number, _ in self.identities}) == count:
            self.identified.set()

    # --- Payloads ---

    def _guild(self, number: str) -> dict[str, Any]:
        everyone = {"id": number, "name": "@everyone", "permissions": str(2**45 - 1)}
        everyone |= dict.fromkeys(("color", "position", "flags"), 0)
        everyone |= dict.fromkeys(("hoist", "managed", "mentionable"), False)
        guild = {
            "id": number,
            "name": "Listeners",
            "owner_id": OWNER,
            "icon": None,
            "preferred_locale": "en-US",
        }
        guild |= {
            "roles": [everyone],
            "channels": [self._channel(each) for each, its in self.channels.items() if its == number],
        }
        guild |= {"members": [MEMBER | {"user": ME}]}
        guild |= {"member_count": 51, "large": False, "unavailable": False, "afk_timeout": 300}
        lists = (
            "emojis features threads stickers voice_states presences stage_instances guild_scheduled_events"
        )
        guild |= {name: [] for name in lists.split()}
        numbers = (
            "verification_level default_message_notifications explicit_content_filter mfa_level nsfw_level"
            " premium_tier system_channel_flags"
        )
        return guild | dict.fromkeys(numbers.split(), 0)

    def _channel(self, number: str = CHANNEL) -> dict[str, Any]:
        channel = {
            "id": number,
            "type": 0,
            "name": "general",
            "guild_id": self.channels[number],
            "permission_overwrites": [],
        }
        return channel | {"position": 0, "nsfw": False, "parent_id": None, "topic": None}

    def _message(self, content: str, author: dict[str, Any], channel: str = CHANNEL) -> dict[str, Any]:
        message = {"id": str(next(self._ids)), "channel_id": channel, "author": author, "content": content}
        message |= {"timestamp": WHEN, "edited_timestamp": None, "type": 0, "flags": 0}
        message |= dict.fromkeys(("tts", "mention_everyone", "pinned"), False)
        return message | {name: [] for name in "mentions mention_roles attachments embeds components".split()}


def _json(data: Any, status: int = 200, **headers: str) -> web.Response:
    # Without a charset: discord.py compares the whole header.
    return web.Response(
        body=json.dumps(data).encode(), status=status, headers={"Content-Type": "application/json", **headers}
    )


def _failure(status: int, seconds: float = 0.2, *, for_all: bool = False) -> web.Response:
    if status == 429:
        return _json(
            {"message": "You are being rate limited.", "retry_after": seconds, "global": for_all},
            429,
            **{"Retry-After": str(seconds), "Via": "1.1 google"},
        )
    return _json({"message": "No", "code": 0}, status)


@asynccontextmanager
async def open_loopback() -> AsyncIterator[Loopback]:
    """Serve on a port of this machine until the end."""
    loopback = Loopback()
    app = web.Application(middlewares=[loopback._record])
    base = "/api/v10"
    app.router.add_get(f"{base}/users/@me", _me)
    app.router.add_get(f"{base}/gateway/bot", loopback._where)
    app.router.add_get(f"{base}/oauth2/applications/@me", loopback._application)
    app.router.add_route("*", f"{base}/applications/{APPLICATION}/commands", loopback._commands)
    app.router.add_post(base + "/channels/{channel}/typing", _typing)
    app.router.add_post(base + "/channels/{channel}/messages", loopback._send)
    app.router.add_get(base + "/channels/{channel}/messages", loopback._history)
    app.router.add_delete(base + "/channels/{channel}/messages/{message}", loopback._delete)
    app.router.add_post(base + "/interactions/{interaction}/{token}/callback", loopback._callback)
    app.router.add_patch(base + "/webhooks/{application}/{token}/messages/@original", loopback._edit)
    original = base + "/webhooks/{application}/{token}/messages/@original"
    app.router.add_get(original, loopback._original)
    app.router.add_delete(original, loopback._original)
    app.router.add_post(base + "/webhooks/{application}/{token}", loopback._followup)
    app.router.add_get("/gateway", loopback._gateway)
    app.router.add_get("/", loopback._gateway)
    runner = web.AppRunner(app, shutdown_timeout=0.5)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
    loopback.url = f"http://127.0.0.1:{port}"
    try:
        yield loopback
    finally:
        await runner.cleanup()


async def _me(_request: web.Request) -> web.Response:
    return _json(ME)


async def _typing(_request: web.Request) -> web.Response:
    return web.Response(status=204)
