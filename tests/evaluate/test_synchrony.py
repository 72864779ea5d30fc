"""Offsets on held-out films: every moved copy is told, a blind or a constant model is at chance."""

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor

from benchmarks.flicker import FPS, RATE, flicker, reader
from mmssl.batch import Batch
from mmssl.data.clips import Clips
from mmssl.data.decode.decord import DecordReader
from mmssl.data.recordings import Recording
from mmssl.errors import EvaluationError, UsageError
from mmssl.evaluate.shifted import with_offset, with_other_pictures
from mmssl.evaluate.sync_numbers import Volumes, judged
from mmssl.evaluate.sync_truth import Late, OffsetFile, WorldOffset
from mmssl.evaluate.synchrony import SHIFTS, SYNCHRONY, Synchronizer, Synchrony
from mmssl.objective import Objective
from mmssl.objectives.synchrony.sync_net import SyncNet

SECONDS = 3.0


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve, of which the last three are 0.12 s late."""
    folder = tmp_path_factory.mktemp("flicker")
    for number in range(12):
        flicker(folder / f"{number:02d}.mp4", SECONDS + 0.2, 0.12 if number > 8 else 0.0, number)
    lines = [f"{number:02d},{0.12 if number > 8 else 0.0}" for number in range(12)]
    (folder / "offsets.csv").write_text("file,offset\n" + "\n".join(lines))
    return folder


def clips(films: Path, **changed: object) -> Clips:
    settings = {"seconds": SECONDS, "frames": round(FPS * SECONDS), "pixels": 16, "captions": 0, "sample_rate": RATE}
    return Clips(source=str(films / "*.mp4"), **(settings | changed))  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def numbers(films: Path) -> Mapping[str, float]:
    truth = OffsetFile(str(films / "offsets.csv"))
    return Synchrony(clips=clips(films), truth=truth, each=4, batch_size=5)(reader())


def test_every_offset_is_told(numbers: Mapping[str, float]) -> None:
    for name in ("as-it-is", "shifted"):
        assert numbers[f"synchrony/{name}/Acc@1/all"] == 1
        assert numbers[f"synchrony/{name}/Acc@1/10"] == 1
        assert numbers[f"synchrony/{name}/Acc@+-1/all/chance"] == pytest.approx(3 / 31)
        assert numbers[f"synchrony/{name}/bias"] == 0
        assert numbers[f"synchrony/{name}/certain"] == 1
        assert numbers[f"synchrony/{name}/AUC"] > 0.99
        assert numbers[f"synchrony/{name}/LSE-D"] < 0.2 < numbers[f"synchrony/{name}/LSE-C"]
    assert numbers["synchrony/as-it-is/clips"] == 12
    assert numbers["synchrony/shifted/clips"] == 12
    assert numbers["synchrony/shifted/copies"] == 48
    assert numbers["synchrony/coverage"] == 1


def test_pictures_of_another_film_are_chance(numbers: Mapping[str, float]) -> None:
    assert numbers["synchrony/blind/Acc@+-1/1"] < 0.25
    assert numbers["synchrony/blind/Acc@1/1/low"] <= 1 / 31 <= numbers["synchrony/blind/Acc@1/1/high"]
    assert numbers["synchrony/blind/certain"] < 0.1
    assert 0.3 < numbers["synchrony/blind/AUC"] < 0.7


class Constant(SyncNet):
    """All distances are equal."""

    def sync_distances(self, batch: Batch, reach: int) -> Tensor:
        return super().sync_distances(batch, reach) * 0 + 1


def test_a_constant_model_is_at_chance_on_every_side(films: Path) -> None:
    constant = reader()
    constant.__class__ = Constant
    found = Synchrony(clips=clips(films), limit=4)(constant)
    for name in ("as-it-is", "shifted", "blind"):
        assert found[f"synchrony/{name}/Acc@1/10"] == pytest.approx(1 / 31)
        assert found[f"synchrony/{name}/AUC"] == pytest.approx(0.5)
        assert found[f"synchrony/{name}/certain"] == 0


@pytest.mark.parametrize("shift", [*SHIFTS, 0.013, -0.37])
def test_a_copy_holds_what_was_decoded_at_its_times(shift: float) -> None:
    rate, total, seconds = 1000, 3.0, 2.6
    samples = torch.arange(3000).float().expand(2, -1)
    batch = Batch(
        video=torch.arange(75, dtype=torch.uint8)[None, :, None, None, None].expand(2, -1, 3, 2, 2),
        video_times=(10 + torch.arange(75, dtype=torch.float64) / 25).expand(2, -1),
        audio=samples,
        start=torch.full((2,), 10.0, dtype=torch.float64),
        group=torch.arange(2),
        index=torch.arange(2),
        seed=torch.arange(2),
        keys=("a", "b"),
    )
    cut = with_offset(batch, torch.tensor([shift, 0.0]), total=total, seconds=seconds, sample_rate=rate)
    assert cut.video.shape[1] == 65
    assert cut.audio.shape[1] == 2600
    assert (cut.video[0, :, 0, 0, 0].diff() == 1).all()
    assert (cut.audio[0].diff() == 1).all(), "one piece of what was decoded: nothing is rolled or padded"
    assert cut.video_times[0, 0].item() == pytest.approx(cut.start[0].item())
    heard = 10 + cut.audio[0, 0].item() / rate  # second of the recording that sounds at the clip's start
    assert cut.start[0].item() - heard == pytest.approx(shift, abs=1e-3)


def test_other_pictures_come_from_another_group() -> None:
    batch = Batch(
        video=torch.arange(4, dtype=torch.uint8)[:, None, None, None, None].expand(-1, 2, 3, 1, 1),
        video_times=torch.tensor([[0.0, 1], [5, 6], [7, 8], [9, 10]], dtype=torch.float64),
        audio=torch.zeros(4, 5),
        start=torch.tensor([0.0, 5, 7, 9], dtype=torch.float64),
        group=torch.tensor([1, 1, 2, 2]),
        keys=tuple("abcd"),
    )
    other, there = with_other_pictures(batch)
    assert other.video[:, 0, 0, 0, 0].tolist() == [2, 2, 0, 0]
    assert there.all()
    torch.testing.assert_close(other.video_times - other.start.unsqueeze(1), torch.tensor([[0.0, 1]] * 4).double())


def test_what_it_refuses(films: Path) -> None:
    class Plain(Objective):
        def __init__(self) -> None:
            super().__init__(dict(reader().encoders.items()), {})  # type: ignore[arg-type]

    assert isinstance(reader(), Synchronizer)
    assert SYNCHRONY.suits(reader())
    assert not SYNCHRONY.suits(Plain())
    with pytest.raises(UsageError, match="Plain cannot tell offsets"):
        Synchrony(clips=clips(films))(Plain())
    with pytest.raises(UsageError, match=r"a picture every 0\.04 s"):
        Synchrony(clips=clips(films, frames=30))(reader())
    with pytest.raises(UsageError, match="at least"):
        Synchrony(clips=clips(films, seconds=1.0, frames=25))(reader())
    with pytest.raises(UsageError, match="synchronous"):
        Synchrony(clips=clips(films, reader=DecordReader()))(reader())
    nowhere = Synchrony(clips=clips(films), truth=lambda recording: None, limit=2)
    with pytest.raises(EvaluationError, match="known offset"):
        nowhere(reader())


def test_infinite_distances_are_named(films: Path) -> None:
    broken = reader()
    broken.encoders["audio"].register_forward_hook(lambda module, given, made: made + float("inf"))
    with pytest.raises(EvaluationError, match=r"such as 00"):
        Synchrony(clips=clips(films), limit=2)(broken)


def test_a_whole_period_more_is_as_right(films: Path) -> None:
    """A film that repeats every 0.2 s: 13 of the 31 shifts fit as well as the true one, or one step beside."""

    class Periodic(SyncNet):
        def sync_distances(self, batch: Batch, reach: int) -> Tensor:
            made = super().sync_distances(batch, reach)
            return made.index_select(2, torch.arange(2 * reach + 1).roll(5))  # five steps: 0.2 s

    periodic = reader()
    periodic.__class__ = Periodic
    found = Synchrony(clips=clips(films), truth=lambda recording: Late(0.0, 0.2), limit=4)(periodic)
    assert found["synchrony/as-it-is/Acc@+-1/all"] == 0
    assert found["synchrony/as-it-is/Acc@+-1-or-periods/all"] == 1
    assert found["synchrony/as-it-is/Acc@+-1-or-periods/all/chance"] == pytest.approx(19 / 31)
    assert "synchrony/blind/Acc@+-1-or-periods/10" in found


def test_copies_of_a_clip_are_drawn_together() -> None:
    """Twenty copies of each of two clips, one always right, one never: the interval is that of two clips."""
    distances = torch.ones(40, 10, 5)
    distances[:, :, 2] = 0
    half = torch.arange(40) // 20
    numbers = judged("x", Volumes(distances, 2 * half, torch.full((40,), torch.inf), half), 0.04)
    told = [numbers[f"synchrony/x/Acc@+-1/all{end}"] for end in ("", "/low", "/high")]
    assert told == [0.5, 0, 1]
    assert "synchrony/x/Acc@1/25" not in numbers, "clips of ten windows have no run of 25"


def test_one_recording_has_no_other_pictures(films: Path) -> None:
    found = Synchrony(clips=clips(films), limit=1)(reader())
    assert found["synchrony/shifted/Acc@1/all"] == 1
    assert not [name for name in found if "blind" in name]


def test_truths(tmp_path: Path) -> None:
    assert WorldOffset()(Recording("real", "mp4")) == Late(0.0)
    path = tmp_path / "offsets.csv"
    path.write_text("file,offset\na,0.2\n")
    assert OffsetFile(str(path))(Recording("folder/a", "mp4")) == Late(0.2)
    assert OffsetFile(str(path))(Recording("b", "mp4")) is None
    path.write_text("name,offset\na,0.2\n")
    with pytest.raises(UsageError, match="columns file and offset"):
        OffsetFile(str(path))(Recording("a", "mp4"))
    with pytest.raises(UsageError, match="cannot read"):
        OffsetFile(str(tmp_path / "none.csv"))(Recording("a", "mp4"))
