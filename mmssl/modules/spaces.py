"""In which space which pair of modalities is compared, and by which heads each modality gets there.

Alayrac et al. 2020 (MMV), section 3.1 and figure 1: one space for all; one for sight and sound and another for sight
and words; or a fine one for sight and sound from which a coarse one follows that words share.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from mmssl.batch import Modality
from mmssl.modules.row_norm import RowNorm

Pair = tuple[Modality, Modality]
VA: Pair = ("video", "audio")
VT: Pair = ("video", "text")
AT: Pair = ("audio", "text")


class Head(nn.Sequential):
    """Layers in a row, of which `RowNorm` is told which rows are there."""

    def forward(self, rows: Tensor, valid: Tensor | None = None) -> Tensor:
        """`[..., D]` and, in training, `[...]` bool to `[..., E]`."""
        for layer in self:
            rows = layer(rows, valid) if isinstance(layer, RowNorm) else layer(rows)
        return rows


def perceptron(width: int, hidden: int, dim: int) -> Head:
    """One hidden layer with `RowNorm`, as MMV's of sight."""
    return Head(nn.Linear(width, hidden, bias=False), RowNorm(hidden), nn.ReLU(), nn.Linear(hidden, dim))


class HeadGraph(nn.Module):
    """Spaces are its nodes, heads its edges.

    Args:
        heads: by name.
        paths: from a modality to a space the names of the heads on the way, of which two paths may share the first.
        compared: pair to the space in which its members are comparable; a pair that has none is missing.
        dims: E of each space.
    """

    def __init__(
        self,
        heads: Mapping[str, Head],
        paths: Mapping[tuple[Modality, str], tuple[str, ...]],
        compared: Mapping[Pair, str],
        dims: Mapping[str, int],
    ) -> None:
        super().__init__()
        self.heads = nn.ModuleDict(dict(heads.items()))
        self.paths, self.compared, self.dims = dict(paths), dict(compared), dict(dims)

    def forward(
        self, modality: Modality, features: Tensor, spaces: Iterable[str], valid: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Unit vectors `[..., E]` in some spaces; what two paths share is computed once.

        Args:
            modality: of the features.
            features: `[..., D]`.
            spaces: their names.
            valid: `[...]` bool, which rows are there; see `RowNorm`.
        """
        found: dict[tuple[str, ...], Tensor] = {(): features}
        for path in (self.paths[modality, space] for space in spaces):
            for end in range(1, len(path) + 1):
                if path[:end] not in found:
                    found[path[:end]] = self.heads[path[end - 1]](found[path[: end - 1]], valid)
        return {space: functional.normalize(found[self.paths[modality, space]].float(), dim=-1) for space in spaces}

    def side_by_side(self, modality: Modality, features: Tensor) -> Tensor:
        """`[..., D]` to `[..., sum of E]`, a part for each pair, 0 where the modality is no member of it.

        The product of two such vectors of different modalities is the cosine in the one space of that pair, so one
        vector a clip serves every pair; two that are comparable nowhere have the product 0.
        """
        vectors = self(modality, features, [space for pair, space in self.compared.items() if modality in pair])
        parts = [
            vectors[space] if modality in pair else features.new_zeros(*features.shape[:-1], self.dims[space])
            for pair, space in self.compared.items()
        ]
        return torch.cat([part.float() for part in parts], dim=-1)


class Spaces(Protocol):
    """Makes a graph for encoders of given widths."""

    def __call__(self, widths: Mapping[Modality, int]) -> HeadGraph:
        """D of each modality."""
        ...


@dataclass(frozen=True)
class Shared:
    """One space for all: cheap, but sound and words, which differ in how fine they tell things apart, must agree."""

    dim: int = 512

    def __call__(self, widths: Mapping[Modality, int]) -> HeadGraph:
        """See `Spaces`."""
        heads = {
            "video": perceptron(widths["video"], self.dim, self.dim),
            "audio": Head(nn.Linear(widths["audio"], self.dim)),
            "text": Head(nn.Linear(widths["text"], self.dim)),
        }
        paths: dict[tuple[Modality, str], tuple[str, ...]] = {
            ("video", "all"): ("video",),
            ("audio", "all"): ("audio",),
            ("text", "all"): ("text",),
        }
        return HeadGraph(heads, paths, {VA: "all", VT: "all", AT: "all"}, {"all": self.dim})


@dataclass(frozen=True)
class Disjoint:
    """One space for sight and sound, one for sight and words; sound and words are comparable nowhere."""

    fine: int = 512
    coarse: int = 256

    def __call__(self, widths: Mapping[Modality, int]) -> HeadGraph:
        """See `Spaces`."""
        heads = {
            "video_fine": perceptron(widths["video"], self.fine, self.fine),
            "video_coarse": perceptron(widths["video"], self.fine, self.coarse),
            "audio": Head(nn.Linear(widths["audio"], self.fine)),
            "text": Head(nn.Linear(widths["text"], self.coarse)),
        }
        paths: dict[tuple[Modality, str], tuple[str, ...]] = {
            ("video", "fine"): ("video_fine",),
            ("video", "coarse"): ("video_coarse",),
            ("audio", "fine"): ("audio",),
            ("text", "coarse"): ("text",),
        }
        return HeadGraph(heads, paths, {VA: "fine", VT: "coarse"}, {"fine": self.fine, "coarse": self.coarse})


@dataclass(frozen=True)
class FineAndCoarse:
    """A fine space for sight and sound; what is coarser follows from it and is shared with words (FAC).

    Sound reaches words through the fine space, though no loss compares the two.
    """

    fine: int = 512
    coarse: int = 256

    def __call__(self, widths: Mapping[Modality, int]) -> HeadGraph:
        """See `Spaces`."""
        heads = {
            "video": perceptron(widths["video"], self.fine, self.fine),
            "audio": Head(nn.Linear(widths["audio"], self.fine)),
            "onward": Head(nn.ReLU(), nn.Linear(self.fine, self.coarse, bias=False), RowNorm(self.coarse)),
            "text": Head(nn.Linear(widths["text"], self.coarse)),
        }
        paths: dict[tuple[Modality, str], tuple[str, ...]] = {
            ("video", "fine"): ("video",),
            ("audio", "fine"): ("audio",),
            ("video", "coarse"): ("video", "onward"),
            ("audio", "coarse"): ("audio", "onward"),
            ("text", "coarse"): ("text",),
        }
        compared: dict[Pair, str] = {VA: "fine", VT: "coarse", AT: "coarse"}
        return HeadGraph(heads, paths, compared, {"fine": self.fine, "coarse": self.coarse})
