"""A message -> whether it is for the bot, how it was addressed, and what is asked in it."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import discord

if TYPE_CHECKING:
    from linernotes.chat.frame.sessions import Sessions

Addressed: TypeAlias = Literal["direct", "mention", "role", "overheard"]
"""``direct``: a direct message; ``mention``: the bot is mentioned, or its answer replied to with a ping;
``role``: the role that Discord made for it is; ``overheard``: nobody is, in a thread where it was asked."""

_ASKING: Final = frozenset({discord.MessageType.default, discord.MessageType.reply})


class Recent:
    """The ids of messages that came lately; the oldest go when there are too many."""

    def __init__(self, most: int) -> None:
        """Keep at most ``most``."""
        self._most = most
        self._ids: OrderedDict[int, None] = OrderedDict()

    def add(self, number: int) -> None:
        """Note one."""
        self._ids[number] = None
        if len(self._ids) > self._most:
            self._ids.popitem(last=False)

    def __contains__(self, number: int) -> bool:
        """Say whether it came lately."""
        return number in self._ids

    def discard(self, number: int) -> None:
        """Forget one."""
        self._ids.pop(number, None)


def guild_of(message: discord.Message) -> int | None:
    """Return the server that a message was written in, known or not; ``None`` for a direct message alone."""
    if message.guild is not None:
        return message.guild.id
    # discord.py puts this in place of a channel whose server it does not know.
    found = getattr(message.channel, "guild_id", None)
    return found if isinstance(found, int) else None


def is_by_person(message: discord.Message) -> bool:
    """Say whether a person wrote a message, and Discord did not do so for them."""
    return not message.author.bot and message.webhook_id is None and message.type in _ASKING


def how_addressed(
    message: discord.Message, me: int, sessions: Sessions, *, reads_all: bool
) -> Addressed | None:
    """Say how a person's message addresses the bot, or ``None`` where it does not.

    Args:
        message: the message.
        me: the bot's id.
        sessions: the threads in which it was asked.
        reads_all: whether Discord lets the bot read messages that do not mention it.
    """
    if guild_of(message) is None:
        return "direct"
    # What is forwarded was said by somebody else, perhaps to a bot.
    if message.flags.forwarded:
        return None
    if any(user.id == me for user in message.mentions):
        return "mention"
    if own_roles(message, me):
        return "role"
    return "overheard" if reads_all and _goes_on(message, me, sessions) else None


def own_roles(message: discord.Message, me: int) -> tuple[int, ...]:
    """Return which of the roles that a message mentions Discord has made for the bot."""
    return tuple(
        role.id for role in message.role_mentions if role.tags is not None and role.tags.bot_id == me
    )


def _goes_on(message: discord.Message, me: int, sessions: Sessions) -> bool:
    """Say whether a message without a mention was written into a thread that the bot was asked in."""
    if not sessions.joined(message.channel.id) or not message.content.strip():
        return False
    # A message to somebody else is not for us.
    if message.mentions or message.role_mentions or message.mention_everyone:
        return False
    replied = None if message.reference is None else message.reference.resolved
    return message.reference is None or (isinstance(replied, discord.Message) and replied.author.id == me)


def text_of(message: discord.Message) -> str:
    """Return what a message says: its own text, or what it forwards, or what its poll asks."""
    if message.content.strip():
        return message.content
    forwarded = "\n".join(each.content for each in message.message_snapshots if each.content.strip())
    if forwarded:
        return forwarded
    return "" if message.poll is None else message.poll.question or ""
