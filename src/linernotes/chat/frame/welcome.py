"""Who may ask where: channels that moderators have allowed or denied, and members that they have blocked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from linernotes.errors import RefusalError

if TYPE_CHECKING:
    from linernotes.library.store import Server


class BlockedError(RefusalError):
    """Moderators do not want an answer here, or for this person."""


def channels_of(channel: Any, channel_id: int | None) -> tuple[int, ...]:
    """Return the ids of a channel and of what it stands in, the nearest first."""
    parent = getattr(channel, "parent", None)
    found = (
        channel_id,
        getattr(channel, "parent_id", None),
        getattr(channel, "category_id", None) or getattr(parent, "category_id", None),
    )
    return tuple(each for each in found if each is not None)


def require_welcome(server: Server, person: int, channels: tuple[int, ...]) -> None:
    """Check that this person may ask here.

    Args:
        server: the server's settings.
        person: who asks.
        channels: the channel, and what it stands in: a thread's channel, a channel's category.

    Raises:
        BlockedError: moderators do not want it.
    """
    if person in server.blocked:
        raise BlockedError("The moderators of this server have asked me not to answer you here.")
    rules = [server.channels.get(channel) for channel in channels]
    # What stands nearer decides: a channel before its category.
    rule = next((each for each in rules if each is not None), None)
    if rule == "deny" or (rule is None and "allow" in server.channels.values()):
        raise BlockedError("The moderators of this server do not want me to answer in this channel.")
