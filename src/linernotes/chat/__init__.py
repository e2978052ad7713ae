"""The Discord bot: the only room that knows Discord."""

from __future__ import annotations

from linernotes.chat.frame.bot import create_bot, run

__all__ = ["create_bot", "run"]
