"""What the bot says: domain values in, embeds out. Pure; within Discord's limits for any text.

Whatever comes from a member or an article passes through ``markup`` on its way in. Every embed reads well as
plain text, which is what ``plain`` makes of it for channels that show no embeds.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Final

import discord

from linernotes.chat.asking.emphasis import emphasis
from linernotes.chat.frame.markup import clean, emphasise, escape, fit, linked, safe_link, trim, width
from linernotes.models import Answer, Unanswered

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from linernotes.library.store import Posted, Server
    from linernotes.models import Document, Edition, Hit, Passage, Quote, Reason, Sentence, Turn
    from linernotes.retrieval.index import Index

CONTENT: Final = 2_000
DESCRIPTION: Final = 4_096
FIELD: Final = 1_024
TITLE: Final = 256
CHOICE: Final = 100
QUOTES_PER_PAGE: Final = 5
SOURCES_PER_PAGE: Final = 8

COLOUR: Final = 0xC8963E
GREY: Final = 0x80848E
# Much less than an embed holds, so that source line and fields always have room.
_ANSWER: Final = 2_400
_PASSAGE: Final = 3_600
_EMPHASISED: Final = 4_000
# A longer link is left out where several stand in one list.
_LISTED_LINK: Final = 150

_SENTENCES: Final[Mapping[Reason, str]] = {
    "silent": "The article does not say.",
    "empty": "I see no question in that. Ask me something about the song, in a sentence.",
    "too-long": "That question is too long for me. Please put it in a few words.",
    "greeting": "Hello! Ask me something about the song.",
    "lyrics": "I do not give out lyrics, but I can tell you what the article says about the song.",
    "language": "I can only answer in the language of the article. Please ask in that.",
}


# --- Answers ----------------------------------------------------------------------------------------------


def reply(
    edition: Edition[Index], turn: Turn, *, examples: Sequence[str] = (), asked: str | None = None
) -> discord.Embed:
    """Show what the corpus says to a question, or that it does not say.

    Args:
        edition: the edition that was asked.
        turn: the question and what was replied.
        examples: questions that can be asked, for when there is no answer.
        asked: the question as it is to be shown; ``None`` where it stands above the reply anyway.
    """
    embed = (
        _answer(edition, turn, turn.reply)
        if isinstance(turn.reply, Answer)
        else _unanswered(edition, turn.reply, examples)
    )
    if asked is not None and (shown := trim(asked, TITLE - 2)):
        embed.set_author(name=f"“{shown}”")
    return embed


def _answer(edition: Edition[Index], turn: Turn, answer: Answer) -> discord.Embed:
    best = _best(answer)
    texts = [clean(sentence.text) for sentence in answer.sentences]
    marked = emphasis(turn.standalone, [text[:_EMPHASISED] for text in texts], best)
    below = "".join(f"\n— {line}" for line in _attributions(edition, answer))
    below += f"\n-# {_places(edition, answer)}"
    most = min(_ANSWER, DESCRIPTION - width(below))
    shown = ""
    before: Sentence | None = None
    for sentence, text, spans in zip(answer.sentences, texts, marked, strict=True):
        room = most - width(shown) - 2
        if room < _ANSWER // 20:
            break
        apart = before is not None and (before.document, before.passage) != (
            sentence.document,
            sentence.passage,
        )
        shown += ("\n" if apart else " ") if before is not None else ""
        shown += emphasise(text, spans, room)
        before = sentence
    return discord.Embed(description=f"{shown}{below}", colour=COLOUR)


def _best(answer: Answer) -> int:
    """Return which of the answer's sentences the ranking puts first."""
    order = [sentence for hit in answer.hits for sentence in hit.sentences]
    ranks = {(each.document, each.start): rank for rank, each in reversed(list(enumerate(order)))}
    scored = [ranks.get((each.document, each.start), len(order)) for each in answer.sentences]
    return scored.index(min(scored)) if scored else 0


def _attributions(edition: Edition[Index], answer: Answer) -> Iterable[str]:
    """Yield who said what is quoted, where the answer itself does not name them."""
    named = set()
    for quote in edition.quotes:
        shown = any(
            sentence.document == quote.document and start < sentence.end and sentence.start < end
            for sentence in answer.sentences
            for start, end in quote.spans
        )
        names = (quote.speaker or "").split()
        if shown and names and names[-1] not in answer.text:
            named.add(_attribution(quote))
    return sorted(named)[:3]


def _places(edition: Edition[Index], answer: Answer) -> str:
    """Say where the answer's sentences stand, document by document."""
    numbers: dict[str, list[int]] = {}
    for sentence in answer.sentences:
        found = numbers.setdefault(sentence.document, [])
        if sentence.passage not in found:
            found.append(sentence.passage)
    return "; ".join(
        f"{_title(edition, document)} · {_passages(passages)}"
        for document, passages in list(numbers.items())[:3]
    )


def _passages(numbers: Sequence[int]) -> str:
    return f"passage{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers[:10]))}"


def _unanswered(edition: Edition[Index], reply: Unanswered, examples: Sequence[str]) -> discord.Embed:
    embed = discord.Embed(description=sentence_for(edition, reply.reason), colour=GREY)
    if reply.reason == "silent" and reply.nearest is not None:
        place = f"\n-# {_place(edition, reply.nearest)}"
        text = fit(clean(reply.nearest.passage.text), FIELD - width(place))
        embed.add_field(name="Related, but not an answer", value=f"{text}{place}", inline=False)
    if examples:
        embed.add_field(name="You could ask", value=_list(examples), inline=False)
    return embed


def sentence_for(edition: Edition[Index], reason: Reason) -> str:
    """Say why there is no answer."""
    sentence = _SENTENCES[reason]
    if len(edition.documents) == 1:
        return sentence
    sentence = sentence.replace("The article does", "The articles do").replace("article says", "article say")
    return re.sub(r"\bthe (article|song)\b", r"the \1s", sentence)


def why(edition: Edition[Index], posted: Posted) -> discord.Embed:
    """Show which passages and figures led to an answer."""
    embed = discord.Embed(
        title="Why this answer",
        description=(
            f"I am {posted.confidence:.0%} sure that this answers the question. These passages came first;"
            " the higher its score, the more a passage has to do with the question."
            if posted.evidence
            else "No passage speaks to that question."
        ),
        colour=COLOUR,
    )
    for each in posted.evidence[:5]:
        signals = " · ".join(
            f"{trim(name, 40)} {value:.2f}" for name, value in list(each.signals.items())[:12]
        )
        embed.add_field(
            name=f"{fit(clean(_plain_title(edition, each.document)), 200)}, passage {each.passage}",
            value=fit(f"score {each.score:.2f}" + (f" ({signals})" if signals else ""), FIELD),
            inline=False,
        )
    return embed


# --- Passages and sources ---------------------------------------------------------------------------------


def passage(
    edition: Edition[Index], shown: Passage, of: int, spans: Sequence[tuple[int, int]], *, evidence: bool
) -> discord.Embed:
    """Show a passage with what is evidence in it in bold.

    Args:
        edition: the edition that it belongs to.
        shown: the passage.
        of: how many passages its document has.
        spans: what to mark, as offsets of the document.
        evidence: whether the answer rests on this passage.
    """
    text = _with_spans(shown, spans)
    link = safe_link(_document(edition, shown.document).source)
    embed = discord.Embed(
        title=fit(clean(_plain_title(edition, shown.document)), TITLE),
        url=link,
        description=text or "…",
        colour=COLOUR if evidence else GREY,
    )
    if shown.heading:
        embed.description = f"**{fit(clean(shown.heading), 200)}**\n{embed.description}"
    footer = f"Passage {shown.number} of {of}"
    return embed.set_footer(text=f"{footer} · the answer comes from here" if evidence else footer)


def _with_spans(shown: Passage, spans: Sequence[tuple[int, int]]) -> str:
    """Return a passage's text with the spans in bold, its lines kept."""
    lines: list[str] = []
    room = _PASSAGE
    offset = shown.start
    for line in shown.text.split("\n"):
        end = offset + len(line)
        inside = [
            (max(first, offset) - offset, min(last, end) - offset)
            for first, last in sorted(spans)
            if first < end and offset < last
        ]
        lines.append(emphasise(line, inside, room))
        room -= width(lines[-1]) + 1
        offset = end + 1
        if room < _PASSAGE // 20:
            break
    return "\n".join(line for line in lines if line.strip())


def sources(edition: Edition[Index], page: int) -> discord.Embed:
    """List the documents of an edition."""
    pages = pages_of(len(edition.documents), SOURCES_PER_PAGE)
    page = min(max(page, 0), pages - 1)
    first = page * SOURCES_PER_PAGE
    lines = []
    for document in edition.documents[first : first + SOURCES_PER_PAGE]:
        number = sum(each.document == document.name for each in edition.passages)
        facts = [fit(clean(each), 40) for each in (document.artist, document.date) if each]
        facts.append(counted(number, "passage"))
        title = _title(edition, document.name, 100, by=False, link=len(document.source or "") <= _LISTED_LINK)
        lines.append(f"{title}: {', '.join(facts)}")
    embed = discord.Embed(title="What I answer from", description="\n".join(lines) or "Nothing yet.")
    embed.colour = discord.Colour(COLOUR)
    if pages > 1:
        embed.set_footer(text=f"Page {page + 1} of {pages}")
    return embed


def pages_of(number: int, per_page: int) -> int:
    """Return how many pages there are; an empty list has one."""
    return max(1, -(-number // per_page))


# --- Quotations -------------------------------------------------------------------------------------------


def quotation(edition: Edition[Index], quote: Quote) -> discord.Embed:
    """Show a quotation with its speaker and outlet."""
    lines = [f"“{fit(clean(quote.text), _ANSWER)}”", f"— {_attribution(quote)}"]
    lines.append(f"-# {_title(edition, quote.document)}")
    return discord.Embed(description="\n".join(lines), colour=COLOUR)


def quotations(edition: Edition[Index], quotes: Sequence[Quote], page: int) -> discord.Embed:
    """List quotations, a page of them."""
    pages = pages_of(len(quotes), QUOTES_PER_PAGE)
    page = min(max(page, 0), pages - 1)
    first = page * QUOTES_PER_PAGE
    several = len(edition.documents) > 1
    entries = [
        f"“{fit(clean(quote.text), 480)}”\n— {_attribution(quote)}"
        + (f" · {_title(edition, quote.document, 80, by=False, link=False)}" if several else "")
        for quote in quotes[first : first + QUOTES_PER_PAGE]
    ]
    embed = discord.Embed(title="Quotations", description="\n\n".join(entries) or "There are none.")
    embed.colour = discord.Colour(COLOUR)
    if pages > 1:
        embed.set_footer(text=f"Page {page + 1} of {pages}, {len(quotes)} quotations")
    return embed


def quote_key(quote: Quote) -> str:
    """Name a quotation in a button: digits that stay the same as long as the text does."""
    return _digest(quote.document, str(quote.spans), quote.text)


def speaker_key(speaker: str) -> str:
    """Name a speaker in a button."""
    return _digest(speaker)


def _attribution(quote: Quote) -> str:
    """Say who said it and to whom, as far as the text says."""
    names = [fit(clean(each), 150) for each in (quote.speaker, quote.source) if each]
    return ", ".join(name for name in names if name) or "speaker not named"


# --- Help, privacy, settings ------------------------------------------------------------------------------


def help_page(edition: Edition[Index], examples: Sequence[str], mention: str | None) -> discord.Embed:
    """Say what the bot does, and what this corpus can be asked."""
    several = len(edition.documents) > 1
    about = "the songs" if several else "the song"
    how = f"Mention me ({mention})" if mention else "Mention me"
    embed = discord.Embed(
        title="What I do",
        description=(
            f"I answer questions about {about} with the sentences of the article{'s' if several else ''}, and"
            f" say so where there is no answer. {how}, reply to one of my answers to ask on, or write me"
            " a direct message."
        ),
        colour=COLOUR,
    )
    commands = [
        "`/ask` a question; `private` shows the answer to you alone",
        "`/quote` a quotation: at random, by a speaker, or about something",
        "`/quotes` all quotations, by speaker",
        "`/sources` what I answer from",
        "`/privacy` what I keep, and how to be forgotten",
        "❌ on an answer to your question removes it; so does deleting the question",
    ]
    embed.add_field(name="Commands", value="\n".join(commands), inline=False)
    if examples:
        embed.add_field(name="You could ask", value=_list(examples), inline=False)
    return embed


def privacy(url: str | None) -> discord.Embed:
    """Say what is kept, and for how long."""
    embed = discord.Embed(
        title="What I keep",
        description=(
            "**Your questions and my answers:** no text is kept, but for what stands below. The last few of a"
            " conversation stay in memory for half an hour, so that you can ask on.\n"
            "**Under each answer with buttons**, for 30 days: the ids of the message, the channel, the server"
            " and of who asked, and which passages and figures led to the answer.\n"
            "**👍 and 👎:** that you pressed it, for as long.\n"
            "**Questions without an answer**, for 30 days, only in servers whose moderators have turned that"
            " on: the question's text, without names, ids and addresses. Nobody knows whose they are, so they"
            " cannot be removed person by person.\n"
            "**What moderators change**, for a year: who did what, and when, for the moderators of that"
            " server. Their check questions, settings and blocks stay until they change them.\n"
            "**When I leave a server**, all that is kept for it goes after 30 days.\n"
            "The log names ids, and no text.\n\n"
            "`/privacy forget:True` removes at once what is kept about you, in all servers. Of what you have"
            " changed as a moderator it stays known what was done, and no longer by whom."
        ),
        colour=COLOUR,
    )
    if (link := safe_link(url)) is not None:
        embed.add_field(name="Privacy policy", value=link, inline=False)
    return embed


def forgotten(*, answers: int, votes: int, talked: int, acts: int = 0) -> discord.Embed:
    """Say what was removed about a person; of ``acts`` of a moderator, it was their name."""
    text = "I kept nothing about you."
    if answers or votes or talked or acts:
        text = (
            f"I have removed what I kept about you: {counted(answers, 'answer')} with buttons,"
            f" {counted(votes, 'vote')}, and our last conversations."
        )
    if acts:
        text += f" Your name is gone from {counted(acts, 'note')} of what you have changed as a moderator."
    return discord.Embed(description=text, colour=COLOUR)


def counted(number: int, what: str) -> str:
    """Say how many there are."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def server_settings(server: Server) -> discord.Embed:
    """Show a server's settings to its moderators."""
    allowed = [channel for channel, rule in server.channels.items() if rule == "allow"]
    denied = [channel for channel, rule in server.channels.items() if rule == "deny"]
    embed = discord.Embed(title="Settings of this server", colour=COLOUR)
    where = _mentions("<#{}>", allowed) if allowed else "every channel that I can see"
    embed.add_field(name="I answer in", value=where, inline=False)
    if denied:
        embed.add_field(name="I do not answer in", value=_mentions("<#{}>", denied), inline=False)
    embed.add_field(
        name="I do not answer", value=_mentions("<@{}>", sorted(server.blocked)) or "nobody", inline=False
    )
    role = server.moderator_role
    moderators = "members who may manage the server" + (f", or have the role <@&{role}>" if role else "")
    embed.add_field(name="Moderators", value=moderators, inline=False)
    kept = "kept for 30 days: `/corpus gaps`" if server.gaps else "not kept"
    embed.add_field(name="Questions without an answer", value=kept, inline=False)
    return embed


def _mentions(form: str, ids: Iterable[int]) -> str:
    """List channels or members; not even a thousand of them is too long."""
    mentions = [form.format(each) for each in ids]
    shown = mentions[:30]
    more = len(mentions) - len(shown)
    return " ".join(shown) + (f" and {more} more" if more else "")


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


# --- Parts ------------------------------------------------------------------------------------------------


def _document(edition: Edition[Index], name: str) -> Document:
    return next(each for each in edition.documents if each.name == name)


def _plain_title(edition: Edition[Index], name: str) -> str:
    titles = {document.name: document.title for document in edition.documents}
    return titles.get(name) or name


def _title(
    edition: Edition[Index], name: str, limit: int = 150, *, by: bool = True, link: bool = True
) -> str:
    """Return a document's title, escaped, as a link to its source, with the artist where it has one."""
    found = {document.name: document for document in edition.documents}.get(name)
    source = found.source if found is not None and link else None
    title = linked(_plain_title(edition, name), source, limit)
    if by and found is not None and found.artist and (artist := fit(clean(found.artist), 80)):
        return f"{title} by {artist}"
    return title


def _place(edition: Edition[Index], hit: Hit) -> str:
    # Half of a field at most, whatever the source: the passage must have room beside it.
    long = width(_title(edition, hit.passage.document)) > FIELD // 2
    return f"{_title(edition, hit.passage.document, link=not long)} · passage {hit.passage.number}"


def _list(examples: Sequence[str]) -> str:
    return "\n".join(f"• {fit(clean(each), 200)}" for each in examples[:3])


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:10]
