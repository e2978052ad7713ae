"""Tells Discord which commands there are, when they have changed."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import discord

from linernotes.chat.frame import logs

if TYPE_CHECKING:
    from linernotes.chat.frame.bot import LinerNotes

_log = logs.get(__name__)


async def synchronise(bot: LinerNotes) -> None:
    """Send the commands if they are others than last time, or Discord no longer has them.

    With ``DEV_GUILD_ID`` they go to that server alone. That Discord does not take them is logged and no more:
    whatever does not need them works.
    """
    tree = bot.tree
    guild = None if bot.settings.dev_guild_id is None else discord.Object(bot.settings.dev_guild_id)
    if guild is not None:
        tree.copy_global_to(guild=guild)
    digest = digest_of(bot)
    where = f"commands {bot.application_id} {'global' if guild is None else guild.id}"
    try:
        if await bot.store.fact(where) == digest:
            there = {(each.name, each.type) for each in await tree.fetch_commands(guild=guild)}
            if there == {(each.name, _type(each)) for each in tree.get_commands(guild=guild)}:
                return
        sent = await tree.sync(guild=guild)
    except discord.HTTPException as error:
        _log.warning(
            "commands not synchronised", reason=str(error), guild=None if guild is None else guild.id
        )
        return
    await bot.store.note(where, digest)
    _log.info("commands synchronised", commands=len(sent), guild=None if guild is None else guild.id)


def digest_of(bot: LinerNotes) -> str:
    """Return a hash of all commands as Discord is told them."""
    told = [command.to_dict(bot.tree) for command in bot.tree.get_commands()]
    told.sort(key=lambda each: (str(each["name"]), int(each["type"])))
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _type(command: object) -> discord.AppCommandType:
    kind = getattr(command, "type", discord.AppCommandType.chat_input)
    return kind if isinstance(kind, discord.AppCommandType) else discord.AppCommandType.chat_input
