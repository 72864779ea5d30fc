"""Heat maps over a film: the whole picture, every moment, the right place."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mmssl.applications.calibration import keep_calibration, read_calibration
from mmssl.applications.heat_film import CANVAS, HeatTimeline, Tiles, WindowHeat
from mmssl.applications.heatmap import Scale, overlay, peak, ring
from mmssl.applications.localize import Localizer, Located, Peak, Threshold
from mmssl.applications.model import Model
from mmssl.batch import Batch
from mmssl.data.clip import ClipFormat
from mmssl.data.decode.pyav import PyAVReader
from mmssl.errors import CheckpointError, MediaError, UsageError
from mmssl.objective import Objective

Film = Callable[..., Path]
FORMAT = ClipFormat(seconds=1.0, frames=5, pixels=32)


class Yellow(Objective):
    """Heat where the picture is yellow and the clip is loud."""

    def __init__(self) -> None:
        super().__init__({}, {"video": nn.Identity()})

    def heat(self, batch: Batch) -> Tensor:
        colors = batch.video.float() / 255
        yellow = (colors[:, :, 0] - colors[:, :, 2]).clamp(min=0)
        level = batch.audio.square().mean(1).sqrt()
        # As loud as the tone of the film (0.21), but not as flat as noise, which crosses zero half of the time.
        calm = ((batch.audio[:, 1:] * batch.audio[:, :-1]) < 0).float().mean(1) < 0.2
        return torch.nn.functional.avg_pool2d(yellow, 4) * (level * calm)[:, None, None, None]


@pytest.fixture
def localizer() -> Localizer:
    return Localizer(Yellow(), torch.device("cpu"), FORMAT)


@pytest.mark.parametrize(("height", "width"), [(48, 48), (48, 64), (64, 48), (20, 100), (48, 50)])
def test_tiles_see_the_whole_picture_and_join_again(height: int, width: int) -> None:
    tiles = Tiles.covering(height, width, 32)
    assert tiles.side == 32
    assert tiles.width / tiles.height == pytest.approx(width / height, rel=0.05)
    picture = torch.rand(2, 1, 3, tiles.height, tiles.width)
    assert tiles.cut(picture).shape == (2 * len(tiles.corners), 1, 3, 32, 32)
    # A ramp across and down comes back as itself.
    down, across = torch.meshgrid(
        (torch.arange(tiles.height) + 0.5) / tiles.height,
        (torch.arange(tiles.width) + 0.5) / tiles.width,
        indexing="ij",
    )
    ramps = torch.stack([across, down]).reshape(2, 1, 1, tiles.height, tiles.width).expand(-1, -1, 3, -1, -1)
    whole = tiles.joined(tiles.cut(ramps)[:, :, 0])
    assert min(whole.shape[2:]) == CANVAS
    inner = whole[:, 0, 8:-8, 8:-8]
    columns = ((torch.arange(whole.shape[3]) + 0.5) / whole.shape[3])[8:-8]
    rows = ((torch.arange(whole.shape[2]) + 0.5) / whole.shape[2])[8:-8]
    torch.testing.assert_close(inner[0], columns.expand_as(inner[0]), atol=0.03, rtol=0)
    torch.testing.assert_close(inner[1], rows[:, None].expand_as(inner[1]), atol=0.03, rtol=0)


def test_moments_between_windows() -> None:
    def flat(start: float, *values: float) -> WindowHeat:
        times = start + (np.arange(len(values)) + 0.5) / len(values)
        return WindowHeat(start, times, torch.tensor(values)[:, None, None].expand(-1, 2, 2))

    moments = HeatTimeline(iter([flat(0.0, 0.0, 1.0), flat(1.0, 3.0, 5.0)]), 1.0)
    found = [float(moments.at(time)[0, 0]) for time in (-1, 0.25, 0.5, 0.9, 1.5, 9.0)]
    assert found == pytest.approx([0, 0, 0.5, 1, 4, 5], abs=0.02)
    assert float(HeatTimeline(iter([flat(0.0, 2.0)]), 1.0).at(0.7)[0, 0]) == 2


def test_the_track_follows_what_sounds(localizer: Localizer, make_film: Film) -> None:
    found = localizer.track(make_film(seconds=3.0, height=48, width=96))
    assert (found.width, found.height, len(found.track)) == (96, 48, 30)
    for number, point in enumerate(found.track):
        assert point.time == pytest.approx(number / 10)
        left = number / 30 * 84
        assert point.x * 96 == pytest.approx(left + 6, abs=9)
        assert point.y * 48 == pytest.approx(14, abs=6)
        assert point.sounding
    assert found.silent() == []
    assert "silence" in found.threshold.origin


def test_nothing_in_view_sounds(localizer: Localizer, make_film: Film) -> None:
    strict = Localizer(localizer.objective, localizer.device, FORMAT, Threshold(9.0, "given"))
    found = strict.track(make_film(seconds=2.0))
    assert not any(point.sounding for point in found.track)
    assert found.silent()[0] == pytest.approx((0.0, 2.0))
    assert len(found.silent()) == 1


def test_spans_of_silence() -> None:
    track = tuple(
        Peak(time, 0.5, 0.5, 0.0, sounding) for time, sounding in [(0, True), (1, False), (2, False), (3, True)]
    )
    assert Located("a", 1, 1, 4.0, Threshold(0, ""), track).silent() == [(1, 3)]
    assert Located("a", 1, 1, 4.0, Threshold(0, ""), ()).silent() == []


def test_film_stills_and_json(localizer: Localizer, make_film: Film, tmp_path: Path) -> None:
    film, out, seen = make_film(seconds=2.0, height=48, width=64), tmp_path / "out.mp4", list[float]()
    found = localizer.film(film, out, tmp_path / "stills", seen.append)
    assert found.sound_copied
    assert len(found.stills) == 4
    assert all(Path(still).is_file() for still in found.stills)
    assert seen == sorted(seen)
    with PyAVReader().open(str(film), "a") as old, PyAVReader().open(str(out), "b") as new:
        assert new.info.video is not None
        assert (new.info.video.width, new.info.video.height) == (64, 48)
        for (a, before), (b, after) in zip(old.pictures(), new.pictures(), strict=True):
            assert a == pytest.approx(b, abs=1e-3)
            assert np.abs(before[-6:].astype(int) - after[-6:]).mean() < 12  # cold places stay as they are
    found.save(tmp_path / "track.json")
    told = json.loads((tmp_path / "track.json").read_text())
    assert told["track"][3].keys() == {"time", "x", "y", "score", "sounding"}
    assert told["silent"] == []


def test_what_cannot_be_localized(tiny_model: Model, make_film: Film, tmp_path: Path) -> None:
    import soundfile

    soundfile.write(tmp_path / "only.wav", np.zeros(16_000), 16_000)
    with pytest.raises(MediaError, match=r"only\.wav.*no picture"):
        tiny_model.localize(tmp_path / "only.wav")
    with pytest.raises(UsageError, match=r"out\.avi"):
        tiny_model.localize(make_film(), tmp_path / "out.avi")
    film = make_film(seconds=1.2)
    before = film.read_bytes()
    with pytest.raises(UsageError, match="the film itself"):
        tiny_model.localize(film, film)
    assert film.read_bytes() == before


def test_a_model_localizes(tiny_model: Model, make_film: Film) -> None:
    found = tiny_model.localize(make_film(seconds=1.5), threshold=0.1)
    assert found.threshold == Threshold(0.1, "as it was given")
    assert len(found.track) == 15


def test_calibration_of_a_run(tmp_path: Path) -> None:
    assert read_calibration(tmp_path) is None
    assert keep_calibration(tmp_path, {}, "x") is None
    keep_calibration(tmp_path, {"localization/universal/top10/threshold": 0.25}, "test clips")
    kept = read_calibration(tmp_path)
    assert kept is not None
    assert kept.value == 0.25
    assert "test clips" in kept.origin
    (tmp_path / "calibration.json").write_text("{")
    with pytest.raises(CheckpointError, match="damaged"):
        read_calibration(tmp_path)


def test_drawing() -> None:
    gray = np.full((60, 80, 3), 100, np.uint8)
    heat = torch.zeros(6, 8)
    heat[2, 5] = 1
    drawn = overlay(gray, heat, Scale(0.8))
    assert np.array_equal(drawn[:10, :20], gray[:10, :20])
    assert np.abs(drawn[25, 55].astype(int) - 100).max() > 60
    assert peak(heat) == (5.5 / 8, 2.5 / 6, 1.0)
    assert not np.array_equal(ring(gray, 0.5, 0.5), gray)
    assert np.array_equal(gray, np.full((60, 80, 3), 100))
    # Hot everywhere is the same picture with the same hottest place, not a picture under color.
    hotter = overlay(gray, heat + 5, Scale(0.8))
    assert np.array_equal(hotter[:10, :20], gray[:10, :20])
    assert np.abs(hotter[25, 55].astype(int) - 100).max() > 60
    assert np.array_equal(overlay(gray, torch.full((6, 8), 0.9), Scale(0.8)), gray)
    # One of ten maps may be hotter than all color.
    assert Scale.of(torch.cat([heat.expand(9, 6, 8), 5 * heat.expand(1, 6, 8)]) + 3).contrast == pytest.approx(
        1.4, rel=1e-4
    )


def test_no_seam_between_tiles() -> None:
    tiles = Tiles.covering(48, 64, 32)
    assert len(tiles.corners) == 2
    left_and_right = torch.stack([torch.zeros(1, 4, 4), torch.ones(1, 4, 4)])
    (joined,) = tiles.joined(left_and_right)[0]
    # From one to the other in small steps, in every row alike, the first and the last included.
    assert torch.equal(joined, joined[:1].expand_as(joined))
    assert joined[0].diff().max() < 0.05
    assert joined[0, 0] == 0
    assert joined[0, -1] == 1
