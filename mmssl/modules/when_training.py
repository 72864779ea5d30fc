"""Augmentation that is there in training alone."""

from torch import Tensor, nn

from mmssl.batch import Batch


class WhenTraining(nn.Module):
    """`augment(inputs, batch.seed)` in training mode, `inputs` otherwise.

    Args:
        augment: takes `[B, ...]` and `[B]` seeds; None changes nothing.
    """

    def __init__(self, augment: nn.Module | None) -> None:
        super().__init__()
        self.augment = augment

    def forward(self, inputs: Tensor, batch: Batch) -> Tensor:
        """`[B, ...]` to `[B, ...]`."""
        if self.augment is None or not self.training:
            return inputs
        augmented: Tensor = self.augment(inputs, batch.seed)
        return augmented
