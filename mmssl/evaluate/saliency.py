"""Where a picture draws the eye and where a film moves: answers to "where does it sound?" that never heard anything.

A model that does not beat these has learnt what objects look like, not what sounds (as Mo and Morgado 2022 and Juanola
et al. 2024 find of published ones).
"""

import torch
from torch import Tensor
from torch.nn import functional

_SIDE = 64  # pixels; the scale of the paper
_SIGMA = 2.5  # of the Gaussian, in those pixels
_FALLOFF = 5  # pixels on each side of it
_CELLS = 28  # of a map of motion: a place, not an edge


def salient(pictures: Tensor) -> Tensor:
    """Spectral residual (Hou and Zhang 2007, equations 3 to 6): what is unusual in the spectrum, `[M, 64, 64]`.

    Args:
        pictures: `[M, 3, H, W]` uint8.
    """
    gray = functional.interpolate(pictures.float().mean(1, keepdim=True), (_SIDE, _SIDE), mode="bilinear")
    spectrum = torch.fft.fft2(gray)
    amplitude = (spectrum.abs() + 1e-8).log()
    usual = functional.avg_pool2d(functional.pad(amplitude, (1, 1, 1, 1), "replicate"), 3, 1)
    found = torch.fft.ifft2(torch.polar((amplitude - usual).exp(), spectrum.angle())).abs().square()
    offset = torch.arange(-_FALLOFF, _FALLOFF + 1, dtype=found.dtype, device=found.device)
    bell = (-(offset**2) / (2 * _SIGMA**2)).exp()
    bell = bell / bell.sum()
    across = functional.conv2d(found, bell.reshape(1, 1, 1, -1), padding="same")
    return functional.conv2d(across, bell.reshape(1, 1, -1, 1), padding="same").squeeze(1)


def moving(video: Tensor) -> Tensor:
    """How much each place changes from picture to picture, `[B, T, 28, 28]`; all zero for a single one.

    Args:
        video: `[B, T, 3, H, W]` uint8.
    """
    steps = video.float().diff(dim=1).abs().mean(2)  # [B, T - 1, H, W]
    both = functional.pad(steps, (0, 0, 0, 0, 1, 0)) + functional.pad(steps, (0, 0, 0, 0, 0, 1))
    return functional.adaptive_avg_pool2d(both, _CELLS)
