"""Random changes of pictures and sound, batched on the device, each clip's drawn from its own seed.

All frames of a clip share one crop, one flip and one color change: jitter between frames would be motion that is not
there. Sound is never shifted in time, since objectives learn from when it sounds.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from mmssl.modules.draws import uniform
from mmssl.modules.precision import full_precision

# Streams of `draws.uniform`, one a use.
_CROP, _FLIP, _COLOR, _GAIN, _NOISE = 101, 102, 103, 104, 105
# Luma and two axes of color (YIQ, NTSC 1953): rows of weights of R, G, B.
_YIQ = torch.tensor([[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])


def _between(draws: Tensor, low: float, high: float) -> Tensor:
    return low + (high - low) * draws


class VideoAugment(nn.Module):
    """`[B, T, 3, H, W]` uint8, or floating point in [0, 1], to `[B, T, 3, pixels, pixels]` float in [0, 1].

    Args:
        pixels: height and width that come out.
        scale: share of the area that the crop keeps, least and most.
        ratio: width by height of the crop, least and most, drawn on a logarithmic scale.
        flip: probability of a mirror image.
        brightness: colors are multiplied by 1 +- at most this.
        contrast: and their distance to the clip's mean gray.
        saturation: and their distance to gray.
        hue: turned by at most this share of the circle of colors.
    """

    def __init__(
        self,
        pixels: int,
        scale: tuple[float, float] = (0.5, 1.0),
        ratio: tuple[float, float] = (3 / 4, 4 / 3),
        flip: float = 0.5,
        brightness: float = 0.3,
        contrast: float = 0.3,
        saturation: float = 0.3,
        hue: float = 0.05,
    ) -> None:
        super().__init__()
        self.pixels, self.scale, self.ratio, self.flip = pixels, scale, ratio, flip
        self.brightness, self.contrast, self.saturation, self.hue = brightness, contrast, saturation, hue

    def forward(self, video: Tensor, seeds: Tensor) -> Tensor:
        """The clips `[B, T, 3, H, W]` and their seeds `[B]` int64; fp32 also under autocast."""
        with full_precision(video):
            return self._change(video, seeds)

    def _change(self, video: Tensor, seeds: Tensor) -> Tensor:
        clips, frames = video.shape[:2]
        # Frames become channels: one sampling grid then serves all frames of a clip.
        pixels = video.flatten(1, 2).float()
        if not video.is_floating_point():
            pixels = pixels / 255
        cropped = functional.grid_sample(
            pixels, self._grid(seeds, video.shape[-2:]), padding_mode="border", align_corners=False
        )
        return self._recolor(cropped.reshape(clips, frames, 3, self.pixels, self.pixels), seeds)

    def _grid(self, seeds: Tensor, size: torch.Size) -> Tensor:
        """`[B, pixels, pixels, 2]` places of the crop in the picture, whose edges are -1 and 1."""
        area, ratio, x, y = uniform(seeds, _CROP, 4).unbind(1)
        aspect = torch.exp(_between(ratio, math.log(self.ratio[0]), math.log(self.ratio[1]))) * size[0] / size[1]
        side = _between(area, *self.scale).sqrt()
        # Shares of the picture's width and height; a crop longer than the picture is cut to it.
        width, height = (side * aspect.sqrt()).clamp(max=1), (side / aspect.sqrt()).clamp(max=1)
        mirror = torch.where(uniform(seeds, _FLIP)[:, 0] < self.flip, -1.0, 1.0)
        zero = torch.zeros_like(width)
        across = torch.stack((width * mirror, zero, (1 - width) * (2 * x - 1)), dim=1)
        down = torch.stack((zero, height, (1 - height) * (2 * y - 1)), dim=1)
        matrices = torch.stack((across, down), dim=1)
        return functional.affine_grid(matrices, [len(seeds), 1, self.pixels, self.pixels], align_corners=False)

    def _recolor(self, video: Tensor, seeds: Tensor) -> Tensor:
        """Brightness, contrast, saturation and hue of a clip are one matrix and one offset."""
        draws = 2 * uniform(seeds, _COLOR, 4) - 1
        brightness, contrast, saturation = (
            1 + draws[:, i] * strength for i, strength in enumerate((self.brightness, self.contrast, self.saturation))
        )
        angle = 2 * math.pi * self.hue * draws[:, 3]
        cos, sin = saturation * angle.cos(), saturation * angle.sin()
        turn = torch.zeros(len(seeds), 3, 3, device=video.device)
        turn[:, 0, 0] = 1
        turn[:, 1, 1], turn[:, 1, 2], turn[:, 2, 1], turn[:, 2, 2] = cos, -sin, sin, cos
        to_yiq = _YIQ.to(video.device)
        gain = (brightness * contrast)[:, None, None]
        matrix = gain * (torch.linalg.inv(to_yiq) @ turn @ to_yiq)
        gray = torch.einsum("btchw,c->b", video, to_yiq[0]) / video[0, :, 0].numel()
        offset = (1 - contrast) * brightness * gray
        changed = torch.einsum("bdc,btchw->btdhw", matrix, video) + offset[:, None, None, None, None]
        return changed.clamp(0, 1)


class AudioAugment(nn.Module):
    """Sound `[B, S]` louder or softer and with hiss; nothing moves in time.

    Args:
        gain: dB, louder or softer by at most this.
        snr: dB of the sound over white noise, least and most; None adds none.
    """

    def __init__(self, gain: float = 6.0, snr: tuple[float, float] | None = None) -> None:
        super().__init__()
        self.gain, self.snr = gain, snr

    def forward(self, audio: Tensor, seeds: Tensor) -> Tensor:
        """The sound `[B, S]` and the clips' seeds `[B]` int64."""
        if self.snr is not None:
            audio = audio + self._noise(audio, seeds, self.snr)
        gain = _between(uniform(seeds, _GAIN), -self.gain, self.gain)
        return audio * 10 ** (gain / 20)

    @staticmethod
    def _noise(audio: Tensor, seeds: Tensor, snr: tuple[float, float]) -> Tensor:
        samples = audio.shape[1]
        draws = uniform(seeds, _NOISE, 2 * samples + 1)
        # Box and Muller 1958: two uniform numbers to a normal one; 1 - u is never 0.
        normal = (-2 * (1 - draws[:, :samples]).log()).sqrt() * (2 * math.pi * draws[:, samples:-1]).cos()
        level = audio.square().mean(1, keepdim=True).sqrt()
        return normal * level * 10 ** (-_between(draws[:, -1:], *snr) / 20)
