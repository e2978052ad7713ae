"""Puts the bot together: the one file that names all features. A new feature is added to ``FEATURES``."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Final

from linernotes.chat.about import commands as about
from linernotes.chat.about import joining
from linernotes.chat.asking import answer_buttons, messages, other_song
from linernotes.chat.asking import commands as asking
from linernotes.chat.curating import commands as curating
from linernotes.chat.frame import membership
from linernotes.chat.frame.bot import LinerNotes
from linernotes.chat.frame.manners import Limits
from linernotes.chat.governing import commands as governing
from linernotes.chat.overseeing import audit, check_questions, gaps, held_back, moderator_role
from linernotes.chat.quoting import commands as quoting
from linernotes.chat.quoting import daily

if TYPE_CHECKING:
    from collections.abc import Callable

    from linernotes.library import Library
    from linernotes.settings import Settings

FEATURES: Final = (
    messages,
    asking,
    answer_buttons,
    other_song,
    quoting,
    daily,
    about,
    joining,
    governing,
    curating,
    check_questions,
    gaps,
    moderator_role,
    audit,
    held_back,
    membership,
)
"""Each has a ``register(bot)``, which adds its commands, buttons, listeners and hooks."""


def create_bot(
    settings: Settings,
    library: Library,
    *,
    clock: Callable[[], float] = time.monotonic,
    limits: Limits | None = None,
    chance: random.Random | None = None,
) -> LinerNotes:
    """Build the whole bot, a ``commands.AutoShardedBot``; it connects to nothing and starts no worker.

    Args:
        settings: the settings.
        library: the open library, with its database; the bot does not close it.
        clock: seconds that only go forward, for conversations and cooldowns.
        limits: how much is answered.
        chance: picks quotations.
    """
    bot = LinerNotes(
        settings,
        library,
        clock=clock,
        limits=limits or Limits(),
        chance=chance or random.Random(),  # noqa: S311  it picks quotations
    )
    for feature in FEATURES:
        feature.register(bot)
    return bot
