"""What every embed shares: Discord's limits, our colours, pages and lists, and an embed as plain text.

What a feature says stands in its own folder, in its ``embeds.py``. All of it is pure: domain values in,
embeds out, within Discord's limits for any text. Whatever comes from a member or an article passes through
``markup`` on its way in. Every embed reads well as plain text, which is what ``plain`` makes of it for
channels that show no embeds.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Final, TypeVar

from linernotes.chat.frame.markup import clean, escape, fit, width
from linernotes.library.catalogue import OPERATOR

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import discord

_T = TypeVar("_T")

CONTENT: Final = 2_000
DESCRIPTION: Final = 4_096
FIELD: Final = 1_024
TITLE: Final = 256
FOOTER: Final = 2_048
LABEL: Final = 80
CHOICE: Final = 100

COLOUR: Final = 0xC8963E
GREY: Final = 0x80848E


# --- Numbers, lists and pages -----------------------------------------------------------------------------


def pages_of(number: int, per_page: int) -> int:
    """Return how many pages there are; an empty list has one."""
    return max(1, -(-number // per_page))


def listed(items: Sequence[_T], room: int, say: Callable[[_T], str], *, between: str = ", ") -> str:
    """Join items in at most ``room`` units, and say how many more there are.

    Args:
        items: any number of them; what finds no room costs nothing.
        room: the room.
        say: returns what is shown of an item, which is never divided.
        between: stands between two of them.
    """
    kept: list[str] = []
    taken = 0
    for item in items:
        kept.append(say(item))
        taken += width(kept[-1]) + width(between)
        if taken - width(between) > room:
            break
    else:
        return between.join(kept)
    room -= len(f"and {len(items)} more")
    while kept and taken > room:
        taken -= width(kept.pop()) + width(between)
    more = len(items) - len(kept)
    return between.join([*kept, f"and {more} more"]) if kept else f"{more} of them"


def bullets(examples: Sequence[str]) -> str:
    """List the first examples of what can be asked."""
    return "\n".join(f"• {fit(clean(each), 200)}" for each in examples[:3])


def short_key(*parts: str) -> str:
    """Name a text in a button or a choice: ten digits that stay the same as long as the text does."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:10]


# --- Who and when -----------------------------------------------------------------------------------------


def who(person: int | None) -> str:
    """Name who has changed a library."""
    if person is None:
        return "somebody"
    return "the operator" if person == OPERATOR else f"<@{person}>"


def when(at: float) -> str:
    """Say how long ago something was, or will be, as each reader's Discord counts it."""
    return f"<t:{int(at)}:R>"


# --- Plain text -------------------------------------------------------------------------------------------

# What is escaped is passed over, so that no escaped bracket begins a link.
_MASKED_LINK: Final = re.compile(r"(?s:(\\.))|\[((?:\\.|[^\[\]\\])*)\]\(<([^>]*)>\)")


def plain(embed: discord.Embed) -> str:
    """Return an embed as the content of a message, for channels that show no embeds."""
    parts = [
        # Author and footer are no markup in an embed, but they are in a message.
        escape(embed.author.name) if embed.author.name else "",
        f"**{embed.title}**" if embed.title else "",
        embed.description or "",
        *(f"**{each.name}**\n{each.value}" for each in embed.fields),
        f"-# {escape(embed.footer.text)}" if embed.footer.text else "",
    ]
    text = "\n".join(_MASKED_LINK.sub(_unmasked, part) for part in parts if part)
    if width(text) <= CONTENT:
        return text
    # What is cut has markup in it: whole lines go, from the end of the longest part, and bold with them.
    lines = text.replace("**", "").split("\n")
    while width("\n".join(lines)) > CONTENT:
        longest = max(range(len(lines)), key=lambda number: len(lines[number]))
        over = width("\n".join(lines)) - CONTENT
        kept = max(0, len(lines[longest]) - over - 2)
        lines[longest] = lines[longest][:kept].rstrip("\\ ") + ("…" if kept else "")
    return "\n".join(line for line in lines if line)


def _unmasked(found: re.Match[str]) -> str:
    escaped, label, link = found.groups()
    return escaped or f"{label} <{link}>"
