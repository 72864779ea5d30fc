"""Tiny films with known truth: a flash and a click at the same moments, each frame numbered in black and white bars."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

BITS = 8  # of a frame's number, as bars over the upper half; the lower half is white during a flash
FLASH = 0.1  # s


@dataclass(frozen=True)
class Film:
    """A film and its truth, in seconds on the recording's clock."""

    path: Path
    frames: NDArray[np.float64]  # when each is shown
    events: tuple[float, ...]  # a flash begins and a click peaks

    def expected(self, time: float) -> int:
        """The number of the frame on screen."""
        return max(0, int(np.searchsorted(self.frames, time + 0.0006, side="right")) - 1)


@dataclass(frozen=True)
class Look:
    """Settings of a film."""

    suffix: str = "mp4"
    video: str | None = "libx264"
    audio: str | None = "aac"
    fps: Fraction = Fraction(25)
    steps: tuple[int, ...] = ()  # ms between frames, repeated: a variable rate
    gop: int = 12
    b_frames: int = 2
    rate: int = 44100
    layout: str = "stereo"
    audio_at: float = 0.0
    video_at: float = 0.0
    seconds: float = 2.4
    size: tuple[int, int] = (48, 64)
    pixels: str = "yuv420p"
    rotation: int = 0  # counter-clockwise, to be applied by whoever shows it
    muxer: tuple[tuple[str, str], ...] = ()
    sound_first: bool = False  # stream 0 is the sound
    encoder: tuple[tuple[str, str], ...] = ()  # further options


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Film]:
    """`film(suffix="mkv", ...)` writes a film of these settings of `Look` once a session."""
    folder, made = tmp_path_factory.mktemp("films"), dict[Look, Film]()

    def make(**settings: Any) -> Film:
        look = Look(**settings)
        if look not in made:
            made[look] = _write(folder / f"{len(made)}.{look.suffix}", look)
        return made[look]

    return make


@pytest.fixture(scope="session")
def number() -> Callable[[NDArray[np.uint8]], int]:
    """The number written in a picture `[H, W, 3]`."""

    def read(picture: NDArray[np.uint8]) -> int:
        height = len(picture)
        bars = np.array_split(picture[height // 8 : 3 * height // 8].mean(axis=(0, 2)), BITS)
        return sum(1 << bit for bit, bar in enumerate(bars) if bar[len(bar) // 2] > 128)

    return read


@pytest.fixture(scope="session")
def click() -> Callable[[NDArray[np.float32], int], float]:
    """Where in some sound the click peaks, in seconds from its beginning, to a fraction of a sample."""

    def find(sound: NDArray[np.float32], rate: int) -> float:
        half = round(0.005 * rate)
        likeness = np.correlate(np.pad(sound, half), _click(np.arange(-half, half + 1) / rate), "valid")
        top = int(likeness.argmax())
        around = likeness[max(0, top - 1) : top + 2]
        bend = around[0] - 2 * around[1] + around[-1]
        return float(top + 0.5 * (around[0] - around[-1]) / bend) / rate

    return find


def _click(seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.exp(-0.5 * (seconds / 0.001) ** 2) * np.cos(2 * np.pi * 1000 * seconds)


def _frame_times(look: Look) -> list[Fraction]:
    times, now = list[Fraction](), Fraction(look.video_at)
    while now < look.video_at + look.seconds:
        times.append(now)
        now += Fraction(look.steps[(len(times) - 1) % len(look.steps)], 1000) if look.steps else 1 / look.fps
    return times


def _write(path: Path, look: Look) -> Film:
    times = _frame_times(look)
    zero = min(at for at, codec in ((look.video_at, look.video), (look.audio_at, look.audio)) if codec)
    # Events fall on frames, so that a flash has no rounding of its own.
    events = [float(next(time for time in times if time >= zero + about)) for about in (0.8, 1.9)]
    with av.open(str(path), "w", options=dict(look.muxer)) as container:
        packets: list[Any] = []
        if look.sound_first:
            audio = _audio_stream(container, look)
        video = None if look.video is None else _video_stream(container, look)
        if not look.sound_first:
            audio = _audio_stream(container, look)
        if video is not None:
            packets += _pictures(video, look, times, events)
        if audio is not None:
            packets += _sounds(audio, look, events)
        for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
            container.mux(packet)
    return Film(path, np.array([float(time) - zero for time in times]), tuple(event - zero for event in events))


def _audio_stream(container: Any, look: Look) -> Any:
    return None if look.audio is None else container.add_stream(look.audio, rate=look.rate, layout=look.layout)


def _video_stream(container: Any, look: Look) -> Any:
    stream = container.add_stream(look.video, rate=look.fps)
    stream.height, stream.width = look.size
    stream.pix_fmt = look.pixels
    stream.codec_context.gop_size, stream.codec_context.max_b_frames = look.gop, look.b_frames
    stream.codec_context.time_base = stream.time_base = Fraction(1, 1000) if look.steps else 1 / look.fps
    stream.codec_context.thread_count = 1
    if look.video == "libx264":
        # No scene cuts: the distance of keyframes is what is tested, and a flash would add one.
        stream.options = {"preset": "veryfast", "crf": "16", "sc_threshold": "0", "bf": str(look.b_frames)}
    stream.options |= dict(look.encoder)
    if look.rotation:
        stream.set_display_rotation(look.rotation)
    return stream


def _pictures(stream: Any, look: Look, times: list[Fraction], events: list[float]) -> list[Any]:
    height, width = look.size
    packets = []
    for index, time in enumerate(times):
        gray = np.full((height, width), 16, np.uint8)
        for bit, columns in enumerate(np.array_split(np.arange(width), BITS)):
            gray[: height // 2, columns] = 235 if index >> bit & 1 else 16
        if any(event - 1e-6 <= time < event + FLASH for event in events):
            gray[height // 2 :] = 235
        frame = av.VideoFrame.from_ndarray(gray, format="gray").reformat(format=look.pixels)
        frame.time_base = stream.codec_context.time_base
        frame.pts = round(time / frame.time_base)
        packets += stream.encode(frame)
    return [*packets, *stream.encode(None)]


def _sounds(stream: Any, look: Look, events: list[float]) -> list[Any]:
    rate = look.rate
    seconds = look.audio_at + np.arange(int(rate * look.seconds)) / rate
    wave = sum((0.7 * _click(seconds - event) for event in events), np.zeros(len(seconds)))
    packets = []
    layout = av.AudioLayout(look.layout)
    for begin in range(0, len(wave), 1024):
        # Not planar: PyAV 18.1 miscounts 8 planes.
        packed = np.repeat(wave[begin : begin + 1024].astype(np.float32), len(layout.channels))[None]
        frame = av.AudioFrame.from_ndarray(packed, format="flt", layout=look.layout)
        frame.sample_rate, frame.time_base = rate, Fraction(1, rate)
        frame.pts = round(look.audio_at * rate) + begin
        packets += stream.encode(frame)
    return [*packets, *stream.encode(None)]
