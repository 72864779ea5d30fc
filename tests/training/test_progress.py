import io
import math
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import torch

from mmssl.training.board import Board
from mmssl.training.measures import headline, measures, table
from mmssl.training.progress import Pace, Progress
from mmssl.training.readings import Readings

NUMBERS = {"loss": 1.5, "clips_per_second": 10.0, "data_wait": 0.25}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
def test_a_bar_on_a_terminal_and_lines_elsewhere(stream: type[io.StringIO], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", shown := stream())
    with Progress(3, 1) as progress:
        progress.step(2, NUMBERS)
        progress.say("a [line] of its own")
        progress.step(3, NUMBERS)
    assert "a [line] of its own" in shown.getvalue()
    assert "loss 1.5000  10.0 clips/s  waiting 25%" in shown.getvalue()
    assert ("\x1b" in shown.getvalue()) == (stream is Terminal)


def test_the_share_of_waiting_is_between_none_and_all() -> None:
    pace = Pace()
    with pace.waiting():
        sum(range(10_000))
    lap = pace.lap(4)
    assert 0 < lap["data_wait"] <= 1
    assert lap["clips_per_second"] > 0
    assert pace.lap(4)["data_wait"] == 0


def test_intervals_and_chance_stand_beside_their_measure() -> None:
    found = measures({"a/R@1": 0.5, "a/R@1/low": 0.4, "a/R@1/high": 0.6, "a/R@1/chance": 0.01, "b/low": 3.0})
    assert [measure.name for measure in found] == ["a/R@1", "b/low"]
    assert (found[0].low, found[0].high, found[0].chance, found[1].chance) == (0.4, 0.6, 0.01, None)
    assert table({"b": 2.0}).splitlines()[-1] == "| b | 2 |  |  |"


def test_numbers_come_one_step_late_as_means_of_the_steps_batches() -> None:
    readings, one = Readings(), torch.tensor(1.0)
    readings.add(("a",), one, {"rare": one * 5})
    readings.add(("b",), one * 3, {})
    finite, before = readings.push(1, one * 7)
    assert finite
    assert before is None
    readings.add(("c",), one, {})
    finite, first = readings.push(2, one * float("inf"))
    assert not finite
    assert first is not None
    assert (first.step, first.numbers) == (1, {"loss": 2.0, "rare": 5.0, "gradient_norm": 7.0})
    last = readings.flush()
    assert last is not None
    assert last.numbers == {"loss": 1.0, "gradient_norm": float("inf")}
    assert last.fault == "the loss is 1.0, but the norm of its gradient inf, for clips c"
    assert (last.recent, readings.left_out) == (1, [2])
    assert readings.flush() is None


def test_tensorboard_reads_the_curves(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # type: ignore[import-untyped]

    with closing(Board(tmp_path / "tensorboard")) as board:
        for step, value in ((1, 1.5), (2, math.nan), (3, 0.25)):
            board.scalar("train/loss", value, step)
    found = EventAccumulator(str(tmp_path / "tensorboard"))
    found.Reload()
    points = [(event.step, event.value) for event in found.Scalars("train/loss")]
    assert points == [(1, 1.5), (2, pytest.approx(math.nan, nan_ok=True)), (3, 0.25)]


@pytest.mark.fault("R1")
def test_the_second_signal_ends_at_once() -> None:
    program = """
import os, signal
from mmssl.training.signals import Signals
with Signals() as signals:
    os.kill(os.getpid(), signal.SIGTERM)
    print(signals.agreed(), flush=True)
    os.kill(os.getpid(), signal.SIGUSR1)
    print("still here")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.returncode) == ("15\n", -signal.SIGUSR1)


def test_the_line_of_an_evaluation_shows_each_of_them() -> None:
    """One's own, which knows no chance, is not pushed out by a retrieval that does."""
    ranks = {f"held-out/R@{n}{part}": 0.5 for n in range(9) for part in ("", "/chance")}
    numbers = {"held-out/recordings": 7.0, **ranks, "mine/norm": 2.0, "mine/size": 3.0}
    assert [m.name for m in headline(numbers, 4)] == ["held-out/R@0", "held-out/R@1", "mine/norm", "mine/size"]
    assert [m.name for m in headline({"mine/norm": 2.0}, 4)] == ["mine/norm"]
    assert headline({}, 4) == []
