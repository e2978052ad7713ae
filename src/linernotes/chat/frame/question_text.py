"""A message as Discord sends it -> the question in it, with names or without."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final

from linernotes.chat.frame.markup import clean, trim

if TYPE_CHECKING:
    from collections.abc import Mapping

_MENTION: Final = re.compile(r"<(?P<kind>@!?|@&|#)(?P<id>\d{1,20})>")
# Custom emoji, timestamps, commands and places of a server's menu: nothing that a question is made of.
_OTHER: Final = re.compile(r"<(?:a?:\w{1,40}:\d{1,20}|t:-?\d{1,20}(?::\w)?|/[^<>]{1,100}|id:\w{1,20})>")
# The endings of addresses that are written without "https://" or "www.", as far as they are no English
# words; with a path behind it, any ending is one.
_ENDINGS: Final = (
    "com|net|org|gg|io|co|tv|uk|de|fr|nl|se|dk|fi|pl|cz|ru|ua|br|jp|kr|cn|au|ca|nz|eu|ch|es|pt|ly|fm|gl|app"
    "|dev|xyz|info|biz|edu|gov"
)
# Links and addresses, e-mail addresses and handles, names with a number behind them, addresses of
# computers, and numbers as long as a telephone's or an id. Each begins where none can have begun before, so
# that no text takes long.
_PERSONAL: Final = re.compile(
    r"(?<!\S)\S*?://\S*"
    r"|(?<!\w)www\s?\.\s?\S*"
    r"|(?<![\w.])discord(?:app)?\s?\.\s?(?:gg|com|me|io)(?!\w)(?:\s?/\s?\S*)?"
    r"|(?<![\w.+%-])[\w.+%-]*+(?:@[\w.+%-]*+)++"
    r"|(?<![\w.-])[\w-]++(?:\.[\w-]++)*+(?<=\.[^\W\d_]{2})[^\W\d_]*+(?::\d+)?/\S*"
    rf"|(?<![\w.-])(?:[\w-]++\.)++(?:{_ENDINGS})(?![\w-])"
    r"|(?<!\w)\w{2,32}#\d{4}(?!\d)"
    r"|(?<![\w:])(?=[0-9A-Fa-f:]*[0-9A-Fa-f])(?=[0-9A-Fa-f:]*:(?::|[0-9A-Fa-f]*:[0-9A-Fa-f]*:))[0-9A-Fa-f:]{3,39}"
    r"(?:\.\d{1,3}){0,3}(?![\w:])"
    r"|(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?::\d{1,5})?(?!\.?\d)"
    r"|\d{7,}",
    re.IGNORECASE,
)
# A telephone number in groups. So many digits are one; two years and a date are not.
_GROUPED: Final = re.compile(r"(?<![\w.])(?:\+|\(\+?)?\d[\d ().\-/\u2010-\u2013]{5,}\d(?!\w)")
_TELEPHONE_DIGITS: Final = 7
_DATES: Final = re.compile(
    r"\d{4}\s?[-/\u2010-\u2013]\s?\d{4}|\d{4}[-./]\d{1,2}[-./]\d{1,2}|\d{1,2}[-./ ]\d{1,2}[-./ ]\d{4}"
)
_MARKS: Final = re.compile(r"^(?:>>> ?|> ?|-# |#{1,3} )|\*\*|__|~~|\|\||`+", re.MULTILINE)


def question_in(content: str, *, bot: int, names: Mapping[int, str]) -> str:
    """Return what is asked: without the bot's own mention, others by name, without markup and hidden marks.

    Args:
        content: the message as it was sent.
        bot: the bot's id.
        names: names of those who are mentioned, of roles and channels too, by id.
    """

    def named(found: re.Match[str]) -> str:
        number = int(found["id"])
        return " " if number == bot else f" {names.get(number, '')} "

    # What is left of a mention inside a mention is no mention of ours.
    text = _OTHER.sub(" ", _MENTION.sub(named, content))
    return clean(_MARKS.sub(" ", text).replace("\n", " "))


def anonymous(content: str, limit: int) -> str:
    """Return what is asked without anything that says who is meant: no mentions, names of theirs, addresses.

    Args:
        content: the message as it was sent.
        limit: how long it may be.

    Returns:
        The question, or an empty text where nothing is left of it.
    """
    # Full-width signs would hide an address.
    text = unicodedata.normalize("NFKC", question_in(content, bot=0, names={}))
    text = _GROUPED.sub(_without_telephone, _PERSONAL.sub(" ", text))
    text = trim(text, limit)
    return text if any(map(str.isalnum, text)) else ""


def _without_telephone(found: re.Match[str]) -> str:
    """Return a group of numbers, or nothing where it is as long as that of a telephone."""
    digits = sum(map(str.isdigit, found[0]))
    return found[0] if digits < _TELEPHONE_DIGITS or _DATES.fullmatch(found[0]) else " "
