"""Responses to interactions: deferred at once, edited when there is an answer, and never a second message."""

from __future__ import annotations

import functools
import inspect
import secrets
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING, Any, Concatenate, Final, ParamSpec, get_type_hints

import aiohttp
import discord
from discord import app_commands

from linernotes.chat.frame import delivery, logs
from linernotes.chat.frame.delivery import InDoubtCancelledError, UndeliveredError
from linernotes.chat.frame.embeds import plain
from linernotes.chat.frame.refusals import REFUSALS
from linernotes.errors import LinerNotesError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

_log = logs.get(__name__)

_HIDDEN = "linernotes hidden"
_SHOWN = "linernotes shown"
_P = ParamSpec("_P")

UNREACHABLE: Final = (discord.HTTPException, discord.RateLimited, aiohttp.ClientError, OSError)
"""What a request to Discord raises that Discord does not take; a timeout is an ``OSError``."""


async def defer(interaction: discord.Interaction[Any], *, hidden: bool) -> None:
    """Say at once that an answer will come; ``hidden`` shows it to this person alone."""
    interaction.extras[_HIDDEN] = hidden
    await interaction.response.defer(ephemeral=hidden, thinking=True)


async def show(
    interaction: discord.Interaction[Any],
    embed: discord.Embed,
    view: discord.ui.View | None = None,
    *,
    passing: bool = False,
) -> discord.InteractionMessage:
    """Put an embed into the original response, in place of what it shows; may be repeated.

    Args:
        interaction: whose response it is.
        embed: what is shown.
        view: its buttons.
        passing: whether something else will soon be shown instead: then it is not tried for long.
    """
    try:
        with delivery.once() if passing else nullcontext():
            return await interaction.edit_original_response(
                **shown(embed, plainly=not may_embed(interaction)), view=view
            )
    except (UndeliveredError, InDoubtCancelledError) as error:
        # Perhaps it is there for all to see; then no other sentence may take its place.
        doubt = isinstance(error, InDoubtCancelledError) or error.in_doubt
        interaction.extras[_SHOWN] = doubt and not passing
        raise


def shown(embed: discord.Embed, *, plainly: bool) -> dict[str, Any]:
    """Return what a message needs to show an embed, or its text where embeds are not shown."""
    return {"content": plain(embed), "embed": None} if plainly else {"content": None, "embed": embed}


def may_embed(interaction: discord.Interaction[Any]) -> bool:
    """Say whether embeds are shown here."""
    return interaction.guild_id is None or interaction.app_permissions.embed_links


async def tell(interaction: discord.Interaction[Any], sentence: str) -> None:
    """Tell one person a sentence, however far the response has come; what may be an answer stays."""
    if interaction.extras.get(_SHOWN):
        return
    response = interaction.response
    if not response.is_done():
        await response.send_message(sentence, ephemeral=True)
    elif response.type is not discord.InteractionResponseType.deferred_channel_message:
        await interaction.followup.send(sentence, ephemeral=True)
    elif interaction.extras.get(_HIDDEN):
        await interaction.edit_original_response(content=sentence, embed=None, view=None)
    else:
        # The answer would have been for everybody; what went wrong is not. While the original response is
        # still deferred, a second message would be put in its place, for everybody to see.
        await interaction.edit_original_response(content="I could not answer that.")
        await interaction.followup.send(sentence, ephemeral=True)
        with suppress(discord.NotFound):
            await interaction.delete_original_response()


def told(
    callback: Callable[Concatenate[discord.Interaction[Any], _P], Coroutine[Any, Any, None]],
) -> Callable[Concatenate[discord.Interaction[Any], _P], Coroutine[Any, Any, None]]:
    """Let a command tell its caller what we raise on purpose; the tree hears of the unexpected alone."""

    @functools.wraps(callback)
    async def telling(
        interaction: discord.Interaction[Any], /, *given: _P.args, **options: _P.kwargs
    ) -> None:
        try:
            await callback(interaction, *given, **options)
        except LinerNotesError as error:
            await report(interaction, error)

    # discord.py would look the options' types up in this module. Features import these two for types alone.
    hints = get_type_hints(callback, localns={"LinerNotes": Any, "discord": discord})
    signature = inspect.signature(callback)
    parameters = [each.replace(annotation=hints[each.name]) for each in signature.parameters.values()]
    telling.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return telling


async def report(interaction: discord.Interaction[Any], error: BaseException) -> None:
    """Tell what went wrong: ours as its sentence, anything else with a reference to the log."""
    sentence = explain(error, interaction=interaction.id, guild=interaction.guild_id)
    if interaction.type is discord.InteractionType.autocomplete:
        return
    # It has been answered otherwise, or too late: there is nobody left to tell.
    with suppress(*UNREACHABLE, discord.InteractionResponded):
        await tell(interaction, sentence)


def explain(error: BaseException, **where: object) -> str:  # noqa: PLR0911  a table of what there is
    """Return the sentence for a person, and log what is not theirs to mend."""
    if isinstance(error, app_commands.CommandInvokeError):
        error = error.original
    match error:
        case StoreError():
            _log.error("store failed", reason=str(error), **where)
            return "I cannot reach my notes at the moment; please try again later."
        case LinerNotesError():
            return str(error)
        case discord.HTTPException() if error.code in REFUSALS:
            refusal = REFUSALS[error.code]
            log = _log.warning if refusal.ours else _log.info
            log("refused", code=error.code, means=refusal.means, reason=error.text, **where)
            return refusal.sentence
        case discord.NotFound():
            # What was to be answered, or the time to do it, has gone meanwhile.
            _log.info("gone", reason=error.text, **where)
            return "That is no longer there."
        case UndeliveredError() | discord.RateLimited() | aiohttp.ClientError() | TimeoutError():
            _log.warning("not delivered", reason=type(error).__name__, **where)
            return "Discord does not take my messages at the moment; please try again in a minute."
        case app_commands.CommandNotFound() | app_commands.CommandSignatureMismatch():
            return "That command has changed since Discord last loaded it; please try again in a minute."
        case _:
            reference = secrets.token_hex(3)
            _log.error("unexpected error", reference=reference, exc_info=error, **where)
            return f"Something went wrong. If you report it, name {reference}."
