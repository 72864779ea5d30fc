"""The two towers of SyncNet (Chung and Zisserman 2016, "Out of Time"), in the sizes of the authors' released network.

One vector of 1024 features a window: five frames of picture, and twenty cepstra of 10 ms, which is a fifth of a second.
"""

from typing import ClassVar

from torch import Tensor, nn

from mmssl.batch import Modality
from mmssl.encoder import Encoder
from mmssl.errors import UsageError
from mmssl.modules.front_ends import syncnet_mfcc
from mmssl.modules.normalize import CENTERED, PixelNorm

STEPS, AHEAD = 20, 4  # cepstra of a window, and from one frame to the next at 25 frames a second


def _frames(inputs: int, outputs: int, kernel: tuple[int, int, int], stride: int = 1, pad: int = 0) -> nn.Sequential:
    conv = nn.Conv3d(inputs, outputs, kernel, (1, stride, stride), (0, pad, pad), bias=False)
    return nn.Sequential(conv, nn.BatchNorm3d(outputs), nn.ReLU(inplace=True))


def _cepstra(inputs: int, outputs: int, kernel: tuple[int, int] = (3, 3), pad: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(inputs, outputs, kernel, padding=pad, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


class SyncNetVideo(Encoder):
    """`[B, T, 3, H, W]` to `[B, T - frames + 1, 1, 1, 1024]`, one vector for each window of five frames.

    Time is never padded and only the first layer mixes it, so that windows are computed together as if each alone.
    Departure: pixels are RGB around zero; the released network reads BGR from 0 to 255.

    Args:
        width: 1 is the paper's; channels are that share of 96, 256 and 512, and D of 1024.
        pixels: height and width of a frame, at least 64.
        frames: of a window.

    Raises:
        UsageError: nothing is left of so few pixels.
    """

    modality: ClassVar[Modality] = "video"

    def __init__(self, width: float = 1.0, pixels: int = 224, frames: int = 5) -> None:
        super().__init__()
        if pixels < 64:
            raise UsageError(f"SyncNetVideo needs frames of at least 64 pixels, not {pixels}")
        first, second, third, self.dim = (round(width * channels) for channels in (96, 256, 512, 1024))
        self.normalize = PixelNorm(*CENTERED)
        one, plain = (1, 1, 1), (1, 3, 3)
        self.layers = nn.Sequential(
            _frames(3, first, (frames, 7, 7), 2),
            nn.MaxPool3d(plain, (1, 2, 2)),
            _frames(first, second, (1, 5, 5), 2, 1),
            nn.MaxPool3d(plain, (1, 2, 2), (0, 1, 1)),
            *(_frames(second, second, plain, 1, 1) for _ in range(3)),
            nn.MaxPool3d(plain, (1, 2, 2)),
            _frames(second, third, (1, _left(pixels), _left(pixels))),
            _frames(third, third, one),
            nn.Conv3d(third, self.dim, one),
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """`[B, T, 3, H, W]` to `[B, T', 1, 1, D]`."""
        grid: Tensor = self.layers(self.normalize(inputs).transpose(1, 2))
        return grid.movedim(1, -1)

    def units(self) -> list[nn.Module]:
        """The convolutions, each with its norm."""
        return [layer for layer in self.layers if isinstance(layer, nn.Sequential)]


class SyncNetAudio(Encoder):
    """`[B, S]` at 16 kHz to `[B, T', 1, 1024]`: 0.215 s hold one window, and each 40 ms more the next.

    Args:
        width: 1 is the paper's; channels are that share of 64, 192, 384, 256 and 512, and D of 1024.
    """

    modality: ClassVar[Modality] = "audio"

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()
        sizes = (round(width * channels) for channels in (64, 192, 384, 256, 512, 1024))
        first, second, third, fourth, fifth, self.dim = sizes
        self.front_end = syncnet_mfcc()
        self.sample_rate = self.front_end.sample_rate
        self.layers = nn.Sequential(  # over [cepstra, time]
            _cepstra(1, first),
            _cepstra(first, second),
            nn.MaxPool2d(3, (1, 2)),
            _cepstra(second, third),
            _cepstra(third, fourth),
            _cepstra(fourth, fourth),
            nn.MaxPool2d(3, (2, 2)),
            _cepstra(fourth, fifth, (5, 4), 0),
            _cepstra(fifth, fifth, (1, 1), 0),
            nn.Conv2d(fifth, self.dim, 1),
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """`[B, S]` to `[B, T', 1, D]`; raises `UsageError` when not one window fits."""
        cepstra = self.front_end(inputs)
        if cepstra.shape[1] < STEPS:
            raise UsageError(f"{inputs.shape[1]} samples of sound are no window of SyncNet: it needs 0.215 s")
        windows = cepstra.unfold(1, STEPS, AHEAD)  # [B, T', 13, 20], each with the tower's padding of its own
        vectors: Tensor = self.layers(windows.flatten(0, 1).unsqueeze(1))
        return vectors.reshape(len(inputs), -1, 1, self.dim)

    def units(self) -> list[nn.Module]:
        """The convolutions, each with its norm."""
        return [layer for layer in self.layers if isinstance(layer, nn.Sequential)]


def _left(pixels: int) -> int:
    """Of a side, before the last convolution: 6 of 224."""
    side = (pixels - 7) // 2 + 1
    side = (side - 3) // 2 + 1
    side = (side - 3) // 2 + 1
    side = (side - 1) // 2 + 1
    return (side - 3) // 2 + 1
