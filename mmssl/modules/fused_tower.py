"""One network over picture and sound together (Owens and Efros 2018, "Multisensory", section 3.1 and figure 2)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from mmssl.modules.resnet import Norm, group_norm


def batch_norm_3d(channels: int) -> nn.Module:
    """Statistics over the batch, of `[N, C, T, h, w]`."""
    return nn.BatchNorm3d(channels)


class ResidualBlock3d(nn.Module):
    """Two 3 x 3 x 3 convolutions beside a shortcut: `[N, I, T, h, w]` to `[N, O, T / s, h / s, w / s]`."""

    def __init__(self, inputs: int, outputs: int, stride: int, norm: Norm) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv3d(inputs, outputs, 3, stride, 1, bias=False),
            norm(outputs),
            nn.ReLU(inplace=True),
            nn.Conv3d(outputs, outputs, 3, 1, 1, bias=False),
            norm(outputs),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(nn.Conv3d(inputs, outputs, 1, stride, bias=False), norm(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """ReLU after the sum."""
        y: Tensor = functional.relu(self.layers(x) + self.shortcut(x))
        return y


class FusedTower(nn.Module):
    """A map of picture `[N, T, H, W, Dv]` and one of sound `[N, Ta, F, Da]` to a logit a place, `[N, T', H', W']`.

    Sound comes to the picture's rate by maxima over time and is laid over every place; a 1 x 1 x 1 convolution mixes
    both beside a shortcut of the first and the last channels; residual blocks follow, two a stage. The mean of the
    logits is the network's answer, as the last layer is linear: so they are its class-activation map.

    Args:
        video: Dv; 64 in the paper, all other widths follow from it.
        audio: Da.
        strides: of the three stages; the paper's map is finer with 1 in the last.
        norm: channels to a norm layer, over `[N, C, T, h, w]`. The paper's is over the batch, `batch_norm_3d`; groups
            of channels, the default, do not depend on how many processes there are, but learn this task slower.
    """

    def __init__(self, video: int, audio: int, strides: Sequence[int] = (1, 2, 2), norm: Norm = group_norm) -> None:
        super().__init__()
        self.width = video
        self.hear = nn.Sequential(
            nn.Conv3d(audio, 2 * video, (3, 1, 1), 1, (1, 0, 0), bias=False), norm(2 * video), nn.ReLU(inplace=True)
        )
        self.mix = nn.Sequential(
            nn.Conv3d(3 * video, 8 * video, 1, bias=False),
            norm(8 * video),
            nn.ReLU(inplace=True),
            nn.Conv3d(8 * video, 2 * video, 1, bias=False),
            norm(2 * video),
        )
        blocks, inputs = [], 2 * video
        for stage, stride in enumerate(strides):
            outputs = 2 * video * 2**stage
            blocks += [ResidualBlock3d(inputs, outputs, stride, norm), ResidualBlock3d(outputs, outputs, 1, norm)]
            inputs = outputs
        self.blocks = nn.Sequential(*blocks)
        self.answer = nn.Conv3d(inputs, 1, 1)
        for module in self.modules():
            if isinstance(module, nn.Conv3d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        nn.init.normal_(self.answer.weight, std=0.1)

    def forward(self, video: Tensor, sound: Tensor) -> Tensor:
        """`[N, T', H', W']` logits of "this sound is of this moment"."""
        seen = video.movedim(-1, 1)
        rate = functional.adaptive_max_pool1d(sound.mean(2).transpose(1, 2), seen.shape[2])
        heard = self.hear(rate[..., None, None])
        both = torch.cat([seen, heard.expand(-1, -1, -1, *seen.shape[3:])], dim=1)
        short = torch.cat([both[:, : self.width], both[:, -self.width :]], dim=1)
        logits: Tensor = self.answer(self.blocks(functional.relu(self.mix(both) + short)))
        return logits.squeeze(1).float()
