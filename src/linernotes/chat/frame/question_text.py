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
# Links, e-mail addresses and handles, names with a number behind them, and numbers as long as a telephone's
# or an id. Each begins where none can have begun before, so that no text takes long.
_PERSONAL: Final = re.compile(
    r"(?<!\S)\S*?://\S*|(?<![\w.+%-])[\w.+%-]*+(?:@[\w.+%-]*+)++|(?<!\w)\w{2,32}#\d{4}(?!\d)|\d{7,}"
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
    text = trim(_PERSONAL.sub(" ", text), limit)
    return text if any(map(str.isalnum, text)) else ""
