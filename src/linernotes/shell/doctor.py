"""``doctor``: the state of an installation, part by part (Python, settings, corpus, data, models)."""

from __future__ import annotations

import os
import platform
import stat
import sys
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from linernotes.errors import ConfigurationError, CorpusError, DataFolderBusyError, LinerNotesError
from linernotes.invitation import application_of, invitation
from linernotes.shell.environment import ENV_FILE
from linernotes.words import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from linernotes.settings import Settings

OLDEST_PYTHON = (3, 11)


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found out about one part; ``exit_status`` is 0 unless something must be changed."""

    state: Literal["ok", "note", "wrong"]
    part: str
    sentence: str
    exit_status: int = 0

    def __str__(self) -> str:
        """Put it on one line."""
        return f"{self.state:<6}{self.part:<13}{' '.join(self.sentence.split())}"


def examine(env: Mapping[str, str], *, online: bool = False) -> Iterator[Finding]:
    """Look at the parts of an installation, one by one; without good settings, at two alone.

    Args:
        env: the environment to read the settings from.
        online: ask Discord whether it knows the token; without it, nothing leaves the machine.
    """
    yield _python()
    from linernotes.settings import Settings

    try:
        settings = Settings.from_env(env)
    except LinerNotesError as error:
        yield Finding("wrong", "settings", str(error), error.exit_status)
        return
    starts = "the Discord bot" if settings.discord_token else "chat in the terminal (no DISCORD_TOKEN)"
    yield Finding("ok", "settings", f"All have good values; bot.py starts {starts}.")
    yield from _written_settings()
    parts: dict[str, Callable[[Settings], Finding]] = {
        "token": _token,
        **({"discord": _discord} if online else {}),
        "corpus": _corpus,
        "data folder": _data_folder,
        "database": _database,
        "model": _model,
        "reader": _reader,
    }
    for part, look in parts.items():
        try:
            yield look(settings)
        except LinerNotesError as error:
            yield Finding("wrong", part, str(error), error.exit_status)


def _python() -> Finding:
    sentence = f"Python {platform.python_version()} in {sys.prefix}."
    if sys.version_info >= OLDEST_PYTHON:
        return Finding("ok", "python", sentence)
    oldest = ".".join(map(str, OLDEST_PYTHON))
    return Finding(
        "wrong", "python", f"{sentence} It must be {oldest} or newer.", ConfigurationError.exit_status
    )


def _token(settings: Settings) -> Finding:
    if settings.discord_token is None:
        return Finding(
            "note",
            "token",
            "There is none, so there is no Discord: put DISCORD_TOKEN=<your bot's token> into .env"
            " (docs/discord.md says where to get one).",
        )
    application = application_of(settings.discord_token.get_secret_value())
    if application is None:
        return Finding(
            "wrong",
            "token",
            "DISCORD_TOKEN is not shaped like a bot's token (three parts with dots between): copy it again"
            " from the developer portal, Bot, Reset Token. Client id, public key and secret are others.",
            ConfigurationError.exit_status,
        )
    return Finding("ok", "token", f"It is shaped like one; invite the bot with {invitation(application)}")


def _discord(settings: Settings) -> Finding:
    import asyncio

    from linernotes.chat.frame.identity import identify

    if settings.discord_token is None:
        return Finding("note", "discord", "Not asked, for there is no token to ask with.")
    found = asyncio.run(identify(settings))
    if settings.message_content and not found.reads_messages:
        return Finding(
            "wrong",
            "discord",
            "Discord knows the token, but MESSAGE_CONTENT=on needs the Message Content intent: switch it on"
            " in the developer portal (Bot, Privileged Gateway Intents), or set MESSAGE_CONTENT=off.",
            ConfigurationError.exit_status,
        )
    return Finding("ok", "discord", f"Discord knows the token: it is that of “{found.name}”.")


def _corpus(settings: Settings) -> Finding:
    from linernotes.library.shared import read_shared

    reading = read_shared(settings)
    documents = reading.accept()
    sentence = f"{settings.corpus_dir} holds {counted(len(documents), 'document')}"
    if unread := reading.unread:
        named = "; ".join(unread.values())
        return Finding("wrong", "corpus", f"{sentence}, but {named}", CorpusError.exit_status)
    if reading.warnings:
        return Finding(
            "note", "corpus", f"{sentence}; bot.py check lists {counted(len(reading.warnings), 'warning')}."
        )
    return Finding("ok", "corpus", f"{sentence}.")


def _data_folder(settings: Settings) -> Finding:
    from linernotes.library.locks import lock

    folder = settings.data_dir
    try:
        with lock(folder), tempfile.TemporaryFile(dir=folder):
            return Finding("ok", "data folder", f"{folder} can be written to and is free.")
    except DataFolderBusyError as error:
        return Finding("note", "data folder", str(error))
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        return Finding(
            "note",
            "data folder",
            f"{folder} cannot be written to ({reason}): nothing is kept between starts. Make it writable for"
            " this user, or set DATA_DIR to a folder that is.",
        )


def _written_settings() -> Iterator[Finding]:
    """Look at who may read ``.env``, where a token may stand; nothing is said where all is well."""
    try:
        mode = stat.S_IMODE(ENV_FILE.stat().st_mode)
    except OSError:
        return
    if mode & (stat.S_IRGRP | stat.S_IROTH):
        sentence = (
            f"Other users can read {ENV_FILE} (its mode is {mode:03o}), and a token may stand in it:"
            f" chmod 600 {ENV_FILE}"
        )
        yield Finding("note", "settings", sentence)


def _database(settings: Settings) -> Finding:
    from linernotes.library.database import MODES, examine
    from linernotes.library.locks import lock
    from linernotes.library.quarantine import Quarantine, require_database
    from linernotes.library.service import DATABASE

    if settings.database_url is not None:
        from linernotes.library.postgresql import ServerDatabase

        server = ServerDatabase(settings.database_url.get_secret_value())
        server.examine()
        server.close()
        return Finding(
            "ok", "database", "The one on the server (DATABASE_URL) answers, and is of this format."
        )
    path = settings.data_dir / DATABASE
    if not settings.data_dir.is_dir():
        return Finding("ok", "database", f"There is none yet; the bot makes {path}.")
    try:
        with lock(settings.data_dir):
            require_database(path)
            mode = examine(path) if path.exists() else None
    except DataFolderBusyError:
        return Finding("note", "database", f"{path} is in use by the process that holds the data folder.")
    said = (
        f"There is none yet; the bot makes {path}."
        if mode is None
        else f"{path} is whole, and is kept {MODES[mode]}."
    )
    if aside := Quarantine(settings.data_dir).names():
        days = sorted({name.split("/", 1)[0] for name in aside})
        said = (
            f"{said} {len(aside)} files or folders that it does not explain stand in"
            f" {settings.data_dir / 'quarantine'}, since {days[0]}; each goes after 30 days."
        )
        return Finding("note", "database", said)
    return Finding("ok" if mode in {None, "wal"} else "note", "database", said)


def _model(settings: Settings) -> Finding:
    from linernotes.retrieval.embedding import open_embedder

    embedder = open_embedder(settings.embedding_model)
    embedder.embed(["What is the song about?"])
    return Finding(
        "ok",
        "model",
        f"{settings.embedding_model} is loaded and answers; {embedder.dimension} dimensions,"
        f" digest {embedder.digest:.12}.",
    )


def _reader(settings: Settings) -> Finding:
    if not settings.reader:
        return Finding(
            "note",
            "reader",
            "READER is off: the likeliest sentences are not read closely; READER=on lets it.",
        )
    from linernotes.models import Excerpt
    from linernotes.reading.reader import PACKAGED_READER_SHA256, OnnxReader

    OnnxReader().read("Who sings?", [Excerpt("", (), "Ada sings.", ())])
    return Finding("ok", "reader", f"It is loaded and answers; digest {PACKAGED_READER_SHA256:.12}.")
