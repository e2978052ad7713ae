"""The log: text for people or JSON for machines, with neither a token nor a local variable in it."""

from __future__ import annotations

import logging
import re
import sys
import threading
from typing import TYPE_CHECKING, Any, Final

import structlog

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    from structlog.typing import EventDict, Processor, WrappedLogger

    from linernotes.settings import Settings

HIDDEN: Final = "[hidden]"

# A bot's token, and the tokens of interactions and webhooks in addresses; one who was copied wrongly, too.
_TOKENS: Final = re.compile(
    r"[MNO][\w-]{20,30}\.[\w-]{4,10}\.[\w-]{20,}"
    r"|(?<=/webhooks/)\d+/[\w.-]{20,}"
    r"|\baW50ZXJhY3Rpb2[\w=-]{20,}"
)


_EVERY: Final[tuple[Processor, ...]] = (
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.stdlib.PositionalArgumentsFormatter(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)
"""What every entry goes through, ours and the libraries'."""


class TokenFilter:
    """Hides tokens in whatever a log entry holds; the last processor but the one that writes."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """Hide these as well as whatever looks like a token."""
        self._secrets = sorted((each for each in secrets if each), key=len, reverse=True)

    def __call__(self, _logger: WrappedLogger, _name: str, entry: EventDict) -> EventDict:
        """Return the entry without tokens."""
        return {key: self._hide(value) for key, value in entry.items()}

    def _hide(self, value: Any) -> Any:
        match value:
            case None | bool() | int() | float():
                return value
            case dict():
                return {self._hide(key): self._hide(each) for key, each in value.items()}
            case list() | tuple() | set() | frozenset():
                return [self._hide(each) for each in value]
            case _:
                text = str(value)
                for secret in self._secrets:
                    text = text.replace(secret, HIDDEN)
                return _TOKENS.sub(HIDDEN, text)


def set_up(settings: Settings) -> None:
    """Write what this program and its libraries log to standard error."""
    secrets = (settings.discord_token, settings.https_proxy, settings.database_url)
    hide = TokenFilter(each.get_secret_value() for each in secrets if each is not None)
    # Both kinds of tracebacks are plain: the rich ones show local variables.
    last: list[Processor] = (
        [structlog.processors.JSONRenderer(ensure_ascii=False)]
        if settings.log_format == "json"
        else [structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)]
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=list(_EVERY),
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                hide,
                *last,
            ],
        )
    )
    # Some libraries set levels of their own; of them what is wrong is enough.
    handler.addFilter(
        lambda record: record.levelno >= logging.WARNING or record.name.startswith("linernotes")
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    level = settings.log_level.upper()
    logging.getLogger("linernotes").setLevel(level)
    # Of Discord's library what is wrong is enough; at DEBUG it would log every message.
    logging.getLogger("discord").setLevel(max(logging.getLevelNamesMapping()[level], logging.WARNING))
    _log_what_would_be_printed()


def last_words(sentence: str) -> None:
    """Log the sentence with which the process ends."""
    logging.getLogger("linernotes").critical("%s", sentence)


def _log_what_would_be_printed() -> None:
    """Let warnings and tracebacks that Python prints by itself be entries of the log like any other."""
    logging.captureWarnings(capture=True)
    log = logging.getLogger("linernotes")

    def uncaught(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, traceback)
        else:
            log.critical("uncaught error", exc_info=(kind, error, traceback))

    def uncaught_in_thread(given: threading.ExceptHookArgs) -> None:
        if given.exc_value is not None and not issubclass(given.exc_type, SystemExit):
            log.error(
                "uncaught error in a thread", exc_info=(given.exc_type, given.exc_value, given.exc_traceback)
            )

    def unraisable(given: sys.UnraisableHookArgs) -> None:
        error = given.exc_value
        log.error(
            "error that could not be raised: %s",
            given.err_msg or "",
            exc_info=None if error is None else (given.exc_type, error, given.exc_traceback),
        )

    sys.excepthook = uncaught
    threading.excepthook = uncaught_in_thread
    sys.unraisablehook = unraisable


def get(name: str) -> structlog.stdlib.BoundLogger:
    """Return a logger that takes an event and fields, and writes where ``logging``'s of that name does."""
    logger: structlog.stdlib.BoundLogger = structlog.wrap_logger(
        logging.getLogger(name),
        processors=[
            structlog.stdlib.filter_by_level,
            *_EVERY,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    return logger
