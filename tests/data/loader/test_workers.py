"""Memory that is lent, and workers that are stuck, crash or are killed."""

import itertools
import logging
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from mmssl.batch import Batch
from mmssl.data.clips import OpenClips
from mmssl.data.loader import training_batches
from mmssl.data.order import Order, PerRecording
from mmssl.data.skipped import Skipped
from mmssl.errors import Fault, TrainingError, UsageError

OpenFilms = Callable[..., OpenClips]
Film = Callable[..., Any]


def stream(clips: OpenClips, **options: Any) -> Any:
    return training_batches(clips, **{"batch_size": 6, "seed": 5, **options})


def alike(ones: list[Batch], others: list[Batch]) -> bool:
    pairs = zip(ones, others, strict=True)
    return all(torch.equal(t, getattr(two, name)) for one, two in pairs for name, t in one.tensors())


def workers() -> list[int]:
    def children(pid: int) -> list[int]:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    return [worker for nursery in children(os.getpid()) for worker in children(nursery)]


def test_batches_lie_in_few_places_and_none_is_copied(open_films: OpenFilms, film: Film) -> None:
    places = set()
    for batch in itertools.islice(stream(open_films([film()] * 8), workers=2), 30):
        places.add(batch.video.data_ptr())
        assert batch.video.movedim(2, -1).is_contiguous()
    assert len(places) <= 5


def test_what_somebody_holds_is_never_overwritten(open_films: OpenFilms, film: Film) -> None:
    clips = open_films([film(duration=60.0)] * 40)
    plain = list(itertools.islice(stream(clips), 24))
    held: dict[int, torch.Tensor] = {}
    kept: list[Batch] = []
    for step, batch in enumerate(itertools.islice(stream(clips, workers=2), 24)):
        if step % 3 == 0:
            held[step] = batch.audio[2].view(50, -1)[3]  # a part of a part
        if step % 5 == 0:
            kept.append(batch)
        assert alike([batch], [plain[step]])
    assert alike(kept, plain[::5])
    assert all(torch.equal(part, plain[step].audio[2].view(50, -1)[3]) for step, part in held.items())


def test_a_gradient_holds_what_it_needs(open_films: OpenFilms, film: Film) -> None:
    clips = open_films([film(duration=60.0)] * 40)
    weight = torch.ones(2000, requires_grad=True)
    losses = [(batch.audio * weight).sum() for batch in itertools.islice(stream(clips, workers=1), 8)]
    torch.autograd.backward(torch.stack(losses).sum())
    expected = sum(batch.audio.sum(0) for batch in itertools.islice(stream(clips), 8))
    assert torch.allclose(weight.grad, expected)  # type: ignore[arg-type]


def test_batches_outlive_their_workers(open_films: OpenFilms, film: Film) -> None:
    clips = open_films([film()] * 8)
    batches = stream(clips, workers=1)
    batch = next(batches)
    batches.close()
    assert alike([batch], list(itertools.islice(stream(clips), 1)))


@pytest.mark.fault("M21", "R4", "R5")
@pytest.mark.parametrize(("trouble", "fault"), [("stuck", Fault.TIMEOUT), ("crash", Fault.CORRUPT)])
@pytest.mark.parametrize("count", [1, 2])
def test_a_recording_that_ends_its_worker_counts_as_unreadable(
    open_films: OpenFilms, film: Film, trouble: str, fault: Fault, count: int
) -> None:
    bad = (3, 9)
    order = Order(grouping=PerRecording(2))
    unreadable = open_films([film(fault=Fault.CORRUPT if n in bad else None) for n in range(12)], order=order)
    expected = list(itertools.islice(stream(unreadable), 12))
    films = [film(**{trouble: n in bad}) for n in range(12)]
    ledger = Skipped(limit=1.0)
    clips = open_films(films, order=order, patience=1.5 if trouble == "stuck" else 60.0)
    assert alike(list(itertools.islice(stream(clips, workers=count, skipped=ledger), 12)), expected)
    assert {key: why for key, (why, _) in ledger.reasons.items()} == {"film0003.fake": fault, "film0009.fake": fault}
    plain = Skipped(limit=1.0)
    list(itertools.islice(stream(unreadable, skipped=plain), 12))
    assert (ledger.clips, ledger.failures) == (plain.clips, plain.failures)


@pytest.mark.fault("R4")
def test_workers_that_are_killed_are_replaced_three_times(
    open_films: OpenFilms, film: Film, caplog: pytest.LogCaptureFixture
) -> None:
    clips = open_films([film()] * 40)
    expected = list(itertools.islice(stream(clips), 24))
    batches = stream(clips, workers=2)
    found: list[Batch] = []
    with caplog.at_level(logging.WARNING):
        for number in range(4):
            found += itertools.islice(batches, 6)
            if number < 3:
                os.kill(workers()[number % 2], signal.SIGKILL)
    assert alike(found, expected)
    assert sum("was killed by SIGKILL; another takes its place" in line for line in caplog.messages) == 3
    os.kill(workers()[0], signal.SIGKILL)
    with pytest.raises(TrainingError, match=r"worker process \d+ was killed by SIGKILL, as were 3 before it"):
        list(itertools.islice(batches, 6))


@pytest.mark.fault("R5")
def test_a_worker_that_is_slow_but_moves_is_left_alone(
    open_films: OpenFilms, film: Film, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips = open_films([film()] * 12, patience=1.2)
    decode = clips._open

    def slow(*asked: Any) -> Any:
        time.sleep(0.3)
        return decode(*asked)

    monkeypatch.setattr(clips, "_open", slow)
    before = stream(clips, workers=1)
    next(before)
    (pid,) = workers()
    next(before)
    assert workers() == [pid]


def test_no_patience(open_films: OpenFilms) -> None:
    from mmssl.data.clips import Clips

    with pytest.raises(UsageError, match="patience above 0"):
        Clips(source="nowhere", patience=0.0).open()
