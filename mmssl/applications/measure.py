"""All evaluations that a model and some data allow, with what was looked at kept for pictures."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice

import torch

from mmssl.applications.model import Model
from mmssl.data.clips import Clips
from mmssl.data.synthetic.truth import Truth
from mmssl.evaluate.correspondence import Correspondence
from mmssl.evaluate.evidence import Evidence
from mmssl.evaluate.held_out import middle
from mmssl.evaluate.localization import Localization
from mmssl.evaluate.retrieval import Retrieval
from mmssl.evaluate.truth import BoxFile, GroundTruth, WorldTruth
from mmssl.evaluate.vectors import HeldOut, embed_held_out

_LOOKED_AT = 200  # recordings in which truth is sought before it is taken for absent


@dataclass(frozen=True)
class Measured:
    """Numbers, and what they were computed from.

    Attributes:
        numbers: by name.
        clips: that were evaluated.
        held: vectors of the recordings; None without retrieval.
        evidence: heat maps; None without localization.
        truth: of localization.
        left_out: evaluations that were not made, with the reason.
    """

    numbers: Mapping[str, float]
    clips: Clips
    held: HeldOut | None = None
    evidence: Evidence | None = None
    truth: GroundTruth | None = None
    left_out: Mapping[str, str] = field(default_factory=dict)


@torch.no_grad()
def measure(
    model: Model,
    source: str,
    *,
    boxes: str | None = None,
    limit: int = 0,
    batch_size: int = 32,
    workers: int = 0,
    language: str = "",
    begun: Callable[[str], None] = lambda name: None,
) -> Measured:
    """Retrieval, correspondence and localization, each where it can be made.

    Args:
        model: to measure.
        source: held-out recordings.
        boxes: file of boxes (see `BoxFile`); without, the truth beside the clips of the synthetic world.
        limit: recordings at most; 0 takes all.
        batch_size: clips at once.
        workers: processes that decode.
        language: ISO 639-1, of captions; "" takes all, and each alone where there are several.
        begun: called with the name of each evaluation before it is made.

    Raises:
        UsageError: the source is not there.
        EvaluationError: a number would say nothing.
    """
    clips = replace(model.run.data, source=source, language=language)
    numbers: dict[str, float] = {}
    left_out: dict[str, str] = {}
    held, evidence, truth = None, None, None
    name, both = type(model.objective).__name__, {"video", "audio"} <= set(model.modalities)
    if not model.objective.comparable:
        left_out["retrieval"] = f"{name} does not put its modalities into one space"
    else:
        begun("retrieval")
        retrieval = Retrieval(clips=clips)
        held = embed_held_out(model.objective, middle(clips), batch_size=batch_size, limit=limit, workers=workers)
        numbers |= retrieval.judged(held)
    if not both:
        left_out["correspondence"] = left_out["localization"] = "the model lacks picture or sound"
        return Measured(numbers, clips, held, left_out=left_out)
    begun("correspondence")
    numbers |= Correspondence(clips=clips, limit=limit, batch_size=batch_size, workers=workers)(model.objective)
    truth = BoxFile(boxes) if boxes is not None else WorldTruth()
    if boxes is None and not _has_truth(clips):
        left_out["localization"] = "nothing says where in view it sounds; give --boxes"
        return Measured(numbers, clips, held, left_out=left_out)
    begun("localization")
    localization = Localization(clips=clips, truth=truth, limit=limit, batch_size=batch_size // 2 or 1, workers=workers)
    evidence = localization.evidence(model.objective)
    numbers |= localization.judged(evidence)
    return Measured(numbers, clips, held, evidence, truth, left_out)


def _has_truth(clips: Clips) -> bool:
    """Whether anything in view sounds in any recording; in a world whose sounds are another scene's nothing does."""
    opened = middle(clips)
    told = (opened.recordings[number].extra.get("truth") for number in islice(range(len(opened)), _LOOKED_AT))
    return any(truth is not None and Truth.from_json(truth).sounding for truth in told)
