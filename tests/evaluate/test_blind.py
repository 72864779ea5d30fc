"""Answers that never heard the sound, and the one threshold that is fixed on other recordings."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from mmssl.batch import Batch
from mmssl.data.clips import Clips
from mmssl.errors import EvaluationError
from mmssl.evaluate.evidence import BLIND, SOUNDS, Evidence
from mmssl.evaluate.localization import Localization
from mmssl.evaluate.maps import box_mask
from mmssl.evaluate.one_threshold import Split, fixed_ciou
from mmssl.evaluate.saliency import moving, salient
from mmssl.objective import Objective

MakeClips = Callable[..., Clips]
MakeObjective = Callable[..., Objective]


def peak(heat: Tensor) -> tuple[float, float]:
    row, column = divmod(int(heat.argmax()), heat.shape[1])
    return (column + 0.5) / heat.shape[1], (row + 0.5) / heat.shape[0]


def test_the_odd_one_out_draws_the_eye() -> None:
    # A ground that repeats itself, and a disk that does not.
    axis = torch.arange(112)
    picture = (120 + 60 * torch.sin(axis / 3).unsqueeze(1) * torch.cos(axis / 2)).byte().expand(1, 3, 112, 112).clone()
    picture[0, :, ((axis.unsqueeze(1) - 77) ** 2 + (axis - 27) ** 2) < 64] = 255
    assert peak(salient(picture)[0]) == pytest.approx((27 / 112, 77 / 112), abs=0.07)
    assert salient(torch.zeros(2, 3, 30, 50, dtype=torch.uint8)).isfinite().all()


def test_what_moves() -> None:
    video = torch.zeros(1, 5, 3, 56, 56, dtype=torch.uint8)
    video[0, :, :, 4:10, 4:10] = 255  # it stands still
    for time in range(5):
        video[0, time, :, 40:46, 6 * time : 6 * time + 6] = 200
    found = moving(video)
    assert found.shape == (1, 5, 28, 28)
    for time in range(5):
        across, down = peak(found[0, time])
        assert down == pytest.approx(43 / 56, abs=0.06)
        assert abs(across - (6 * time + 3) / 56) < 0.17
    assert not found[0, :, 2:5, 2:5].any()
    assert not moving(video[:, :1]).any()


def evidence(levels: list[float], groups: list[int]) -> Evidence:
    """Maps whose right place is at a level of their own, on a ground of 0."""
    truth = box_mask([(0.25, 0.25, 0.75, 0.75)], 32).expand(len(levels), 32, 32)
    maps = truth.float() * torch.tensor(levels)[:, None, None]
    silent = dict.fromkeys(SOUNDS, maps * 0.1)
    numbers = torch.arange(len(levels))
    blind = dict.fromkeys(BLIND, torch.zeros_like(maps))
    return Evidence({"own": maps, **silent}, blind, truth, numbers, torch.tensor(groups), len(levels))


def judge(split: Split, name: str = "own") -> Tensor:
    return fixed_ciou(split.evidence.heat[name], torch.ones(len(split.half)).bool(), split)


def test_the_threshold_is_fixed_on_others() -> None:
    # Groups 0 and 2 shine at 1, groups 1 and 3 at 0.2: a threshold that is best on one half misses the other or not.
    shared = evidence([1.0, 1.0, 1.0, 1.0], [0, 1, 2, 3])
    assert judge(Split.of(shared)).tolist() == [1, 1, 1, 1]
    unequal = evidence([1.0, 0.2, 1.0, 0.2], [0, 1, 2, 3])
    found = judge(Split.of(unequal))
    assert found.min() < 1  # nothing of a map is above the other half's level, or all of it is
    flattered = judge(Split(unequal, torch.tensor([0, 1, 0, 1]), (0, 1)))
    torch.testing.assert_close(found, flattered)


def test_validation_recordings_fix_it_and_are_not_judged() -> None:
    test, validation = evidence([0.3, 0.3, 0.3], [0, 0, 1]), evidence([1.0, 1.0], [0, 1])
    split = Split.of(test, validation)
    assert split.asked.tolist() == [False, False, True, True, True]
    found = judge(split)
    assert found[:2].isnan().all()
    assert (found[2:] <= 1).all()
    numbers = Localization(clips=None, size=32).judged(test, validation)  # type: ignore[arg-type]
    alone = Localization(clips=None, size=32).judged(test)  # type: ignore[arg-type]
    for name in ("pointing", "cIoU", "center/cIoU", "frames", "clips", "coverage"):
        assert numbers[f"localization/{name}"] == alone[f"localization/{name}"]
    # What is negative there reaches 0.1, here 0.03: the threshold is theirs.
    assert numbers["localization/universal/max/threshold"] == pytest.approx(0.1)
    assert alone["localization/universal/max/threshold"] == pytest.approx(0.03)


def test_every_answer_stands_beside_the_blind_ones(memory_clips: MakeClips, given: MakeObjective) -> None:
    from mmssl.evaluate.truth import Sounding

    def truth(recording: object, times: list[float]) -> list[Sounding]:
        return [Sounding(((0, 0, 0.5, 0.5),))] * len(times)

    objective = given(lambda batch: torch.rand(len(batch), 2, 4, 4), video=torch.eye(8), audio=torch.eye(8))
    numbers = Localization(clips=memory_clips(8), truth=truth, size=32)(objective)  # type: ignore[arg-type]
    for who in ("", "center/", "constant/", *(f"{name}/" for name in (*BLIND, *SOUNDS))):
        for metric in ("pointing", "cIoU", "cIoU@fixed", "success@0.5", "AUC"):
            for part in ("", "/low", "/high"):
                assert f"localization/{who}{metric}{part}" in numbers
    bare = {"threshold", "frames", "clips", "coverage", "low", "high", "chance"}
    for name in numbers:
        assert name.rpartition("/")[2] in bare or f"{name}/low" in numbers, name


def test_a_map_that_is_broken_for_silence_alone_is_named(memory_clips: MakeClips, given: MakeObjective) -> None:
    from mmssl.evaluate.truth import Sounding

    def heat(batch: Batch) -> Tensor:
        maps = torch.rand(len(batch), 1, 4, 4)
        maps[(batch.index == 5) & ~batch.audio.any(1)] = torch.nan
        return maps

    def truth(recording: object, times: list[float]) -> list[Sounding]:
        return [Sounding(((0, 0, 0.5, 0.5),))] * len(times)

    objective = given(heat, video=torch.eye(8), audio=torch.eye(8))
    with pytest.raises(EvaluationError, match=r"heat maps \(silence\) hold NaN or Inf \(such as clip005\)"):
        Localization(clips=memory_clips(8), truth=truth, size=32)(objective)  # type: ignore[arg-type]
