"""Texts of like meaning come together, and each is in one group."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from amounts import examples
from linernotes.retrieval.grouping import LIKENESS, group


def unit(*values: float) -> np.ndarray:
    vector = np.array(values, dtype=np.float32)
    return vector / np.linalg.norm(vector)


def test_what_is_alike_is_one_group_and_the_largest_comes_first() -> None:
    vectors = [unit(0, 0, 1), unit(1, 0.1, 0), unit(0, 1, 0), unit(1, 0, 0), unit(0, 1, 0.1), unit(1, 0, 0.1)]
    assert group(vectors) == ((1, 3, 5), (2, 4), (0,))


def test_two_that_are_just_alike_enough_are_one_group() -> None:
    for cosine, groups in ((LIKENESS + 0.01, 1), (LIKENESS - 0.01, 2)):
        assert len(group([unit(1, 0), unit(cosine, np.sqrt(1 - cosine**2))])) == groups


def test_nothing_and_one_text_are_grouped_as_well() -> None:
    assert group([]) == ()
    assert group([unit(1, 0)]) == ((0,),)


@given(st.integers(0, 40), st.integers(0, 2**32 - 1))
@settings(max_examples=examples(40), deadline=None)
def test_every_text_is_in_one_group_however_many_are_equal(number: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    kinds = random.standard_normal((5, 8))
    groups = group([unit(*kinds[kind]) for kind in random.integers(0, 5, number)])
    assert sorted(at for each in groups for at in each) == list(range(number))
    assert [len(each) for each in groups] == sorted((len(each) for each in groups), reverse=True)
