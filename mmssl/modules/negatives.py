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


def group_keys(batch: Batch) -> Tensor:
    """`[B, 1]` numbers, equal for clips of one group, on any process."""
    return draws.hashed(clips_and_groups(batch)[1] + 1).unsqueeze(1)


def caption_numbers(text: Tensor) -> Tensor:
    """Token ids `[N, C, L]` to `[N, C]` numbers, equal where all tokens are, on any process.

    They are hashes: of a million different captions two share one of 64 bits in one of 40 million batches.
    """
    places = torch.arange(1, text.shape[-1] + 1, device=text.device)
    return draws.hashed(draws.hashed(text) + places).masked_fill(text < 0, 0).sum(-1)


def caption_keys(batch: Batch, groups: Tensor) -> tuple[Tensor, Tensor]:
    """Keys of clips, `[B, 1 + C]`, and of their captions, `[B, C, 2]`, that are shared by those of one group.

    A clip also shares one with each caption that repeats one of its own.

    Args:
        batch: with text `[B, C, L]`.
        groups: `[B, 1]`, from `group_keys`.
    """
    numbers, of_captions = caption_numbers(batch.text), groups.unsqueeze(1).expand(*batch.text.shape[:2], 1)
    given = torch.where(text_valid(batch), numbers, groups)  # a caption that is not there repeats nothing
    return torch.cat([groups, given], 1), torch.cat([of_captions, numbers.unsqueeze(2)], 2)


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


def apart(rows: Tensor, columns: Tensor, *, home: bool) -> bool:
    """Whether no key of `[B, K]` is one of another clip in `[B, C, L]`; at home, both are of the same B clips.

    It takes time and room for the keys, where what `related` gives takes them for all pairs.
    """
    ordered, sought = rows.flatten().sort().values, columns.contiguous()
    begin, end = (torch.searchsorted(ordered, sought, right=right) for right in (False, True))
    within = (rows.unsqueeze(2) == columns.flatten(1).unsqueeze(1)).sum() if home else 0
    return bool((end - begin).sum() == within)


def related(rows: Tensor, columns: Tensor) -> Tensor | None:
    """Pairs that share a key, which are no true negatives, the same clip among them.

    Args:
        rows: `[R, K]` keys.
        columns: `[S, L]` keys.

    Returns:
        `[R, S]` bool, or None if there is no such pair.
    """
    if not torch.isin(columns, rows).any():
        return None
    shared = torch.zeros(len(rows), len(columns), dtype=torch.bool, device=rows.device)
    for row in rows.unbind(1):
        for column in columns.unbind(1):
            shared |= row.unsqueeze(1) == column
    return shared
