"""Tells Discord which commands there are, when they have changed."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import discord

from linernotes.chat.frame import logs
from linernotes.chat.frame.responses import UNREACHABLE

if TYPE_CHECKING:
    from discord.ext import commands

    from linernotes.library.store import Store

_log = logs.get(__name__)


async def synchronise(bot: commands.AutoShardedBot, store: Store, *, only: int | None) -> None:
    """Send the commands if they are others than last time, or Discord no longer has them.

    That Discord does not take them is logged and no more: whatever does not need them works.

    Args:
        bot: the bot, logged in.
        store: knows what was sent last time.
        only: the one server that they go to; ``None`` for all.
    """
    tree = bot.tree
    guild = None if only is None else discord.Object(only)
    if guild is not None:
        tree.copy_global_to(guild=guild)
    digest = digest_of(bot)
    where = f"commands {bot.application_id} {'global' if guild is None else guild.id}"
    try:
        if await store.fact(where) == digest:
            there = {(each.name, each.type) for each in await tree.fetch_commands(guild=guild)}
            if there == {(each.name, _type(each)) for each in tree.get_commands(guild=guild)}:
                return
        sent = await tree.sync(guild=guild)
    except UNREACHABLE as error:
        _log.warning(
            "commands not synchronised", reason=str(error), guild=None if guild is None else guild.id
        )
        return
    await store.note(where, digest)
    _log.info("commands synchronised", commands=len(sent), guild=None if guild is None else guild.id)


def digest_of(bot: commands.AutoShardedBot) -> str:
    """Return a hash of all commands as Discord is told them."""
    told = [command.to_dict(bot.tree) for command in bot.tree.get_commands()]
    told.sort(key=lambda each: (str(each["name"]), int(each["type"])))
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _type(command: object) -> discord.AppCommandType:
    kind = getattr(command, "type", discord.AppCommandType.chat_input)
    return kind if isinstance(kind, discord.AppCommandType) else discord.AppCommandType.chat_input
