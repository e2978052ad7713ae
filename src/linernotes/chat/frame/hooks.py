"""Where one feature adds to what another does: it leaves a function here when it is registered.

Features do not import each other. Whoever has something to tell calls what it finds here, in the order in
which the features were registered.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    import discord

    from linernotes.chat.frame.buttons import Press
    from linernotes.chat.frame.sessions import Place
    from linernotes.library.catalogue import Gap
    from linernotes.library.following import Moved
    from linernotes.models import Answer, Unanswered

    OnUnanswered: TypeAlias = Callable[[Place, Answer | Unanswered, str], Awaitable[Press | None]]
    OnDisliked: TypeAlias = Callable[[discord.Interaction[Any]], Press | None]
    OnMinute: TypeAlias = Callable[[], Awaitable[None]]
    OnReloaded: TypeAlias = Callable[[tuple[Moved, ...]], Awaitable[None]]
    OnReplied: TypeAlias = Callable[[Answer | Unanswered, float], None]
    OnGapChosen: TypeAlias = Callable[[discord.Interaction[Any], Sequence[Gap]], Awaitable[None]]
    OnForgotten: TypeAlias = Callable[[int], None]
    OnLeaving: TypeAlias = Callable[[], Awaitable[None]]
    OnServerRemoved: TypeAlias = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Hooks:
    """What is called when something happens that features want to know."""

    unanswered: list[OnUnanswered] = field(default_factory=list)
    """A question has no answer, or only what comes nearest: where it was asked, what was replied, and the
    message as it was sent. What is returned is put under the reply."""

    replied: list[OnReplied] = field(default_factory=list)
    """A question has a reply, an answer or none, and it took so many seconds. Discord is not told yet."""

    disliked: list[OnDisliked] = field(default_factory=list)
    """Somebody has pressed 👎 under an answer. What is returned is offered to them."""

    gap_chosen: list[OnGapChosen] = field(default_factory=list)
    """A moderator wants to answer a question that was not answered: the group that it is in. Whoever is
    called responds to the press."""

    reloaded: list[OnReloaded] = field(default_factory=list)
    """The operator has read the shared articles again: what became of each server."""

    each_minute: list[OnMinute] = field(default_factory=list)
    """A minute has passed, or a little less, while the bot is connected."""

    forgotten: list[OnForgotten] = field(default_factory=list)
    """A person, by id, wants nothing to be kept about them: what is in memory alone goes now."""

    leaving: list[OnLeaving] = field(default_factory=list)
    """The bot takes no more questions, and is still connected: who waits for a word is told now."""

    server_removed: list[OnServerRemoved] = field(default_factory=list)
    """All that is kept for a server has gone from the disk."""
