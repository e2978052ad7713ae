"""A message as Discord sends it -> the question in it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from linernotes.chat.markup import clean

if TYPE_CHECKING:
    from collections.abc import Mapping

_MENTION: Final = re.compile(r"<(?P<kind>@!?|@&|#)(?P<id>\d{1,20})>")
# Custom emoji, timestamps, commands and places of a server's menu: nothing that a question is made of.
_OTHER: Final = re.compile(r"<(?:a?:\w{1,40}:\d{1,20}|t:-?\d{1,20}(?::\w)?|/[^<>]{1,100}|id:\w{1,20})>")
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
