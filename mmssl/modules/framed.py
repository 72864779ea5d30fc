"""Spectra of windows that are changed before the transform, which `torch.stft` cannot do: SciPy's and Kaldi's."""

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchaudio.compliance.kaldi import get_mel_banks

from mmssl.errors import UsageError
from mmssl.modules.bands import Bands


def windows(wave: Tensor, win: int, hop: int) -> Tensor:
    """`[B, S]` to `[B, 1 + (S - win) // hop, win]`, whole windows only.

    Raises:
        UsageError: not one window fits.
    """
    if wave.shape[1] < win:
        raise UsageError(f"{wave.shape[1]} samples of sound are shorter than one window of {win}.")
    return wave.unfold(1, win, hop)


def tukey(length: int, taper: float = 0.25) -> Tensor:
    """`[length]` periodic tapered-cosine window: a cosine ramp over `taper / 2` of the length at both ends."""
    ramp = taper * length / 2
    edge = torch.minimum(torch.arange(length), length - torch.arange(length))
    return 0.5 * (1 - torch.cos(torch.pi * (edge / ramp).clamp(max=1)))


class WelchDensity(nn.Module):
    """`[B, S]` to power a hertz `[B, T', 1 + win // 2]`, as `scipy.signal.spectrogram(wave, sample_rate)` computes it.

    Each window loses its mean, is tapered (Tukey 0.25), and the bins that stand for a negative frequency too count
    twice.

    Args:
        sample_rate: Hz.
        win: samples a window, even.
        hop: samples between windows.
    """

    window: Tensor
    weight: Tensor

    def __init__(self, sample_rate: int, win: int, hop: int) -> None:
        super().__init__()
        self.win, self.hop = win, hop
        window = tukey(win)
        weight = torch.full((win // 2 + 1,), 2.0)
        weight[0] = weight[-1] = 1.0
        self.register_buffer("window", window, persistent=False)
        self.register_buffer("weight", weight / (sample_rate * window.square().sum()), persistent=False)

    def forward(self, wave: Tensor) -> Tensor:
        """Raises `UsageError` when not one window fits."""
        frames = windows(wave, self.win, self.hop)
        spectrum = torch.fft.rfft((frames - frames.mean(-1, keepdim=True)) * self.window)
        density: Tensor = (spectrum.real.square() + spectrum.imag.square()) * self.weight
        return density


class KaldiFilterBank(nn.Module):
    """`[B, S]` to log energies `[B, T', bins]`, as Kaldi's `compute-fbank-feats` with a Hann window and no dither.

    Each window of 25 ms every 10 ms loses its mean, is pre-emphasized by 0.97, and is padded to the next power of 2.

    Args:
        sample_rate: Hz.
        bins: triangles on Kaldi's mel scale, from `low` Hz to half the sample rate.
        low: Hz.
    """

    window: Tensor

    def __init__(self, sample_rate: int, bins: int, low: float = 20.0) -> None:
        super().__init__()
        self.win, self.hop = sample_rate * 25 // 1000, sample_rate // 100
        self.n_fft = 1 << (self.win - 1).bit_length()
        filters, _ = get_mel_banks(bins, self.n_fft, sample_rate, low, 0.0, 100.0, -500.0, 1.0)
        self.register_buffer("window", torch.hann_window(self.win, periodic=False), persistent=False)
        self.bands = Bands(functional.pad(filters, (0, 1)).T.contiguous())

    def forward(self, wave: Tensor) -> Tensor:
        """Raises `UsageError` when not one window fits."""
        frames = windows(wave, self.win, self.hop)
        frames = frames - frames.mean(-1, keepdim=True)
        before = torch.cat((frames[..., :1], frames[..., :-1]), dim=-1)
        spectrum = torch.fft.rfft((frames - 0.97 * before) * self.window, n=self.n_fft)
        energies: Tensor = self.bands(spectrum.real.square() + spectrum.imag.square())
        return energies.clamp(min=torch.finfo(torch.float32).eps).log()
