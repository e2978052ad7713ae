"""How names, lines and marks are written: text comes in, and matches of these patterns go out.

All are about form alone. What a word means is in the vocabulary; patterns that one module needs stand there.
"""

# ruff: noqa: RUF001  typographic marks are what this is about
from __future__ import annotations

import re

from linernotes.corpus.quotes.vocabulary import PARTICLES

# --- Words and names --------------------------------------------------------------------------------------

# Digits, "_" and small letters taken out of what is a word's character: what is left is a capital, or a
# letter of a script that has none.
LETTER = r"[^\W\d_a-zß-ÿ]"
CAPITALISED = rf"{LETTER}[\w$!]*(?:(?:[.\-&]|['’](?!s\b))[\w$]+)*"
SHORT_TITLES = "Dr|Mr|Mrs|Ms|St|Jr|Sr|Prof|Rev|Sen|Gov|Rep|Gen|Lt|Sgt|Capt|Col|Hon"


def capitalised(most: int) -> str:
    """Return the pattern for one to ``most`` words that begin with a capital."""
    return rf"{CAPITALISED}(?: {CAPITALISED}){{0,{most - 1}}}"


_NAME = rf"(?:(?:[A-Z]|{SHORT_TITLES}|Fr)\.(?=\s)|{CAPITALISED})"
_NICKNAME = rf"(?:[\"“‘']{capitalised(3)}[\"”’'] )?"
RUN = re.compile(
    rf"(?<![\w'’$])(?:\d{{1,3}} )?{_NAME}"
    rf"(?: (?:(?:{'|'.join(PARTICLES)}|the(?= (?:Rapper|Creator|Great|Kid|God))) ){{0,2}}"
    rf"{_NICKNAME}{_NAME}){{0,5}}"
    rf"(?:, Jr\b\.?)?(?: (?!19|20)\d{{1,4}}(?![\w,.]| {LETTER}))?"
)
"""Words with capitals in a row, as a name is written: "21 Savage", "Willem van der Berg", "Dr. J. Reed"."""

WORD = re.compile(r"[\w$’'.&-]*[\w$]")
WORD_OR_MARK = re.compile(r"[\w$'’.&-]*[\w$]\.?|[^\w\s]")
POSSESSIVE = ("'s", "’s")

# --- Lines ------------------------------------------------------------------------------------------------

COLON_AT_END = re.compile(r"[:：]\s*$")
DASH = re.compile(r"\s*(?:[—–―⸺]|--)\s?(?=\S)|\s*-\s(?=\S)")
"""A dash that a line such as "— Ana Ruiz, GQ" begins with; a hyphen needs a blank behind it."""
