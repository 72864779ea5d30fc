"""Films in which a white flash and a beep begin at the same known instants, each picture bearing its number.

What is true of a film is what it was made from; none of mmssl's readers is asked.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import cycle
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

ABOUT = (1.0, 2.3, 3.7)  # s after the start at which events are looked for; each then falls on a picture
FLASH, BEEP = 0.12, 0.03  # s
BITS = 8  # of a picture's number, as bars over its upper third; the rest is white during a flash
SECONDS = 4.6
BLACK, WHITE = 16, 235
Waveform = NDArray[np.float32]  # [S]

# What each encoder is told; the sound ones are good enough that a beep is where it was.
_VIDEO_OPTIONS = {
    "libx264": {"preset": "veryfast", "crf": "20", "sc_threshold": "0"},
    "libx265": {"preset": "ultrafast", "x265-params": "log-level=none:scenecut=0"},
    "libvpx": {"deadline": "realtime", "cpu-used": "8"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8"},
    "libsvtav1": {"preset": "12", "svtav1-params": "lp=1"},
}
LOSSY = frozenset({"aac", "mp3", "mp2", "ac3", "opus", "vorbis"})
_CODECS = {"mp3": "libmp3lame", "opus": "libopus"}


@dataclass(frozen=True, kw_only=True)
class Film:
    """How a film is made. The pictures of a variable rate follow each other after `steps` milliseconds, repeated.

    Attributes:
        audio_at: second at which the sound starts.
        video_at: second at which the picture starts.
        hidden: pictures at the beginning that an edit list hides, with the sound beside them, as a cut without
            encoding leaves it.
    """

    container: str = "mp4"
    video: str = "libx264"
    audio: str = "aac"
    fps: Fraction = Fraction(25)
    steps: tuple[int, ...] = ()
    b_frames: int = 2
    gop: int = 24
    open_gop: bool = False
    audio_at: float = 0.0
    video_at: float = 0.0  # to the nearest picture
    hidden: int = 0
    rate: int = 48_000
    layout: str = "stereo"
    muxer: tuple[tuple[str, str], ...] = field(default=())

    def __str__(self) -> str:
        return " ".join(
            [
                f"{self.container} {self.video} {self.audio} {self.rate} Hz",
                "variable rate" if self.steps else f"{float(self.fps):.2f} fps",
                *([f"{self.b_frames} B-frames"] if self.b_frames else []),
                *(["open GOP"] if self.open_gop else []),
                *([f"sound {self.audio_at - self.video_at:+.2f} s"] if self.audio_at != self.video_at else []),
                *([f"{self.hidden} pictures hidden"] if self.hidden else []),
                *(value for _, value in self.muxer),
            ]
        )

    @property
    def frame(self) -> Fraction:
        """Seconds of a picture; of the shortest, where they vary."""
        return Fraction(min(self.steps), 1000) if self.steps else 1 / self.fps

    @property
    def begins(self) -> Fraction:
        """The second at which the picture starts, which is a whole number of pictures."""
        return round(self.video_at / self.frame) * self.frame

    @property
    def lossy(self) -> bool:
        """Whether the encoder of the sound puts priming before it."""
        return self.audio in LOSSY

    @property
    def tells_priming(self) -> bool:
        """Whether the container says how much of the sound is priming."""
        return self.container not in ("ts", "avi") and not self.bare

    @property
    def bare(self) -> bool:
        """Whether it is an MP4 that is written in one go, so that no edit list can say where anything begins."""
        return any("empty_moov" in value for _, value in self.muxer)


@dataclass(frozen=True)
class Made:
    """A film that was written, and its truth in seconds on the recording's clock, which begins with its earlier stream.

    Attributes:
        film: how it was made.
        path: where.
        frames: `[n]` when each picture is shown.
        events: at which a flash and a beep begin.
    """

    film: Film
    path: Path
    frames: NDArray[np.float64]
    events: tuple[float, ...]


def beep(seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    """A rising tone that begins at second 0: nothing else in a film is like it, nor itself at another second."""
    inside = (seconds >= 0) & (seconds < BEEP)
    tone = np.sin(2 * np.pi * (500 * seconds + 0.5 * 2500 / BEEP * seconds**2))
    return np.where(inside, tone * np.sin(np.pi * seconds / BEEP) ** 2, 0.0)


def numbered(index: int, height: int, width: int, ground: int = 128) -> NDArray[np.uint8]:
    """`[height, width]` gray levels with a number in the upper third."""
    gray = np.full((height, width), ground, np.uint8)
    bits = np.arange(width) * BITS // width
    gray[: height // 3] = np.where(index >> bits & 1, WHITE, BLACK)
    return gray


def number(picture: NDArray[np.uint8]) -> int:
    """Which picture of its film `[H, W, 3]` is."""
    height, width = picture.shape[:2]
    middles = (np.arange(BITS) * 2 + 1) * width // (2 * BITS)
    return int(((picture[height // 6, middles].mean(axis=-1) > 128) << np.arange(BITS)).sum())


def make(film: Film, path: Path) -> Made:
    """Write one."""
    times = list(_times(film))
    start = times[film.hidden]
    events = [next(time for time in times if time >= start + Fraction(about)) for about in ABOUT]
    with av.open(str(path), "w", format=_MUXERS.get(film.container), options=dict(film.muxer)) as container:
        video, audio = _video(container, film), _audio(container, film)
        pictures, sounds = _pictures(video, film, times, events), _sounds(audio, film, events)
        sound = Fraction(film.audio_at)
        if not film.tells_priming:
            sound = min(sound, *(packet.pts * packet.time_base for packet in sounds))
        packets = pictures + sounds
        if film.bare:  # its zero is the first decoding time
            sound = min(packet.dts * packet.time_base for packet in packets)
        for packet in packets if film.hidden else ():
            ticks = round(start / packet.time_base)
            packet.pts, packet.dts = packet.pts - ticks, packet.dts - ticks
        for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
            container.mux(packet)
    zero = start if film.hidden else min(film.begins, sound)
    # AVI knows no times, so that its priming is heard as sound.
    if film.container == "avi":
        zero = Fraction(0)
    shown = np.array([float(time - zero) for time in times[film.hidden :]])
    return Made(film, path, shown, tuple(float(event - zero) for event in events))


_MUXERS = {"ts": "mpegts", "mkv": "matroska"}


def _times(film: Film) -> Iterator[Fraction]:
    now, steps = film.begins, cycle(film.steps)
    end = now + Fraction(SECONDS) + film.hidden * film.frame
    while now < end:
        yield now
        now += Fraction(next(steps), 1000) if film.steps else 1 / film.fps


def _video(container: Any, film: Film) -> Any:
    options = dict(_VIDEO_OPTIONS.get(film.video, {}))
    if film.video == "libx264":
        options |= {"bf": str(film.b_frames), "x264-params": f"open-gop={int(film.open_gop)}"}
    stream = container.add_stream(film.video, rate=film.fps, options=options)
    stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
    context = stream.codec_context
    context.gop_size, context.thread_count = film.gop, 1
    if film.video in ("mpeg4", "mpeg2video"):
        context.max_b_frames = film.b_frames
    context.time_base = stream.time_base = Fraction(1, 1000) if film.steps else 1 / film.fps
    return stream


def _audio(container: Any, film: Film) -> Any:
    options = {"strict": "experimental"} if film.audio == "vorbis" else {}
    codec = _CODECS.get(film.audio, film.audio)
    return container.add_stream(codec, rate=film.rate, layout=film.layout, options=options)


def _pictures(stream: Any, film: Film, times: list[Fraction], events: list[Fraction]) -> list[Any]:
    packets = []
    for index, time in enumerate(times):
        lit = any(event <= time < event + Fraction(FLASH) for event in events)
        gray = numbered(index, 48, 64, WHITE if lit else BLACK)
        frame = av.VideoFrame.from_ndarray(gray, format="gray").reformat(format="yuv420p")
        frame.time_base = stream.codec_context.time_base
        frame.pts = round(time / frame.time_base)
        packets += stream.encode(frame)
    return [*packets, *stream.encode(None)]


def _sounds(stream: Any, film: Film, events: list[Fraction]) -> list[Any]:
    length = SECONDS + float(film.hidden * film.frame)
    seconds = film.audio_at + np.arange(round(film.rate * length)) / film.rate
    wave = sum((0.7 * beep(seconds - float(event)) for event in events), np.zeros(len(seconds)))
    packets = []
    channels = len(av.AudioLayout(film.layout).channels)
    for begin in range(0, len(wave), 1024):
        packed = np.repeat(wave[begin : begin + 1024].astype(np.float32), channels)[None]
        frame = av.AudioFrame.from_ndarray(packed, format="flt", layout=film.layout)
        frame.sample_rate, frame.time_base = film.rate, Fraction(1, film.rate)
        frame.pts = round(film.audio_at * film.rate) + begin
        packets += stream.encode(frame)
    return [*packets, *stream.encode(None)]
