"""Words that another may be a slip of: the quick way finds what comparing all finds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import DamerauLevenshtein

from linernotes.words import Spellings

WORDS = st.text("abcé", min_size=1, max_size=9)


@given(WORDS, st.lists(WORDS, unique=True), st.sampled_from([0.5, 0.75, 0.79, 1.0]))
def test_it_finds_what_comparing_all_finds_in_their_order(word: str, words: list[str], least: float) -> None:
    likeness = DamerauLevenshtein.normalized_similarity
    wanted = [(each, likeness(word, each)) for each in words if likeness(word, each) >= least]
    assert Spellings(words).near(word, least) == wanted


@given(WORDS, st.lists(WORDS, unique=True))
def test_with_lengths_it_finds_those_of_these_lengths(word: str, words: list[str]) -> None:
    every = Spellings(words).near(word, 0.6)
    assert Spellings(words).near(word, 0.6, {3, 4}) == [each for each in every if len(each[0]) in {3, 4}]
