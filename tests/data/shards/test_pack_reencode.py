"""`pack --reencode`: what the shards hold, and what is said of recordings that are not encoded anew."""

import json
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace
from typer.testing import CliRunner

from mmssl.cli.app import app
from mmssl.data.decode.pyav import PyAVReader
from mmssl.data.pack import pack
from mmssl.data.reencode import Reencode
from mmssl.data.reencode_profiles import FAST, MJPEG, Profile
from mmssl.data.sources import open_recordings
from mmssl.errors import UsageError

PICTURES = 20


def colors(path: Path, pixels: str = "yuv420p", **tags: Any) -> Path:
    """A film of moving colored stripes 64 x 48 at 10 pictures a second, with sound in Spanish."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=10, options={"crf": "1", "bf": "2"})
        video.width, video.height, video.pix_fmt = 64, 48, pixels
        video.codec_context.gop_size, video.codec_context.thread_count = 250, 1
        for name, value in tags.items():
            setattr(video.codec_context, name, value)
        sound = container.add_stream("aac", rate=16_000, layout="mono")
        sound.metadata["language"] = "spa"
        for index in range(PICTURES):
            place = np.arange(64)[None, :, None] * np.array([1.0, 2.0, 0.5]) + index * 3
            rgb = (127 + 90 * np.sin(place / 10 + np.array([0, 2, 4]))).astype(np.uint8).repeat(48, axis=0)
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
            frame = frame.reformat(
                format=pixels,
                dst_colorspace=tags.get("colorspace", Colorspace.ITU601),
                dst_color_range=tags.get("color_range", ColorRange.MPEG),
            )
            frame.pts, frame.time_base = index, Fraction(1, 10)
            container.mux(video.encode(frame))
        for begin in range(0, 32_000, 1024):
            samples = 0.3 * np.sin(np.arange(begin, begin + 1024)[None] / 9).astype(np.float32)
            heard = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
            heard.sample_rate, heard.pts = 16_000, begin
            container.mux(sound.encode(heard))
        container.mux([*video.encode(None), *sound.encode(None)])
    return path


@pytest.fixture
def source(tmp_path: Path, tone: Callable[[int], bytes]) -> Path:
    """Two films, one of them described, a sound, and a film that is cut off."""
    folder = tmp_path / "in"
    folder.mkdir()
    colors(folder / "a.mp4")
    (folder / "a.txt").write_text("stripes")
    colors(folder / "b.mkv")
    (folder / "c.wav").write_bytes(tone(8000))
    content = colors(tmp_path / "whole.mkv").read_bytes()
    (folder / "d.mkv").write_bytes(content[: len(content) * 2 // 3])
    return folder


def run(source: Path, out: Path, profile: Profile = MJPEG, workers: int = 1) -> Any:
    return pack(str(source), out, shard_bytes=10_000, workers=workers, reencode=profile)


def contents(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(out.glob("*.tar"))}


def test_what_was_done_is_told(source: Path, tmp_path: Path) -> None:
    report = run(source, tmp_path / "out", FAST)
    assert (report.samples, report.kept, dict(report.faults)) == (3, 1, {"truncated": 1})
    packed = open_recordings(str(tmp_path / "out"))
    assert [(found.key, found.extension) for found in packed] == [("a", "mp4"), ("b", "mkv"), ("c", "wav")]
    assert [caption.text for caption in packed[0].captions] == ["stripes"]
    size = (source / "a.mp4").stat().st_size
    expected = {"profile": "fast", "codec": "h264", "width": 64, "height": 48, "bytes": size}
    assert packed[0].extra == {"reencode": expected}
    assert packed[2].extra == {"reencode": {"profile": "fast", "kept": "no picture"}}
    with packed.source(2) as file:  # type: ignore[union-attr]
        assert file.read() == (source / "c.wav").read_bytes()
    summary = json.loads((tmp_path / "out/pack.json").read_text())["reencode"]
    assert (summary["name"], summary["kept"], summary["options"]) == ("fast", 1, dict(FAST.options))
    assert summary["versions"] == PyAVReader().versions()
    with av.open(packed.source(0)) as container:
        assert container.streams.audio[0].language == "spa"
        assert container.streams.video[0].codec_context.codec.canonical_name == "h264"


def test_packing_again_remembers_what_was_before(source: Path, tmp_path: Path) -> None:
    run(source, tmp_path / "one", FAST)
    run(tmp_path / "one", tmp_path / "two", replace(MJPEG, short_side=24))
    told = open_recordings(str(tmp_path / "two"))[0].extra["reencode"]
    assert (told["profile"], told["codec"], told["before"]["profile"]) == ("mjpeg", "h264", "fast")


def test_goes_on_after_a_kill_with_the_same_bytes(source: Path, tmp_path: Path) -> None:
    run(source, tmp_path / "out")
    whole = contents(tmp_path / "out")
    (tmp_path / "out/shard-000001.tar").unlink()
    (tmp_path / "out/.pack/again-killed").mkdir()
    (tmp_path / "out/.pack/again-killed/again.mp4").write_bytes(b"half")
    assert run(source, tmp_path / "out").reused == len(whole) - 1
    assert contents(tmp_path / "out") == whole
    assert not list((tmp_path / "out/.pack").glob("again-*"))
    run(source, tmp_path / "two", workers=2)
    assert contents(tmp_path / "two") == whole


def test_a_folder_holds_one_profile(source: Path, tmp_path: Path) -> None:
    run(source, tmp_path / "out")
    for other in (FAST, replace(MJPEG, short_side=24)):
        with pytest.raises(UsageError, match="another reencode"):
            run(source, tmp_path / "out", other)


@pytest.mark.parametrize("profile", [FAST, MJPEG], ids=lambda profile: profile.name)
@pytest.mark.parametrize(
    ("pixels", "tags"),
    [
        ("yuv420p", {}),
        ("yuv420p", {"colorspace": Colorspace.ITU709}),
        ("yuvj420p", {"color_range": ColorRange.JPEG}),
        ("yuv444p", {"colorspace": Colorspace.ITU709}),
        ("yuv420p10le", {}),
    ],
)
def test_colors_stay(tmp_path: Path, pixels: str, tags: dict[str, Any], profile: Profile) -> None:
    path = colors(tmp_path / "film.mp4", pixels, **tags)
    found = open_recordings(str(path))[0]
    with path.open("rb") as source, Reencode(profile)(source, path.stat().st_size, found, tmp_path) as stored:
        assert not stored.kept
        with PyAVReader().open(str(path), "film") as before, PyAVReader().open(stored.content, "again") as after:
            wanted, shown = before.frames([0.5, 1.2]).pixels, after.frames([0.5, 1.2]).pixels
    error = shown.astype(float) - wanted
    assert np.abs(error.mean(axis=(0, 1, 2))).max() < 2, "no color shifts"
    assert np.square(error).mean() < 60, "30 dB, on stripes of color that 4:2:0 blurs"


def test_shape_of_pixels_and_mirrors_stay(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=10)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        video.codec_context.sample_aspect_ratio = Fraction(4, 3)
        video.set_display_rotation(0, hflip=True)
        for index in range(5):
            gray = np.tile(np.linspace(20, 220, 64).astype(np.uint8), (48, 1))
            frame = av.VideoFrame.from_ndarray(gray, format="gray").reformat(format="yuv420p")
            frame.pts = index
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
    found = open_recordings(str(path))[0]
    with path.open("rb") as source, Reencode(FAST)(source, path.stat().st_size, found, tmp_path) as stored:
        with av.open(stored.content) as container:
            assert container.streams.video[0].sample_aspect_ratio == Fraction(4, 3)
        with PyAVReader().open(str(path), "film") as before, PyAVReader().open(stored.content, "again") as after:
            wanted, shown = before.frames([0.2]).pixels, after.frames([0.2]).pixels
    assert wanted[0, 0, 0, 0] > wanted[0, 0, -1, 0], "mirrored"
    np.testing.assert_allclose(shown, wanted, atol=12)


def test_pictures_that_change_their_size_are_kept(tmp_path: Path) -> None:
    raw = b""
    for width in (64, 96):
        path = tmp_path / f"{width}.h264"
        with av.open(str(path), "w", format="mpegts") as container:
            video = container.add_stream("mpeg2video", rate=25)
            video.width, video.height, video.pix_fmt = width, 48, "yuv420p"
            for index in range(10):
                frame = av.VideoFrame.from_ndarray(np.full((48, width), 90, np.uint8), format="gray")
                frame = frame.reformat(format="yuv420p")
                frame.pts = index + (10 if width == 96 else 0)
                container.mux(video.encode(frame))
            container.mux(video.encode(None))
        raw += path.read_bytes()
    (tmp_path / "film.ts").write_bytes(raw)
    found = open_recordings(str(tmp_path / "film.ts"))[0]
    with (tmp_path / "film.ts").open("rb") as source, Reencode(FAST)(source, len(raw), found, tmp_path) as stored:
        assert stored.told == {"reencode": {"profile": "fast", "kept": "its pictures change their size"}}
        assert stored.content.read() == raw


def test_the_command(source: Path, tmp_path: Path) -> None:
    arguments = ["pack", str(source), "--out", str(tmp_path / "out"), "--workers", "1"]
    refused = CliRunner().invoke(app, [*arguments, "--short-side", "24"])
    assert refused.exit_code == 2
    result = CliRunner().invoke(app, [*arguments, "--reencode", "fast", "--short-side", "24"])
    assert result.exit_code == 0, result.output
    assert "kept 1 as they were" in result.output
    with PyAVReader().open(open_recordings(str(tmp_path / "out")).source(0), "a") as media:
        assert media.info.video is not None
        assert (media.info.video.width, media.info.video.height) == (32, 24)
