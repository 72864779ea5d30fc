"""Steps of an `AudioFrontEnd` on the samples themselves, and on complex spectra whose phase is kept."""

import torch
from torch import Tensor, nn
from torch.nn import functional


class RemoveMean(nn.Module):
    """Each clip's samples around zero."""

    def forward(self, wave: Tensor) -> Tensor:
        """`[B, S]` to the same."""
        return wave - wave.mean(1, keepdim=True)


class UnitPower(nn.Module):
    """Each clip's samples to a root mean square of `level`; silence stays silent."""

    def __init__(self, level: float = 0.1) -> None:
        super().__init__()
        self.level = level

    def forward(self, wave: Tensor) -> Tensor:
        """`[B, S]` to the same."""
        return wave * (self.level / wave.square().mean(1, keepdim=True).sqrt().clamp(min=1e-8))


class Scale(nn.Module):
    """Every number times `factor`."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        """Same shape."""
        return x * self.factor


class Samples(nn.Module):
    """Samples as frames of one number: `[B, S]` to `[B, S, 1]`, for networks that read the waveform."""

    def forward(self, wave: Tensor) -> Tensor:
        """A view."""
        return wave.unsqueeze(-1)


class LowBins(nn.Module):
    """The `bins` lowest frequencies."""

    def __init__(self, bins: int) -> None:
        super().__init__()
        self.bins = bins

    def forward(self, spectrum: Tensor) -> Tensor:
        """`[B, T', F]` to `[B, T', bins]`."""
        return spectrum[..., : self.bins]


class EveryOtherBin(nn.Module):
    """Bins 0, 2, 4, ..."""

    def forward(self, spectrum: Tensor) -> Tensor:
        """`[B, T', F]` to `[B, T', (F + 1) // 2]`."""
        return spectrum[..., ::2]


class AverageNeighbors(nn.Module):
    """2 n + 1 bins to n + 1: the mean of bins 1 and 2, 3 and 4, ...; bin 0 stays."""

    def forward(self, power: Tensor) -> Tensor:
        """`[B, T', F]` to `[B, T', 1 + F // 2]`."""
        return torch.cat((power[..., :1], (power[..., 1::2] + power[..., 2::2]) / 2), dim=-1)


class LogFrequency(nn.Module):
    """Frequencies at equal ratios instead of equal distances, between the neighboring bins linearly.

    Bin k of n stands at F^(k / (n - 1)) - 1 of the F bins before, so that the lowest and highest stay (Zhao et al.
    2018, section 3.3, without naming the map; this one is exact at both ends).

    Args:
        bins: how many come out.
    """

    def __init__(self, bins: int) -> None:
        super().__init__()
        self.bins = bins

    def forward(self, spectrum: Tensor) -> Tensor:
        """`[B, T', F]` real to `[B, T', bins]`."""
        count = spectrum.shape[-1]
        places = count ** torch.linspace(0, 1, self.bins, device=spectrum.device) - 1
        low = places.floor().long().clamp(max=count - 2)
        part = places - low
        return spectrum[..., low] * (1 - part) + spectrum[..., low + 1] * part


class RealImaginary(nn.Module):
    """A complex spectrum `[B, T', F]` to `[B, T', F, 2]`."""

    def forward(self, spectrum: Tensor) -> Tensor:
        """A view."""
        return torch.view_as_real(spectrum)


class LevelPhase(nn.Module):
    """A complex spectrum `[B, T', F]` to `[B, T', F, 2]`: level from -1 at `low` dB to 1 at `high`, and phase / pi.

    Args:
        low: dB.
        high: dB.
    """

    def __init__(self, low: float, high: float) -> None:
        super().__init__()
        self.low, self.high = low, high

    def forward(self, spectrum: Tensor) -> Tensor:
        """Levels outside are cut."""
        level = 20 * spectrum.abs().clamp(min=1e-10).log10()
        placed = 2 * (level.clamp(self.low, self.high) - self.low) / (self.high - self.low) - 1
        return torch.stack((placed, spectrum.angle() / torch.pi), dim=-1)


class Fit(nn.Module):
    """Exactly `frames` frames: cut at the end, or `value` after the end."""

    def __init__(self, frames: int, value: float = 0.0) -> None:
        super().__init__()
        self.frames, self.value = frames, value

    def forward(self, x: Tensor) -> Tensor:
        """`[B, T', F]` to `[B, frames, F]`."""
        missing = max(self.frames - x.shape[1], 0)
        return functional.pad(x[:, : self.frames], (0, 0, 0, missing), value=self.value)
