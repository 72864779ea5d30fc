"""Frames that see their neighbors at no cost (Lin, Gan and Han 2019, "TSM: Temporal Shift Module", section 3)."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from mmssl.modules.resnet import BasicBlock


def temporal_shift(x: Tensor, frames: int, share: int) -> Tensor:
    """`[B * T, C, h, w]`: one `share`-th of the channels comes from the next frame and one from the frame before.

    Before the first frame and after the last there are zeros.
    """
    moved = x.shape[1] // share
    clips = x.reshape(-1, frames, *x.shape[1:])
    nothing = torch.zeros_like(clips[:, :1, :moved])
    # Put together, not written into zeros: torch 2.11's compiler fails at the latter on a processor.
    next_frame = torch.cat([clips[:, 1:, :moved], nothing], 1)
    frame_before = torch.cat([nothing, clips[:, :-1, moved : 2 * moved]], 1)
    out = torch.cat([next_frame, frame_before, clips[:, :, 2 * moved :]], 2)
    return out.flatten(0, 1).contiguous(memory_format=torch.channels_last)


class ShiftedBlock(nn.Module):
    """A residual block whose first convolution sees shifted channels; the shortcut keeps each frame whole.

    Args:
        block: the block.
        share: see `temporal_shift`.
    """

    def __init__(self, block: BasicBlock, share: int) -> None:
        super().__init__()
        self.block, self.share = block, share

    def forward(self, x: Tensor, frames: int) -> Tensor:
        """`[B * T, I, h, w]` to `[B * T, O, h', w']`."""
        block = self.block
        y = functional.relu(block.norm1(block.conv1(temporal_shift(x, frames, self.share))))
        y = block.norm2(block.conv2(y))
        return functional.relu(y + block.shortcut(x))
