"""Features of each recording's middle, computed once and kept for trainings that lock their encoder."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from mmssl.applications.model import Model
from mmssl.data.atomic import write_atomically
from mmssl.data.skipped import Skipped
from mmssl.errors import EvaluationError, UsageError
from mmssl.evaluate.held_out import Watch, held_out, middle
from mmssl.modules.fingerprint import fingerprint
from mmssl.modules.stored_features import ABOUT, KEYS, VECTORS, key_numbers


@dataclass(frozen=True)
class Kept:
    """What was written: recordings with features, those that could not be read by name, and D."""

    recordings: int
    unreadable: tuple[str, ...]
    dim: int


@torch.inference_mode()
def store_features(
    model: Model,
    source: str,
    out: Path,
    modality: Literal["video", "audio"] = "video",
    *,
    batch_size: int = 32,
    workers: int = 0,
    watch: Watch | None = None,
) -> Kept:
    """Write what `modules.stored_features.StoredFeatures` reads: the pooled map of the encoder, before any head.

    Args:
        model: whose encoder it is.
        source: recordings, named as the training that reads the features will name them.
        out: folder; what was in it of an earlier time is replaced.
        modality: whose features.
        batch_size: clips at once.
        workers: processes that decode.
        watch: called with the share that is done, 0 to 1.

    Raises:
        UsageError: the model has no such encoder, or the source is not there.
        EvaluationError: no recording has the modality, or can be read.
    """
    if modality not in model.modalities:
        raise UsageError(f"{modality}: the model has no encoder of it; it has {', '.join(model.modalities)}")
    opened, skipped = middle(model.run.data.of(source).only(modality)), Skipped(limit=1.0)
    encoder = model.objective.encoders[modality]
    out.mkdir(parents=True, exist_ok=True)
    (out / ABOUT).unlink(missing_ok=True)  # what is half written is not there
    shape = (len(opened), int(encoder.dim))  # type: ignore[arg-type]
    vectors = np.lib.format.open_memmap(out / VECTORS, mode="w+", dtype=np.float32, shape=shape)
    vectors[:] = np.nan
    for batch in held_out(model.objective, opened, batch_size, workers=workers, skipped=skipped):
        found = encoder.pool(encoder(getattr(batch, modality))).float()  # type: ignore[operator]
        rows = batch.valid(modality).cpu()
        vectors[batch.index.cpu()[rows].numpy()] = found.cpu()[rows].numpy()
        if watch is not None:
            watch((int(batch.index[-1]) + 1) / len(opened))
    vectors.flush()
    np.save(out / KEYS, key_numbers([opened.key(number) for number in range(len(opened))]))
    kept = int((~np.isnan(vectors[:, 0])).sum())
    if not kept:
        raise EvaluationError(f"{source}: no recording with {modality} can be read; look at `mmssl probe`")
    about = {"modality": modality, "weights": fingerprint(encoder), "source": source, "recordings": kept}
    write_atomically(out / ABOUT, json.dumps(about, indent=1) + "\n")
    return Kept(kept, tuple(skipped.reasons), shape[1])
