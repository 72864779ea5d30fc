"""The whole path on real MP4s: sound and picture of a clip are of the same seconds."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from mmssl.data.clip import Clip
from mmssl.data.clips import Clips
from mmssl.data.loader import evaluation_batches, training_batches
from mmssl.data.skipped import Skipped
from mmssl.data.tokens import WordTokenizer
from mmssl.data.watch import Watch
from mmssl.data.window import EvenWindows

RATE, FPS = 16_000, 25
EVENTS = (1.0, 2.6, 4.2, 5.8)  # seconds at which a flash and a click come together

Film = Callable[[Path, float], None]


@pytest.fixture(scope="session")
def film() -> Film:
    """Writes seven seconds of black with white flashes and clicks; the sound may start late."""

    def write(path: Path, late: float = 0.0) -> None:
        with av.open(str(path), "w") as container:
            video = container.add_stream("libx264", rate=FPS, options={"g": "12"})
            video.width = video.height = 64
            video.pix_fmt = "yuv420p"
            audio = container.add_stream("aac", rate=RATE, layout="mono")
            flashes = {round(event * FPS) for event in EVENTS}
            for number in range(7 * FPS):
                picture = np.full((64, 64, 3), 255 if number in flashes else 0, dtype=np.uint8)
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                frame.pts = number
                container.mux(video.encode(frame))
            container.mux(video.encode())
            wave = np.zeros(7 * RATE, dtype=np.float32)
            for event in EVENTS:
                at = round(event * RATE)
                wave[at : at + 80] = 0.9 * np.sin(np.arange(80) * 0.9)
            skip = round(late * RATE)
            for begin in range(skip, len(wave) - 1023, 1024):
                sound = av.AudioFrame.from_ndarray(wave[None, begin : begin + 1024], format="fltp", layout="mono")
                sound.sample_rate, sound.pts = RATE, begin
                container.mux(audio.encode(sound))
            container.mux(audio.encode())

    return write


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory, film: Film) -> Path:
    folder = tmp_path_factory.mktemp("films")
    film(folder / "even.mp4", 0.0)
    film(folder / "late.mp4", 0.64)
    (folder / "broken.mp4").write_bytes((folder / "even.mp4").read_bytes()[:2000])
    for name in ("even", "late"):
        (folder / f"{name}.json").write_text('{"captions": ["a flash", "ein Blitz"], "group": "flashes"}')
    return folder


def settings(folder: Path) -> Clips:
    return Clips(
        source=str(folder),
        seconds=1.6,
        frames=40,
        pixels=16,
        sample_rate=RATE,
        captions=2,
        words=3,
        tokenizer=WordTokenizer(["a", "flash", "ein", "blitz"]),
    )


def test_a_flash_and_its_click_come_together(folder: Path) -> None:
    skipped = Skipped(limit=1.0)
    batches = training_batches(settings(folder).open(), batch_size=4, seed=1, skipped=skipped)
    seen: dict[str, int] = {}
    for batch in itertools.islice(batches, 6):
        for row in range(len(batch)):
            bright = batch.video[row].float().mean((1, 2, 3))
            frame = int(bright.argmax())
            loud = float(batch.start[row]) + int((batch.audio[row].abs() > 0.3).int().argmax()) / RATE
            inside = [event for event in EVENTS if 0.05 < event - float(batch.start[row]) < 1.5]
            if inside:
                assert bright[frame] > 200
                # The true time of the flash is its frame's; 23 ms are what an encoder's priming may leave.
                assert abs(float(batch.video_times[row, frame]) - inside[0]) < 1e-3
                assert abs(loud - inside[0]) < 0.025
                seen[batch.keys[row]] = seen.get(batch.keys[row], 0) + 1
    assert len(seen) == 2
    assert min(seen.values()) > 2
    assert [Path(name).name for name in skipped.reasons] == ["broken.mp4"]


def test_workers_give_the_same_from_files(folder: Path) -> None:
    clips = settings(folder).open()
    with_none, with_two = (
        list(itertools.islice(training_batches(clips, batch_size=2, seed=3, workers=workers), 4)) for workers in (0, 2)
    )
    for one, other in zip(with_none, with_two, strict=True):
        for (name, tensor), (_, twin) in zip(one.tensors(), other.tensors(), strict=True):
            assert torch.equal(tensor, twin), name


def test_evaluation_from_files(folder: Path) -> None:
    (batch,) = evaluation_batches(settings(folder).open(), 8)
    assert sorted(Path(key).name for key in batch.keys) == ["even", "late"]
    assert batch.group[0] == batch.group[1]
    assert sorted(map(tuple, batch.text[0].tolist())) == [(1, 2, -1), (3, 4, -1)]


def test_visits_to_files_are_those_of_each_window_alone(folder: Path) -> None:
    clips = replace(settings(folder), window=EvenWindows(4)).open()
    asked = [(index, seed) for seed, index in enumerate([6, 5, 11, 4, 9, 7])]
    for (index, seed), clip in zip(asked, clips.decode(asked, Watch()), strict=True):
        alone = clips.clip(index, seed)
        assert isinstance(clip, Clip)
        assert torch.equal(clip.video, alone.video)  # type: ignore[arg-type]
        assert torch.equal(clip.video_times, alone.video_times)  # type: ignore[arg-type]
        # A decoder of AAC draws the noise that the encoder left out from where it stands.
        assert torch.allclose(clip.audio, alone.audio, atol=2e-3)  # type: ignore[arg-type]
        assert clip.start == alone.start
