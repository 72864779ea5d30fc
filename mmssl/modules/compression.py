"""Steps of an `AudioFrontEnd` after the spectrum: a smaller range of values, and their place and spread."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional


class Log(nn.Module):
    """ln(max(x, floor))."""

    def __init__(self, floor: float) -> None:
        super().__init__()
        self.floor = floor

    def forward(self, x: Tensor) -> Tensor:
        """Same shape."""
        return x.clamp(min=self.floor).log()


class LogOffset(nn.Module):
    """ln(x + offset); `LogOffset(1)` is log1p."""

    def __init__(self, offset: float) -> None:
        super().__init__()
        self.offset = offset

    def forward(self, x: Tensor) -> Tensor:
        """Same shape."""
        return (x + self.offset).log()


class Decibel(nn.Module):
    """10 log10(max(x, floor)) of a power, cut to `span` dB under the loudest place of each clip.

    Args:
        floor: of the power.
        span: dB; 0 cuts nothing.
    """

    def __init__(self, floor: float = 1e-10, span: float = 0.0) -> None:
        super().__init__()
        self.floor, self.span = floor, span

    def forward(self, power: Tensor) -> Tensor:
        """Same shape."""
        level = 10 * power.clamp(min=self.floor).log10()
        if self.span == 0:
            return level
        # A maximum over the batch would let one clip change another, and the batch size the result.
        return level.maximum(level.amax(dim=(1, 2), keepdim=True) - self.span)


class Root(nn.Module):
    """x ** exponent of a non-negative spectrum; of a complex one the magnitude alone is compressed (0.3 of AV speech).

    Raises nothing at zero: the gradient there is cut off by `floor`.
    """

    def __init__(self, exponent: float, floor: float = 1e-12) -> None:
        super().__init__()
        self.exponent, self.floor = exponent, floor

    def forward(self, x: Tensor) -> Tensor:
        """Same shape and kind."""
        magnitude = x.abs().clamp(min=self.floor)
        return x * magnitude ** (self.exponent - 1)


class MuLaw(nn.Module):
    """sign(x) ln(1 + mu |x|) / ln(1 + mu) of samples in [-1, 1] (ITU-T G.711's companding, without rounding)."""

    def __init__(self, mu: float = 255.0) -> None:
        super().__init__()
        self.mu = mu

    def forward(self, x: Tensor) -> Tensor:
        """Same shape, in [-1, 1]."""
        return x.sign() * (self.mu * x.abs()).log1p() / torch.tensor(self.mu).log1p().item()


class Standardize(nn.Module):
    """(x - mean) / std, one number or one a frequency bin."""

    mean: Tensor
    std: Tensor

    def __init__(self, mean: float | Sequence[float], std: float | Sequence[float]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean), persistent=False)
        self.register_buffer("std", torch.tensor(std), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Same shape."""
        return (x - self.mean) / self.std


class StandardizeClip(nn.Module):
    """Each bin of each clip to mean 0 and deviation 1 over its time (instance norm without weights)."""

    def forward(self, x: Tensor) -> Tensor:
        """`[B, T', F]` to the same shape."""
        return functional.instance_norm(x.transpose(1, 2)).transpose(1, 2)
