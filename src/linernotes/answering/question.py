"""A question as it was typed -> what it asks for, or why it is none."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from linernotes.words import find_words

if TYPE_CHECKING:
    from linernotes.models import Reason

_APOSTROPHES = str.maketrans("‘’ʼ`", "''''")  # noqa: RUF001
# How members type it -> how articles write it.
_CHAT = tuple(
    (re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE), plain)
    for pattern, plain in (
        (r"wat|wut|whut", "what"),
        (r"wen", "when"),
        (r"u", "you"),
        (r"ur", "your"),
        (r"vids?", "video"),
        (r"feat|ft", "featuring"),
        (r"(?:come|comes|came) out|dropp?ed|drop|drops", "released"),
        (r"(?:the )?features?(?= on (?:the|this|it)\b|\W*$)", "featuring"),
        (r"pics?", "picture"),
        (r"convo", "conversation"),
        (r"prod|prodder|prodcer", "producer"),
        (r"collabs?|collabed", "collaboration"),
    )
)

_GREETING = re.compile(
    r"(?:(?:hi+|hey+|hello+|yo+|sup|hiya|howdy|heya|greetings|good (?:morning|afternoon|evening|night|day)"
    r"|morning|evening|night|what'?s up|wass?up|how are you(?: doing)?|how'?s it going|nice to meet you"
    r"|thanks?|thank you|thx|ty|cheers|bye+|goodbye|see you|cya|good bot|bad bot|nice(?: one)?|cool"
    r"|ok(?:ay)?|great|awesome|wow|lo+l|lmao|rofl|ha(?:ha)+|xd|gg|brb|welcome(?: back)?|sorry|please"
    r"|yes|no|yep|nope|nah|yeah|sure|test|testing|ping|hm+|uh+|um+)"
    r"(?: (?:there|all|everyone|everybody|guys|folks|bot|man|bro|dude|mate|friends?|you|so much|a lot|again"
    r"|then|y'?all))*[\s,!.?]*)+",
    re.IGNORECASE,
)
_LYRICS = re.compile(
    r"^\W*(?:the |full |all |song )*lyrics\b(?! (?:about|mean|say|used|written|came|come))"
    r"|\blyrics (?:to|of|for|pl[sz]|please)\b"
    r"|\b(?:what(?:'?s| are| is)|give|show|send|tell|post|print|type|write out|share|list|need|want|got|have"
    r"|find|drop|paste|know)\b(?! (?:about|how|why|who|what|when|where)\b)[^?]{0,25}"
    r"\blyrics\W*(?:$|please|pl[sz]|for|to|of)"
    r"|\b(?:sing|rap|recite) (?:it|this|that|the (?:song|chorus|hook|verse)|me)\b(?! (?:for|on|in) )"
    r"|\bwords (?:to|of) (?:the|this) (?:song|chorus|track|hook)\b"
    r"|\b(?:write out|type|give|show|send|post|print|paste)\b.{0,30}"
    r"\b(?:verses?|chorus|hook|bars|bridge|refrain)\b"
    r"|\bhow does the (?:chorus|hook|verse|song) go\b",
    re.IGNORECASE,
)
_ARITHMETIC = re.compile(
    r"(?:what(?:'?s| is)?|calculate|compute|solve|how much is)?\s*\(?-?[\d.,]+\)?"
    r"(?:\s*(?:[-+*/x\u00d7\u00f7^%]|times|plus|minus|divided by|multiplied by|over"
    r"|to the power of|mod)\s*\(?-?[\d.,]+\)?)+\s*[=?]*"
    r"|.*\b(?:square|cube) root of\s*[\d.]+\W*",
    re.IGNORECASE,
)
# Words that name the whole song or article, or ask what it is, and nothing within it.
_WHOLE = frozenset(
    "song songs track tracks record single tune piece music article story text page post read thing one stuff"
    " made make makes making artist artists musician author whose called name title entitled mean means"
    " meaning meant message point summary summarize summarise summarizing tldr tl dr gist subject theme"
    " themes topic topics main idea ideas tell explain describe overall general overview short brief briefly"
    " quick quickly actually exactly really basically please hear heard listen know bot concept deal deals"
    " give gives get say says saying talk talks talking discuss discusses sing sings".split()
)
_WHO_MADE = re.compile(
    r"\bwho(?:se|'s|s)?\b.*\b(?:made|makes|sings?|raps?|performs?|recorded|song|track|artists?)\b|\bartists?\b",
    re.IGNORECASE,
)
_ABOUT = re.compile(
    r"\bwhat(?:'?s| is| was| are)?\b(?:.{0,60}\b(?:song|track|record|single|tune|article|story|piece|text"
    r"|page|it|this|that|thing|one)\b)?.{0,24}\babout\b\W*$"
    r"|\bwhat (?:does|did|do) (?:it|this|the (?:song|track|article|story)) mean\b\W*$",
    re.IGNORECASE,
)


def plain(question: str) -> str:
    """Return the question in composed letters, without unseen marks, chat's short forms written out."""
    text = unicodedata.normalize("NFKC", question).translate(_APOSTROPHES)
    text = "".join(" " if unicodedata.category(c) in {"Cc", "Zl", "Zp"} else c for c in text)
    text = "".join(c for c in text if unicodedata.category(c) not in {"Cf", "Cs", "Co", "Cn"})
    # Stacked accents ("zalgo") hide the letters below them.
    text = re.sub(r"[\u0300-\u036f]{2,}", "", text)
    text = " ".join(text.split())
    for pattern, replacement in _CHAT:
        text = pattern.sub(replacement, text)
    return text


def screen(question: str, text: str, max_chars: int) -> Reason | None:
    """Say why a question is not looked up at all, or ``None``.

    Args:
        question: as it was typed.
        text: what ``plain`` made of it.
        max_chars: the longest question that is answered.
    """
    if len(question) > max_chars:
        return "too-long"
    if not find_words(text):
        return "empty"
    if _GREETING.fullmatch(text):
        return "greeting"
    if _LYRICS.search(text):
        return "lyrics"
    if _ARITHMETIC.fullmatch(text):
        return "silent"
    return None


def is_about_whole(text: str) -> bool:
    """Say whether a question asks what the song or the article is, and for nothing within it."""
    words = find_words(text)
    if not words:
        return False
    if _ABOUT.search(text):
        return all(w.is_stop or w.text in _WHOLE for w in find_words(_ABOUT.search(text)[0]))  # type: ignore[index]
    content = [word.text for word in words if not word.is_stop]
    if any(word not in _WHOLE for word in content):
        return False
    asks_who = any(word.text in {"who", "whos", "whose"} for word in words)
    asks_else = any(word.text in {"when", "where", "why", "how", "which"} for word in words)
    return bool(content) and (bool(_WHO_MADE.search(text)) if asks_who else not asks_else)
