"""A question -> what it asks of the whole, if it does: to be told of it, what it is called, whom it is by.

No sentence answers "tldr" or "what is this?" better than another by its words, so these get the opening. They
are told from questions on something that is said of the whole ("what does the title mean?") by examples, as
talk is: a question is on the whole where it is nearer in meaning to such a one than to any other. What names
something that the corpus speaks of is on that.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from linernotes.words import STOP_WORDS, Spellings, find_words

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from linernotes.models import Floats

Whole = Literal["overview", "summary", "name", "article", "maker"]
"""What is asked for: to be told of it, to have it in short, what it is called, what its article is about, and
whom it is by."""

EXAMPLES: Final[Mapping[Whole, tuple[str, ...]]] = {
    "overview": (
        "what is this?",
        "what is this thing?",
        "what song is this?",
        "what's this song?",
        "what's the song?",
        "explain the song",
        "describe the song",
        "what exactly am I looking at?",
        "what am I reading here?",
        "what is going on here?",
        "tell me about the song",
        "tell me about this",
        "tell us about it, please",
        "tell me everything about this",
        "explain this to me",
        "can anyone explain it?",
        "describe it in a few words",
        "what do I need to know about this?",
        "fill me in",
    ),
    "summary": (
        "give me a summary",
        "a quick summary, please",
        "summarize the article",
        "could you summarise this for me?",
        "can somebody sum it up for us?",
        "tldr",
        "tl;dr",
        "in short?",
        "the short version, please",
        "what's the gist?",
        "the gist of it in one sentence",
        "a summary in one line",
        "give me an overview",
        "a brief introduction, please",
    ),
    "name": (
        "what is it called?",
        "what is this song called?",
        "what is the song called?",
        "what's the name of the song?",
        "name of this song?",
        "what's the title?",
        "the title of the song?",
        "what is the name of it again?",
        "which track is this?",
    ),
    "article": (
        "what is this about?",
        "what's this article about?",
        "what is the text about?",
        "what does the page talk about?",
        "what is this thing about?",
        "who is this article about?",
        "what's the topic here?",
    ),
    "maker": (
        "who sings it?",
        "who sings this song?",
        "who made this song?",
        "who made this?",
        "who has made it?",
        "who is it by?",
        "who is the song by?",
        "whose song is this?",
        "who is the artist?",
        "who's the singer?",
        "what band is this?",
        "who performs it?",
    ),
}
"""What is asked of the whole, by kind; ``benchmarks/whole.py`` has a row without what stands here."""

OTHERS: Final = (
    "what is the song about?",
    "what's it about?",
    "what is this track about?",
    "can you tell me what the song is about?",
    "could you tell me what it means?",
    "what does the song mean?",
    "what does it mean?",
    "what is the meaning of the song?",
    "what is the message of the song?",
    "what does the title mean?",
    "what does the name mean?",
    "where does the title come from?",
    "why is it called that?",
    "how did the song get its name?",
    "who came up with the title?",
    "what inspired it?",
    "what is the video about?",
    "what is the chorus about?",
    "what happens in the video?",
    "who wrote it?",
    "who wrote the words?",
    "who produced it?",
    "who is featured?",
    "who is featured on the track?",
    "who mixed the track?",
    "who did the artwork?",
    "who by?",
    "who is it with?",
    "who is on it?",
    "who plays the drums?",
    "who is in the band?",
    "who directed the video?",
    "who is it about?",
    "who was it written for?",
    "who is the song for?",
    "who is she?",
    "who are they?",
    "who sings the second verse?",
    "who else sings on it?",
    "who covered it?",
    "whose idea was it?",
    "tell me about the video",
    "tell me about the lyrics",
    "tell me about the producer",
    "tell me about the tour",
    "tell me about the singer",
    "tell me about the label",
    "tell me about him",
    "tell me more",
    "explain the title",
    "explain the ending",
    "summarize the reviews",
    "describe the cover",
    "anything on the making of it?",
    "what label is it on?",
    "what's the label called?",
    "what is the album called?",
    "what's the name of the album?",
    "what is the name of the producer?",
    "what's the singer's real name?",
    "what is the B-side?",
    "what is it a sample of?",
    "what song does it sample?",
    "which song came next?",
    "in which song?",
    "to do what?",
    "what genre is it?",
    "what instrument is that?",
    "what is that noise at the beginning?",
    "when was it released?",
    "where was it recorded?",
    "why was it written?",
    "how long is it?",
    "how long is the title track?",
    "which track is the longest?",
    "how many songs are there?",
    "what inspired the track?",
    "what does it look like?",
    "how did it do in the charts?",
    "how was it made?",
    "what did the critics say?",
    "what do people think of it?",
    "what did she say about it?",
    "what happened?",
    "what happened then?",
    "what was the problem?",
    "is it any good?",
    "is this a cover?",
    "is there a video?",
    "is there a story behind it?",
    "what about the others?",
    "anything else?",
    "and the tune?",
)
"""What is asked of a song besides, near to these in its words."""

# By so much must a question be nearer to one on the whole than to any other, and so near at least.
_MARGIN: Final = 0.05
_LEAST: Final = 0.4

_LONGEST: Final = 14
# A word this long may be a slip of one of the examples' words that is this like it (1 is the same).
_SHORTEST_SLIP: Final = 5
_LEAST_LIKENESS: Final = 0.75
# Who or what these stand for has been spoken of before.
_PEOPLE: Final = frozenset("he she they him her them his hers its their theirs".split())
_THINGS: Final = frozenset("it that one".split())
# Of these it is talk: "who made you?", "what is this bot for?", "what are we doing after this?".
_PRESENT: Final = frozenset("bot robot we our you your u ur yourself".split())
_WISHES: Final = re.compile(r"\b(?:(?:can|could|would|will) (?:you|u)|do (?:you|u) know)\b", re.IGNORECASE)
_SONG: Final = frozenset("song track album record single this".split())
_TOLD: Final = frozenset({"overview", "summary"})
# Who asks with these asks for something.
_ASKS_ELSE: Final = frozenset("when where wheres why how".split())
_ASKS_WHO: Final = frozenset("who whos whose whom which".split())
_WORDS: Final = tuple(word for texts in EXAMPLES.values() for text in texts for word in find_words(text))
# The stems of what is said in the examples: these words name nothing of an article.
_SAID: Final = frozenset(word.stem for word in _WORDS)
_SLIPS: Final = Spellings(sorted({word.text for word in _WORDS} | STOP_WORDS))


@dataclass(frozen=True, slots=True)
class Examples:
    """The examples as a model sees them: ``whole`` and ``others`` have a unit vector in each row."""

    kinds: tuple[Whole, ...]
    whole: Floats
    others: Floats

    @classmethod
    def of(cls, embed: Callable[[Sequence[str]], Sequence[Floats]]) -> Examples:
        """Return them as a model sees them; ``embed`` gives a unit vector for each text."""
        kinds = [(kind, text) for kind, texts in EXAMPLES.items() for text in texts]
        vectors = np.stack(
            list(embed([without_mark(text) for _, text in kinds] + [*map(without_mark, OTHERS)]))
        )
        return cls(tuple(kind for kind, _ in kinds), vectors[: len(kinds)], vectors[len(kinds) :])

    def kind_of(self, text: str, vector: Floats, *, follows: bool = False) -> Whole | None:
        """Return what a question asks of the whole; ``None`` for one on something else.

        Args:
            text: the question in plain words.
            vector: what the model makes of it without its mark.
            follows: whether others came before it that were on something else: "what is it called?" and "the
                name?" are asked of that.
        """
        near = self.whole @ vector
        best = int(near.argmax())
        if float(near[best]) < max(_LEAST, float((self.others @ vector).max()) + _MARGIN):
            return None
        kind = self.kinds[best]
        said = {word.text for word in find_words(text)}
        if follows and ((kind != "summary" and said & _THINGS) or (kind == "name" and not said & _SONG)):
            return None
        return None if said & _ASKS_ELSE or (kind in _TOLD and said & _ASKS_WHO) else kind


def without_mark(text: str) -> str:
    """Return a text without the marks at its end: to a model, "who made it" is far from "who made it?"."""
    return text.rstrip(" ?!.")


def may_be_on_whole(text: str, speaks_of: Callable[[str], bool]) -> bool:
    """Say whether a question can be on the whole, for it names nothing; its vector is not needed.

    Args:
        text: the question in plain words.
        speaks_of: says of a word's stem whether the corpus has it.
    """
    words = find_words(text)
    if not words or len(words) > _LONGEST or any(word.text in _PEOPLE for word in words):
        return False
    if any(word.text in _PRESENT for word in find_words(_WISHES.sub(" ", text))):
        return False
    return all(
        word.is_stop or word.stem in _SAID or (not speaks_of(word.stem) and _is_slip(word.text))
        for word in words
    )


def _is_slip(word: str) -> bool:
    """Say whether a word is one of the examples' with a slip: "sumary". Another names something."""
    return len(word) >= _SHORTEST_SLIP and bool(_SLIPS.near(word, _LEAST_LIKENESS))
