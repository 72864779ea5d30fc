"""The compiled loops of an exact search: bounds from codes, then true products where a bound reaches the best."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, ParamSpec, TypeVar

import numpy as np
from numba import carray, njit  # type: ignore[attr-defined]
from numpy.typing import NDArray

from mmssl.applications.nibbles import STEP, fetch, pointer, rows_2_queries_4, rows_4_queries_1

_BLOCK = 256  # rows whose bounds are compared with the same scores, at first
_AHEAD = 4  # rows that are fetched before they are needed
P = ParamSpec("P")
R = TypeVar("R")
_FUNCTIONS = 8  # at least as many as are compiled here
Floats = NDArray[np.float32]
Numbers = NDArray[np.int64]


def compiled(**options: Any) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """By numba at the first call, which keeps it on the disk for other processes where there is a place to."""

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        try:
            return njit(cache=True, nogil=True, **options)(function)  # type: ignore[no-any-return]
        except RuntimeError:
            return njit(nogil=True, **options)(function)  # type: ignore[no-any-return]

    return decorate


def tried(function: Callable[P, R], *arguments: P.args, **options: P.kwargs) -> R:
    """Call a compiled function, also where the disk is full: it was compiled all the same, and is called again."""
    for _ in range(_FUNCTIONS):
        with suppress(OSError):
            return function(*arguments, **options)
    return function(*arguments, **options)


@compiled()
def _bound_of_one(
    sums: NDArray[np.int32], left: Floats, base: float, scale: float, norm: float, total: Floats, more: bool
) -> None:
    """The same for one query, with a loop over rows that the compiler makes wide."""
    low = np.float32(-np.inf)
    for row in range(len(left)):
        bound = base + scale * np.float32(sums[row]) + norm * left[row]
        before = total[row] if more else low
        there = bound if before == low else before + bound
        total[row] = before if left[row] < 0 else there


@compiled()
def add_bounds(
    codes: NDArray[np.uint8],
    residual: Floats,
    first: int,
    weights: NDArray[np.int8],
    scale: Floats,
    base: Floats,
    norm: Floats,
    total: Floats,
    more: bool,
) -> None:
    """What the products of rows with queries are at most, of one modality or added to those of others.

    Args:
        codes: `[N, D / 2]`, N a multiple of 4 and at least the rows asked for.
        residual: `[n]`, length of what a code leaves out; below 0: the row lacks this modality.
        first: row, a multiple of 4.
        weights: `[Q, D]`, Q one or a multiple of 4.
        scale: `[Q]`, of one unit of weight times code.
        base: `[Q]`, of a row of which all codes are 0.
        norm: `[Q]`, of the query.
        total: `[rows, Q]`, -inf where a row has no modality so far.
        more: add to `total`, which is overwritten otherwise.
    """
    rows, queries = total.shape
    width, dim = codes.shape[1], weights.shape[1]
    together = 4 if queries == 1 else 2
    sums = np.empty((-(-rows // together) * together, queries), np.int32)
    row_bytes = 4 * queries
    for row in range(0, rows, together):
        code, sums_at = codes.ctypes.data + (first + row) * width, sums.ctypes.data + row * row_bytes
        if queries == 1:
            rows_4_queries_1(code, width, weights.ctypes.data, dim, dim // STEP, sums_at, row_bytes)
        else:
            for query in range(0, queries, 4):
                at = weights.ctypes.data + query * dim
                rows_2_queries_4(code, width, at, dim, dim // STEP, sums_at + 4 * query, row_bytes)
    left = residual[first : first + rows]
    if queries == 1:
        _bound_of_one(sums.ravel(), left, base[0], scale[0], norm[0], total.ravel(), more)
        return
    for row in range(rows):
        if left[row] < 0:
            if not more:
                total[row] = -np.inf
            continue
        add = more and total[row, 0] > -np.inf
        for query in range(queries):
            bound = base[query] + scale[query] * np.float32(sums[row, query]) + norm[query] * left[row]
            total[row, query] = total[row, query] + bound if add else bound


@compiled(fastmath={"reassoc", "contract"})
def _product(address: int, query: NDArray[np.float64]) -> float:
    row = carray(pointer(address), query.shape, np.float32)  # type: ignore[call-arg]
    total = 0.0
    for place in range(query.shape[0]):
        total += np.float64(row[place]) * query[place]
    return total


@compiled()
def _replace_worst(scores: NDArray[np.float64], rows: Numbers, score: float, row: int) -> None:
    """In a heap whose root is the lowest score and, of equal ones, the highest row."""
    size, place = len(scores), 0
    while 2 * place + 1 < size:
        child = 2 * place + 1
        other = child + 1
        if other < size and (
            scores[other] < scores[child] or (scores[other] == scores[child] and rows[other] > rows[child])
        ):
            child = other
        if scores[child] > score or (scores[child] == score and rows[child] < row):
            break
        scores[place], rows[place] = scores[child], rows[child]
        place = child
    scores[place], rows[place] = score, row


@compiled()
def _above(total: Floats, least: Floats, lines: Numbers) -> int:
    """How many lines have a bound above the least score of its query, and which; bounds have room for its rounding."""
    count = 0
    if len(least) == 1:
        for line in range(len(total)):
            lines[count] = line
            count += total[line, 0] > least[0]
        return count
    for line in range(len(total)):
        above = False
        for query in range(len(least)):
            above |= total[line, query] > least[query]
        lines[count] = line
        count += above
    return count


@compiled()
def _fetch_row(addresses: Numbers, size: int) -> None:
    for address in addresses:
        for byte in range(0, size if address else 0, 64):
            fetch(address + byte)  # type: ignore[call-arg]


@compiled()
def verify(
    total: Floats,
    first: int,
    addresses: Numbers,
    queries: NDArray[np.float64],
    offsets: NDArray[np.float64],
    scores: NDArray[np.float64],
    found: Numbers,
    start: int,
) -> int:
    """Look at the rows whose bounds are above the worst of the best, and keep those that are better.

    Rows must come in ascending order: of equal scores the lowest rows stay.

    Args:
        total: `[rows, Q or more]`, bounds.
        first: row.
        addresses: `[M, n]`, of each row of float32 in memory; 0 where it lacks the modality.
        queries: `[Q, M, D]`, weighted.
        offsets: `[Q, M]`, added for each modality that a row has.
        scores: `[Q, k]`, heaps of the best, -inf at first.
        found: `[Q, k]`, their rows, counted from `start` on.
        start: number of the first row of these addresses.

    Returns:
        how many rows were looked at.
    """
    looked, modalities, size, block = 0, addresses.shape[0], _BLOCK, 0
    lines = np.empty(total.shape[0], np.int64)
    while block < total.shape[0]:
        count = _above(total[block : block + size], scores[:, 0].astype(np.float32), lines)
        for number in range(-_AHEAD, count):
            # The rows lie far from each other: without this each waits for the memory.
            if number + _AHEAD < count:
                _fetch_row(addresses[:, first + block + lines[number + _AHEAD]], 4 * queries.shape[2])
            if number < 0:
                continue
            line = block + lines[number]
            row = first + line
            for query in range(queries.shape[0]):
                if total[line, query] > scores[query, 0]:
                    score = 0.0
                    for modality in range(modalities):
                        if addresses[modality, row]:
                            score += offsets[query, modality]
                            score += _product(addresses[modality, row], queries[query, modality])
                    looked += 1
                    if score > scores[query, 0]:
                        _replace_worst(scores[query], found[query], score, start + row)
        block, size = block + size, 2 * size  # few rows at first, until there are scores to compare with
    return looked
