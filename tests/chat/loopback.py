"""A small Discord over real HTTP and WebSocket, for what a simulation inside one process cannot show."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections import deque
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import WSMsgType, web

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

TOKEN = "loopback-token"  # noqa: S105  no secret: the server below takes it
APPLICATION = "900000000000000001"
GUILD = "900000000000000002"
CHANNEL = "900000000000000003"
OWNER = "900000000000000004"
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
    # Whether the portal lets the bot have what it asks for.
    privileged: bool = True
    # What the next requests to send a message are answered with: a status each.
    failures: deque[int] = field(default_factory=deque)
    # A status with which a message is refused although it was taken.
    lost: deque[int] = field(default_factory=deque)
    # How often the bot is asked for a heartbeat, and when each came.
    heartbeat_seconds: float = 20.0
    heartbeats: list[float] = field(default_factory=list)
    _sockets: list[web.WebSocketResponse] = field(default_factory=list)
    _ids: Any = field(default_factory=lambda: itertools.count(910_000_000_000_000_000))
    _sequence: int = 0
    _sent: list[dict[str, Any]] = field(default_factory=list)
    _nonces: dict[str, dict[str, Any]] = field(default_factory=dict)
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    # --- What members do ---

    async def say(self, content: str, author: str = "Alice", number: int = 1) -> str:
        """Let a member write a message; returns its id."""
        message = self._message(content, user(str(920_000_000_000_000_000 + number), author))
        message |= {"guild_id": GUILD, "member": MEMBER}
        if f"<@{APPLICATION}>" in content:
            message["mentions"] = [ME | {"member": MEMBER}]
        await self.dispatch("MESSAGE_CREATE", message)
        return str(message["id"])

    async def ask(self, question: str, number: int = 1) -> str:
        """Let a member use /ask; returns the interaction's id."""
        return await self.command("ask", {"name": "question", "type": 3, "value": question}, number=number)

    async def command(self, name: str, option: Any, *, number: int = 1, permissions: int = 0) -> str:
        """Let a member use a command; returns the interaction's id."""
        interaction = str(next(self._ids))
        author = user(str(920_000_000_000_000_000 + number), f"member{number}")
        await self.dispatch(
            "INTERACTION_CREATE",
            {
                "id": interaction,
                "application_id": APPLICATION,
                "type": 2,
                "token": f"token-of-{interaction}",
                "version": 1,
                "guild_id": GUILD,
                "channel_id": CHANNEL,
                "channel": self._channel(),
                "member": MEMBER | {"user": author, "permissions": str(permissions)},
                "data": {"id": "1", "name": name, "type": 1, "options": [option]},
                "locale": "en-US",
                "entitlements": [],
                "authorizing_integration_owners": {"0": GUILD},
                "context": 0,
                "app_permissions": str(2**45 - 1),
                "attachment_size_limit": 1,
            },
        )
        return interaction

    async def dispatch(self, name: str, data: Any) -> None:
        """Send an event to the bot."""
        self._sequence += 1
        event = {"op": 0, "t": name, "s": self._sequence, "d": data}
        self._sent.append(event)
        for socket in self._sockets:
            await socket.send_json(event)

    async def drop(self) -> None:
        """Cut the connection, as a restart of Discord's does."""
        sockets, self._sockets = self._sockets, []
        for socket in sockets:
            await socket.close(code=4000)

    async def until(self, true: Callable[[], bool], seconds: float = 15.0) -> None:
        """Wait until something is true of what the server has seen."""
        async with asyncio.timeout(seconds), self._changed:
            await self._changed.wait_for(true)

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
        if request.headers.get("Authorization", f"Bot {TOKEN}") != f"Bot {TOKEN}":
            return _json({"message": "401: Unauthorized", "code": 0}, 401)
        response: web.StreamResponse = await handler(request)
        async with self._changed:
            self._changed.notify_all()
        return response

    async def _send(self, request: web.Request) -> web.Response:
        if self.failures:
            return _failure(self.failures.popleft())
        body = self.requests[-1].body
        nonce = body.get("nonce")
        if nonce in self._nonces and body.get("enforce_nonce"):
            return _json(self._nonces[nonce])
        message = self._message(body.get("content") or "", ME)
        message |= {"embeds": body.get("embeds", []), "nonce": nonce}
        message["message_reference"] = body.get("message_reference")
        self._nonces[nonce] = message
        self.messages.append(message)
        if self.lost:
            return _failure(self.lost.popleft())
        return _json(message)

    async def _callback(self, request: web.Request) -> web.Response:
        interaction = request.match_info["interaction"]
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
        body = self.requests[-1].body
        self.edits.setdefault(interaction, []).append(body)
        return _json(self._message(body.get("content") or "", ME) | {"embeds": body.get("embeds", [])})

    async def _commands(self, request: web.Request) -> web.Response:
        if request.method == "PUT":
            self.commands = [
                {"description": ""} | each | {"id": str(next(self._ids)), "application_id": APPLICATION}
                for each in self.requests[-1].body
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
        limits = {"total": 1_000, "remaining": 1_000, "reset_after": 0, "max_concurrency": 1}
        address = self.url.replace("http", "ws") + "/gateway"
        return _json({"url": address, "shards": self.shards, "session_start_limit": limits})

    async def _gateway(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_json({"op": 10, "d": {"heartbeat_interval": self.heartbeat_seconds * 1_000}})
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                continue
            told = json.loads(message.data)
            match told["op"]:
                case 1:
                    self.heartbeats.append(time.monotonic())
                    await socket.send_json({"op": 11})
                case 2:
                    if told["d"]["token"] != TOKEN:
                        await socket.close(code=4004)
                        break
                    if not self.privileged and told["d"]["intents"] & 1 << 15:
                        await socket.close(code=4014)
                        break
                    self._sockets.append(socket)
                    await self._ready(socket, *told["d"].get("shard", (0, 1)))
                case 6:
                    missed = [each for each in self._sent if each["s"] > told["d"]["seq"]]
                    # The last one again: what was on its way when the connection went.
                    for event in self._sent[-1:] + missed:
                        await socket.send_json(event)
                    await socket.send_json({"op": 0, "t": "RESUMED", "s": self._sequence, "d": {}})
                    self._sockets.append(socket)
                    self.resumed.set()
        return socket

    async def _ready(self, socket: web.WebSocketResponse, shard: int, count: int) -> None:
        self.identities.append((shard, count))
        has_guild = (int(GUILD) >> 22) % count == shard
        ready = {
            "v": 10,
            "user": ME,
            "guilds": [{"id": GUILD, "unavailable": True}] if has_guild else [],
            "session_id": "session",
            "resume_gateway_url": self.url.replace("http", "ws"),
            "application": {"id": APPLICATION, "flags": 0},
            "shard": [shard, count],
        }
        if has_guild:
            # What happens is told to the connection of the server in which it does.
            self._sockets = [socket]
            await self.dispatch("READY", ready)
            await self.dispatch("GUILD_CREATE", self._guild())
        else:
            await socket.send_json({"op": 0, "t": "READY", "s": 1, "d": ready})
        if len({number for number, _ in self.identities}) == count:
            self.identified.set()

    # --- Payloads ---

    def _guild(self) -> dict[str, Any]:
        everyone = {"id": GUILD, "name": "@everyone", "permissions": str(2**45 - 1)}
        everyone |= dict.fromkeys(("color", "position", "flags"), 0)
        everyone |= dict.fromkeys(("hoist", "managed", "mentionable"), False)
        guild = {
            "id": GUILD,
            "name": "Listeners",
            "owner_id": OWNER,
            "icon": None,
            "preferred_locale": "en-US",
        }
        guild |= {"roles": [everyone], "channels": [self._channel()], "members": [MEMBER | {"user": ME}]}
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

    @staticmethod
    def _channel() -> dict[str, Any]:
        channel = {
            "id": CHANNEL,
            "type": 0,
            "name": "general",
            "guild_id": GUILD,
            "permission_overwrites": [],
        }
        return channel | {"position": 0, "nsfw": False, "parent_id": None, "topic": None}

    def _message(self, content: str, author: dict[str, Any]) -> dict[str, Any]:
        message = {"id": str(next(self._ids)), "channel_id": CHANNEL, "author": author, "content": content}
        message |= {"timestamp": WHEN, "edited_timestamp": None, "type": 0, "flags": 0}
        message |= dict.fromkeys(("tts", "mention_everyone", "pinned"), False)
        return message | {name: [] for name in "mentions mention_roles attachments embeds components".split()}


def _json(data: Any, status: int = 200, **headers: str) -> web.Response:
    # Without a charset: discord.py compares the whole header.
    return web.Response(
        body=json.dumps(data).encode(), status=status, headers={"Content-Type": "application/json", **headers}
    )


def _failure(status: int) -> web.Response:
    if status == 429:
        return _json(
            {"message": "You are being rate limited.", "retry_after": 0.2, "global": False},
            429,
            **{"Retry-After": "0.2", "Via": "1.1 google"},
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
    app.router.add_post(f"{base}/channels/{CHANNEL}/typing", _typing)
    app.router.add_post(f"{base}/channels/{CHANNEL}/messages", loopback._send)
    app.router.add_post(base + "/interactions/{interaction}/{token}/callback", loopback._callback)
    app.router.add_patch(base + "/webhooks/{application}/{token}/messages/@original", loopback._edit)
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
