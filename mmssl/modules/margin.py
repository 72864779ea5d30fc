"""The margin contrastive loss of a distance (Hadsell, Chopra and LeCun 2006, equation 4)."""

from torch import Tensor


def margin_contrastive(distance: Tensor, same: Tensor, margin: float) -> Tensor:
    """`y d^2 + (1 - y) max(m - d, 0)^2` of each pair, any shape: what belongs together meets, the rest stays m apart.

    Args:
        distance: d, at least 0.
        same: y, bool.
        margin: m, from which on a negative pair is far enough.
    """
    far = (margin - distance).clamp(min=0)
    return (distance.square() * same).add(far.square() * ~same)
