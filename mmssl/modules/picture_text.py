"""Pictures and their captions in one space: what CLIP and its kin share before the loss."""

import torch
from torch import Tensor
from torch.nn import functional

from mmssl.batch import Batch
from mmssl.modules.draws import integers
from mmssl.modules.negatives import caption_keys, group_keys, text_valid
from mmssl.modules.tiles import Side
from mmssl.objective import Objective

_CAPTION = 130  # stream of `draws`


def one_caption(batch: Batch) -> Batch:
    """The batch with one caption a clip, `text [B, 1, L]`, drawn by the clip's seed among those that are there."""
    valid = text_valid(batch)
    wanted = integers(batch.seed, _CAPTION, valid.sum(1).clamp(min=1)).unsqueeze(1) + 1
    place = (valid & (valid.cumsum(1) == wanted)).int().argmax(1)  # [B]
    chosen = {"text": batch.text.take_along_dim(place[:, None, None], 1), "text_valid": valid.any(1, keepdim=True)}
    return Batch(keys=batch.__dict__.get("keys"), **{**dict(batch.tensors()), **chosen})


def picture_vectors(objective: Objective, video: Tensor) -> Tensor:
    """`[B, T, 3, H, W]` to unit vectors `[B, E]`."""
    places, mask = objective.features(Batch(video=video), "video")
    vectors: Tensor = objective.encoders["video"].pool(places, mask).float()  # type: ignore[operator]
    return functional.normalize(vectors, dim=-1)


def caption_vectors(objective: Objective, text: Tensor) -> Tensor:
    """`[B, C, L]` to unit vectors `[B, C, E]`."""
    tokens, mask = objective.features(Batch(text=text.flatten(0, 1).unsqueeze(1)), "text")
    vectors: Tensor = objective.encoders["text"].pool(tokens, mask).float()  # type: ignore[operator]
    return functional.normalize(vectors, dim=-1).reshape(*text.shape[:2], -1)


def caption_sides(pictures: Tensor, there: Tensor, captions: Tensor, batch: Batch) -> tuple[Side, Side]:
    """Rows are pictures, columns captions; clips of one group or that share a caption are not compared.

    Args:
        pictures: `[B, E]`.
        there: `[B]` bool, which of them are.
        captions: `[B, C, E]`, of `batch.text`.
        batch: whose they are.
    """
    row_keys, column_keys = caption_keys(batch, group_keys(batch))
    nothing = torch.empty_like(pictures[:, :0])  # places, which scores of pooled vectors do not read
    return Side((nothing, pictures), there, row_keys), Side((captions,), text_valid(batch), column_keys)
