"""`Encoder`, what turns one modality into a map of features."""

from typing import ClassVar

from torch import Tensor, nn

from mmssl.batch import Modality
from mmssl.errors import UsageError


class Encoder(nn.Module):
    """One modality `[B, ...]` to a map `[B, *grid, D]`; pooling the map into `[B, D]` is a separate, visible step.

    Inputs are what `Batch` holds: video `[B, T, 3, H, W]` uint8, or floating point in [0, 1] after augmentation;
    audio `[B, S]` in [-1, 1] at `sample_rate`; text `[B, L]` ids with -1 for padding. The encoder normalizes.
    The first axis of a grid is time: video `[B, T', H', W', D]`, audio `[B, T', F', D]`, text `[B, L, D]`.

    Attributes:
        modality: what it reads.
        dim: D.
    """

    modality: ClassVar[Modality]
    dim: int

    def forward(self, inputs: Tensor) -> Tensor:
        """`[B, ...]` to `[B, *grid, D]`."""
        raise NotImplementedError

    def mask(self, inputs: Tensor) -> Tensor | None:
        """`[B, *grid]` bool, which places hold anything; None when all do (text has padding)."""
        return None

    def units(self) -> list[nn.Module]:
        """Its layers in a row, which may be recomputed or sharded one by one: what stands in its lists by default."""
        return _in_lists(self)

    def pool(self, grid: Tensor, mask: Tensor | None = None) -> Tensor:
        """`[B, *grid, D]` to `[B, D]`: the mean over the places that hold something.

        Raises:
            UsageError: there is no grid.
        """
        if grid.ndim < 3:
            raise UsageError(f"a map is [B, *grid, D], not {list(grid.shape)}; one vector a clip is [B, 1, ..., 1, D]")
        places = grid.flatten(1, -2)
        if mask is None:
            return places.mean(1)
        weight = mask.flatten(1).to(places.dtype).unsqueeze(-1)
        return (places * weight).sum(1) / weight.sum(1).clamp(min=1)


def _in_lists(module: nn.Module) -> list[nn.Module]:
    """The outermost members of lists that hold modules of their own and are no lists themselves."""
    lists = (nn.ModuleList, nn.Sequential)
    found: list[nn.Module] = []
    for child in module.children():
        whole = isinstance(module, lists) and type(child) not in lists and any(True for _ in child.children())
        found += [child] if whole else _in_lists(child)
    return found
