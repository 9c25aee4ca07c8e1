"""Pairing rows with columns: as cheap as trying everything out, and never stuck."""

from __future__ import annotations

import itertools
import random

from hypothesis import given
from hypothesis import strategies as st

from models.assign import assign

TABLES = st.dictionaries(st.tuples(st.integers(0, 4), st.integers(0, 4)), st.floats(-9, -0.001), max_size=20)


def cheapest(candidates):
    """The lowest sum, by trying every pairing."""
    rows, columns = {row for row, _ in candidates}, {column for _, column in candidates}
    best = 0.0
    for count in range(min(len(rows), len(columns)) + 1):
        for some in itertools.combinations(sorted(rows), count):
            for others in itertools.permutations(sorted(columns), count):
                pairs = list(zip(some, others, strict=True))
                if all(pair in candidates for pair in pairs):
                    best = min(best, sum(candidates[pair] for pair in pairs))
    return best


@given(TABLES)
def test_no_other_pairing_is_cheaper(candidates):
    """The sum is the lowest there is, over allowed pairs alone, each row and column at most once."""
    pairs = assign(candidates)
    assert set(pairs.items()) <= set(candidates)
    assert len(set(pairs.values())) == len(pairs)
    total = sum(candidates[pair] for pair in pairs.items())
    assert abs(total - cheapest(candidates)) < 1e-9


def test_the_nearest_pair_gives_way_where_two_pairs_are_better():
    """Taking the cheapest first would leave one of the two alone."""
    assert assign({(0, 0): -5.0, (0, 1): -4.0, (1, 0): -4.5}) == {0: 1, 1: 0}


def test_a_crowd_beyond_reason_is_still_paired():
    """A hundred rows that all want the same hundred columns get one each."""
    rng = random.Random(4)
    candidates = {(row, column): -rng.random() for row in range(100) for column in range(100)}
    pairs = assign(candidates)
    assert len(set(pairs.values())) == len(pairs) == 100


def test_nothing_to_pair_is_no_pair():
    """An empty table is no error."""
    assert assign({}) == {}
