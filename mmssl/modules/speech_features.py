"""Filter banks and cepstra as the package python_speech_features defines them, which SyncNet, GDT and STiCA read.

They differ from everyone else's: samples in units of 16-bit integers, one pre-emphasis of the whole signal,
rectangular windows with zeros after the end, and triangles whose corners are rounded down to bins of the transform.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchaudio.functional import create_dct

from mmssl.modules.bands import Bands

_INT16 = 32768.0
_PRE_EMPHASIS = 0.97
_LIFTER = 22


def rounded_triangles(sample_rate: int, bins: int, n_fft: int) -> Tensor:
    """`[1 + n_fft // 2, bins]` of unit height; corners are equally far apart in 2595 log10(1 + f / 700)."""
    top = 2595 * math.log10(1 + sample_rate / 2 / 700)
    mels = torch.linspace(0, top, bins + 2, dtype=torch.float64)
    corners = ((n_fft + 1) * 700 * (10 ** (mels / 2595) - 1) / sample_rate).floor()
    low, middle, high = corners[:-2], corners[1:-1], corners[2:]
    places = torch.arange(1 + n_fft // 2, dtype=torch.float64).unsqueeze(1)
    # Corners that round to one bin make an empty side; 1 keeps the quotient finite and the condition leaves it out.
    rise = (places - low) / (middle - low).clamp(min=1) * ((places >= low) & (places < middle))
    fall = (high - places) / (high - middle).clamp(min=1) * ((places >= middle) & (places < high))
    return (rise + fall).float()


class SpeechPower(nn.Module):
    """`[B, S]` in [-1, 1] to power `[B, T', 1 + n_fft // 2]`, 1 + ceil((S - win) / hop) frames.

    Args:
        win: samples a window.
        hop: samples between windows.
        n_fft: points of the transform, at least `win`.
    """

    def __init__(self, win: int, hop: int, n_fft: int) -> None:
        super().__init__()
        self.win, self.hop, self.n_fft = win, hop, n_fft

    def forward(self, wave: Tensor) -> Tensor:
        """|X|^2 / n_fft."""
        wave = wave * _INT16
        emphasized = torch.cat((wave[:, :1], wave[:, 1:] - _PRE_EMPHASIS * wave[:, :-1]), dim=1)
        frames = 1 + max(-(-(wave.shape[1] - self.win) // self.hop), 0)
        missing = (frames - 1) * self.hop + self.win - wave.shape[1]
        cut = functional.pad(emphasized, (0, missing)).unfold(1, self.win, self.hop)
        spectrum = torch.fft.rfft(cut, n=self.n_fft)
        power: Tensor = spectrum.real.square() + spectrum.imag.square()
        return power / self.n_fft


class LogTriangles(nn.Module):
    """Power `[B, T', 1 + n_fft // 2]` to log energies `[B, T', bins]`; no energy at all becomes ln(2.2e-16)."""

    def __init__(self, sample_rate: int, bins: int, n_fft: int) -> None:
        super().__init__()
        self.bands = Bands(rounded_triangles(sample_rate, bins, n_fft))

    def forward(self, power: Tensor) -> Tensor:
        """Natural logarithm."""
        return _log(self.bands(power))


class LifteredCepstra(nn.Module):
    """Power `[B, T', 1 + n_fft // 2]` to `[B, T', coefficients]`: cosine transform of the log energies, liftered.

    The first one is replaced by the log of the window's whole energy.

    Args:
        sample_rate: Hz.
        bins: triangles.
        n_fft: points of the transform before it.
        coefficients: how many are kept.
    """

    basis: Tensor

    def __init__(self, sample_rate: int, bins: int, n_fft: int, coefficients: int) -> None:
        super().__init__()
        self.energies = LogTriangles(sample_rate, bins, n_fft)
        lifter = 1 + _LIFTER / 2 * torch.sin(torch.pi * torch.arange(coefficients) / _LIFTER)
        self.register_buffer("basis", create_dct(coefficients, bins, norm="ortho") * lifter, persistent=False)

    def forward(self, power: Tensor) -> Tensor:
        """Sums over frequency."""
        cepstra = self.energies(power) @ self.basis
        return torch.cat((_log(power.sum(-1, keepdim=True)), cepstra[..., 1:]), dim=-1)


def _log(energy: Tensor) -> Tensor:
    floor = torch.finfo(torch.float64).eps
    return energy.masked_fill(energy == 0, floor).log()
