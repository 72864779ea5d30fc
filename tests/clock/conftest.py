"""The decoders that are asked for flash-and-beep films."""

import pytest

from benchmarks.clock import READERS
from mmssl.data.decode.reader import Reader


@pytest.fixture(params=READERS)
def reader(request: pytest.FixtureRequest) -> Reader:
    """Each decoder that is installed."""
    if request.param in ("decord", "torchcodec"):
        try:
            __import__(request.param)
        except (ImportError, RuntimeError, OSError):  # torchcodec raises those where FFmpeg's libraries are missing
            pytest.skip(f"{request.param} is not installed")
    return READERS[request.param]
