import itertools
import multiprocessing
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
from mmssl.data.loader import evaluation_batches, training_batches
from mmssl.data.skipped import Skipped
from mmssl.data.tokens import HubTokenizer
from mmssl.data.window import EvenWindows
from mmssl.errors import Fault, TrainingError, UsageError

OpenFilms = Callable[..., OpenClips]
Film = Callable[..., Any]


def same(one: Batch, other: Batch) -> bool:
    tensors, others = dict(one.tensors()), dict(other.tensors())
    return (
        one.keys == other.keys
        and tensors.keys() == others.keys()
        and all(torch.equal(tensors[name], others[name]) for name in tensors)
    )


def take(clips: OpenClips, count: int, **options: Any) -> list[Batch]:
    options = {"batch_size": 6, "seed": 5, **options}
    return list(itertools.islice(training_batches(clips, **options), count))


def test_neither_workers_nor_the_first_step_change_a_batch(open_films: OpenFilms, film: Film) -> None:
    clips = open_films([film(fault=Fault.CORRUPT if number in (3, 11) else None) for number in range(40)])
    unbroken = take(clips, 10)
    for workers in (1, 2, 9):
        assert all(map(same, unbroken, take(clips, 10, workers=workers)))
    for workers in (0, 2):
        assert all(map(same, unbroken[7:], take(clips, 3, start=7, workers=workers)))


def test_shapes_and_contents(open_films: OpenFilms, film: Film) -> None:
    batch = take(open_films([film()] * 8), 1)[0]
    assert batch.video.shape == (6, 4, 3, 8, 8)
    assert batch.video.dtype == torch.uint8
    assert batch.audio.shape == (6, 2000)
    assert batch.text.tolist() == [[[1, 2, 4, -1]]] * 6
    assert batch.text_valid.all()
    assert "video_valid" not in batch
    assert batch.video_times.dtype == batch.start.dtype == torch.float64
    assert batch.video[:, 0, 0, 0, 0].tolist() == batch.index.tolist()
    # The sound begins where the clip does, and the pictures lie within it.
    assert torch.allclose(batch.audio[:, 0].double(), batch.start, atol=1e-6)
    inside = batch.video_times - batch.start[:, None]
    assert ((inside > 0.25 - 0.04 - 1e-9) & (inside < 2)).all()


def test_two_processes_have_the_rows_of_one(open_films: OpenFilms, film: Film) -> None:
    clips = open_films([film()] * 20)
    whole = take(clips, 4)
    halves = [take(clips, 4, rank=rank, world=2) for rank in (0, 1)]
    for step in range(4):
        assert same(whole[step][:3], halves[0][step])
        assert same(whole[step][3:], halves[1][step])


def test_the_global_generator_is_left_alone(open_films: OpenFilms, film: Film) -> None:
    before = torch.get_rng_state()
    take(open_films([film()] * 8), 2, workers=1)
    assert torch.equal(before, torch.get_rng_state())


def test_a_bad_recording_is_replaced_counted_and_named_once(open_films: OpenFilms, film: Film, tmp_path: Path) -> None:
    clips = open_films([film(fault=Fault.TRUNCATED if number == 2 else None) for number in range(12)])
    skipped = Skipped(tmp_path, limit=0.5)
    batches = take(clips, 6, skipped=skipped)
    assert all(len(batch) == 6 and 2 not in batch.index for batch in batches)
    assert skipped.failures >= 3
    assert skipped.clips == 36 + skipped.failures
    assert list(skipped.reasons) == ["film0002.fake"]
    assert len((tmp_path / "skipped.jsonl").read_text().splitlines()) == 1
    assert skipped.summary()[0] == "1 recordings could not be read"


def test_too_many_bad_recordings_stop_the_run(open_films: OpenFilms, film: Film) -> None:
    clips = open_films([film(fault=Fault.CORRUPT if number % 4 == 0 else None) for number in range(40)])
    with pytest.raises(TrainingError, match=r"more than the limit of 10\.0%"):
        take(clips, 100, skipped=Skipped(limit=0.1))


@pytest.mark.parametrize("workers", [0, 1])
def test_nothing_readable_stops_at_once(open_films: OpenFilms, film: Film, workers: int) -> None:
    clips = open_films([film(fault=Fault.MISSING)] * 8)
    with pytest.raises(TrainingError, match="no clip can be read in place of film"):
        take(clips, 1, workers=workers)


def test_an_error_of_the_code_ends_the_worker(
    open_films: OpenFilms, film: Film, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    clips = open_films([film()] * 8)
    monkeypatch.setattr(clips, "decode", lambda *_: dict[str, int]()["absent"])
    with pytest.raises(TrainingError, match="ended with status 1"):
        take(clips, 1, workers=1)
    assert "KeyError: 'absent'" in capfd.readouterr().err


def test_a_mistake_of_the_user_arrives_as_it_is(open_films: OpenFilms, film: Film) -> None:
    clips = open_films([film()] * 8, tokenizer=HubTokenizer("/absent"))
    with pytest.raises(UsageError, match="no tokenizer there"):
        take(clips, 1, workers=2)


def test_workers_end_with_the_iterator(open_films: OpenFilms, film: Film) -> None:
    batches: Any = training_batches(open_films([film()] * 8), batch_size=4, seed=0, workers=2)
    next(batches)
    pids = workers_of(os.getpid())
    assert len(pids) == 2
    batches.close()
    assert not multiprocessing.active_children()
    assert not any(map(running, pids))


def test_workers_end_when_the_trainer_is_killed(open_films: OpenFilms, film: Film) -> None:
    clips = open_films([film()] * 8)
    ours, theirs = multiprocessing.Pipe()

    def train() -> None:
        streams = [training_batches(clips, batch_size=4, seed=0, workers=2) for _ in range(2)]
        for stream in streams:
            next(stream)
        theirs.send(workers_of(os.getpid()))
        os.kill(os.getpid(), signal.SIGKILL)

    trainer = multiprocessing.get_context("fork").Process(target=train)
    trainer.start()
    pids = ours.recv()
    trainer.join()
    assert len(pids) == 4
    until = time.monotonic() + 20
    while any(running(pid) for pid in pids):
        assert time.monotonic() < until, "workers outlive their trainer"
        time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_workers_go_on_when_the_whole_group_is_told_to_stop(
    open_films: OpenFilms, film: Film, number: signal.Signals
) -> None:
    batches = training_batches(open_films([film()] * 8), batch_size=4, seed=0, workers=2)
    next(batches)
    for pid in [*workers_of(os.getpid()), *children(os.getpid())]:
        os.kill(pid, number)
    for _ in range(6):
        next(batches)


def test_a_trainer_that_leaves_its_batches_open_ends(open_films: OpenFilms, film: Film) -> None:
    clips = open_films([film()] * 8)
    left: list[Any] = []

    def train() -> None:
        left.append(training_batches(clips, batch_size=4, seed=0, workers=2))
        next(left[0])

    trainer = multiprocessing.get_context("fork").Process(target=train)
    trainer.start()
    trainer.join(20)
    assert trainer.exitcode == 0


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def workers_of(trainer: int) -> list[int]:
    # The trainer's children are those that start workers.
    return [worker for nursery in children(trainer) for worker in children(nursery)]


def running(pid: int) -> bool:
    # An orphan that has ended stays a zombie where nothing adopts it.
    stat = Path(f"/proc/{pid}/stat")
    return stat.is_file() and stat.read_text().rpartition(")")[2].split()[0] not in "ZX"


@pytest.mark.gpu
@pytest.mark.parametrize("workers", [0, 2])
def test_pinned_batches(open_films: OpenFilms, film: Film, workers: int) -> None:
    torch.zeros(1, device="cuda")  # forked after CUDA is in use, as in training
    clips = open_films([film()] * 8)
    pinned, plain = take(clips, 3, workers=workers, pin=True), take(clips, 3)
    assert all(map(same, pinned, plain))
    assert all(tensor.is_pinned() for batch in pinned for _, tensor in batch.tensors())


def test_sizes_that_do_not_fit(open_films: OpenFilms, film: Film) -> None:
    clips = open_films([film()] * 8)
    with pytest.raises(UsageError, match="must divide by the 4 processes"):
        take(clips, 1, world=4)
    with pytest.raises(UsageError, match="no recordings"):
        take(open_films([]), 1)


@pytest.mark.parametrize("workers", [0, 2])
def test_evaluation_sees_each_once_and_leaves_out_the_bad(open_films: OpenFilms, film: Film, workers: int) -> None:
    clips = open_films([film(fault=Fault.EMPTY if number in (0, 1, 5) else None) for number in range(9)])
    skipped = Skipped(limit=1.0)
    batches = list(evaluation_batches(clips, 2, workers=workers, skipped=skipped))
    assert [batch.index.tolist() for batch in batches] == [[2, 3], [4], [6, 7], [8]]
    assert all((batch.start == 2.0).all() for batch in batches)
    assert len(skipped.reasons) == 3


def test_evaluation_of_long_recordings(open_films: OpenFilms, film: Film) -> None:
    clips = open_films([film()] * 2, window=EvenWindows(3))
    (batch,) = evaluation_batches(clips, 10)
    assert batch.index.tolist() == [0, 0, 0, 1, 1, 1]
    assert batch.start.tolist() == [0.0, 2.0, 4.0] * 2
