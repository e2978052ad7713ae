"""What is said to those who watch over a library: check questions, gaps, moderators and the audit trail."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import discord

from linernotes.chat.frame.embeds import COLOUR, GREY, listed, pages_of, when, who
from linernotes.chat.frame.markup import clean, fit
from linernotes.library.catalogue import CHECKS
from linernotes.library.previews import lacking, meets
from linernotes.models import Answer
from linernotes.words import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linernotes.library.catalogue import Act, Check, Gap, Revision
    from linernotes.library.following import Moved
    from linernotes.models import Unanswered

CHECKS_PER_PAGE: Final = 5
GAPS_PER_PAGE: Final = 5
ACTS_PER_PAGE: Final = 10

# With these, in units, a page stays below what a description holds.
_QUESTION: Final = 260
_WORDS: Final = 200
_SAID: Final = 160
_LIKE: Final = 150
_WHAT: Final = 200
_HELD: Final = 1_200

# As much of an edition's id as tells two of a server's apart.
_SHORT_ID: Final = 8


# --- Moderators -------------------------------------------------------------------------------------------


def moderators(role: int | None) -> discord.Embed:
    """Say who moderates from now on."""
    text = "Only members who may manage this server change what I answer from."
    if role is not None:
        text = (
            f"Members with the role <@&{role}> can change what I answer from, as can those who may manage"
            " this server.\n-# Discord shows them the command once *Server Settings, Integrations* lets the"
            " role use `/corpus`."
        )
    return discord.Embed(description=text, colour=COLOUR)


def held(moved: Moved) -> str:
    """Tell a server's moderators that the operator's reload has left it where it was."""
    return (
        "The articles that I share with other servers have changed. This server"
        f" {fit(clean(moved.said), _HELD) or 'stayed as it was'}. `/corpus reload` shows what would change."
    )


def mended(moved: Moved) -> str:
    """Tell a server's moderators that its library was damaged, and what has become of it."""
    return (
        "Something that I keep for this server was damaged on my disk. Its library was"
        f" {fit(clean(moved.said), _HELD)}. `/corpus status` shows what I answer from now."
    )


# --- Check questions --------------------------------------------------------------------------------------


def checks(
    entries: Sequence[tuple[Check, Answer | Unanswered]],
    of: int,
    page: int,
    *,
    removed: Check | None = None,
) -> discord.Embed:
    """List check questions with what is answered to them now.

    Args:
        entries: those of this page, each with its reply.
        of: how many there are in all.
        page: the page, from 0.
        removed: the one that has just been removed.
    """
    first = page * CHECKS_PER_PAGE
    lines = [
        f"**{first + place + 1}.** {_checked(check.question, check.words, reply)}"
        for place, (check, reply) in enumerate(entries)
    ]
    if not lines:
        lines.append(
            "There are none yet. The answer to a check question must hold some words; a change that would"
            " break one says so before it counts."
        )
    if removed is not None:
        lines.insert(0, f"Removed: {_quoted(removed.question)} Words: {_wanted(removed.words)}")
    embed = discord.Embed(title="Check questions", description="\n\n".join(lines), colour=COLOUR)
    if of:
        pages = pages_of(of, CHECKS_PER_PAGE)
        footer = f"Page {page + 1} of {pages}, " if pages > 1 else ""
        embed.set_footer(text=f"{footer}{of} of at most {CHECKS}")
    return embed


def check_added(question: str, words: str, reply: Answer | Unanswered) -> discord.Embed:
    """Say that a check question is kept, and whether it is met now."""
    embed = discord.Embed(
        title="Check question added",
        description=_checked(question, words, reply),
        colour=COLOUR if meets(reply, words) else GREY,
    )
    if not meets(reply, words):
        embed.description = (
            f"{embed.description}\n\nOnly what is met now can break. This one begins to count once a change"
            " brings the words."
        )
    return embed


def _checked(question: str, words: str, reply: Answer | Unanswered) -> str:
    """Show a check question, its words, and what is answered where they are not met."""
    text = f"{_quoted(question)}\nWords: {_wanted(words)}\n"
    if meets(reply, words):
        return f"{text}✅ The answer holds them."
    if not isinstance(reply, Answer):
        return f"{text}❌ Now I answer that the article does not say."
    if not lacking(reply.text, words):
        return f"{text}❌ The nearest that I find holds them, but I am not sure that it answers."
    missing = listed(lacking(reply.text, words), 130, lambda each: _quoted(each, 60))
    return f"{text}❌ Missing: {missing}. Now I answer: {_quoted(reply.text, _SAID)}"


def _wanted(words: str) -> str:
    wanted = [each for each in re.split(r"[;\n]", words) if each.strip()]
    return listed(wanted, _WORDS, lambda each: fit(clean(each), 80) or "…")


# --- Gaps -------------------------------------------------------------------------------------------------


def gaps_off() -> discord.Embed:
    """Say what would be kept."""
    return discord.Embed(
        title="Questions without an answer",
        description=(
            "They are not kept in this server. When you turn it on, I keep the text of each question here"
            " that the article does not answer for sure, for 30 days: without names, ids and addresses, and"
            " without who asked. `/privacy` tells members so. Turning it off removes what is kept."
        ),
        colour=GREY,
    )


def gaps(groups: Sequence[Sequence[Gap]], page: int) -> discord.Embed:
    """List what was not answered, grouped by meaning, a page of the groups."""
    pages = pages_of(len(groups), GAPS_PER_PAGE)
    page = min(max(page, 0), pages - 1)
    first = page * GAPS_PER_PAGE
    shown = groups[first : first + GAPS_PER_PAGE]
    lines = [_group(first + place + 1, each) for place, each in enumerate(shown)]
    embed = discord.Embed(
        title="Questions without an answer",
        description="\n\n".join(lines) or "None in the last 30 days.",
        colour=COLOUR,
    )
    if pages > 1:
        embed.set_footer(text=f"Page {page + 1} of {pages}")
    return embed


def _group(place: int, group: Sequence[Gap]) -> str:
    texts = list(dict.fromkeys(gap.question for gap in group))
    told = sum(gap.told for gap in group)
    facts = [f"asked {'once' if len(group) == 1 else f'{len(group)} times'}"]
    if told:
        facts.append(f"{counted(told, 'time')} with *Tell a moderator*")
    facts.append(f"last {when(max(gap.at for gap in group))}")
    lines = [f"**{place} · {_quoted(texts[0])}**", *(f"also {_quoted(each, _LIKE)}" for each in texts[1:3])]
    return "\n".join([*lines, f"-# {' · '.join(facts)}"])


# --- The audit trail --------------------------------------------------------------------------------------


def audit(acts: Sequence[Act], of: int, revisions: Sequence[Revision], page: int) -> discord.Embed:
    """List who did what, the newest first.

    Args:
        acts: the lines of this page.
        of: how many there are in all.
        revisions: those that are kept: what made one of them is shown with its number.
        page: the page, from 0.
    """
    pages = pages_of(of, ACTS_PER_PAGE)
    # An act and its revision are written down together, at the same moment.
    numbers = {(each.at, each.edition): each.number for each in revisions}
    lines = [_act(each, numbers) for each in acts]
    embed = discord.Embed(
        title="Who changed what",
        description="\n".join(lines) or "Nothing has been changed in this server.",
        colour=COLOUR,
    )
    footer = f"Page {page + 1} of {pages}, " if pages > 1 else ""
    return embed.set_footer(text=f"{footer}kept for a year")


def _act(act: Act, numbers: dict[tuple[float, str], int]) -> str:
    person = "somebody who asked to be forgotten" if act.person is None else who(act.person)
    line = f"{when(act.at)} · {person} · {fit(clean(act.what), _WHAT) or '…'}"
    if act.before is None or act.after is None or act.before == act.after:
        return line
    made = numbers.get((act.at, act.after))
    after = f"`{act.after[:_SHORT_ID]}`" + (f" (#{made})" if made is not None else "")
    return f"{line} · `{act.before[:_SHORT_ID]}` → {after}"


# --- Parts ------------------------------------------------------------------------------------------------


def _quoted(text: str, limit: int = _QUESTION) -> str:
    return f"“{fit(clean(text), limit)}”"
