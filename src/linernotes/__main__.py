"""``python -m linernotes``: the command line, as ``bot.py`` starts it."""

from __future__ import annotations

from linernotes.shell import main

main()
