"""Writing a film: a file that appears when it is complete, and the sound of another film on its way into it."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import av

from mmssl.data.decode.pyav_demux import BROKEN
from mmssl.errors import Fault, MediaError, UsageError

# What players play; FFmpeg would write more.
PLAYED: dict[str, frozenset[str] | None] = {
    ".mp4": frozenset({"aac", "mp3", "ac3", "eac3", "opus", "flac", "alac"}),
    ".mov": frozenset({"aac", "mp3", "ac3", "eac3", "alac", "pcm_s16le"}),
    ".mkv": None,  # anything
}


def check_target(out: Path, films: Iterable[str | Path]) -> None:
    """Refuse a file that no film is written to.

    Args:
        out: file to write.
        films: that are read for it.

    Raises:
        UsageError: it ends otherwise, or is one of the films.
    """
    if out.suffix.lower() not in PLAYED:
        raise UsageError(f"{out}: films are written as {', '.join(PLAYED)}; give it such an ending")
    if any(out.exists() and Path(film).exists() and out.samefile(film) for film in films):
        raise UsageError(f"{out}: this is the film itself; give another file to write")


@contextmanager
def written(out: Path) -> Iterator[Any]:
    """A container to write into; under its name only when all has gone well.

    Raises:
        UsageError: it cannot be written.
    """
    unfinished = out.with_name(f".{out.stem}.unfinished{out.suffix}")
    try:
        with av.open(str(unfinished), "w") as container:
            yield container
        unfinished.rename(out)
    except OSError as error:  # of writing alone: what cannot be read is a MediaError already
        raise UsageError(f"{out}: cannot be written ({error.strerror}); give another place") from error
    finally:
        unfinished.unlink(missing_ok=True)


class Sound(Protocol):
    """The sound of a film on its way into another."""

    def upto(self, seconds: float) -> None:
        """Write what begins before that time."""
        ...


class Copied:
    """Packets as they are."""

    def __init__(self, stream: Any, packets: Iterator[Any], out: Any, shift: int) -> None:
        self._packets, self._out, self._shift = packets, out, shift
        self._stream = out.add_stream_from_template(stream)
        self._ahead: Any = None

    def upto(self, seconds: float) -> None:
        """See `Sound`."""
        while True:
            packet = self._ahead or next(self._packets, None)
            self._ahead = packet
            if packet is None or (packet.dts is not None and packet.dts * packet.time_base > seconds):
                return
            self._ahead = None
            if packet.dts is None:
                continue  # the empty packet at the end
            packet.pts, packet.dts = packet.pts + self._shift, packet.dts + self._shift
            packet.stream = self._stream
            self._out.mux(packet)


class Encoded:
    """Decoded and encoded again as AAC, where the container cannot hold what there is."""

    def __init__(self, stream: Any, packets: Iterator[Any], out: Any, shift: int) -> None:
        self._packets, self._out, self._shift, self._tick = packets, out, shift, stream.time_base
        rate = stream.codec_context.sample_rate
        self._stream = out.add_stream("aac", rate=rate)
        self._stream.layout = "mono" if stream.codec_context.channels == 1 else "stereo"
        self._resampler = av.AudioResampler("fltp", self._stream.layout, rate)
        self._done = False

    def upto(self, seconds: float) -> None:
        """See `Sound`."""
        for packet in self._packets:
            for frame in packet.decode():
                if frame.pts is not None:
                    frame.pts += round(self._shift * self._tick / frame.time_base)
                self._write(self._resampler.resample(frame))
            if packet.dts is not None and packet.dts * packet.time_base > seconds:
                return
        if not self._done:
            self._done = True
            self._write(self._resampler.resample(None))
            self._out.mux(self._stream.encode(None))

    def _write(self, frames: list[Any]) -> None:
        for frame in frames:
            self._out.mux(self._stream.encode(frame))


class Silent:
    """There is none."""

    def upto(self, seconds: float) -> None:
        """Write nothing."""


def carried(
    source: Any, stream: Any, path: str, out: Any, shift: int, played: frozenset[str] | None
) -> Copied | Encoded:
    """Sound on its way, copied where the container holds it and players play it.

    Args:
        source: container that is read.
        stream: of its sound.
        path: of its file, for messages.
        out: container that is written.
        shift: ticks of the stream by which its times move.
        played: codecs, one of `PLAYED`.
    """
    codec = stream.codec_context.codec.canonical_name
    fits = codec in out.supported_codecs and (played is None or codec in played)
    return (Copied if fits else Encoded)(stream, packets(source, stream, path), out, shift)


def packets(source: Any, stream: Any, path: str) -> Iterator[Any]:
    """Those of a stream, the last one empty.

    Raises:
        MediaError: it breaks off.
    """
    try:
        yield from source.demux(stream)
    except BROKEN as error:
        raise MediaError(path, Fault.CORRUPT, f"it cannot be read to the end: {error.strerror}") from error
