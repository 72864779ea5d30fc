"""Which clips of a batch may be each other's negatives, and the choice of one."""

import torch
from torch import Tensor

from mmssl.batch import Batch
from mmssl.distributed import rank
from mmssl.modules import draws


def clips_and_groups(batch: Batch) -> tuple[Tensor, Tensor]:
    """`[B]` numbers of the clips among those of all processes, and `[B]` groups: each its own if the batch has none."""
    clip = torch.arange(len(batch), device=next(batch.tensors())[1].device) + rank() * len(batch)
    return clip, batch.group if "group" in batch else clip


def text_valid(batch: Batch) -> Tensor:
    """`[B, C]` bool, which captions are there."""
    everything = torch.ones(batch.text.shape[:2], dtype=torch.bool, device=batch.text.device)
    return batch.text_valid if "text_valid" in batch else everything


def caption_numbers(text: Tensor) -> Tensor:
    """Token ids `[N, C, L]` to `[N, C]` numbers that are equal where all tokens are."""
    numbers: Tensor = torch.unique(text.flatten(0, 1), dim=0, return_inverse=True)[1]
    return numbers.reshape(text.shape[:2])


def same_caption(numbers: Tensor, valid: Tensor) -> Tensor:
    """Which of all captions some caption of a clip repeats.

    Args:
        numbers: `[N, C]`, from `caption_numbers`.
        valid: `[N, C]` bool.

    Returns:
        `[N, N * C]` bool, clips by captions.
    """
    equal = numbers.unsqueeze(-1) == numbers.flatten()
    return (equal & valid.unsqueeze(-1)).any(1)


def other_recording(
    seeds: Tensor, stream: int, groups: Tensor, all_groups: Tensor, usable: Tensor
) -> tuple[Tensor, Tensor]:
    """For each of B clips one of N of another group, uniformly, from the clip's seed alone.

    Args:
        seeds: `[B]`.
        stream: of `draws`.
        groups: `[B]`.
        all_groups: `[N]`.
        usable: `[N]` bool, who may be chosen.

    Returns:
        `[B]` numbers in [0, N), and `[B]` bool, whether there was any.
    """
    allowed = (groups.unsqueeze(1) != all_groups) & usable
    lots = draws.uniform(seeds, stream, len(all_groups)).masked_fill(~allowed, -1)
    return lots.argmax(1), allowed.any(1)


def related(groups: Tensor, others: Tensor, repeated: Tensor | None = None) -> Tensor:
    """`[N]` and `[M]` groups to `[N, M]` bool: pairs that are no true negatives, the same clip among them.

    Args:
        groups: of the rows.
        others: of the columns.
        repeated: `[N, M]` bool, more of them, as from `same_caption`.
    """
    same = groups.unsqueeze(1) == others
    return same if repeated is None else same | repeated
