"""What goes into a model and comes out, with a tiny one."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from mmssl.applications.indexing import build_index
from mmssl.applications.model import Model
from mmssl.applications.windows import frame_times, read_windows, window_starts
from mmssl.batch import Batch
from mmssl.errors import MediaError, UsageError

Film = Callable[..., Path]


@pytest.mark.parametrize(
    ("end", "expected"),
    [(0.5, [0]), (1.0, [0]), (2.0, [0, 0.5, 1]), (2.3, [0, 0.5, 1, 1.3]), (2.04, [0, 0.5, 1])],
)
def test_windows_cover_the_recording(end: float, expected: list[float]) -> None:
    assert window_starts(0.0, end, 1.0, 0.5).tolist() == pytest.approx(expected)


def test_overlapping_windows_equal_those_read_alone(tiny_model: Model, make_film: Film) -> None:
    starts = np.array([0.0, 0.5, 1.25, 2.0])
    with tiny_model.reader.open(str(make_film()), "film") as media:
        together = next(read_windows(media, starts, tiny_model.format, ("video", "audio")))
        for number, start in enumerate(starts):
            alone = next(read_windows(media, [start], tiny_model.format, ("video", "audio")))
            assert torch.equal(alone.video[0], together.video[number])
            torch.testing.assert_close(alone.audio[0], together.audio[number], atol=1e-3, rtol=0)
    assert together.video.shape == (4, 2, 3, 32, 32)
    assert frame_times(starts, tiny_model.format)[1].tolist() == [0.75, 1.25]


def test_text(tiny_model: Model) -> None:
    both = tiny_model.embed(text=["red ball", "rot"])
    assert both.shape == (2, 16)
    torch.testing.assert_close(both.norm(dim=1), torch.ones(2))
    torch.testing.assert_close(tiny_model.embed(text="rot"), both[1:])
    with pytest.raises(UsageError, match="holds no word"):
        tiny_model.embed(text="...")


def test_films_and_sounds(tiny_model: Model, make_film: Film) -> None:
    film = make_film(seconds=3.0)
    times, vectors = tiny_model.embed_windows(film, 1.0)
    assert times[:3].tolist() == [[0, 1], [1, 2], [2, 3]]
    assert {name: len(rows) for name, rows in vectors.items()} == {"video": len(times), "audio": len(times)}
    torch.testing.assert_close(tiny_model.embed(video=film, stride=1.0), vectors["video"])
    torch.testing.assert_close(tiny_model.embed(audio=str(film), stride=1.0), vectors["audio"])
    torch.testing.assert_close(tiny_model.query(audio=film).norm(), torch.tensor(1.0))


def test_the_index_of_training_is_that_of_use(tiny_model: Model, make_film: Film) -> None:
    """A window of embed_windows is what the objective would embed in a batch of the loader."""
    film = make_film(seconds=3.0)
    with tiny_model.reader.open(str(film), "film") as media:
        frames = media.frames([1.25, 1.75], (32, 32)).pixels
        sound = media.sound(1.0, 16_000, 16_000)
    batch = Batch(video=torch.from_numpy(frames).permute(0, 3, 1, 2)[None], audio=torch.from_numpy(sound)[None])
    with torch.no_grad():
        wanted = tiny_model.objective.embed(batch)
    _, vectors = tiny_model.embed_windows(film, 1.0)
    for name, rows in wanted.items():
        torch.testing.assert_close(vectors[name][1], rows[0], atol=1e-3, rtol=1e-3)


def test_arrays(tiny_model: Model, make_film: Film) -> None:
    noise = np.random.default_rng(0).random(40_000).astype(np.float32) - 0.5
    assert tiny_model.embed(audio=noise).shape == (4, 16)
    assert tiny_model.embed(audio=noise[:100], sample_rate=8_000).shape == (1, 16)
    assert tiny_model.embed(audio=np.stack([noise, noise], axis=1)).shape == (4, 16)
    pixels = np.random.default_rng(0).integers(0, 255, (7, 40, 60, 3), dtype=np.uint8)
    assert tiny_model.embed(video=pixels).shape == (1, 16)
    assert tiny_model.embed(video=torch.from_numpy(pixels)).shape == (1, 16)
    for wrong in (pixels.astype(np.float32), pixels[0]):
        with pytest.raises(UsageError, match="video as an array"):
            tiny_model.embed(video=wrong)
    # As numpy and soundfile have it; torchaudio's is the transpose, whose mean over "channels" would be one sample.
    silent: list[tuple[Any, str]] = [
        (np.array([np.nan], np.float32), "nan"),
        (torch.from_numpy(noise)[None], "transpose"),
        (np.zeros((4, 16_000), np.float32), "transpose"),
        ((noise * 32767).astype(np.int16), "divide"),
        (noise * 32767, "divide"),
        (np.zeros(0, np.float32), "not"),
        (np.zeros((2, 2, 2), np.float32), "not"),
    ]
    for sound, told in silent:
        with pytest.raises(UsageError, match=rf"audio as an array.*{told}"):
            tiny_model.embed(audio=sound)
    with pytest.raises(UsageError, match="stride is 0"):
        tiny_model.embed(audio=noise, stride=0)


def test_a_sound_in_memory_has_the_windows_of_its_file(tiny_model: Model, make_film: Film) -> None:
    film = make_film(seconds=2.7)
    with tiny_model.reader.open(str(film), "film") as media:
        sound = media.sound(0.0, round(media.info.duration * 16_000), 16_000)
    vectors = tiny_model.embed_windows(film, 1.0)[1]["audio"]
    assert len(vectors) == 3
    torch.testing.assert_close(tiny_model.embed(audio=sound, stride=1.0), vectors, atol=1e-3, rtol=1e-3)


def test_an_archive(tiny_model: Model, make_film: Film, tmp_path: Path) -> None:
    film = make_film(seconds=3.0)
    folder = tmp_path / "films"
    folder.mkdir()
    shutil.copy(film, folder / "a.mp4")
    (folder / "b.mp4").write_bytes(b"nothing")
    with pytest.raises(UsageError, match=r"is a folder; .*embed_archive"):
        tiny_model.embed(video=folder)
    found = dict(tiny_model.embed_archive(folder, stride=1.0))
    assert list(found) == [str(folder / "a.mp4"), str(folder / "b.mp4")]
    first, second = found.values()
    assert isinstance(first, dict)
    assert isinstance(second, MediaError)
    torch.testing.assert_close(first, tiny_model.embed_windows(film, 1.0)[1])
    # A row of a manifest may be a part of a film.
    (tmp_path / "m.jsonl").write_text(json.dumps({"path": "films/a.mp4", "start": 1.0, "end": 2.0}))
    ((_, part),) = tiny_model.embed_archive(str(tmp_path / "m.jsonl"), modalities=["video"])
    assert isinstance(part, dict)
    assert set(part) == {"video"}
    torch.testing.assert_close(part["video"], first["video"][1:2])
    with pytest.raises(UsageError, match="there is no"):
        tiny_model.embed_archive(str(tmp_path / "gone"))


def test_search_as_the_readme_writes_it(tiny_model: Model, make_film: Film, tmp_path: Path) -> None:
    build_index(tiny_model, str(make_film(seconds=3.0)), str(tmp_path / "index"))
    (hit, *_) = tiny_model.search(tmp_path / "index", "a dog barks")
    assert [hit] == tiny_model.search([tmp_path / "index"], text="a dog barks", count=1)


def test_clips_in_memory(tiny_model: Model) -> None:
    """What the docstring of `embed` says."""
    clips = Batch(video=torch.zeros(5, 2, 3, 32, 32, dtype=torch.uint8), audio=torch.zeros(5, 16_000))
    assert {name: rows.shape for name, rows in tiny_model.objective.embed(clips).items()} == {
        "video": (5, 16),
        "audio": (5, 16),
    }


def test_a_picture_is_a_film_that_stands_still(tiny_model: Model, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (32, 32, 3), dtype=np.uint8)
    path = tmp_path / "picture.png"
    Image.fromarray(pixels).save(path)
    still = tiny_model.embed(video=pixels[None])
    for given in (path, Image.fromarray(pixels), pixels):
        torch.testing.assert_close(tiny_model.embed(image=given), still)
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(MediaError, match=r"text\.png: not a picture"):
        tiny_model.embed(image=tmp_path / "text.png")
    with pytest.raises(MediaError, match=r"gone\.png"):
        tiny_model.embed(image=tmp_path / "gone.png")


def test_what_is_refused(tiny_model: Model, make_film: Film) -> None:
    with pytest.raises(UsageError, match="one of text, video, audio and image, not none"):
        tiny_model.embed()
    with pytest.raises(UsageError, match="not text and audio"):
        tiny_model.embed(text="red", audio=np.zeros(9, np.float32))
    with pytest.raises(UsageError, match="stride"):
        tiny_model.embed_windows(make_film(), 0.0)
    with pytest.raises(MediaError, match=r"gone\.mp4"):
        tiny_model.embed(video="gone.mp4")


def test_a_sound_file_is_sound_alone(tiny_model: Model, tmp_path: Path) -> None:
    import soundfile

    soundfile.write(tmp_path / "a.wav", 0.1 * np.ones(24_000), 16_000)
    _, vectors = tiny_model.embed_windows(tmp_path / "a.wav")
    assert list(vectors) == ["audio"]
    with pytest.raises(MediaError, match=r"a\.wav: it has no video to embed"):
        tiny_model.embed(video=tmp_path / "a.wav")


def test_fingerprint_follows_the_weights(tiny_model: Model) -> None:
    kept = tiny_model.fingerprint
    other = Model(tiny_model.run, tiny_model.device)
    assert other.fingerprint == kept
    parameter = next(tiny_model.objective.parameters())
    with torch.no_grad():
        parameter.add_(1)
        assert Model(tiny_model.run, tiny_model.device).fingerprint != kept
        parameter.sub_(1)
