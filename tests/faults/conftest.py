"""The default decoder in both of its ways, and writers of odd files."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from mmssl.data.decode.pyav import PyAVReader
from mmssl.data.decode.reader import Reader

READERS = {"tables": PyAVReader(), "container": PyAVReader(tables=False)}


@pytest.fixture(params=READERS)
def reader(request: pytest.FixtureRequest) -> Reader:
    return READERS[request.param]


@pytest.fixture(scope="session")
def write_pictures() -> Callable[..., None]:
    """`write_pictures(path, pictures, codec, pixels, ...)` writes gray pictures `[T, H, W]`, one each 1 / rate s."""

    def write(
        path: Path,
        pictures: NDArray[np.uint8],
        codec: str = "libx264",
        pixels: str = "yuv420p",
        rate: Fraction = Fraction(25),
        options: dict[str, str] | None = None,
        times: Sequence[Fraction] = (),
        prepare: Callable[[Any], None] = lambda stream: None,
    ) -> None:
        with av.open(str(path), "w") as container:
            stream = container.add_stream(codec, rate=rate, options=options or {})
            stream.height, stream.width = pictures.shape[1:3]
            stream.pix_fmt = pixels
            stream.codec_context.thread_count = 1
            if times:
                stream.codec_context.time_base = stream.time_base = Fraction(1, 1000)
            prepare(stream)
            for index, gray in enumerate(pictures):
                frame = av.VideoFrame.from_ndarray(gray, format="gray").reformat(format=pixels)
                frame.time_base = Fraction(1, 1000) if times else 1 / rate
                frame.pts = round(times[index] / frame.time_base) if times else index
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))

    return write


@pytest.fixture(scope="session")
def write_sound() -> Callable[..., None]:
    """`write_sound(path, wave, rate, codec, layout)` writes `[channels, n]` in [-1, 1]."""

    def write(path: Path, wave: NDArray[np.floating[Any]], rate: int, codec: str, layout: str = "mono") -> None:
        with av.open(str(path), "w") as container:
            stream = container.add_stream(codec, rate=rate, layout=layout)
            for begin in range(0, wave.shape[1], 1024):
                # Not planar: PyAV 18.1 miscounts 8 planes.
                packed = wave[:, begin : begin + 1024].T.astype(np.float32).reshape(1, -1)
                frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(packed), format="flt", layout=layout)
                frame.sample_rate, frame.pts, frame.time_base = rate, begin, Fraction(1, rate)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))

    return write
