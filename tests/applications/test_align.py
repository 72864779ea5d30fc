"""Films in step: whole films as frames, the two ways to warp, side by side, labels, what the command says."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from typer.testing import CliRunner

from mmssl.applications.align import Aligned, Aligner, warped
from mmssl.applications.frame_track import FrameTrack, track
from mmssl.applications.model import Model
from mmssl.applications.timed_labels import TimedLabel, read_labels
from mmssl.applications.warp import dtw, named_method, nearest
from mmssl.batch import Batch
from mmssl.cli.app import app
from mmssl.data.clip import ClipFormat
from mmssl.data.decode.pyav import PyAVReader
from mmssl.data.synthetic.film import write
from mmssl.encoders.image_small import ImageSmall
from mmssl.encoders.video_resnet import r2plus1d_18
from mmssl.errors import MediaError, UsageError
from mmssl.objective import Objective
from mmssl.objectives.contrastive.info_nce import InfoNCE

FORMAT = ClipFormat(seconds=1.0, frames=8, pixels=32)
CPU = torch.device("cpu")


class Brightness(Objective):
    """A frame is how bright it is and, to see that windows are joined rightly, how bright the one before was."""

    def __init__(self) -> None:
        super().__init__({"video": ImageSmall((16, 16, 16))}, {"video": nn.Identity()})

    def frames(self, batch: Batch) -> Tensor:
        light = batch.video.float().mean((2, 3, 4)) / 255
        return torch.stack([light, torch.cat([light[:, :1], light[:, :-1]], 1)], 2)


def gray(levels: Sequence[float] | NDArray[np.float64], path: Path, size: tuple[int, int] = (32, 48)) -> Path:
    """A film of 8 pictures a second, each of one gray in [0, 1], and a tone."""
    frames = np.stack([np.full((*size, 3), round(255 * level), np.uint8) for level in levels])
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(len(levels) * 2000) / 16_000)
    write(path, frames, tone.astype(np.float32), 8, 16_000)
    return path


def at_pace(power: float, count: int = 30) -> NDArray[np.float64]:
    return 0.1 + 0.8 * np.linspace(0, 1, count) ** power


@pytest.fixture
def aligner() -> Aligner:
    return Aligner(Brightness(), CPU, FORMAT)


def test_windows_of_a_long_film_join_to_its_frames(tmp_path: Path) -> None:
    for count in (3, 8, 9, 12, 30, 31):
        levels = np.random.default_rng(count).uniform(0.1, 0.9, count)
        path = gray(levels, tmp_path / f"{count}.mp4")
        with PyAVReader().open(str(path), path.name) as media:
            found = track(Brightness(), CPU, media, path.name, FORMAT)
        assert found.times == pytest.approx((np.arange(count) + 0.5) / 8)
        before = np.concatenate([levels[:1], levels[:-1]])
        np.testing.assert_allclose(found.vectors.numpy(), np.stack([levels, before], 1), atol=0.02)


def test_any_model_with_a_time_axis_will_do(tmp_path: Path, tiny_model: Model) -> None:
    path = gray(at_pace(1), tmp_path / "film.mp4")
    with PyAVReader().open(str(path), path.name) as media:
        found = track(tiny_model.objective, CPU, media, path.name, tiny_model.format)
        torch.testing.assert_close(found.vectors.norm(dim=1), torch.ones(len(found.times)))
        text, video = tiny_model.objective.encoders["text"], r2plus1d_18(width=4)
        short = ClipFormat(seconds=1.0, frames=4, pixels=32)
        objective = InfoNCE(video=video, text=text, dim=8).eval()  # type: ignore[arg-type]
        with pytest.raises(UsageError, match="one vector for 4 frames"):
            track(objective, CPU, media, path.name, short)
    with pytest.raises(UsageError, match="no encoder"):
        Model.align(_soundless(tiny_model), [path, path])


def _soundless(model: Model) -> Model:
    run = model.run
    words = InfoNCE(audio=run.objective.encoders["audio"], text=run.objective.encoders["text"], dim=16)  # type: ignore[arg-type]
    return Model(type(run)(data=run.data, objective=words, steps=1, batch_size=1), CPU)


def slow_dtw(first: Tensor, second: Tensor) -> float:
    """The least sum over all paths, by trying all of them."""
    cost = torch.cdist(first, second)

    def best(i: int, j: int) -> float:
        if (i, j) == (0, 0):
            return float(cost[0, 0])
        before = [(i - 1, j - 1), (i - 1, j), (i, j - 1)]
        return float(cost[i, j]) + min(best(a, b) for a, b in before if a >= 0 and b >= 0)

    return best(len(first) - 1, len(second) - 1)


def test_dtw_is_the_best_of_all_paths() -> None:
    generator = torch.Generator().manual_seed(0)
    from librosa.sequence import dtw as least_path

    for n, m in ((5, 5), (4, 6), (6, 3)):
        first, second = (torch.rand(k, 2, generator=generator) for k in (n, m))
        table, path = least_path(C=torch.cdist(first, second).double().numpy())
        assert table[-1, -1] == pytest.approx(slow_dtw(first, second), rel=1e-5)
        answers = dtw(first, second)
        assert (np.diff(answers) >= 0).all()
        assert {*enumerate(answers.tolist())} <= {(row, column) for row, column in path.tolist()}
    line = torch.linspace(0, 1, 40).unsqueeze(1)
    assert dtw(line, line).tolist() == nearest(line, line).tolist() == [*range(40)]
    with pytest.raises(UsageError, match="too long for dtw"):
        dtw(torch.zeros(8000, 1), torch.zeros(8000, 1))
    with pytest.raises(UsageError, match="--method soft is unknown"):
        named_method("soft")


@pytest.mark.parametrize("method", ["dtw", "nearest"])
def test_films_of_another_pace_are_in_step(method: str, tmp_path: Path, aligner: Aligner) -> None:
    paths = [gray(at_pace(power), tmp_path / f"{power}.mp4") for power in (1.0, 2.0, 0.5)]
    found = aligner.align(paths, method=method)
    assert found.clock == 0
    assert [film.times.tolist() for film in found.films[:1]] == [found.moments.tolist()]
    for film, power in zip(found.films, (1.0, 2.0, 0.5), strict=True):
        shown = np.interp(film.times, (np.arange(30) + 0.5) / 8, at_pace(power))
        assert np.abs(shown - at_pace(1.0)).max() < 0.1
        assert film.anomaly.max() < 0.15


def test_what_only_one_film_does_is_unusual(tmp_path: Path, aligner: Aligner) -> None:
    odd = at_pace(1.0)
    odd[14:18] = 1.0
    paths = [gray(levels, tmp_path / f"{n}.mp4") for n, levels in enumerate([at_pace(1.0), at_pace(2.0), odd])]
    found = aligner.align(paths)
    usual, unusual = found.films[0].anomaly, found.films[2].anomaly
    assert found.films[2].times[unusual.argmax()] == pytest.approx(2.0, abs=0.4)
    assert unusual.max() > 3 * usual.max()


def test_labels_go_where_the_same_is_done(tmp_path: Path) -> None:
    times = np.arange(10, dtype=np.float64) + 0.5
    other = FrameTrack(2 * times, torch.arange(10.0).unsqueeze(1))
    found = warped([FrameTrack(times, torch.arange(10.0).unsqueeze(1)), other], ["a", "b"], 0, nearest)
    labels = (TimedLabel(2.0, "lift"), TimedLabel(4.0, "pour", 6.0))
    found = Aligned(found.clock, found.moments, found.films, labels)
    assert found.labels_of(found.films[1]) == [TimedLabel(4.0, "lift"), TimedLabel(8.0, "pour", 12.0)]
    assert found.labels_of(found.films[0]) == list(labels)


def test_labels_are_read_from_json_and_csv(tmp_path: Path) -> None:
    expected = [TimedLabel(1.5, "a, b"), TimedLabel(2.0, "c", 3.0)]
    table, listed = tmp_path / "labels.csv", tmp_path / "labels.json"
    table.write_text('time,label,end\n1.5,"a, b",\n2,c,3\n')
    listed.write_text('[{"time": 1.5, "label": "a, b"}, {"start": 2, "label": "c", "end": 3}]')
    assert read_labels(table) == read_labels(listed) == expected
    for wrong in ("{", "[1]", '[{"time": -1, "label": "x"}]', '[{"label": "x"}]', '[{"time": 1}]', '{"a": 1}'):
        listed.write_text(wrong)
        with pytest.raises(UsageError, match=r"labels\.json"):
            read_labels(listed)
    with pytest.raises(UsageError, match="cannot read"):
        read_labels(tmp_path / "none.csv")


def test_the_film_of_films(tmp_path: Path, aligner: Aligner) -> None:
    first = gray(at_pace(1.0), tmp_path / "first.mp4", (40, 60))
    second = gray(at_pace(2.0, 40), tmp_path / "second.mp4", (64, 32))
    shares: list[float] = []
    found = aligner.align([first, second], tmp_path / "out.mp4", sound=second, watch=shares.append)
    assert found.clock == 1
    assert shares == sorted(shares)
    assert shares[-1] > 0.9
    with PyAVReader().open(str(tmp_path / "out.mp4"), "out.mp4") as media:
        video, sound = media.info.video, media.info.audio
        assert video is not None
        assert sound is not None
        assert (video.height, video.width) == (64, 96 + 32)
        assert video.duration == pytest.approx(5.0, abs=0.2)
        assert sound.duration == pytest.approx(5.0, abs=0.2)
        pictures = np.stack([picture for _, picture in media.pictures()])
    assert len(pictures) == 40
    left, right = pictures[:, 4:20, 20:60].mean((1, 2, 3)), pictures[:, 4:20, 100:120].mean((1, 2, 3))
    assert np.abs(left - right).max() < 25  # of 255: both are as bright, all the time


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"films": ["a.mp4"]}, "two or more"),
        ({"sound": "c.mp4"}, "c.mp4 is none of the films"),
        ({"method": "soft"}, "--method soft"),
        ({"out": "out.gif"}, r"out\.gif"),
    ],
)
def test_refusals(change: dict[str, object], told: str, aligner: Aligner) -> None:
    with pytest.raises(UsageError, match=told):
        aligner.align(**({"films": ["a.mp4", "b.mp4"]} | change))  # type: ignore[arg-type]


def test_no_film_is_written_over(tmp_path: Path, aligner: Aligner) -> None:
    films = [gray([0.2] * 20, tmp_path / name) for name in ("a.mp4", "b.mp4")]
    before = films[1].read_bytes()
    with pytest.raises(UsageError, match="the film itself"):
        aligner.align(films, out=films[1])
    assert films[1].read_bytes() == before


def test_a_film_that_cannot_be_read_is_named(tmp_path: Path, aligner: Aligner, make_film: Callable[..., Path]) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no film" * 100)
    with pytest.raises(MediaError, match=r"broken\.mp4"):
        aligner.align([make_film(), broken])
    with pytest.raises(MediaError, match="two frames"):
        aligner.align([gray([0.5], tmp_path / "moment.mp4"), make_film()])


def test_the_command(tmp_path: Path, tiny_model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mmssl.applications.model.load", lambda *_: tiny_model)
    films = [str(gray(at_pace(power), tmp_path / f"{power}.mp4")) for power in (1.0, 2.0)]
    (tmp_path / "labels.csv").write_text("time,label\n1.0,half\n")
    out = tmp_path / "out.mp4"
    command = ["align", "run", *films, "--out", str(out), "--labels", str(tmp_path / "labels.csv")]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    assert "2 films on the clock of" in result.output
    told = json.loads(out.with_suffix(".json").read_text())
    assert [film["file"] for film in told["films"]] == films
    assert told["films"][1]["labels"][0]["label"] == "half"
    assert len(told["moments"]) == len(told["films"][1]["anomaly"])
    assert out.with_suffix(".png").stat().st_size > 5000
    assert CliRunner().invoke(app, ["align", "run", films[0]]).exit_code == 2
