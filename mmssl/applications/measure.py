"""All evaluations that a model and some data allow, with what was looked at kept for pictures."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace

import torch

from mmssl.applications.model import Model
from mmssl.data.clips import Clips
from mmssl.data.skipped import Skipped
from mmssl.data.synthetic.truth import Truth
from mmssl.errors import EvaluationError, Fault, MediaError, MmsslError, TooLittleError, UsageError
from mmssl.evaluate import clusters, correspondence
from mmssl.evaluate.alignment import ALIGNMENT
from mmssl.evaluate.captioning import Captioner, Captioning
from mmssl.evaluate.correspondence import PairGatherer
from mmssl.evaluate.evidence import Evidence
from mmssl.evaluate.further import Further
from mmssl.evaluate.held_out import Gatherer, Progress, Watch, asked_for, look, middle
from mmssl.evaluate.localization import Localization
from mmssl.evaluate.retrieval import Retrieval
from mmssl.evaluate.synchrony import SYNCHRONY
from mmssl.evaluate.truth import BoxFile, GroundTruth, WorldTruth
from mmssl.evaluate.vectors import HeldOut, VectorGatherer
from mmssl.objective import Objective

FURTHER: tuple[Further, ...] = (
    clusters.FURTHER,
    ALIGNMENT,
    SYNCHRONY,
    Further("caption", lambda objective: isinstance(objective, Captioner), Captioning),
)

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
        unreadable: recordings that could not be read, with fault and detail; they are on no side of any number.
    """

    numbers: Mapping[str, float]
    clips: Clips
    held: HeldOut | None = None
    evidence: Evidence | None = None
    truth: GroundTruth | None = None
    left_out: Mapping[str, str] = field(default_factory=dict)
    unreadable: Mapping[str, tuple[Fault, str]] = field(default_factory=dict)


@torch.no_grad()
def measure(
    model: Model,
    source: str,
    *,
    validation: str | None = None,
    boxes: str | None = None,
    limit: int = 0,
    batch_size: int = 32,
    workers: int = 0,
    language: str = "",
    watch: Watch | None = None,
) -> Measured:
    """Retrieval, correspondence, localization and what `FURTHER` has, each where it can be made.

    The first three decode each film once; the others cut clips of their own.

    Args:
        model: to measure.
        source: held-out recordings.
        validation: other recordings, on which the thresholds of heat maps are fixed; None: halves of `source` fix
            each other's.
        boxes: file of boxes (see `BoxFile`) of both; without, the truth beside the clips of the synthetic world.
        limit: recordings at most, of each; 0 takes all.
        batch_size: clips at once.
        workers: processes that decode.
        language: ISO 639-1, of captions; "" takes that of the run, and each alone where it has several.
        watch: called with the share of the recordings that the first three have looked at, 0 to 1.

    Raises:
        UsageError: the source is not there.
        EvaluationError: no recording can be read, or vectors, scores or maps are not finite.
    """
    objective, name = model.objective, type(model.objective).__name__
    clips = replace(model.run.data, source=source, language=language or model.run.data.language)
    opened, skipped = middle(clips), Skipped(limit=1.0)
    left_out: dict[str, str] = {}
    truth: GroundTruth = BoxFile(boxes) if boxes is not None else WorldTruth()
    localization = Localization(clips=clips, truth=truth, limit=limit, batch_size=batch_size, workers=workers)
    vectors = pairs = evidence = None
    if not objective.comparable:
        left_out["retrieval"] = f"{name} does not put its modalities into one space"
    elif len(model.modalities) < 2:
        left_out["retrieval"] = f"{name} has {' and '.join(model.modalities)} alone"
    else:
        vectors = VectorGatherer(objective, opened)
    if not {"video", "audio"} <= set(model.modalities):
        left_out["correspondence"] = left_out["localization"] = "the model lacks picture or sound"
    elif not objective.comparable and type(objective).pair_scores is Objective.pair_scores:
        left_out["correspondence"] = left_out["localization"] = f"{name} does not compare picture and sound"
    else:
        pairs = PairGatherer(objective)
        if boxes is None and not _has_truth(clips):
            left_out["localization"] = "nothing says where in view it sounds; give --boxes"
        else:
            evidence = localization.gatherer(objective, opened)
    gatherers: list[Gatherer] = [gatherer for gatherer in (vectors, pairs, evidence) if gatherer is not None]
    asked = asked_for(opened, limit)
    if gatherers:
        gatherers += [] if watch is None else [Progress(watch, asked)]
        look(gatherers, objective, opened, batch_size, limit=limit, workers=workers, skipped=skipped)
    numbers: dict[str, float] = {}
    held = None if vectors is None else vectors.held(asked)
    if held is not None:
        with _or_left_out(left_out, "retrieval"):
            numbers |= Retrieval(clips=clips).judged(held)
    if pairs is not None:
        with _or_left_out(left_out, "correspondence"):
            numbers |= correspondence.judged(pairs.pairs(), asked)
    seen = None
    if evidence is not None:
        with _or_left_out(left_out, "localization"):
            seen, fixing = evidence.evidence(asked), None
            if validation is not None:
                fixing = replace(localization, clips=replace(clips, source=validation)).evidence(objective)
            numbers |= localization.judged(seen, fixing)
    for further in FURTHER:
        if further.suits(objective):
            # UsageError: the clips that the model was trained on do not suit it.
            with _or_left_out(left_out, further.name, (EvaluationError, UsageError)):
                numbers |= further.made(clips=clips, limit=limit, batch_size=batch_size, workers=workers)(objective)
    return Measured(numbers, clips, held, seen, truth if seen is not None else None, left_out, skipped.reasons)


@contextmanager
def _or_left_out(
    left_out: dict[str, str], name: str, faults: tuple[type[MmsslError], ...] = (TooLittleError,)
) -> Iterator[None]:
    """Says why an evaluation was not made where the data hold too little for it: the others are wanted all the same."""
    try:
        yield
    except faults as error:
        left_out[name] = str(error).removeprefix(f"{name}: ")


def _has_truth(clips: Clips) -> bool:
    """Whether anything in view sounds in any recording; in a world whose sounds are another scene's nothing does."""
    opened = middle(clips)
    for number in range(min(len(opened), _LOOKED_AT)):
        with suppress(MediaError):  # words beside a film that cannot be read are counted when it is looked at
            truth = opened.recordings[number].extra.get("truth")
            if truth is not None and Truth.from_json(truth).sounding:
                return True
    return False
