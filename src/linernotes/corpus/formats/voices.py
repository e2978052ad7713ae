"""The marks that say who speaks in a paragraph: set with the markup, read by who writes blocks."""

from __future__ import annotations

ASKS, REPLIES = "\x1c", "\x1d"
"""Stand in a paragraph that asks or replies in an interview; no file has these characters."""
