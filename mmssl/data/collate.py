"""Clips put together to a batch, in fresh memory or where a trainer reads it.

Pictures lie in memory as decoders give them, `[B, T, H, W, 3]`; a batch's `[B, T, 3, H, W]` is a view of that. Turning
them over takes a fifth of the time of decoding, and convolutions in `channels_last` want them as they are.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from mmssl.batch import Batch
from mmssl.data.clip import Clip, ClipFormat

Layout = dict[str, tuple[tuple[int, ...], torch.dtype]]


def layout(format: ClipFormat, rows: int) -> Layout:
    """Shape in memory and type of what is large in a batch, by its name there."""
    large: Layout = {}
    if format.frames:
        large["video"] = (rows, format.frames, format.pixels, format.pixels, 3), torch.uint8
    if format.sample_rate:
        large["audio"] = (rows, format.samples), torch.float32
    return large


def shown(memory: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors as they lie in memory to how a batch shows them."""
    return {name: as_batch(tensor) if name == "video" else tensor for name, tensor in memory.items()}


def as_batch(pictures: Tensor) -> Tensor:
    """`[..., H, W, 3]` to a view `[..., 3, H, W]`."""
    return pictures.movedim(-1, -3)


def fresh(format: ClipFormat, rows: int, *, pin: bool = False) -> dict[str, Tensor]:
    """Memory for one batch, as it shows it; `pin` takes page-locked memory."""
    large = layout(format, rows).items()
    return shown({name: torch.empty(shape, dtype=dtype, pin_memory=pin) for name, (shape, dtype) in large})


def collate(clips: Sequence[Clip], format: ClipFormat, into: Mapping[str, Tensor] | None = None) -> Batch:
    """Clips to a batch; a modality that may lack always brings its mask, so that batches are alike.

    Args:
        clips: at least one.
        format: theirs.
        into: memory to use, as from `fresh` or with more rows.
    """
    rows: dict[str, Tensor] = {
        "index": torch.tensor([clip.index for clip in clips]),
        "group": torch.tensor([clip.group for clip in clips]),
        "label": torch.tensor([clip.label for clip in clips]),
        "seed": torch.tensor([clip.seed for clip in clips]),
        "start": torch.tensor([clip.start for clip in clips], dtype=torch.float64),
    }
    for name, memory in (fresh(format, len(clips)) if into is None else into).items():
        rows[name] = memory[: len(clips)]
        for row, clip in zip(rows[name], clips, strict=True):
            row.copy_(getattr(clip, name))
    for name in ("video_times", "text", "text_valid"):
        given = [value for clip in clips if (value := getattr(clip, name)) is not None]
        if given:
            rows[name] = torch.stack(given)
    for modality in format.modalities:
        if modality != "text" and modality not in format.required:
            rows[f"{modality}_valid"] = torch.tensor([modality in clip.present for clip in clips])
    return in_order(tuple(clip.key for clip in clips), rows)


def in_order(keys: tuple[str, ...], rows: Mapping[str, Tensor]) -> Batch:
    """A batch whose tensors come in the order in which `Batch` names them, wherever it was put together."""
    return Batch(keys=keys, **{name: rows[name] for name in Batch.__annotations__ if name in rows})
