"""What is said to those who change a library: previews, outcomes, status, history, and what can be chosen."""

from __future__ import annotations

import hashlib
import os
import re
from typing import TYPE_CHECKING, Final

import discord

from linernotes.chat.frame.embeds import CHOICE, COLOUR, GREY, TITLE, listed, pages_of, when, who
from linernotes.chat.frame.markup import clean, fit, trim, width
from linernotes.library.changes import Add, Hide, Reload, Remove, RemoveNote, RollBack, Unhide, WriteNote
from linernotes.library.previews import lacking
from linernotes.words import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from linernotes.library.catalogue import Revision
    from linernotes.library.changes import Change
    from linernotes.library.overview import Past, Shelved, Status
    from linernotes.library.previews import Preview, Trial, Verdict
    from linernotes.models import Edition, Quote
    from linernotes.retrieval.index import Index

DOCUMENTS_PER_PAGE: Final = 10

# The parts of a preview, in units: with title, names and description they stay below an embed's 6,000.
_NAMES: Final = 270
_BROKEN: Final = 900
_MENDED: Final = 400
_WARNINGS: Final = 600
_MOST_QUOTES: Final = 3
_SENTENCE: Final = 800
_NOTE: Final = 700

# As much of an edition's id as a person compares.
_SHORT_ID: Final = 12

_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
_KILO: Final = 1_000


# --- Sentences --------------------------------------------------------------------------------------------

# The curator says first who is at work; whatever else it says may hold names and texts of others.
_WHO: Final = re.compile(r"\A<@\d+>")


def sentence(text: str) -> str:
    """Return a sentence of the library's, in which there may be names of documents, as it is to be shown."""
    who = _WHO.match(text)
    begin = who[0] if who else ""
    lines = [line for line in text[len(begin) :].splitlines() if not line.isspace() and line]
    space = " " if who else ""
    return begin + space + listed(lines, _SENTENCE, _shown(_SENTENCE), between="\n")


def without_folders(text: str, *, corpus: Path, data: Path) -> str:
    """Return a sentence of the library's without the operator's folders, which are nobody's business here.

    A name alone, as in "corpus", says nothing about where it stands, and is an ordinary word: it goes only
    where it follows what it is called.

    Args:
        text: the sentence.
        corpus: the corpus folder, as it is set.
        data: the data folder, as it is set.
    """
    names = {
        form: name
        for name, folder in (("the data folder", data), ("the corpus folder", corpus))
        for form in (str(folder), str(folder.absolute()), os.path.realpath(folder))
    }
    # The longest first: one of them may be within the other.
    for form, name in sorted(names.items(), key=lambda pair: -len(pair[0])):
        if not form.strip("./\\"):
            continue
        place = rf"(?<![\w./-]){re.escape(form)}(?![\w-])"
        text = re.sub(rf"(?i:(\b{name})) {place}", r"\1", text)
        if os.sep in form:
            text = re.sub(place, name, text)
    return text


def building(
    stage: tuple[str, int, int] | None, documents: tuple[int, int] | None, *, waiting: bool
) -> discord.Embed:
    """Say how far a library is that is being built.

    Args:
        stage: the step, what is done of it and of how much; ``None`` before the first.
        documents: how many new documents are done, of how many; ``None`` before the first.
        waiting: whether libraries of other servers are being built, too.
    """
    match stage:
        case None if waiting:
            text = "Other libraries are being built at the moment; they take turns."
        case None:
            text = "Reading the files…"
        case "read", done, total:
            text = f"Reading: {done} of {counted(total, 'document')}."
        case "embed", done, total:
            text = f"Embedding: {done} of {counted(total, 'text')}"
            if documents is not None:
                text += f", new document {min(documents[0] + 1, documents[1])} of {documents[1]}"
            text += "."
        case "split", done, total:
            text = f"Splitting and embedding: {done} of {counted(total, 'new document')}."
        case _:
            text = "Building the index…"
    return discord.Embed(
        description=f"{text}\n-# Until it counts, I answer from the edition in use.", colour=GREY
    )


# --- Previews ---------------------------------------------------------------------------------------------


def preview(shown: Preview, notice: str | None = None) -> discord.Embed:
    """Show what a change would come to, what would break first.

    Args:
        shown: the preview.
        notice: why it is shown again, as ``sentence`` returns it.
    """
    lines = [] if notice is None else [f"{notice}\n"]
    if shown.changes_nothing:
        lines.append("**Nothing would change.** I answer from the same text as before.")
    elif shown.broken:
        lines.append(
            f"**{counted(len(shown.broken), 'check question')} would break**: what I would answer lacks words"
            " that it must hold. It counts with *Apply anyway* alone. Until then I answer as before."
        )
    else:
        lines.append("Nothing has changed yet. I answer as before until you press *Apply*.")
    if shown.plan.follows and not shown.base.follows:
        lines.append("From then on this server follows the operator's reload again.")
    if shown.base.follows and not shown.plan.follows:
        lines.append("From then on the operator's reload leaves this server alone, until `/corpus reload`.")
    lines.append(f"-# Then: {_holdings(shown.after)}")
    embed = discord.Embed(
        title=fit(clean(f"Preview: {_asked(shown.change)}"), TITLE),
        description="\n".join(lines),
        colour=GREY if shown.changes_nothing else COLOUR,
    )
    if isinstance(shown.change, WriteNote):
        _add_note(embed, shown.change, shown.tried)
    if shown.broken:
        embed.add_field(
            name=f"Would break ({len(shown.broken)})",
            value=listed(shown.broken, _BROKEN, _broken, between="\n"),
            inline=False,
        )
    _add_difference(embed, shown)
    if shown.mended:
        questions = [each.check.question for each in shown.mended]
        embed.add_field(
            name=f"Check questions that would hold again ({len(shown.mended)})",
            value=listed(questions, _MENDED, _quoted(120), between="\n"),
            inline=False,
        )
    if shown.plan.warnings:
        warnings = listed(shown.plan.warnings, _WARNINGS, _shown(250), between="\n")
        embed.add_field(name="Please note", value=warnings, inline=False)
    return embed


def _add_note(embed: discord.Embed, change: WriteNote, tried: Sequence[Trial]) -> None:
    """Show a note as it would be kept, and whether it answers what it was written for."""
    embed.add_field(name="The note", value=f"“{fit(clean(change.note.answer), _NOTE)}”", inline=False)
    lines = [f"{_tried(each)} {_quoted(120)(each.question)}" for each in tried]
    if not all(each.by_note and each.stated for each in tried):
        lines.append("-# An answer that repeats the words of the question is found more surely.")
    embed.add_field(name="What I would then answer", value="\n".join(lines), inline=False)


def _tried(trial: Trial) -> str:
    if not trial.by_note:
        return "❌ not with the note:"
    return "✅ the note:" if trial.stated else "❔ the note, but not for sure:"


def _add_difference(embed: discord.Embed, shown: Preview) -> None:
    if shown.changes_nothing:
        return
    difference = shown.difference
    documents = [
        f"{what} ({len(names)}): {listed(names, _NAMES, _shown(90))}"
        for what, names in (
            ("Added", difference.added),
            ("Removed", difference.removed),
            ("Changed", difference.changed),
        )
        if names
    ]
    embed.add_field(name="Documents", value="\n".join(documents) or "All as they are.", inline=False)
    embed.add_field(
        name="Passages",
        value=f"{difference.passages_added} added, {difference.passages_removed} removed,"
        f" {difference.passages_changed} changed",
        inline=False,
    )
    for name, quotes in (
        ("Quotations that come", difference.quotes_added),
        ("Quotations that go", difference.quotes_removed),
    ):
        if quotes:
            embed.add_field(name=f"{name} ({len(quotes)})", value=_quotes(quotes), inline=False)


def _asked(change: Change) -> str:  # noqa: PLR0911  a table of what there is
    """Say what a moderator wants to do."""
    match change:
        case Reload():
            return "read the corpus again"
        case Add():
            return f"add {change.name}"
        case Remove():
            return f"remove {change.name}"
        case Hide():
            return f"hide {change.name}"
        case Unhide():
            return f"take {change.name} in again"
        case RollBack():
            return f"roll back to #{change.number}"
        case WriteNote():
            verb = "note an answer to" if change.instead_of is None else "change the note on"
            return f"{verb} {_asks(change)}"
        case RemoveNote():
            return f"remove the note on {_asks(change)}"


def _asks(change: WriteNote | RemoveNote) -> str:
    question = change.note.question if isinstance(change, WriteNote) else change.question
    return f"“{trim(clean(question), 120)}”"


def _broken(verdict: Verdict) -> str:
    missing = listed(lacking(verdict.answer, verdict.check.words), 110, _quoted(60))
    said = f"“{fit(clean(verdict.answer), 160)}”" if verdict.answer else "that the article does not say"
    if verdict.answer and not missing:
        said += ", and not be sure of it"
    return (
        f"“{fit(clean(verdict.check.question), 120)}”\n"
        f"I would answer {said}.{f' Missing: {missing}.' if missing else ''}"
    )


def _quotes(quotes: Sequence[Quote]) -> str:
    lines = [
        f"“{fit(clean(quote.text), 130)}” — {fit(clean(quote.speaker or ''), 50) or 'speaker not named'}"
        for quote in quotes[:_MOST_QUOTES]
    ]
    more = len(quotes) - len(lines)
    return "\n".join(lines) + (f"\nand {more} more" if more else "")


def applying(change: Change) -> discord.Embed:
    """Say that a preview is being applied."""
    return discord.Embed(description=f"Applying: {fit(clean(_asked(change)), 300)}…", colour=GREY)


def applied(revision: Revision, edition: Edition[Index]) -> discord.Embed:
    """Say what a server answers from now."""
    return discord.Embed(
        title=f"#{revision.number} is live",
        description=(
            f"I answer from it now. {fit(clean(_capital(revision.what)), 300)}.\n"
            f"{_holdings(edition)}.\n-# `/corpus rollback` goes back."
        ),
        colour=COLOUR,
    )


def failed(notice: str) -> discord.Embed:
    """Say why a change does not count, where there is nothing to try again."""
    return discord.Embed(description=f"{notice}\n-# I answer as before.", colour=GREY)


def cancelled(change: Change, by: int | None = None) -> discord.Embed:
    """Say that a preview has been dropped, or a build stopped; by whom, if that is said."""
    begin = "Cancelled" if by is None else f"Cancelled by {who(by)}"
    return discord.Embed(
        description=f"{begin}: {fit(clean(_asked(change)), 300)}. Nothing has changed.", colour=GREY
    )


# --- Status and history -----------------------------------------------------------------------------------


def status(shown: Status, page: int) -> discord.Embed:
    """Show what a server answers from, a page of its documents."""
    pages = pages_of(len(shown.documents), DOCUMENTS_PER_PAGE)
    page = min(max(page, 0), pages - 1)
    first = page * DOCUMENTS_PER_PAGE
    lines = [_shelved(each) for each in shown.documents[first : first + DOCUMENTS_PER_PAGE]]
    if shown.held is not None:
        lines.insert(
            0, f"**Held back:** {fit(clean(shown.held), 600)}. `/corpus reload` shows what would change.\n"
        )
    embed = discord.Embed(title="What I answer from in this server", colour=COLOUR)
    embed.description = "\n".join(lines) or "Nothing yet."
    revision = shown.revision
    edition = f"#{revision.number} · `{shown.edition.id[:_SHORT_ID]}`"
    if not shown.is_own:
        edition += " · the shared corpus, as it is"
    elif not revision.follows:
        edition += " · the operator's reload leaves it alone, until `/corpus reload`"
    embed.add_field(name="Edition", value=edition, inline=False)
    embed.add_field(name="It holds", value=_holdings(shown.edition), inline=False)
    if shown.left_out:
        left = listed(shown.left_out, _WARNINGS, _shown(250), between="\n")
        embed.add_field(name=f"Cannot be read ({len(shown.left_out)})", value=left, inline=False)
    if revision.hidden:
        names = listed(sorted(revision.hidden), 600, _shown(90))
        embed.add_field(name=f"Hidden here ({len(revision.hidden)})", value=names, inline=False)
    embed.add_field(name="Changed last", value=_event(revision), inline=False)
    # It may be a folder of the operator's: its last part is the model's name there, too.
    model = re.split(r"[/\\]", shown.model.rstrip("/\\"))[-1]
    embed.add_field(name="Model", value=fit(clean(model), 200) or "…", inline=False)
    if pages > 1:
        embed.set_footer(text=f"Page {page + 1} of {pages}")
    return embed


def _shelved(shelved: Shelved) -> str:
    facts = [fit(clean(shelved.document.name), 120) or "…", size(shelved.size)]
    if shelved.at is not None:
        facts.append(when(shelved.at))
    facts.append("added here" if shelved.own else "shared")
    return " · ".join(facts)


def history(past: Sequence[Past]) -> discord.Embed:
    """List a server's revisions, the newest first, which is the one in use."""
    lines = []
    for place, each in enumerate(past):
        line = f"**#{each.revision.number}** · {_event(each.revision)}"
        if each.documents is not None:
            line += f" · {counted(each.documents, 'document')}"
        lines.append(line if place else f"{line} · **in use**")
    return discord.Embed(
        title="Editions of this server",
        description="\n".join(lines) + "\n-# `/corpus rollback` shows what going back to one would change.",
        colour=COLOUR,
    )


def size(number: int) -> str:
    """Say how large a file is."""
    if number < _KILO:
        return counted(number, "byte")
    return f"{number / _KILO:.1f} kB" if number < _KILO**2 else f"{number / _KILO**2:.1f} MB"


def _event(revision: Revision) -> str:
    return f"{when(revision.at)} · {who(revision.person)} · {fit(clean(revision.what), 150) or '…'}"


def _holdings(edition: Edition[Index]) -> str:
    return ", ".join(
        counted(len(each), what)
        for each, what in (
            (edition.documents, "document"),
            (edition.passages, "passage"),
            (edition.quotes, "quotation"),
        )
    )


# --- Choices ----------------------------------------------------------------------------------------------


def edition_choice(past: Past, now: float) -> str:
    """Return the label of an edition that one can go back to."""
    parts = [f"#{past.revision.number}", trim(past.revision.what, 50) or "…", ago(now - past.revision.at)]
    if past.documents is not None:
        parts.append(counted(past.documents, "document"))
    return trim(" · ".join(parts), CHOICE)


def ago(seconds: float) -> str:
    """Say how long ago something was."""
    for unit, name in ((_DAY, "day"), (_HOUR, "hour"), (_MINUTE, "minute")):
        if seconds >= unit:
            return f"{counted(int(seconds // unit), name)} ago"
    return "just now"


def document_choice(name: str) -> str:
    """Return what Discord sends back for a document that was chosen: its name, or a key where that is odd."""
    if name and name == clean(name) and width(name) <= CHOICE:
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:10]
    return f"{trim(name, CHOICE - 12)} {digest}".strip()


def _shown(limit: int) -> Callable[[str], str]:
    """Return what shows any text in at most ``limit`` units."""
    return lambda text: fit(clean(text), limit) or "…"


def _quoted(limit: int) -> Callable[[str], str]:
    return lambda text: f"“{fit(clean(text), limit)}”"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
