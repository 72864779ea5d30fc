"""Vectors of an index on the disk: one file a group of recordings, written whole or not at all, never changed."""

import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from mmssl.applications.moments import Moments
from mmssl.applications.vectors import Vectors
from mmssl.batch import MODALITIES, Modality
from mmssl.errors import CheckpointError, EvaluationError, MmsslError, UsageError


def segment_file(folder: Path, number: int) -> Path:
    """Of one segment."""
    return folder / f"segment-{number:06d}.safetensors"


def sweep(folder: Path, named: Collection[int]) -> None:
    """Delete segments that nothing names: of an add that was cut off, or of recordings that are all gone."""
    for stray in folder.glob("segment-*"):
        if int(stray.name.split("-")[1].split(".")[0]) not in named:
            stray.unlink()


def write_segment(path: Path, moments: Sequence[Moments]) -> int:
    """Write vectors, in the order of the moments; a modality that a recording lacks is NaN, which no cosine can be.

    Returns:
        the number of rows.

    Raises:
        MmsslError: the disk is full or the folder cannot be written.
        UsageError: vectors of one modality differ in length.
        EvaluationError: a vector is not finite.
    """
    counts = [len(part.start) for part in moments]
    dim = next((vectors.shape[1] for part in moments for vectors in part.vectors.values()), 1)
    tensors: dict[str, Tensor] = {"rows": torch.tensor([sum(counts), dim])}
    for modality in (m for m in MODALITIES if any(m in part.vectors for part in moments)):
        lacking = [torch.full((count, dim), torch.nan) for count in counts]
        parts = [part.vectors.get(modality, nan) for part, nan in zip(moments, lacking, strict=True)]
        if len({rows.shape[1] for rows in parts}) > 1:
            raise UsageError(f"{path}: vectors of {modality} differ in length; embed all of them with one model")
        tensors[modality] = torch.cat(parts).float().cpu().contiguous()
        if not (tensors[modality].isfinite().all(1) | tensors[modality].isnan().all(1)).all():
            raise EvaluationError(f"{path}: a vector of {modality} is not finite; the model may be damaged")
    partial = path.with_suffix(".partial")
    try:
        save_file(tensors, partial)
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.rename(path)
    except (OSError, SafetensorError) as error:
        partial.unlink(missing_ok=True)
        raise MmsslError(
            f"{path}: cannot be written ({error}); make room or give another folder, and the same command goes on"
        ) from error
    return sum(counts)


def open_segment(path: Path) -> tuple[dict[Modality, Tensor], int]:
    """Rows of each modality that some of its moments have, mapped into memory, `[n, E]`, NaN where one lacks it; and E.

    Raises:
        CheckpointError: the file is gone or damaged.
    """
    try:
        with safe_open(path, "pt") as file:
            stored = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # no dict
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path}: this part of the index cannot be read ({error}); build it again") from error
    return {modality: stored[modality] for modality in MODALITIES if modality in stored}, int(stored["rows"][1])


def open_vectors(folder: Path, places: Tensor, there: Mapping[Modality, Tensor] | None) -> dict[Modality, Vectors]:
    """Vectors of all moments.

    Args:
        folder: of the index.
        places: `[n, 2]`, segment and row of each moment, ascending.
        there: `[n]` of each modality that some have, when it is known; without it the first number of each row is read.

    Raises:
        CheckpointError: a segment is gone or damaged.
    """
    numbers, counts = torch.unique_consecutive(places[:, 0], return_counts=True)
    opened = [open_segment(segment_file(folder, number)) for number in numbers.tolist()]
    owner, row = torch.arange(len(opened)).repeat_interleave(counts), places[:, 1]
    rows = torch.split(row, counts.tolist())
    found, dim = {}, opened[0][1] if opened else 1
    for modality in MODALITIES:
        holders = [number for number, (part, _) in enumerate(opened) if modality in part]
        if there is not None:
            here = there.get(modality, torch.zeros(len(places), dtype=torch.bool))
        else:
            lacking = [
                part[modality][some, 0].isnan() if modality in part else torch.ones(len(some), dtype=torch.bool)
                for (part, _), some in zip(opened, rows, strict=True)
            ]
            here = ~torch.cat(lacking or [torch.empty(0, dtype=torch.bool)])
        renamed = torch.zeros(max(len(opened), 1), dtype=torch.long)
        renamed[holders] = torch.arange(len(holders))
        pieces = [opened[number][0][modality] for number in holders]
        found[modality] = Vectors(pieces, renamed[owner], row, here, dim)
    return found
