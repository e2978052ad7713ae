"""The server that the preview shows: a channel, two members, and a moderator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import discord

if TYPE_CHECKING:
    from simcord.actors import MemberActor
    from simcord.builders import ChannelHandle
    from simcord.env import Env

BOT_NAME: Final = "Liner Notes"
"""What the bot is called here."""

# What the invitation asks for (docs/discord.md), and no more: what is missing there is missing here.
_TOPIC: Final = "Ask @Liner Notes about the song, or type / for its commands"


@dataclass(frozen=True, slots=True)
class Server:
    """The server's channel, and who can look at it: two members, then a moderator."""

    channel: ChannelHandle
    people: tuple[MemberActor, ...]


def make_server(env: Env) -> Server:
    """Make the server; the bot is a member of it at once."""
    guild: Any = env.create_guild("Liner Notes preview")
    channel = guild.create_text_channel("music", topic=_TOPIC)
    moderators = guild.create_role("Moderators", permissions=discord.Permissions(manage_guild=True))
    ada, ben = (guild.add_member(env.create_user(name)) for name in ("Ada", "Ben"))
    moderator = guild.add_member(env.create_user("Mo (moderator)"), roles=[moderators])
    return Server(channel, (ada, ben, moderator))
