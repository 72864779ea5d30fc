"""Video and captions of a batch in one space, each pooled before its head.

Pooled after it, the result is another where the pool is a maximum: towers of word vectors end in a linear layer after
the maximum over words (Miech et al. 2020, section 3.3).
"""

from torch import Tensor
from torch.nn import functional

from mmssl.batch import Batch, Modality
from mmssl.objective import Objective


def projected(objective: Objective, inputs: Tensor, modality: Modality) -> Tensor:
    """`[B, E]` float32 of what a `Batch` holds, in the shared space; of text `[B, C, L]` all captions, `[B, C, E]`."""
    encoder, head = objective.encoders[modality], objective.heads[modality]
    each = inputs.flatten(0, 1) if modality == "text" else inputs
    vectors: Tensor = head(encoder.pool(encoder(each), encoder.mask(each))).float()  # type: ignore[operator]
    return vectors.reshape(*inputs.shape[:2], -1) if modality == "text" else vectors


def unit_vectors(objective: Objective, batch: Batch) -> dict[Modality, Tensor]:
    """What `Objective.embed` promises, with the head after the pool."""
    embeddings: dict[Modality, Tensor] = {}
    for modality in (m for m in batch.modalities if m in objective.encoders):
        inputs = getattr(batch, modality)
        vectors = projected(objective, inputs[:, :1] if modality == "text" else inputs, modality)
        embeddings[modality] = functional.normalize(vectors.flatten(1), dim=-1)
    return embeddings
