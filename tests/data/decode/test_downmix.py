"""One convention for mono, the mean of the channels, whoever reads: mmssl's backends, soundfile and librosa."""

from pathlib import Path
from typing import Any

import librosa
import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from mmssl.data.decode.decord import DecordReader
from mmssl.data.decode.pyav import PyAVReader
from mmssl.data.decode.torchcodec import TorchCodecReader
from mmssl.errors import UsageError

RATE = 48_000


def by(reader: Any) -> Any:
    def read(path: str, samples: int) -> NDArray[np.float32]:
        try:
            with reader.open(path, path) as media:
                return media.sound(0.0, samples, RATE)  # type: ignore[no-any-return]
        except UsageError as error:
            pytest.skip(str(error))

    return read


BACKENDS = {
    "pyav": by(PyAVReader()),
    "decord": by(DecordReader()),
    "torchcodec": by(TorchCodecReader()),
    "librosa": lambda path, samples: librosa.load(path, sr=RATE, mono=True)[0],
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("format", ["wav", "flac"])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_mono_is_the_mean_of_different_channels(tmp_path: Path, backend: str, format: str, channels: int) -> None:
    if backend == "decord" and channels == 6:
        pytest.skip("decord cannot give the channels of surround sound: `surround_mean` of its capabilities says so")
    path = str(tmp_path / f"a.{format}")
    seconds = np.arange(RATE) / RATE
    # Each channel another tone and loudness: a wrong weight of any of them, or a channel left out, is heard.
    tones = [0.3 / (k + 1) * np.sin(2 * np.pi * 200 * (k + 1) * seconds) for k in range(channels)]
    soundfile.write(path, np.stack(tones, axis=1), RATE, subtype="PCM_16")
    expected = soundfile.read(path, always_2d=True, dtype="float32")[0].mean(axis=1)
    heard = BACKENDS[backend](path, RATE)
    # 16 bits leave 2e-5.
    np.testing.assert_allclose(heard, expected, atol=1e-4)
