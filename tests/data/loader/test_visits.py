"""All clips of a recording at once are those of each alone."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest
import torch

from mmssl.batch import Batch
from mmssl.data.clips import OpenClips
from mmssl.data.loader import evaluation_batches, training_batches
from mmssl.data.order import Order, PerGroup, PerRecording
from mmssl.data.skipped import Skipped
from mmssl.data.watch import Watch
from mmssl.data.window import At, EvenWindows
from mmssl.errors import Fault, MediaError

OpenFilms = Callable[..., OpenClips]
Film = Callable[..., Any]


def take(clips: OpenClips, count: int, **options: Any) -> list[Batch]:
    return list(itertools.islice(training_batches(clips, **{"batch_size": 12, "seed": 3, **options}), count))


def test_clips_of_a_visit_are_those_of_each_alone(open_films: OpenFilms, film: Film) -> None:
    clips = open_films([film(duration=30.0), film(), film(duration=1.0)], window=EvenWindows(5), require=())
    asked = [(index, seed) for seed, index in enumerate([3, 9, 0, 4, 12, 2, 3, 7])]
    together = clips.decode(asked, Watch())
    opened: Any = clips.settings.reader
    assert opened.opened == ["film0000.fake", "film0001.fake", "film0002.fake"]
    for (index, seed), clip in zip(asked, together, strict=True):
        if index == 12:
            assert isinstance(clip, MediaError)
            assert clip.fault == Fault.TOO_SHORT
            continue
        alone = clips.clip(index, seed)
        for name, value in vars(alone).items():
            found = getattr(clip, name)
            assert torch.equal(found, value) if isinstance(value, torch.Tensor) else found == value


def test_a_broken_window_leaves_the_others(open_films: OpenFilms, film: Film) -> None:
    clips = open_films([film(duration=20.0, broken_from=10.0)], window=At((2.0, 12.0, 5.0)))
    results = clips.decode([(0, 0), (1, 0), (2, 0)], Watch())
    assert [isinstance(result, MediaError) for result in results] == [False, True, False]


def test_several_places_of_each_recording(open_films: OpenFilms, film: Film) -> None:
    films = [film(duration=60.0, fault=Fault.CORRUPT if number == 4 else None) for number in range(12)]
    clips = open_films(films, order=Order(grouping=PerRecording(4)))
    batches = take(clips, 8)
    opened: Any = clips.settings.reader
    assert len(opened.opened) < 8 * 3 + 40
    for batch in batches:
        units = batch.index.reshape(3, 4)
        assert (units == units[:, :1]).all()
        assert all(len(set(starts)) == 4 for starts in batch.start.reshape(3, 4).tolist())
        assert len(set(batch.group.tolist())) == 3
    epoch = torch.cat([batch.index.reshape(3, 4)[:, 0] for batch in batches[:4]])
    assert set(epoch.tolist()) == set(range(12)) - {4}


@pytest.mark.parametrize("grouping", [PerRecording(4), PerGroup(3)])
def test_visits_are_alike_whoever_makes_them(open_films: OpenFilms, film: Film, grouping: PerGroup) -> None:
    films = [film(fault=Fault.CORRUPT if number == 4 else None, group=f"g{number % 3}") for number in range(12)]
    clips = open_films(films, order=Order(grouping=grouping), window=EvenWindows(2))
    ledgers = [Skipped(limit=1.0) for _ in range(4)]
    alone = take(clips, 6, skipped=ledgers[0])
    for workers, ledger in zip((1, 2, 5), ledgers[1:], strict=True):
        for one, other in zip(alone, take(clips, 6, workers=workers, skipped=ledger), strict=True):
            assert all(torch.equal(tensor, getattr(other, name)) for name, tensor in one.tensors())
    assert len({(ledger.clips, ledger.failures) for ledger in ledgers}) == 1
    ranks = [take(clips, 6, rank=rank, world=2, workers=1) for rank in (0, 1)]
    for whole, first, second in zip(alone, *ranks, strict=True):
        assert torch.equal(whole.video, torch.cat([first.video, second.video]))


def test_evaluation_does_not_part_the_windows_of_a_recording(open_films: OpenFilms, film: Film) -> None:
    clips = open_films([film()] * 5, window=EvenWindows(3))
    batches = list(evaluation_batches(clips, 8))
    assert [len(batch) for batch in batches] == [6, 6, 3]
    opened: Any = clips.settings.reader
    assert len(opened.opened) == 5
    assert torch.cat([batch.index for batch in batches]).tolist() == [number for number in range(5) for _ in range(3)]
