"""Where a command gets its settings from (environment, ``.env``), and where its log goes.

Which settings there are stands in ``linernotes.settings``.
"""

from __future__ import annotations

import datetime as dt
import difflib
import json
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from linernotes.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from linernotes.settings import Settings

ENV_FILE: Final = Path(".env")
"""The file in the working directory in which an operator writes settings."""


# What others read from the environment may stand in .env, too, though it does nothing there.
_OTHERS: Final = (
    "HTTP_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "TZ",
    "PATH",
    "LANG",
    "PYTHON",
    "OMP_",
    "HF_",
    "TORCH",
    # deploy/compose.yaml makes DATABASE_URL of it.
    "DATABASE_PASSWORD",
)


def read_environment() -> dict[str, str]:
    """Return the environment, with what ``.env`` in the working directory adds to it.

    Raises:
        ConfigurationError: ``.env`` cannot be read.
    """
    env = _read_file() | dict(os.environ)
    # Its usual name is written small as often as in capitals.
    if "https_proxy" in env:
        env.setdefault("HTTPS_PROXY", env["https_proxy"])
    return env


def _read_file() -> dict[str, str]:
    from dotenv import dotenv_values

    try:
        # No interpolation: a value is what stands there.
        written = dotenv_values(ENV_FILE, interpolate=False, encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"The file .env cannot be read: {error}.") from None
    return {name: value for name, value in written.items() if value is not None}


def unknown_names(names: Iterable[str]) -> tuple[str, ...]:
    """Return a sentence for each name in ``.env`` that sets nothing."""
    from linernotes.settings import Settings

    known = [name.upper() for name in Settings.model_fields]
    sentences = []
    for name in names:
        if name.upper() in known or name.upper().startswith(_OTHERS):
            continue
        near = difflib.get_close_matches(name.upper(), known, n=1)
        meant = f"; {near[0]} may be meant" if near else ""
        sentences.append(f".env sets {name}, which is no setting{meant}.")
    return tuple(sentences)


def read_settings() -> Settings:
    """Return the settings that the environment and ``.env`` make.

    Raises:
        ConfigurationError: one has no good value, or ``.env`` cannot be read.
    """
    from linernotes.settings import Settings

    return Settings.from_env(read_environment())


def settings_for(corpus: Path | None) -> Settings:
    """Return the settings of a command that answers from ``corpus``, or from the shared corpus."""
    settings = read_settings()
    log_to_stderr(settings)
    return settings if corpus is None else settings.model_copy(update={"corpus_dir": corpus})


def log_to_stderr(settings: Settings, *, for_people: bool = True) -> None:
    """Log to standard error from now on; ``for_people`` keeps it quiet unless ``LOG_LEVEL`` is set."""
    # Who types a command reads its answer, not how it came about, unless LOG_LEVEL asks for it.
    quiet = for_people and "log_level" not in settings.model_fields_set
    as_json = settings.log_format == "json" and not for_people
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if as_json else logging.Formatter("%(levelname)s: %(message)s"))
    # Libraries set levels of their own; of them we want to hear what is wrong, no more.
    handler.addFilter(
        lambda record: record.levelno >= logging.WARNING or record.name.startswith("linernotes")
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("linernotes").setLevel(logging.WARNING if quiet else settings.log_level.upper())
    logging.captureWarnings(capture=as_json)
    for sentence in unknown_names(_read_file()):
        logging.getLogger(__name__).warning("%s", sentence)


def speaks_json(env: Mapping[str, str]) -> bool:
    """Say whether ``bot.py`` without a command is to write JSON alone to standard error."""
    return bool(env.get("DISCORD_TOKEN", "").strip()) and env.get("LOG_FORMAT", "").strip().lower() == "json"


class JsonLines(logging.Formatter):
    """An entry as a line of JSON, with the names that the running bot's log has; used until that begins."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        when = dt.datetime.fromtimestamp(record.created, dt.UTC)
        told = {
            "event": record.getMessage(),
            "logger": record.name,
            "level": record.levelname.lower(),
            "timestamp": when.isoformat().replace("+00:00", "Z"),
        }
        if record.exc_info:
            told["exception"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=False)


def as_json_line(sentence: str) -> str:
    """Return a final sentence as a line of JSON."""
    record = logging.LogRecord("linernotes", logging.CRITICAL, "", 0, "%s", (sentence,), None)
    return JsonLines().format(record)
