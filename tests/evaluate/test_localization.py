"""Localization scores of heat maps that are known."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from mmssl.batch import Batch
from mmssl.data.clips import Clips
from mmssl.data.recordings import Recording
from mmssl.errors import EvaluationError, UsageError
from mmssl.evaluate.evidence import at_frames
from mmssl.evaluate.framing import Box
from mmssl.evaluate.localization import Localization
from mmssl.evaluate.sounds import another, noise, silence
from mmssl.evaluate.truth import Sounding
from mmssl.objective import Objective

MakeClips = Callable[..., Clips]
MakeObjective = Callable[..., Objective]
GRID = 8


@dataclass(frozen=True)
class Boxes:
    """One box a recording, by its number; a number that is not here is unknown."""

    boxes: dict[int, tuple[Box, ...]]

    def __call__(self, recording: Recording, times: Sequence[float]) -> Sequence[Sounding | None]:
        boxes = self.boxes.get(int(recording.key[-3:]))
        return [None if boxes is None else Sounding(boxes)] * len(times)


# A quarter of the picture each, in turns at the four corners.
CORNERS: list[Box] = [(0, 0, 0.5, 0.5), (0.5, 0, 1, 0.5), (0, 0.5, 0.5, 1), (0.5, 0.5, 1, 1)]
QUARTERS = Boxes({number: (CORNERS[number % 4],) for number in range(12)})


def spots(number: int) -> Tensor:
    """`[GRID, GRID]`, 1 at the middle of that recording's corner and falling to the sides."""
    left, top, right, bottom = CORNERS[number % 4]
    axis = (torch.arange(GRID) + 0.5) / GRID
    distance = (axis.unsqueeze(1) - (top + bottom) / 2) ** 2 + (axis - (left + right) / 2) ** 2
    return torch.exp(-4 * distance)


def heard(batch: Batch) -> Tensor:
    """Right maps for a clip's own sound (0.1 throughout), weak ones without a peak for anything else."""
    maps = torch.stack([spots(int(number)) for number in batch.index]).unsqueeze(1).repeat(1, 2, 1, 1)
    own = (batch.audio == 0.1).all(1)
    return torch.where(own[:, None, None, None], maps, maps * 0.1)


def test_perfect_maps(memory_clips: MakeClips, given: MakeObjective) -> None:
    objective = given(heard, video=torch.eye(12), audio=torch.eye(12))
    numbers = Localization(clips=memory_clips(12), truth=QUARTERS, size=64, batch_size=5)(objective)
    assert numbers["localization/pointing"] == numbers["localization/pointing/low"] == 1
    assert numbers["localization/pointing/chance"] == 0.25
    assert numbers["localization/center/pointing"] == 0.25
    assert numbers["localization/constant/pointing"] == 0.25
    # A quarter inside the predicted half: cIoU is 2a.
    assert numbers["localization/cIoU"] == pytest.approx(0.5, abs=0.02)
    assert numbers["localization/constant/cIoU"] == 0.25
    assert numbers["localization/large/pointing"] == 1
    assert not any(name.startswith("localization/small") for name in numbers)
    assert numbers["localization/frames"] == 48
    assert numbers["localization/clips"] == 12


def test_silent_negatives_and_the_universal_threshold(memory_clips: MakeClips, given: MakeObjective) -> None:
    clips = memory_clips(12)
    objective = given(heard, video=torch.eye(12), audio=torch.eye(12))
    # All recordings sound alike here, so "other" is heard like one's own; silence and noise are not.
    numbers = Localization(clips=clips, truth=QUARTERS, size=64)(objective)
    assert numbers["localization/detection/AUC"] == pytest.approx(5 / 6, abs=0.01)
    # Of 12 x 4 right frames and 5/3 as many like them: all that is confident is right in 1 of 2 cases.
    assert numbers["localization/detection/AP-pointing"] == pytest.approx(0.5, abs=0.01)
    assert numbers["localization/universal/max/pIA"] == pytest.approx(0, abs=0.01)
    assert numbers["localization/universal/Q3/F"] >= 0
    alarms = {
        name: numbers[f"localization/false-alarms/{name}"] for name in ("found", "silence", "noise", "other-sound")
    }
    assert alarms == {"found": 1, "silence": 0, "noise": 0, "other-sound": 1}
    assert "localization/false-alarms/off-screen" not in numbers

    def deaf(batch: Batch) -> Tensor:
        return torch.stack([spots(int(number)) for number in batch.index]).unsqueeze(1)

    same = Localization(clips=clips, truth=QUARTERS, size=64)(given(deaf, video=torch.eye(12), audio=torch.eye(12)))
    assert same["localization/detection/AUC"] == pytest.approx(0.5, abs=0.01)
    assert same["localization/pointing"] == same["localization/other-sound/pointing"] == 1


def test_own_sound_without_a_source_in_view_is_a_negative(memory_clips: MakeClips, given: MakeObjective) -> None:
    objective = given(heard, video=torch.eye(12), audio=torch.eye(12))
    some = Boxes({number: (CORNERS[number % 4],) if number % 3 else () for number in range(12)})
    numbers = Localization(clips=memory_clips(12), truth=some, size=64)(objective)
    assert numbers["localization/false-alarms/off-screen"] == 1
    assert numbers["localization/clips"] == 8


def test_constant_and_broken_maps(memory_clips: MakeClips, given: MakeObjective) -> None:
    encoders = {"video": torch.eye(12), "audio": torch.eye(12)}
    flat = given(lambda batch: torch.zeros(len(batch), 1, 3, 3), **encoders)
    numbers = Localization(clips=memory_clips(12), truth=QUARTERS, size=64)(flat)
    assert numbers["localization/pointing"] == numbers["localization/pointing/chance"] == 0.25
    broken = given(lambda batch: torch.full((len(batch), 1, 3, 3), torch.nan), **encoders)
    with pytest.raises(EvaluationError, match="NaN"):
        Localization(clips=memory_clips(12), truth=QUARTERS, size=64)(broken)


def test_boxes_go_through_the_crop(memory_clips: MakeClips, given: MakeObjective) -> None:
    # Films twice as wide as high: the clip shows x in [0.25, 0.75]. The peak is at the left of the clip.
    def left(batch: Batch) -> Tensor:
        maps = torch.zeros(len(batch), 1, 4, 4)
        maps[..., 1, 0] = 1
        return maps

    objective = given(left, video=torch.eye(3), audio=torch.eye(3))
    clips = memory_clips(3, size=(128, 64))
    seen = Boxes({0: ((0.25, 0, 0.4, 1),), 1: ((0, 0, 0.2, 1),), 2: ((0.6, 0, 0.75, 1),)})
    numbers = Localization(clips=clips, truth=seen, size=64)(objective)
    assert numbers["localization/clips"] == 2  # what sounds in clip 1 was cropped away
    assert numbers["localization/pointing"] == 0.5


def test_nothing_known_or_no_sound(memory_clips: MakeClips, given: MakeObjective) -> None:
    objective = given(heard, video=torch.eye(12), audio=torch.eye(12))
    with pytest.raises(EvaluationError, match="nothing says where"):
        Localization(clips=memory_clips(4))(objective)
    with pytest.raises(EvaluationError, match="nothing in view sounds"):
        Localization(clips=memory_clips(4), truth=Boxes(dict.fromkeys(range(4), ())))(objective)
    with pytest.raises(UsageError, match="needs audio"):
        Localization(clips=memory_clips(4, sample_rate=0))(objective)


def test_frames_between_maps() -> None:
    heat = torch.tensor([0.0, 1.0]).reshape(1, 2, 1, 1)
    assert at_frames(heat, 4).flatten().tolist() == [0, 0.25, 0.75, 1]
    assert at_frames(heat, 2) is heat


def test_other_sounds() -> None:
    batch = Batch(
        audio=torch.arange(4.0).unsqueeze(1).repeat(1, 1000) / 10,
        group=torch.tensor([7, 7, 8, 9]),
        seed=torch.arange(4),
        keys=("a", "b", "c", "d"),
    )
    audio, made = another(batch)
    assert audio[:, 0].tolist() == pytest.approx([0.2, 0.2, 0.3, 0.0])
    assert made.all()
    assert not another(batch[:2])[1].any()
    assert not silence(batch)[0].any()
    level = noise(batch)[0].square().mean(1).sqrt()
    assert level.tolist() == pytest.approx([0.05, 0.1, 0.2, 0.3], rel=0.1)
