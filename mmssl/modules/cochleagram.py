"""Envelopes of an ear-like filter bank (McDermott and Simoncelli 2011), which Visually Indicated Sounds predicts."""

import torch
from torch import Tensor, nn


def erb_number(hertz: Tensor) -> Tensor:
    """Hz to the number of equivalent rectangular bandwidths below it (Glasberg and Moore 1990)."""
    return 9.265 * torch.log1p(hertz / (24.7 * 9.265))


class Cochleagram(nn.Module):
    """`[B, S]` to `[B, T', bands]`, T' = S rate / sample_rate rounded down: Hilbert envelopes, then averaged over time.

    Filters are half cosines on the ERB scale, each overlapping half of the next, so that their squares sum to one in
    the inner bands; the whole clip is one transform.

    Args:
        sample_rate: Hz.
        bands: filters.
        low: Hz, the lower edge of the first.
        high: Hz, the upper edge of the last.
        rate: frames a second.
    """

    def __init__(
        self, sample_rate: int, bands: int = 42, low: float = 20.0, high: float = 10_000.0, rate: int = 90
    ) -> None:
        super().__init__()
        if high > sample_rate / 2:
            raise ValueError(f"the highest band ends at {high} Hz, above half of {sample_rate} Hz")
        self.sample_rate, self.bands, self.rate = sample_rate, bands, rate
        self.edges = (low, high)

    def filters(self, places: Tensor) -> Tensor:
        """Hz `[K]` to gains `[bands, K]`."""
        low, high = erb_number(torch.tensor(self.edges, device=places.device))
        step = (high - low) / (self.bands + 1)
        centers = low + step * torch.arange(1, self.bands + 1, device=places.device)
        distance = (erb_number(places) - centers.unsqueeze(1)) / step
        return torch.cos(torch.pi / 2 * distance.clamp(-1, 1))

    def forward(self, wave: Tensor) -> Tensor:
        """Amplitudes, not compressed."""
        samples = wave.shape[1]
        spectrum = torch.fft.rfft(wave)
        gains = self.filters(torch.fft.rfftfreq(samples, 1 / self.sample_rate, device=wave.device))
        bands = spectrum.unsqueeze(1) * gains
        # Only positive frequencies, twice: the analytic signal, whose size is the envelope.
        envelopes = 2 * torch.fft.ifft(bands, n=samples).abs()
        frames = samples * self.rate // self.sample_rate
        return nn.functional.adaptive_avg_pool1d(envelopes, frames).transpose(1, 2)
