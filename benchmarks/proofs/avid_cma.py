"""AVID alone, and with agreement from the middle on: retrieval, and kinds of test clips by their nearest neighbors.

Neighbors are the 10 most similar of the first 1000 training clips, a vote each; chance is the most frequent kind.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch.nn import functional

from benchmarks.proof import Arm, Proof
from mmssl.applications.model import Model
from mmssl.evaluate.held_out import middle
from mmssl.evaluate.interval import described
from mmssl.evaluate.retrieval import Retrieval, numbered
from mmssl.evaluate.vectors import embed_held_out

_NEIGHBORS, _GALLERY = 10, 1000


@torch.no_grad()
def measured(model: Model, world: Path) -> Mapping[str, float]:
    """Retrieval as `mmssl evaluate` has it, and `neighbors/MODALITY`."""
    clips, objective = replace(model.run.data, source=str(world / "test")), model.objective
    asked = embed_held_out(objective, middle(clips), workers=1)
    numbers = dict(Retrieval(clips=clips).judged(asked))
    known = embed_held_out(objective, middle(clips.of(str(world / "train"))), limit=_GALLERY, workers=1)
    kinds = numbered(known.labels + asked.labels)
    votes = functional.one_hot(kinds[: len(known.labels)]).double()
    chance = Counter(asked.labels).most_common(1)[0][1] / len(asked.labels)
    for modality, vectors in asked.vectors.items():
        nearest = (vectors.embeddings @ known.vectors[modality].embeddings.T).topk(_NEIGHBORS).indices
        right = votes[nearest].sum(1).argmax(1) == kinds[len(known.labels) :]
        numbers |= described(f"neighbors/{modality}", right.double(), chance=chance)
    return numbers


# Few films, as a memory says something only once its recording has come by; 2,500 of them are seen too seldom here.
AVID = {"recordings": 400, "steps": 600, "batch_size": 32, "lr": 2e-3, "refresh_every": 25, "small": True}
FILMS = "{train}/train-000[0-3]*.mp4"

PROOF = Proof(
    family="contrast",
    objective="AVIDCMA",
    paper="Morgado et al. 2021",
    file="contrastive/avid_cma.py",
    hook="after_step, refresh",
    arms=(
        Arm(name="avid_cma", recipe="avid_cma", arguments={**AVID, "agreement": True}, data=FILMS),
        Arm(name="avid", recipe="avid_cma", arguments={**AVID, "agreement": False}, data=FILMS),
        Arm(name="untrained", recipe="avid_cma", arguments=AVID, data=FILMS, trained=False),
    ),
    numbers=("retrieval/audio-video/R@10", "retrieval/video-audio/R@10", "neighbors/video", "neighbors/audio"),
    says="memories of a film's sound tell it from others; what agreement adds is not seen at this size",
    measured_by=measured,
)
