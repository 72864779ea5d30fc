"""AVID alone, and with agreement from the middle on: retrieval, what frozen features tell of kinds, and who agrees.

`probe/MODALITY` is a linear classifier of the encoders' features, fitted on the training films; `neighbors/MODALITY` a
vote of the 10 training films whose vectors are most similar; chance of both is the most frequent kind. `agreeing/kind`
is the share of the recordings that agree most with a training film's which are of its kind, by the memories that
training left; chance is that of any two films.
"""

from collections import Counter
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

from benchmarks.probed import classified
from benchmarks.proof import EASY, Arm, Proof
from mmssl.applications.model import Model
from mmssl.evaluate.held_out import middle
from mmssl.evaluate.interval import described
from mmssl.evaluate.retrieval import Retrieval, numbered
from mmssl.evaluate.vectors import embed_held_out
from mmssl.modules.memory import agreeing
from mmssl.modules.spaces import Head

_NEIGHBORS, _POSITIVES = 10, 5


@torch.no_grad()
def measured(model: Model, world: Path) -> Mapping[str, float]:
    """Retrieval as `mmssl evaluate` has it, and the numbers above."""
    objective, clips = model.objective, replace(model.run.data, source=str(world / "test"))
    films = middle(clips), middle(model.run.data)
    asked, known = (embed_held_out(objective, opened, workers=1) for opened in films)
    numbers = dict(Retrieval(clips=clips).judged(asked))
    both = numbered(known.labels + asked.labels)
    kinds, told = both[: len(known.labels)], both[len(known.labels) :]
    votes, chance = functional.one_hot(both).double(), Counter(asked.labels).most_common(1)[0][1] / len(told)
    for modality, vectors in asked.vectors.items():
        nearest = (vectors.embeddings @ known.vectors[modality].embeddings.T).topk(_NEIGHBORS).indices
        right = votes[: len(kinds)][nearest].sum(1).argmax(1) == told
        numbers |= described(f"neighbors/{modality}", right.double(), chance=chance)
    bare = deepcopy(objective)
    bare.heads = nn.ModuleDict({modality: Head() for modality in objective.encoders})
    frozen, learnt = (embed_held_out(bare, opened, workers=1) for opened in films)
    numbers |= classified(learnt, frozen)
    video, audio = (objective.get_buffer(f"memories.{modality}.rows")[known.index] for modality in ("video", "audio"))
    alike = (kinds[agreeing(video, audio, _POSITIVES)] == kinds.unsqueeze(1)).double().mean(1)
    numbers |= described("agreeing/kind", alike, chance=float(votes[: len(kinds)].mean(0).square().sum()))
    return numbers


# As many films as come by often enough for their memories to mean something.
AVID = {"recordings": 800, "steps": 600, "batch_size": 32, "lr": 2e-3, "refresh_every": 25, "small": True}
ARGUMENTS, ALONE = {**AVID, "positives": _POSITIVES}, {**AVID, "positives": 0}
FILMS, SEEDS = "{train}/train-000[0-7]*.mp4", (0, 1, 2)

PROOF = Proof(
    family="contrast",
    objective="AVIDCMA",
    paper="Morgado et al. 2021",
    file="contrastive/avid_cma.py",
    hook="after_step, refresh",
    arms=(
        Arm(name="avid_cma", recipe="avid_cma", arguments=ARGUMENTS, data=FILMS, seeds=SEEDS),
        Arm(name="avid", recipe="avid_cma", arguments=ALONE, data=FILMS, seeds=SEEDS),
        Arm(name="untrained", recipe="avid_cma", arguments=ALONE, data=FILMS, trained=False, seeds=SEEDS),
    ),
    numbers=(
        "retrieval/audio-video/R@10",
        "retrieval/video-audio/R@10",
        "probe/video/accuracy",
        "probe/audio/accuracy",
        "neighbors/video",
        "neighbors/audio",
        "agreeing/kind",
    ),
    says="memories of a film's sound tell it from others, and frozen features tell kinds better than untrained ones; "
    "agreement finds films of one kind, but adds nothing at this size",
    films=EASY,
    measured_by=measured,
)
