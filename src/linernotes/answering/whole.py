"""A question -> what it asks of the whole, if it does: to be told of it, what it is called, whom it is by.

No sentence answers "tldr" or "what is this?" better than another by its words, so these get the opening. They
are told from questions on something that is said of the whole ("what does the title mean?") by examples, as
talk is: a question is on the whole where it is nearer in meaning to such a one than to any other. What names
something that the corpus speaks of is on that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from linernotes.words import find_words

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
        "sum it up for us",
        "tldr",
        "tl;dr",
        "in short?",
        "the short version, please",
        "what's the gist?",
        "the gist of it in one sentence",
        "give me an overview",
        "a brief introduction, please",
    ),
    "name": (
        "what is it called?",
        "what is this song called?",
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
# And where it has a word that neither the examples nor the corpus have.
_LEAST_STRANGE: Final = 0.45

_LONGEST: Final = 14
# Who or what these stand for has been spoken of before.
_PEOPLE: Final = frozenset("he she they him her them his hers its their theirs".split())
# Of these it is talk: "what is this bot for?", "what are we doing after this?".
_PRESENT: Final = frozenset("bot robot we our yourself".split())
_THINGS: Final = frozenset("it that one".split())
_TOLD: Final = frozenset({"overview", "summary"})
# Who asks with these asks for something.
_ASKS_ELSE: Final = frozenset("who whos whose whom when where why how which".split())
# The stems of what is said in the examples: these words name nothing of an article.
_SAID: Final = frozenset(
    word.stem for texts in EXAMPLES.values() for text in texts for word in find_words(text)
)


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
        vectors = np.stack(list(embed([*(text for _, text in kinds), *OTHERS])))
        return cls(tuple(kind for kind, _ in kinds), vectors[: len(kinds)], vectors[len(kinds) :])

    def kind_of(self, text: str, vector: Floats, *, follows: bool = False) -> Whole | None:
        """Return what a question asks of the whole; ``None`` for one on something else.

        Args:
            text: the question in plain words.
            vector: what the model makes of it.
            follows: whether others came before it; then "what is it called?" is asked of what they were on.
        """
        near = self.whole @ vector
        best = int(near.argmax())
        if float(near[best]) < max(_LEAST, float((self.others @ vector).max()) + _MARGIN):
            return None
        kind = self.kinds[best]
        words = find_words(text)
        if follows and kind != "summary" and any(word.text in _THINGS for word in words):
            return None
        if not all(word.is_stop or word.stem in _SAID for word in words) and (
            # "Tell me about the dentist" is on him, though no article knows of one; "sombody" is a slip.
            kind != "summary" or float(near[best]) < _LEAST_STRANGE
        ):
            return None
        return None if kind in _TOLD and any(word.text in _ASKS_ELSE for word in words) else kind


def may_be_on_whole(text: str, speaks_of: Callable[[str], bool]) -> bool:
    """Say whether a question can be on the whole, for it names nothing of it; its vector is not needed.

    Args:
        text: the question in plain words.
        speaks_of: says of a word's stem whether the corpus has it.
    """
    words = find_words(text)
    if not words or len(words) > _LONGEST or any(word.text in _PEOPLE | _PRESENT for word in words):
        return False
    return all(word.is_stop or word.stem in _SAID or not speaks_of(word.stem) for word in words)
