"""Who belongs to whom: the cheapest pairing of rows with columns.

This module owns the assignment problem (Kuhn 1955) for the small, mostly empty tables that tracking makes. A
table falls apart into groups that share no candidate; most have one pair and cost nothing. The others are
solved exactly by shortest augmenting paths, one row after the other (Jonker and Volgenant 1987).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_EXACT: Final = (
    40  # rows of one group; beyond this no camera's picture goes, and the time grows with the cube
)


def assign(candidates: Mapping[tuple[int, int], float]) -> dict[int, int]:
    """Pair rows with columns, each at most once, so that the sum over the pairs is as low as can be.

    Args:
        candidates: What each allowed pair (row, column) costs, below 0; to leave a row or a column alone
            costs 0. A group of more than 40 rows is paired greedily, cheapest first.

    Returns:
        The column of each row that got one.
    """
    pairs: dict[int, int] = {}
    for group in _groups(candidates):
        if len(group) == 1:
            ((row, column),) = group
            pairs[row] = column
        elif len({row for row, _ in group}) > _EXACT:
            pairs |= _greedy(group)
        else:
            pairs |= _exact(group)
    return pairs


def _groups(candidates: Mapping[tuple[int, int], float]) -> list[dict[tuple[int, int], float]]:
    """The candidates in parts that share neither row nor column."""
    root: dict[tuple[str, int], tuple[str, int]] = {}

    def find(node: tuple[str, int]) -> tuple[str, int]:
        while (above := root.setdefault(node, node)) != node:
            node = above
        return node

    for row, column in candidates:
        root[find(("row", row))] = find(("column", column))
    groups: dict[tuple[str, int], dict[tuple[int, int], float]] = {}
    for pair, cost in candidates.items():
        groups.setdefault(find(("row", pair[0])), {})[pair] = cost
    return list(groups.values())


def _greedy(group: Mapping[tuple[int, int], float]) -> dict[int, int]:
    pairs: dict[int, int] = {}
    taken: set[int] = set()
    for row, column in sorted(group, key=lambda pair: group[pair]):
        if row not in pairs and column not in taken:
            pairs[row] = column
            taken.add(column)
    return pairs


def _exact(group: Mapping[tuple[int, int], float]) -> dict[int, int]:
    rows = sorted({row for row, _ in group})
    columns = sorted({column for _, column in group})
    # Each row also has a column of its own that costs 0: to be left alone.
    table = [
        [group.get((row, column), math.inf) for column in columns]
        + [0.0 if other == row else math.inf for other in rows]
        for row in rows
    ]
    owner = _cheapest(table)
    return {rows[row]: columns[place] for place, row in owner.items() if place < len(columns)}


def _cheapest(table: list[list[float]]) -> dict[int, int]:
    """The row of each used column in the cheapest pairing that uses every row."""
    width = len(table[0])
    owner: dict[int, int] = {}
    row_price, column_price = [0.0] * len(table), [0.0] * width
    for start in range(len(table)):
        distance, before = [math.inf] * width, [-1] * width
        done: list[int] = []
        row, reached, here = start, 0.0, -1
        while True:
            here = _relax(table[row], row_price[row], column_price, distance, before, done, reached, here)
            reached = distance[here]
            if here not in owner:
                break
            done.append(here)
            row = owner[here]
        row_price[start] += reached
        for column in done:
            row_price[owner[column]] += reached - distance[column]
            column_price[column] -= reached - distance[column]
        while here >= 0:
            previous = before[here]
            owner[here] = owner[previous] if previous >= 0 else start
            here = previous
    return owner


def _relax(  # noqa: PLR0913, PLR0917 - the innermost step of one algorithm; its state has no meaning elsewhere
    costs: list[float],
    row_price: float,
    column_price: list[float],
    distance: list[float],
    before: list[int],
    done: list[int],
    reached: float,
    came_from: int,
) -> int:
    """Shorten the ways to the columns by one row's costs; the nearest column that is not done yet."""
    nearest, least = -1, math.inf
    for column, cost in enumerate(costs):
        if column in done:
            continue
        length = reached + cost - row_price - column_price[column]
        if length < distance[column]:
            distance[column], before[column] = length, came_from
        if distance[column] < least:
            nearest, least = column, distance[column]
    return nearest
