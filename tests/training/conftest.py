"""Eight tiny recordings, encoders of a few hundred weights, and runs of them."""

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from mmssl.training.recipe import Recipe


def write_recording(path: Path, number: int) -> None:
    """One second of a moving square and a tone."""
    with av.open(str(path), "w") as container:
        video, audio = container.add_stream("libx264", rate=8), container.add_stream("aac", rate=8000, layout="mono")
        assert isinstance(video, av.VideoStream)
        assert isinstance(audio, av.AudioStream)
        video.width = video.height = 32
        video.pix_fmt = "yuv420p"
        for i in range(8):
            picture = np.full((32, 32, 3), 20 * number, np.uint8)
            picture[8:16, 2 * i : 2 * i + 8] = 255 - 20 * number
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(video.encode())
        tone = np.sin(np.arange(8192) * (0.1 + 0.1 * number)).astype(np.float32)[None]
        for i in range(8):
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(tone[:, i * 1024 : (i + 1) * 1024]), "fltp", "mono")
            frame.sample_rate, frame.pts = 8000, i * 1024
            container.mux(audio.encode(frame))
        container.mux(audio.encode())


@pytest.fixture(scope="session")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recordings")
    for number in range(8):
        write_recording(folder / f"clip{number}.mp4", number)
    return folder


Build = Callable[..., Recipe]


@pytest.fixture
def build(page: Path, recordings: Path) -> Build:
    """The tiny recipe with other arguments."""
    return lambda **arguments: Recipe(page, {"data": str(recordings), **arguments})


@pytest.fixture(scope="session")
def page() -> Path:
    """The recipe, a real page."""
    return Path(__file__).with_name("tiny.py")
