"""Pictures of every kind that people hold: the right one at each time, in the right shape and color."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.films import Film, Made, number, numbered
from mmssl.data.decode.limits import Limits
from mmssl.data.decode.pyav import PyAVReader
from mmssl.data.decode.reader import Reader
from mmssl.data.probe import probe
from mmssl.errors import Fault, MediaError

Write = Callable[..., None]
CODINGS: dict[str, tuple[str, str, str, dict[str, str]]] = {
    "H.264 10 bit": ("mp4", "libx264", "yuv420p10le", {"preset": "ultrafast"}),
    "H.264 interlaced": ("mp4", "libx264", "yuv420p", {"x264-params": "interlaced=1"}),
    "H.264 4:4:4": ("mkv", "libx264", "yuv444p", {"preset": "ultrafast"}),
    "H.264 gray": ("mkv", "libx264", "gray", {"preset": "ultrafast"}),
    "HEVC 10 bit": ("mp4", "libx265", "yuv420p10le", {"preset": "ultrafast", "x265-params": "log-level=none"}),
    "VP8": ("webm", "libvpx", "yuv420p", {"deadline": "realtime", "cpu-used": "8"}),
    "VP9 with alpha": ("webm", "libvpx-vp9", "yuva420p", {"deadline": "realtime", "cpu-used": "8"}),
    "AV1 10 bit": ("mkv", "libsvtav1", "yuv420p10le", {"preset": "12", "svtav1-params": "lp=1"}),
    "MPEG-1": ("mpg", "mpeg1video", "yuv420p", {}),
    "MPEG-2": ("mkv", "mpeg2video", "yuv420p", {}),
    "MPEG-2 interlaced": ("ts", "mpeg2video", "yuv420p", {"flags": "+ildct+ilme"}),
    "MPEG-4": ("avi", "mpeg4", "yuv420p", {}),
    "MJPEG": ("avi", "mjpeg", "yuvj420p", {}),
    "ProRes": ("mov", "prores_ks", "yuv422p10le", {}),
    "FFV1": ("mkv", "ffv1", "yuv444p", {}),
    "GIF": ("gif", "gif", "gray", {}),
    "Flash": ("flv", "flv", "yuv420p", {}),
    "Windows Media": ("asf", "wmv2", "yuv420p", {}),
}


def film(count: int, height: int = 48, width: int = 64) -> NDArray[np.uint8]:
    """Numbered pictures over a ramp of gray."""
    pictures = np.stack([numbered(index, height, width) for index in range(count)])
    pictures[:, height // 2 :] = np.linspace(40, 210, width).astype(np.uint8)
    return pictures


@pytest.mark.fault("M19")
@pytest.mark.parametrize("coding", CODINGS)
def test_every_coding(tmp_path: Path, write_pictures: Write, reader: Reader, coding: str) -> None:
    suffix, codec, pixels, options = CODINGS[coding]
    path, pictures = tmp_path / f"film.{suffix}", film(40)
    write_pictures(path, pictures, codec, pixels, options=options)
    with reader.open(str(path), "film") as media:
        for start in (0.4, 0.0, 1.1):
            times = start + 0.02 + np.arange(5) * 0.08
            shown = media.frames(times.tolist()).pixels
            assert [number(picture) for picture in shown] == (times * 25).astype(int).tolist()
            ramp = shown[:, 36:].astype(int)
            # H.264 that does not tell its range has studio levels, so gray that was given as it is comes out wider.
            assert np.abs(ramp - pictures[0, 36:, :, None]).mean() < (16 if coding == "H.264 gray" else 6)
            assert np.ptp(ramp, axis=3).max() < 12  # gray stays gray


@pytest.mark.fault("M16")
@pytest.mark.parametrize(
    ("size", "pixels", "codec"),
    [
        ((16, 16), "yuv420p", "libx264"),
        ((2, 2), "yuv420p", "libx264"),
        ((17, 33), "yuv444p", "ffv1"),
        ((16, 640), "yuv420p", "libx264"),
        ((480, 16), "yuv420p", "libx264"),
        ((2160, 3840), "yuvj420p", "mjpeg"),
    ],
)
def test_every_size(
    tmp_path: Path, write_pictures: Write, reader: Reader, size: tuple[int, int], pixels: str, codec: str
) -> None:
    path = tmp_path / "film.mkv"
    write_pictures(
        path,
        np.stack([np.full(size, 60 * index, np.uint8) for index in range(3)]),
        codec,
        pixels,
        options={"qmax": "3"},
    )
    with reader.open(str(path), "film") as media:
        assert media.info.video is not None
        assert (media.info.video.height, media.info.video.width) == size
        shown = media.frames([0.01, 0.05, 0.09])
        assert shown.pixels.shape == (3, *size, 3)
        small = max(24, size[0] // 16), max(40, size[1] // 16)
        scaled = media.frames([0.01, 0.05, 0.09], small).pixels
        assert scaled.shape == (3, *small, 3)
        np.testing.assert_allclose(scaled.mean(axis=(1, 2, 3)), [0, 60, 120], atol=6)


@pytest.mark.fault("M16")
def test_pixels_that_are_not_square_are_left_as_they_are(tmp_path: Path, write_pictures: Write, reader: Reader) -> None:
    def wide(stream: Any) -> None:
        stream.codec_context.sample_aspect_ratio = Fraction(2, 1)

    path = tmp_path / "film.mp4"
    write_pictures(path, film(5), prepare=wide)
    with reader.open(str(path), "film") as media:
        assert media.frames([0.1]).pixels.shape == (1, 48, 64, 3)


@pytest.mark.fault("M15")
@pytest.mark.parametrize(("count", "rate", "gop"), [(1, 25, 12), (6, 1, 2), (250, 1000, 50), (200, 10, 1000)], ids=str)
def test_every_rate(tmp_path: Path, write_pictures: Write, reader: Reader, count: int, rate: int, gop: int) -> None:
    path = tmp_path / "film.mkv"
    options = {"preset": "ultrafast", "g": str(gop), "sc_threshold": "0"}
    write_pictures(path, film(count), rate=Fraction(rate), options=options)
    draws = np.random.default_rng(0)
    with reader.open(str(path), "film") as media:
        for _ in range(3):
            wanted = np.sort(draws.integers(0, count, 4))
            shown = media.frames(((wanted + 0.3) / rate).tolist())
            assert [number(picture) for picture in shown.pixels] == wanted.tolist()


@pytest.mark.fault("M15")
@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts", "avi"])
def test_a_film_without_a_picture_in_it(tmp_path: Path, reader: Reader, suffix: str) -> None:
    path = tmp_path / f"film.{suffix}"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        container.start_encoding()
    with pytest.raises(MediaError), reader.open(str(path), "film") as media:
        media.frames([0.0])


@pytest.mark.fault("M11")
@pytest.mark.parametrize("container", ["mp4", "mkv", "ts"])
def test_no_keyframe_at_the_start(made: Callable[[Film], Made], tmp_path: Path, reader: Reader, container: str) -> None:
    whole = made(Film(container=container, b_frames=0))
    path = tmp_path / f"film.{container}"
    with av.open(str(whole.path)) as old, av.open(str(path), "w") as new:
        streams = [new.add_stream_from_template(stream) for stream in old.streams]
        first = True
        for packet in old.demux():
            if packet.dts is None or (first and packet.stream.type == "video"):
                first = first and packet.dts is None
                continue
            packet.stream = streams[packet.stream.index]
            new.mux(packet)
    with reader.open(str(path), "film") as media:
        assert media.info.video is not None
        # The picture starts where it can first be shown, the 25th; nothing else is given before.
        assert media.info.video.start == pytest.approx(whole.frames[24], abs=0.001)
        assert media.info.video.duration == pytest.approx(len(whole.frames) / 25 - 0.96, abs=0.05)
        times = np.array([1.3, 2.0, 3.0])
        shown = [number(picture) for picture in media.frames(times.tolist()).pixels]
        assert shown == (np.searchsorted(whole.frames, times + 0.0006, side="right") - 1).tolist()
    # FFmpeg's reader of Matroska does not even tell of packets before the first keyframe.
    assert (Fault.CORRUPT in {fault for fault, _ in probe(path).broken}) == (container != "mkv")


@pytest.mark.fault("M14")
@pytest.mark.parametrize("flagged", [0, 1])
def test_the_default_picture_track_is_shown(tmp_path: Path, reader: Reader, flagged: int) -> None:
    path = tmp_path / "film.mkv"
    with av.open(str(path), "w") as container:
        streams = []
        for index in range(2):
            stream = container.add_stream("mpeg4", rate=25)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            stream.disposition = av.stream.Disposition.default if index == flagged else av.stream.Disposition(0)
            streams.append(stream)
        for number_ in range(10):
            for index, stream in enumerate(streams):
                gray = np.full((48, 64), 50 + 120 * index, np.uint8)
                frame = av.VideoFrame.from_ndarray(gray, format="gray").reformat(format="yuv420p")
                frame.pts, frame.time_base = number_, Fraction(1, 25)
                container.mux(stream.encode(frame))
        for stream in streams:
            container.mux(stream.encode(None))
    with reader.open(str(path), "film") as media:
        assert media.frames([0.2]).pixels.mean() == pytest.approx(50 + 120 * flagged, abs=5)


@pytest.mark.fault("M20")
def test_a_picture_that_grows_too_large_in_the_middle(tmp_path: Path) -> None:
    path = tmp_path / "film.ts"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg2video", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for part, (width, height) in enumerate([(64, 48), (640, 480)]):
            context = av.CodecContext.create("mpeg2video", "w")
            context.width, context.height, context.pix_fmt = width, height, "yuv420p"
            context.time_base, context.framerate = Fraction(1, 25), Fraction(25)
            for index in range(25):
                frame = av.VideoFrame(width, height, "yuv420p")
                frame.pts, frame.time_base = part * 25 + index, Fraction(1, 25)
                for packet in context.encode(frame):
                    packet.stream, packet.time_base = stream, Fraction(1, 25)
                    container.mux(packet)
    with PyAVReader(Limits(pixels=100_000)).open(str(path), "film") as media:
        assert media.frames([0.2]).pixels.shape == (1, 48, 64, 3)
        with pytest.raises(MediaError) as caught:
            media.frames([1.6])
        assert caught.value.fault is Fault.TOO_LARGE


@pytest.mark.fault("M23")
@pytest.mark.parametrize("codec", ["cinepak", "rawvideo", "dnxhd"])
def test_a_codec_that_is_not_allowed(tmp_path: Path, write_pictures: Write, reader: Reader, codec: str) -> None:
    path = tmp_path / "film.mov"
    size, pixels, options = (48, 64), "rgb24" if codec == "cinepak" else "yuv422p", dict[str, str]()
    if codec == "dnxhd":
        size, options = (720, 1280), {"b": "60M", "profile": "dnxhd"}
    write_pictures(path, film(3, *size), codec, pixels, options=options)
    with pytest.raises(MediaError, match=f"codec is {codec}; convert") as caught:
        reader.open(str(path), "film")
    assert caught.value.fault is Fault.UNSUPPORTED
