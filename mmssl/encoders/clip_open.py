"""The towers of CLIP (Radford et al. 2021) by `open_clip`, each by itself."""

import logging
from pathlib import Path
from typing import Any, ClassVar

import open_clip
from open_clip.modified_resnet import ModifiedResNet
from open_clip.transformer import TextTransformer, VisionTransformer
from torch import Tensor
from torch.nn import functional

from mmssl.batch import Modality
from mmssl.encoder import Encoder
from mmssl.errors import UsageError
from mmssl.modules.normalize import PixelNorm
from mmssl.modules.pooling import last_pool
from mmssl.modules.pretrained import existing, from_hub, is_path, wanted
from mmssl.modules.vocabulary import check_ids


def _build(name: str, pretrained: str | Path | None) -> Any:
    """The whole model; `name` is open_clip's or a folder, `pretrained` a tag of open_clip's or a file."""
    place = f"local-dir:{existing(name)}" if is_path(name) else name
    weights = str(existing(pretrained)) if pretrained is not None and is_path(pretrained) else pretrained
    load = wanted(weights) or (is_path(name) and wanted(True))
    label = name if pretrained is None else f"{name} with weights {pretrained}"
    disabled = logging.root.manager.disable
    if not load:  # open_clip warns that weights are random, which was asked for or is before a checkpoint is read
        logging.disable(logging.WARNING)
    try:
        return from_hub(
            label,
            lambda: open_clip.create_model(
                place,
                pretrained=weights if load else None,
                load_weights=load,
                force_custom_text=True,
                pretrained_text=False,
            ),
            remote=bool(load) and not is_path(weights or name),
        )
    finally:
        logging.disable(disabled)


class ClipImage(Encoder):
    """Each frame by itself: `[B, T, 3, H, W]` to `[B, T, h, w, D]`, D being that of CLIP's shared space.

    CLIP's vector of a picture comes from its class token (or attention pool), not from its patches. So that the mean
    over places is that vector exactly, as every other map's mean is its embedding, the patches, brought into the
    shared space the same way, keep only what tells them apart from each other: place - mean of places + CLIP's vector.

    Args:
        name: open_clip's, such as "ViT-B-32", or a folder with `open_clip_config.json` and weights.
        pretrained: a tag of open_clip's, such as "laion2b_s34b_b79k", or a local file; random weights when None.

    Raises:
        UsageError: there is no such model, or its weights cannot be had.
    """

    modality: ClassVar[Modality] = "video"

    def __init__(self, name: str, pretrained: str | Path | None = None) -> None:
        super().__init__()
        self.tower: Any = _build(name, pretrained).visual
        if not isinstance(self.tower, VisionTransformer | ModifiedResNet) or getattr(self.tower, "attn_pool", None):
            raise UsageError(
                f"{name}: its image tower is {type(self.tower).__name__}, which gives no map; use ImageTimm."
            )
        self.dim = int(self.tower.output_dim)
        self.normalize = PixelNorm(self.tower.preprocess_cfg["mean"], self.tower.preprocess_cfg["std"])
        size = self.tower.image_size
        self.size = (size, size) if isinstance(size, int) else tuple(size)

    def forward(self, inputs: Tensor) -> Tensor:
        """`[B, T, 3, H, W]` of any size to `[B, T, h, w, D]`."""
        frames = self.normalize(inputs).flatten(0, 1)
        if frames.shape[-2:] != self.size:
            frames = functional.interpolate(frames, self.size, mode="bicubic", antialias=True)
        out = self.tower.forward_intermediates(frames, indices=1, normalize_intermediates=True)
        places = self._project(out["image_intermediates"][0].movedim(1, -1))
        vectors: Tensor = out["image_features"]
        places = places - places.mean((1, 2), keepdim=True) + vectors[:, None, None]
        return places.reshape(*inputs.shape[:2], *places.shape[1:])

    def _project(self, places: Tensor) -> Tensor:
        """`[N, h, w, width]` to `[N, h, w, D]`, by the layers through which CLIP's own vector goes."""
        if isinstance(self.tower, ModifiedResNet):
            values: Tensor = self.tower.attnpool.c_proj(self.tower.attnpool.v_proj(places))
            return values
        projected: Tensor = places @ self.tower.proj
        return projected


class ClipText(Encoder):
    """`[B, L]` ids of open_clip's tokenizer, with its start and end tokens, to `[B, L, D]`; the pool is the end token.

    Args:
        name: open_clip's, such as "ViT-B-32", or a folder with `open_clip_config.json` and weights.
        pretrained: a tag of open_clip's or a local file; random weights when None.

    Raises:
        UsageError: there is no such model, its weights cannot be had, or, in `forward`, a caption is too long.
    """

    modality: ClassVar[Modality] = "text"

    def __init__(self, name: str, pretrained: str | Path | None = None) -> None:
        super().__init__()
        self.tower: Any = _build(name, pretrained).text
        causal = isinstance(self.tower, TextTransformer) and self.tower.attn_mask is not None
        if not causal or self.tower.cls_emb is not None:
            raise UsageError(f"{name}: its text tower is not CLIP's causal transformer; use TextHub for that one.")
        self.dim = int(self.tower.output_dim)

    def forward(self, inputs: Tensor) -> Tensor:
        """`[B, L]` to `[B, L, D]`; no token sees a later one, so padding at the end changes nothing."""
        length = inputs.shape[1]
        if length > self.tower.context_length:
            raise UsageError(
                f"captions of {length} tokens, but this CLIP reads {self.tower.context_length}: lower `words`."
            )
        check_ids(inputs, self.tower.vocab_size)
        x = self.tower.token_embedding(inputs.clamp(min=0)) + self.tower.positional_embedding[:length]
        x = self.tower.ln_final(self.tower.transformer(x, attn_mask=self.tower.attn_mask[:length, :length]))
        projection = self.tower.text_projection
        tokens: Tensor = projection(x) if callable(projection) else x @ projection
        return tokens

    def mask(self, inputs: Tensor) -> Tensor:
        """`[B, L]`, true at tokens."""
        return inputs >= 0

    def pool(self, grid: Tensor, mask: Tensor | None = None) -> Tensor:
        """The end-of-text token, which is the last."""
        return last_pool(grid, mask)
