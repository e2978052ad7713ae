"""Where a command gets its settings from (environment, ``.env``), and where its log goes.

Which settings there are stands in ``linernotes.settings``.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING

from linernotes.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

    from linernotes.settings import Settings


def read_environment() -> dict[str, str]:
    """Return the environment, with what ``.env`` in the working directory adds to it.

    Raises:
        ConfigurationError: ``.env`` cannot be read.
    """
    from dotenv import dotenv_values

    try:
        # No interpolation: a value is what stands there.
        written = dotenv_values(".env", interpolate=False, encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"The file .env cannot be read: {error}.") from None
    return {name: value for name, value in written.items() if value is not None} | dict(os.environ)


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
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    # Libraries set levels of their own; of them we want to hear what is wrong, no more.
    handler.addFilter(
        lambda record: record.levelno >= logging.WARNING or record.name.startswith("linernotes")
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("linernotes").setLevel(logging.WARNING if quiet else settings.log_level.upper())
