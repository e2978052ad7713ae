"""Every request to Discord goes through here: what may be repeated is repeated, each try has a deadline.

discord.py repeats a request five times, on some of the statuses that pass and on two numbers of ``OSError``.
It gives up on a 503, on Cloudflare's 429 and on a connection that the server has closed. ``Persistent``
stands between it and ``aiohttp``: all requests of the client and of interactions go through the one session,
so one place decides what is repeated, how long, and with which pauses. Discord's rate limits for single
routes (a 429 with ``Via``) stay with discord.py, which knows the buckets.

What a try that failed may have done decides:

- not taken (no connection, 429): repeated as long as there is patience,
- in doubt (a 5xx, a reset, silence): repeated where a second one changes nothing, because it is an edit or
  because Discord knows the message by its nonce; else given up.

Whoever gets ``UndeliveredError`` with ``in_doubt`` must take nothing back: it may be there for all to see.
"""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import aiohttp
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_exponential_jitter
from yarl import URL

from linernotes.chat.frame import logs

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    import discord
    from tenacity.wait import wait_base

_log = logs.get(__name__)

TOKEN_SECONDS: Final = 14 * 60.0
"""An interaction can be answered for fifteen minutes; a margin is left for the last try."""

NONCE_SECONDS: Final = 120.0
"""For "the past few minutes", as Discord's reference has it, a nonce makes a repeated message one message."""

CALLBACK_SECONDS = 5.0
_OTHER_SECONDS: Final = 60.0
TRY = aiohttp.ClientTimeout(total=15.0, connect=10.0)
# Discord waits three seconds for it: a try that hangs must leave time for the next.
TRY_CALLBACK = aiohttp.ClientTimeout(total=1.5)
PAUSES = wait_exponential_jitter(multiplier=0.25, max=30.0, jitter=0.25)

MOST_WAITING: Final = 400
"""So many requests at most wait to be repeated; in a long outage the rest are given up at once."""

MOST_ACKNOWLEDGING: Final = 100
"""So many acknowledgements are on their way at once. A thousand connections that open at the same time are
slower than a hundred that are used again, and each would run into its own deadline."""

LET_PASS_SECONDS: Final = 2.0
"""So long at most all else waits for acknowledgements, which Discord wants within three seconds."""

_RATE_LIMITED: Final = 429
_FORBIDDEN: Final = 403
_SERVER_ERRORS: Final = 500
_TIMED_OUT: Final = 408
_OVERLOADED: Final = 130000
_ACKNOWLEDGED: Final = 40060

_once: ContextVar[bool] = ContextVar("linernotes_once", default=False)


class UndeliveredError(aiohttp.ClientError):
    """Discord has not taken a request, however often it was repeated.

    ``in_doubt`` says that it may have been taken all the same; ``status`` is the last response's, if any.
    """

    def __init__(self, reason: str, *, in_doubt: bool, status: int | None = None) -> None:
        """Keep what is known."""
        super().__init__(reason)
        self.in_doubt = in_doubt
        self.status = status


class InDoubtCancelledError(asyncio.CancelledError):
    """A task was cancelled when it was not known whether Discord had taken its request."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How many seconds a request is repeated: at all, and after it may have been taken."""

    seconds: float
    in_doubt: float


def patience_with(method: str, path: str, body: Any) -> Patience:
    """Return how long a request is repeated.

    Args:
        method: of HTTP.
        path: of the address.
        body: JSON text, or what else is sent.
    """
    if _once.get() or path.endswith("/typing"):
        return Patience(0.0, 0.0)
    if path.endswith("/callback"):
        # Said twice, it is refused as acknowledged already, which is as good.
        return Patience(CALLBACK_SECONDS, CALLBACK_SECONDS)
    if re.search(r"/webhooks/\d+/[^/]+", path):
        return Patience(TOKEN_SECONDS, 0.0 if method == "POST" else TOKEN_SECONDS)
    if method == "POST" and path.endswith("/messages"):
        known = isinstance(body, str) and '"enforce_nonce":true' in body.replace(" ", "")
        return Patience(TOKEN_SECONDS, NONCE_SECONDS if known else 0.0)
    return Patience(_OTHER_SECONDS, 0.0 if method == "POST" else _OTHER_SECONDS)


@contextmanager
def once() -> Iterator[None]:
    """Repeat no request of the current task meanwhile: for what is of no use later."""
    token = _once.set(True)
    try:
        yield
    finally:
        _once.reset(token)


class Acknowledgements:
    """Which acknowledgements are on their way: Discord waits three seconds for one, longer for all else."""

    def __init__(self) -> None:
        """Begin with none."""
        self._under_way = 0
        self._none = asyncio.Event()
        self._none.set()

    @contextmanager
    def one(self) -> Iterator[None]:
        """Count one meanwhile."""
        self._under_way += 1
        self._none.clear()
        try:
            yield
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._none.set()

    async def let_pass(self) -> None:
        """Wait until there is none on its way, and not for long: for what Discord sets no deadline."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LET_PASS_SECONDS):
                await self._none.wait()


def install(client: discord.Client, acknowledgements: Acknowledgements) -> None:
    """Let all requests of a client that has logged in go through ``Persistent``."""
    # discord.py makes the session when it logs in and hands it to interactions; there is no public way in.
    name = "_HTTPClient__session"
    session = getattr(client.http, name)
    if isinstance(session, aiohttp.ClientSession):
        setattr(client.http, name, Persistent(session, PAUSES, acknowledgements))


class Persistent:
    """A session that repeats what may be repeated; otherwise as ``aiohttp.ClientSession``."""

    def __init__(
        self, session: aiohttp.ClientSession, pauses: wait_base, acknowledgements: Acknowledgements
    ) -> None:
        """Put it before a session."""
        self._session = session
        self._pauses = pauses
        self._waiting = 0
        self._acknowledgements = acknowledgements
        self._acknowledging = asyncio.Semaphore(MOST_ACKNOWLEDGING)
        # Until when Discord takes no request of the bot's at all.
        self._shut_until = 0.0

    def __getattr__(self, name: str) -> Any:
        """Return what the session has: ``get`` for files, ``ws_connect``, ``close`` and ``closed``."""
        return getattr(self._session, name)

    @asynccontextmanager
    async def request(self, method: str, url: str, **given: Any) -> AsyncIterator[Any]:
        """Yield the response to a request, its body read.

        Raises:
            UndeliveredError: Discord has not taken it, or it is not known whether it has.
        """
        path = URL(url).path
        body = given.get("data")
        patience = patience_with(method, path, body)
        if isinstance(body, aiohttp.FormData):  # can be sent once
            patience = Patience(0.0, 0.0)
        given.setdefault("timeout", TRY_CALLBACK if path.endswith("/callback") else TRY)
        delivery = _Delivery(patience, asyncio.get_running_loop().time)
        response: Any = None
        held = ExitStack()
        if path.endswith("/callback"):
            held.enter_context(self._acknowledgements.one())
        repeating = AsyncRetrying(
            retry=retry_if_exception_type(_FailedError),
            wait=lambda state: delivery.pause(state, self._pauses),
            stop=lambda _: delivery.is_over or self._waiting >= MOST_WAITING or self._session.closed,
            sleep=self._sleep,
            reraise=True,
        )
        try:
            with held:
                async for attempt in repeating:
                    with attempt:
                        response = await self._try(delivery, method, url, path, given)
        except asyncio.CancelledError:
            if delivery.in_doubt or delivery.is_trying:
                raise InDoubtCancelledError from None
            raise
        except _FailedError as failed:
            _log.warning(
                "not delivered",
                method=method,
                route=_route(path),
                reason=str(failed),
                in_doubt=delivery.in_doubt,
                seconds=round(delivery.seconds, 1),
            )
            raise UndeliveredError(str(failed), in_doubt=delivery.in_doubt, status=failed.status) from None
        try:
            yield response
        finally:
            response.release()

    async def _sleep(self, seconds: float) -> None:
        self._waiting += 1
        try:
            await asyncio.sleep(seconds)
        finally:
            self._waiting -= 1

    async def _try(  # noqa: C901  a table of what there is
        self, delivery: _Delivery, method: str, url: str, path: str, given: dict[str, Any]
    ) -> aiohttp.ClientResponse | _Acknowledged:
        now = asyncio.get_running_loop().time()
        if self._shut_until > now:
            await asyncio.sleep(self._shut_until - now)
        if path.endswith("/callback"):
            async with self._acknowledging:
                if delivery.seconds > CALLBACK_SECONDS:
                    # Discord has ended it: it would only take the time of those that can still be answered.
                    raise delivery.failed("too late", taken=False)
                response, text = await self._send(delivery, method, url, given)
        else:
            response, text = await self._send(delivery, method, url, given)
        delivery.is_trying = False
        status = response.status
        if status == _RATE_LIMITED and (seconds := _shut_for(text)) is not None:
            # discord.py would shut all out, and for ever if the task that waits is cancelled meanwhile.
            self._shut_until = asyncio.get_running_loop().time() + seconds
            raise delivery.failed("429 for all", taken=False, status=status, wait=seconds)
        if status == _RATE_LIMITED and not _is_discords(response, text):
            raise delivery.failed(
                "429 of Cloudflare", taken=False, status=status, wait=_retry_after(response)
            )
        if status >= _SERVER_ERRORS or status == _TIMED_OUT:
            raise delivery.failed(str(status), taken=True, status=status)
        if status == _FORBIDDEN and not _is_json(response):
            raise delivery.failed("403 of Cloudflare", taken=False, status=status)
        if status < 300 and text and not _is_json(response):  # noqa: PLR2004  success ends there
            raise delivery.failed("no JSON", taken=True, status=status)
        code = _code(text) if status >= 400 else None  # noqa: PLR2004  errors of the client's begin there
        if code == _OVERLOADED:
            raise delivery.failed("overloaded", taken=False, status=status)
        if code == _ACKNOWLEDGED and path.endswith("/callback"):
            # The first time it was taken, and the answer to it got lost.
            response.release()
            return _Acknowledged(path)
        return response

    async def _send(
        self, delivery: _Delivery, method: str, url: str, given: dict[str, Any]
    ) -> tuple[aiohttp.ClientResponse, bytes]:
        """Send a request once, and return the response with its body."""
        delivery.is_trying = True
        try:
            response = await self._session.request(method, url, **given)
            try:
                # With its body it is whole; read later, a connection that breaks would not be repeated.
                text = await response.read()
            except BaseException:
                response.close()
                raise
        except aiohttp.ClientConnectorError as error:
            raise delivery.failed(_name(error), taken=False) from error
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise delivery.failed(_name(error), taken=True) from error
        except RuntimeError as error:
            # What is said of a session that the bot has closed when it left.
            if not self._session.closed:
                raise
            raise delivery.failed("the bot has left", taken=False) from error
        return response, text


class _FailedError(Exception):
    """One try has failed."""

    def __init__(self, reason: str, status: int | None, wait: float) -> None:
        super().__init__(reason)
        self.status = status
        self.wait = wait


class _Delivery:
    """How far the tries of one request have come."""

    def __init__(self, patience: Patience, clock: Any) -> None:
        self._patience = patience
        self._clock = clock
        self._began = clock()
        self._doubted: float | None = None
        self._next = 0.0
        self.is_trying = False

    @property
    def in_doubt(self) -> bool:
        """Say whether it may have been taken."""
        return self._doubted is not None

    @property
    def seconds(self) -> float:
        """How long it has been tried."""
        return float(self._clock() - self._began)

    @property
    def is_over(self) -> bool:
        """Say whether another try would come too late."""
        now = self._clock() + self._next
        if self._doubted is not None and now - self._doubted >= self._patience.in_doubt:
            return True
        return bool(now - self._began >= self._patience.seconds)

    def failed(
        self, reason: str, *, taken: bool, status: int | None = None, wait: float = 0.0
    ) -> _FailedError:
        """Note a try that failed; ``taken`` if Discord may have done what was asked."""
        if taken and self._doubted is None:
            self._doubted = self._clock()
        self._next = wait
        self.is_trying = False
        return _FailedError(reason, status, wait)

    def pause(self, state: RetryCallState, pauses: wait_base) -> float:
        """Return how long to wait before the next try."""
        return max(self._next, float(pauses(state)))


class _Acknowledged:
    """Stands for the response to an acknowledgement that was taken the first time."""

    status = 200

    def __init__(self, path: str) -> None:
        self.headers = {"content-type": "application/json"}
        self._id = path.split("/")[-3]

    async def text(self, **_: Any) -> str:
        return json.dumps({"interaction": {"id": self._id, "type": 2}})

    def release(self) -> None:
        """Hold nothing."""


def _is_discords(response: aiohttp.ClientResponse, body: bytes) -> bool:
    """Say whether a 429 is Discord's own, which says in JSON how long to wait."""
    if not response.headers.get("Via"):
        return False
    try:
        return "retry_after" in json.loads(body)
    except (ValueError, TypeError):
        return False


def _shut_for(body: bytes) -> float | None:
    """Return the seconds for which a 429 shuts all requests out, or ``None`` if it is for some of them."""
    try:
        told = json.loads(body)
        return float(told["retry_after"]) if told["global"] else None
    except (ValueError, TypeError, KeyError):
        return None


def _is_json(response: aiohttp.ClientResponse) -> bool:
    """Say whether it is Discord that speaks, and not what stands before it."""
    return response.headers.get("Content-Type", "").startswith("application/json")


def _retry_after(response: aiohttp.ClientResponse) -> float:
    try:
        return max(float(response.headers.get("Retry-After", "0")), 0.0)
    except ValueError:
        return 0.0


def _code(body: bytes) -> int | None:
    try:
        found = json.loads(body).get("code")
    except (ValueError, AttributeError):
        return None
    return found if isinstance(found, int) else None


def _name(error: BaseException) -> str:
    return (
        str(error) or type(error).__name__
        if isinstance(error, aiohttp.ClientConnectorError)
        else type(error).__name__
    )


def _route(path: str) -> str:
    """Return a path without ids and without tokens."""
    path = re.sub(r"^/api/v\d+", "", path)
    path = re.sub(r"(/(?:webhooks|interactions)/\d+)/[^/]+", r"\1/…", path)
    return re.sub(r"\d{5,}", "…", path)
