"""Dropout drawn from the clips' own seeds, so that a batch has one loss, on one process or on several."""

from torch import Tensor, nn

from mmssl.modules import draws


class SeededDropout(nn.Module):
    """Srivastava et al. 2014, "Dropout"; nothing outside training.

    Args:
        share: of the numbers that become 0; the others grow by what is lost.
        stream: of `draws`.
    """

    def __init__(self, share: float, stream: int) -> None:
        super().__init__()
        self.share, self.stream = share, stream

    def forward(self, features: Tensor, seeds: Tensor) -> Tensor:
        """`[B, ...]` and `[B]` to `[B, ...]`."""
        if not self.share or not self.training:
            return features
        kept = draws.uniform(seeds, self.stream, features[0].numel()).view(features.shape) >= self.share
        return features * kept / (1 - self.share)
