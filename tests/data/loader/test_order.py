from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmssl.data.mixture import Mixture
from mmssl.data.order import AtMostOnePerGroup, Order, Part, PerGroup, Schedule
from mmssl.data.permutation import Numbers, fraction, mix, permute
from mmssl.data.streams import Apart, Shuffled, Together
from mmssl.errors import UsageError

FREE = Order()


def draws(schedule: Schedule, steps: int, start: int = 0) -> Numbers:
    return np.concatenate([schedule.batch(step) for step in range(start, start + steps)])


@given(size=st.integers(1, 3000), key=st.integers(-(2**63), 2**64 - 1))
@settings(deadline=None, max_examples=60)
def test_a_permutation_holds_each_place_once_and_can_be_undone(size: int, key: int) -> None:
    places = np.arange(size)
    shuffled = permute(places, size, key)
    assert np.array_equal(np.sort(shuffled), places)
    assert np.array_equal(permute(shuffled, size, key, inverse=True), places)


def test_permutations_of_few_places_are_all_equally_frequent() -> None:
    keys = mix(7, np.arange(6000)).repeat(3)
    counts = Counter(map(tuple, permute(np.tile(np.arange(3), 6000), 3, keys).reshape(-1, 3).tolist()))
    assert len(counts) == 6
    assert all(850 < count < 1150 for count in counts.values())  # 1000 expected, standard deviation 29


def test_a_permutation_of_any_size_is_computed_at_one_place() -> None:
    assert 0 <= permute(np.array([123_456_789_012]), 10**12, 5)[0] < 10**12


def test_neighbors_part() -> None:
    size = 10_000
    shuffled = permute(np.arange(size), size, 3)
    assert (np.abs(np.diff(shuffled)) < size // 100).mean() < 0.03  # 0.02 by chance
    assert abs(np.corrcoef(np.arange(size), shuffled)[0, 1]) < 0.04


def test_fractions_are_even() -> None:
    counts, _ = np.histogram(fraction(3, np.arange(10_000)), bins=10, range=(0, 1))
    assert counts.min() > 880
    assert counts.max() < 1120


@given(
    size=st.integers(1, 200),
    block=st.integers(0, 30),
    window=st.integers(1, 5),
    batch_size=st.integers(5, 40),
    seed=st.integers(0, 2**32),
)
@settings(deadline=None, max_examples=30)
def test_an_epoch_holds_each_clip_once(size: int, block: int, window: int, batch_size: int, seed: int) -> None:
    schedule = Schedule(Order(block=block, window=window), [Part(size)], seed=seed, batch_size=batch_size)
    row = draws(schedule, -(-3 * size // batch_size))
    for epoch in range(3):
        assert np.array_equal(np.sort(row[epoch * size : (epoch + 1) * size]), np.arange(size))


def test_epochs_and_seeds_differ_and_a_later_start_does_not() -> None:
    schedule = Schedule(FREE, [Part(64)], seed=1, batch_size=64)
    assert not np.array_equal(schedule.batch(0), schedule.batch(1))
    assert not np.array_equal(schedule.batch(0), Schedule(FREE, [Part(64)], seed=2, batch_size=64).batch(0))
    fresh = Schedule(FREE, [Part(64)], seed=1, batch_size=64)
    assert np.array_equal(fresh.batch(10**9), schedule.batch(10**9))
    seeds = np.concatenate([schedule.seeds(step) for step in range(100)])
    assert seeds.dtype == np.int64
    assert len(set(seeds.tolist())) == 6400


def test_blocks_are_read_together_and_mixed() -> None:
    stream = Shuffled(1003, key=9, block=10, window=5)
    row = stream.units(np.arange(1003))[:, 0]
    span = row[:43]  # five blocks, with this key the last one of three clips among them
    assert len({index // 10 for index in span.tolist()}) == 5
    assert len({index // 10 for index in row[:10].tolist()}) > 2
    assert not np.array_equal(np.sort(span), span)


@given(
    sizes=st.lists(st.integers(1, 12), min_size=6, max_size=40), batch_size=st.integers(1, 6), seed=st.integers(0, 99)
)
@settings(deadline=None, max_examples=80)
def test_groups_never_meet_and_hardly_any_clip_waits(sizes: list[int], batch_size: int, seed: int) -> None:
    groups = np.repeat(np.arange(len(sizes)), sizes)
    stream = Apart(groups, seed, batch_size)
    row = stream.units(np.arange(2 * stream.per_epoch))[:, 0].reshape(2, -1, batch_size)
    assert all(len(set(groups[batch].tolist())) == batch_size for epoch in row for batch in epoch)
    assert all(len(np.unique(epoch)) == epoch.size for epoch in row)
    if max(sizes) <= stream.batches:
        assert len(groups) - stream.per_epoch < batch_size


def test_waiting_clips_differ_by_epoch() -> None:
    order = Order(grouping=AtMostOnePerGroup())
    schedule = Schedule(order, [Part(11, groups=np.arange(11) // 2)], seed=0, batch_size=4)
    assert set(draws(schedule, 40).tolist()) == set(range(11))


def test_groups_together() -> None:
    groups = np.repeat(np.arange(5), [1, 2, 4, 5, 9])
    order = Order(grouping=PerGroup(clips=4))
    schedule = Schedule(order, [Part(21, groups=groups)], seed=3, batch_size=8)
    units = draws(schedule, 4).reshape(-1, 4)  # 1 + 1 + 1 + 2 + 3 units
    assert all(len(set(groups[unit].tolist())) == 1 for unit in units)
    assert set(units.ravel().tolist()) == set(range(21))
    nines = units[groups[units[:, 0]] == 4]
    assert all(len(set(unit)) == 4 for unit in nines.tolist())
    assert Together(groups, 0, 4).per_epoch == 8


def test_a_mixture_is_exact_and_loses_nothing() -> None:
    parts = [Part(30, weight=3.0), Part(7, weight=1.0), Part(1000, weight=0.5)]
    schedule = Schedule(FREE, parts, seed=5, batch_size=50)
    row = draws(schedule, 60)
    source = np.digitize(row, [30, 37])
    shares = [round(1000 * weight / 4.5) for weight in (3.0, 1.0, 0.5)]
    assert np.bincount(source).tolist() == [3 * share for share in shares]
    assert set(np.bincount(row[source == 1] - 30).tolist()) <= {95, 96}
    assert len(set(source[:50].tolist())) == 3


def test_small_weights_are_not_lost() -> None:
    mixture = Mixture([1e6, 1, 1], key=0)
    assert mixture.shares.tolist() == [998, 1, 1]
    with pytest.raises(UsageError, match="positive"):
        Mixture([1.0, 0.0], key=0)


def test_substitutes_are_drawn_for_the_place_and_new_to_the_batch() -> None:
    schedule = Schedule(FREE, [Part(20)], seed=1, batch_size=4)
    first = list(schedule.substitutes(3, 2))
    assert first == list(Schedule(FREE, [Part(20)], seed=1, batch_size=4).substitutes(3, 2))
    assert first != list(schedule.substitutes(3, 1))
    # What the batch already holds comes last, rather than nothing.
    assert not set(first[:16]) & set(schedule.batch(3).tolist())
    assert set(first[16:]) == set(np.delete(schedule.batch(3), 2).tolist())
    assert len(set(first)) == len(first)


def test_a_substitute_comes_from_the_same_group_first() -> None:
    groups = np.arange(40) // 4
    schedule = Schedule(Order(grouping=PerGroup(4)), [Part(40, groups=groups)], seed=1, batch_size=8)
    batch = schedule.batch(0)
    others = list(schedule.substitutes(0, 1))
    assert set(others[:3]) == set(batch[[0, 2, 3]].tolist())
    assert not set(others[3:11]) & set(batch.tolist())


def test_a_substitute_keeps_groups_apart() -> None:
    groups = np.arange(40) // 4
    schedule = Schedule(Order(grouping=AtMostOnePerGroup()), [Part(40, groups=groups)], seed=1, batch_size=8)
    for position in range(8):
        kept = set(np.delete(groups[schedule.batch(0)], position).tolist())
        others = [int(groups[index]) for index in schedule.substitutes(0, position)]
        assert not kept & set(others[:8])


@pytest.mark.parametrize(
    ("order", "parts", "batch_size", "message"),
    [
        (FREE, [Part(0)], 4, "no recordings"),
        (FREE, [Part(5)], 0, "positive multiple"),
        (Order(grouping=PerGroup(3)), [Part(5)], 4, "multiple of 3"),
        (Order(grouping=AtMostOnePerGroup()), [Part(5, groups=np.zeros(5, int))], 2, "needs 2 groups"),
        (Order(grouping=AtMostOnePerGroup()), [Part(5), Part(5)], 2, "mix of several sources"),
    ],
)
def test_what_cannot_be_filled(order: Order, parts: list[Part], batch_size: int, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Schedule(order, parts, seed=0, batch_size=batch_size)
