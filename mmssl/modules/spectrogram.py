"""Sound to pictures of sound: one front-end made of steps, on the device, in fp32.

`AudioFrontEnd(48_000, Stft(512, 242, padding=Same()), Magnitude(), Log(1e-12), Standardize(0, 5), frames=199)` is one
row of the table of front-ends; `front_ends.py` names the rows, `compression.py` holds the steps after the spectrum.
Every step keeps time before frequency: `[B, T', F]`.
"""

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchaudio.functional import create_dct, melscale_fbanks

from mmssl.errors import UsageError
from mmssl.modules.bands import Bands
from mmssl.modules.precision import full_precision

# Samples of the clips that a processor takes at a time: what comes between the steps then stays in its cache and in
# memory that is used again. Of a whole batch, the system's zeroing of fresh pages takes longer than the transforms.
TILE = 1 << 18


class AudioFrontEnd(nn.Module):
    """Sound `[B, S]` in [-1, 1] to `[B, T', F]` (`[B, T', F, 2]` when the steps end in a complex spectrum).

    Args:
        sample_rate: Hz of the sound it expects. Nothing is resampled here: another rate would stretch time and pitch.
        steps: modules applied in order, the first one to `[B, S]`.
        frames: T' that the network behind was made for; None takes any.

    Raises:
        UsageError: in `forward`, when the sound is too short or T' differs from `frames`.
    """

    def __init__(self, sample_rate: int, *steps: nn.Module, frames: int | None = None) -> None:
        super().__init__()
        self.sample_rate, self.frames = sample_rate, frames
        self.steps = nn.Sequential(*steps)

    def forward(self, audio: Tensor) -> Tensor:
        """`[B, S]` to `[B, T', F]`, fp32 also under autocast: log and power have no room in half precision."""
        if audio.ndim != 2:
            raise ValueError(f"sound must be [B, S], mono, not {tuple(audio.shape)}")
        with full_precision(audio):
            features = self._in_tiles(audio.float())
        if self.frames is not None and features.shape[1] != self.frames:
            raise UsageError(
                f"{audio.shape[1]} samples ({audio.shape[1] / self.sample_rate:.3f} s at {self.sample_rate} Hz) give "
                f"{features.shape[1]} frames, but this front-end expects {self.frames}: change `seconds` of the clips."
            )
        return features

    def _in_tiles(self, audio: Tensor) -> Tensor:
        """The steps, a few clips at a time where that is faster: no step mixes clips."""
        clips = max(1, TILE // max(1, audio.shape[1]))
        if audio.device.type != "cpu" or len(audio) <= clips or torch.compiler.is_compiling():
            whole: Tensor = self.steps(audio)
            return whole
        return torch.cat([self.steps(tile) for tile in torch.split(audio, clips)])


class Padding(Protocol):
    """What is put around the sound before windows are cut from it with `center=False`."""

    def __call__(self, wave: Tensor, win: int, hop: int, n_fft: int) -> Tensor:
        """`[B, S]` to `[B, S']`; a window of `win` stands in the middle of `n_fft` samples, as in `torch.stft`."""
        ...


class Unpadded:
    """Only whole windows: frame k covers samples [k hop, k hop + win); 1 + (S - win) // hop frames."""

    def __call__(self, wave: Tensor, win: int, hop: int, n_fft: int) -> Tensor:
        """Zeros under no window, so that frames are counted by `win` when the transform is longer."""
        left = (n_fft - win) // 2
        return functional.pad(wave, (left, n_fft - win - left))


class Whole:
    """Nothing: only whole transforms; 1 + (S - n_fft) // hop frames."""

    def __call__(self, wave: Tensor, win: int, hop: int, n_fft: int) -> Tensor:
        """The samples as they are."""
        return wave


class Centered:
    """Frame k is centered on sample k hop (librosa); 1 + S // hop frames.

    Args:
        mode: of `torch.nn.functional.pad`: "constant" (zeros) or "reflect".
    """

    def __init__(self, mode: str = "constant") -> None:
        self.mode = mode

    def __call__(self, wave: Tensor, win: int, hop: int, n_fft: int) -> Tensor:
        """Half a transform on both sides."""
        return functional.pad(wave, (n_fft // 2, n_fft // 2), mode=self.mode)


class Same:
    """As many frames as strides fit, ceil(S / hop), zeros shared between both ends ("same" of TensorFlow and kapre)."""

    def __call__(self, wave: Tensor, win: int, hop: int, n_fft: int) -> Tensor:
        """The odd sample goes to the end."""
        frames = -(-wave.shape[1] // hop)
        missing = max((frames - 1) * hop + win - wave.shape[1], 0)
        return Unpadded()(functional.pad(wave, (missing // 2, missing - missing // 2)), win, hop, n_fft)


class Stft(nn.Module):
    """`[B, S]` to a complex spectrum `[B, T', 1 + n_fft // 2]`.

    Args:
        win: samples a window.
        hop: samples between windows.
        n_fft: points of the transform; 0 takes `win`.
        window: length to window function.
        padding: where the first and the last window stand.
    """

    window: Tensor

    def __init__(
        self,
        win: int,
        hop: int,
        n_fft: int = 0,
        window: Callable[[int], Tensor] = torch.hann_window,
        padding: Padding | None = None,
    ) -> None:
        super().__init__()
        self.win, self.hop, self.n_fft = win, hop, n_fft or win
        self.padding: Padding = padding or Centered()
        left = (self.n_fft - win) // 2
        padded = functional.pad(window(win), (left, self.n_fft - win - left))
        self.register_buffer("window", padded, persistent=False)

    def extra_repr(self) -> str:
        """For `print`."""
        return f"win={self.win}, hop={self.hop}, n_fft={self.n_fft}, padding={type(self.padding).__name__}"

    def forward(self, wave: Tensor) -> Tensor:
        """Raises `UsageError` when not one window fits."""
        padded = self.padding(wave, self.win, self.hop, self.n_fft)
        if padded.shape[1] < self.n_fft:
            raise UsageError(f"{wave.shape[1]} samples of sound are shorter than one window of {self.win}.")
        spectrum: Tensor = torch.fft.rfft(padded.unfold(1, self.n_fft, self.hop) * self.window)
        return spectrum


class Magnitude(nn.Module):
    """|X| of a complex spectrum."""

    def forward(self, spectrum: Tensor) -> Tensor:
        """Same shape, real."""
        return spectrum.abs()


class Power(nn.Module):
    """|X|^2 of a complex spectrum."""

    def forward(self, spectrum: Tensor) -> Tensor:
        """Same shape, real."""
        return spectrum.real.square() + spectrum.imag.square()


class Mel(nn.Module):
    """`[B, T', 1 + n_fft // 2]` to `[B, T', bins]`: triangles on the mel scale.

    Args:
        sample_rate: Hz.
        bins: number of triangles.
        n_fft: points of the transform before it.
        low: Hz, the lower edge.
        high: Hz, the upper edge; 0 is half the sample rate.
        scale: "slaney" (librosa) or "htk".
        norm: "slaney" gives each triangle unit area, None unit height.
    """

    def __init__(
        self,
        sample_rate: int,
        bins: int,
        n_fft: int,
        low: float = 0.0,
        high: float = 0.0,
        scale: str = "slaney",
        norm: str | None = "slaney",
    ) -> None:
        super().__init__()
        self.bands = Bands(
            melscale_fbanks(n_fft // 2 + 1, low, high or sample_rate / 2, bins, sample_rate, norm, scale)
        )

    def forward(self, spectrum: Tensor) -> Tensor:
        """Weighted sums over frequency."""
        sums: Tensor = self.bands(spectrum)
        return sums


class Cepstrum(nn.Module):
    """`[B, T', bins]` log or dB mel to `[B, T', coefficients]`: an orthonormal discrete cosine transform.

    Args:
        coefficients: how many are kept.
        bins: of the mel spectrum.
    """

    basis: Tensor

    def __init__(self, coefficients: int, bins: int) -> None:
        super().__init__()
        self.register_buffer("basis", create_dct(coefficients, bins, norm="ortho"), persistent=False)

    def forward(self, mel: Tensor) -> Tensor:
        """Sums over frequency."""
        return mel @ self.basis
