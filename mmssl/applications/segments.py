"""Vectors of an index on the disk: one file a group of recordings, written whole or not at all, never changed."""

import os
from collections.abc import Collection, Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from mmssl.applications.moments import Moments
from mmssl.batch import MODALITIES, Modality
from mmssl.errors import CheckpointError, MmsslError


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
    """
    counts = [len(part.start) for part in moments]
    dim = next((vectors.shape[1] for part in moments for vectors in part.vectors.values()), 1)
    tensors: dict[str, Tensor] = {"rows": torch.tensor([sum(counts), dim])}
    for modality in (m for m in MODALITIES if any(m in part.vectors for part in moments)):
        lacking = [torch.full((count, dim), torch.nan) for count in counts]
        parts = [part.vectors.get(modality, nan) for part, nan in zip(moments, lacking, strict=True)]
        tensors[modality] = torch.cat(parts).float().cpu().contiguous()
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


def read_segment(path: Path, modality: Modality) -> Tensor:
    """`[n, E]`, NaN where it lacks.

    Raises:
        CheckpointError: the file is gone or damaged.
    """
    try:
        stored = load_file(path)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path}: this part of the index cannot be read ({error}); build it again") from error
    rows, dim = stored["rows"].tolist()
    return stored.get(modality, torch.full((rows, dim), torch.nan))
