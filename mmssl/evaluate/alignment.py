"""Are films of one action in step where their frames are alike? Kendall's tau, phases, progress, with baselines.

The protocol, so that numbers can be compared: each recording gives one clip (the window of the run's data, settled);
frames behind its end are left out. For every ordered pair of films of one label, at most `partners` for each film,
each frame finds its nearest neighbor in the other film by squared Euclidean distance; tau is between frames' order and
their answers' (`kendall`). `alignment/tau` is the mean of tau-b over the pairs that have one; `alignment/undefined`
pairs have none, as all their answers are one frame; `alignment/tau-a` counts these and every tie as 0; `alignment/tied`
is the share of ties. A network that only counts frames has a tau of 1, so where phases are known (`phases.py`) the
error in phase of the answers stands beside that of answers by the clock: the frame at the same share of the other clip.
Everything is given for an untrained copy of the network and for raw pixels too.
"""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from mmssl.batch import Batch
from mmssl.data.clips import Clips
from mmssl.errors import EvaluationError
from mmssl.evaluate.further import Further
from mmssl.evaluate.held_out import asked_for, look, require
from mmssl.evaluate.interval import described
from mmssl.evaluate.kendall import kendall, nearest_frames
from mmssl.evaluate.phases import Phased, key_moments, phase_numbers
from mmssl.modules.true_length import true_lengths
from mmssl.objective import Objective

_PIXELS = 16  # height and width of the raw pictures that are compared
_LEAST = 4  # films of one action, half of which are held out from the other


@runtime_checkable
class Framewise(Protocol):
    """An objective whose frames can be compared one by one."""

    def frames(self, batch: Batch) -> Tensor:
        """`[B, T, E]`, one vector for each frame of `batch.video`."""
        ...


class Pixels:
    """The frames themselves, 16 x 16 pixels each, as the baseline of all."""

    def frames(self, batch: Batch) -> Tensor:
        """`[B, T, 768]` in [0, 1]."""
        small: Tensor = functional.adaptive_avg_pool2d(batch.video.flatten(0, 1).float() / 255, _PIXELS)
        return small.flatten(1).unflatten(0, batch.video.shape[:2])  # type: ignore[no-any-return, no-untyped-call]


def untrained(objective: Objective) -> Objective:
    """A copy in eval mode with weights drawn anew, as each layer draws them by itself, always the same."""
    fresh = copy.deepcopy(objective)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for module in reversed([*fresh.modules()]):  # a module after those that it has, which it may draw otherwise
            if callable(reset := getattr(module, "reset_parameters", None)):
                reset()
    return fresh.eval()


@dataclass(frozen=True)
class Film:
    """What is known of one clip, up to its true end.

    Attributes:
        label: its action.
        times: `[T]` seconds.
        moments: `[K]` seconds of its phases, None where nothing is known.
        frames: `[T, E]` by who looked: "", "untrained", "pixels".
    """

    label: str
    times: NDArray[np.float64]
    moments: NDArray[np.float64] | None
    frames: Mapping[str, Tensor]

    def phased(self, who: str) -> Phased:
        """For `phase_numbers`."""
        assert self.moments is not None
        return Phased(self.frames[who].double().numpy(), self.times, self.moments)


def compared(films: Sequence[Film], who: str, partners: int) -> Mapping[str, list[float]]:
    """For films of one action, each pair's `b`, `a`, `tied`; of each film the mean `b` of its pairs, `film`.

    Where phases are known also `error` and `clock`, the mean distance in progress of each frame to its answer, and to
    the frame at the same share of the other film.
    """
    found: dict[str, list[float]] = {name: [] for name in ("b", "a", "tied", "film", "error", "clock")}
    for number, film in enumerate(films):
        others = [films[(number + step) % len(films)] for step in range(1, min(partners, len(films) - 1) + 1)]
        answers = torch.stack([nearest_frames(film.frames[who], other.frames[who]) for other in others])
        tau = kendall(answers)
        defined = tau.b[tau.b.isfinite()]
        found["b"] += defined.tolist()
        found["a"] += tau.a.tolist()
        found["tied"] += tau.tied.tolist()
        found["film"] += [float(defined.mean())] if len(defined) else []
        if film.moments is not None:
            own = film.phased(who).progress
            for other, answer in zip(others, answers.numpy(), strict=True):
                if other.moments is not None:
                    theirs = other.phased(who).progress
                    same = np.rint(np.linspace(0, len(theirs) - 1, len(own))).astype(int)
                    found["error"].append(float(np.abs(own - theirs[answer]).mean()))
                    found["clock"].append(float(np.abs(own - theirs[same]).mean()))
    return found


class FilmGatherer:
    """Frames of each batch as trained, untrained and raw."""

    def __init__(self, objective: Objective, clips: Clips, stride: int) -> None:
        drawn = untrained(objective)
        assert isinstance(objective, Framewise)
        assert isinstance(drawn, Framewise)
        self.lookers: Mapping[str, Framewise] = {"": objective, "untrained": drawn, "pixels": Pixels()}
        self.opened, self.stride = clips.open(), stride
        self.films: list[Film] = []

    def add(self, batch: Batch) -> None:
        """Look at it.

        Raises:
            EvaluationError: a feature is not finite.
        """
        seen = {name: looker.frames(batch).float().cpu() for name, looker in self.lookers.items()}
        for row, (length, number) in enumerate(zip(true_lengths(batch).tolist(), batch.index.tolist(), strict=True)):
            if length < 2 * self.stride:
                continue
            frames = {name: rows[row, : length : self.stride] for name, rows in seen.items()}
            if not frames[""].isfinite().all():
                raise EvaluationError(f"alignment: frames of {batch.keys[row]} hold NaN or Inf; look at the training")
            recording = self.opened.recordings[number]
            times = batch.video_times[row, : length : self.stride].cpu().double().numpy()
            self.films.append(Film(recording.label, times, key_moments(recording), frames))


@dataclass(frozen=True, kw_only=True)
class Alignment:
    """Alignment of held-out films of one action; the protocol is at the top of this file.

    Attributes:
        clips: the data, in which the label of a recording is its action.
        limit: recordings at most; 0 takes all.
        batch_size: clips at once.
        workers: processes that decode.
        stride: frames of a clip from one that is compared to the next.
        partners: films at most with which each is compared.
        seed: of the bootstrap.
    """

    clips: Clips
    limit: int = 0
    batch_size: int = 8
    workers: int = 0
    stride: int = 1
    partners: int = 50
    seed: int = 0

    @torch.no_grad()
    def __call__(self, objective: Objective) -> Mapping[str, float]:
        """Names start with `alignment/`, those of the baselines with `alignment/untrained/` and `alignment/pixels/`.

        Raises:
            UsageError: the objective or the clips have no pictures.
            EvaluationError: no two films have one label, or features are not finite.
        """
        require(objective, self.clips, ("video",), "alignment")
        gatherer = FilmGatherer(objective, self.clips, self.stride)
        look([gatherer], objective, gatherer.opened, self.batch_size, limit=self.limit, workers=self.workers)
        asked = asked_for(gatherer.opened, self.limit)
        labels = sorted({film.label for film in gatherer.films})
        actions = [[film for film in gatherer.films if film.label == label] for label in labels]
        actions = [films for films in actions if len(films) > 1]
        if not actions:
            raise EvaluationError(
                f"alignment: no two of the {asked} recordings have one label; give films of an action"
            )
        numbers: dict[str, float] = {}
        for who in gatherer.lookers:
            numbers |= self._judged(f"alignment/{who}/" if who else "alignment/", actions, who)
        used = sum(map(len, actions))
        return numbers | {"alignment/films": float(used), "alignment/coverage": used / asked}

    def _judged(self, prefix: str, actions: Sequence[Sequence[Film]], who: str) -> Mapping[str, float]:
        each = [compared(films, who, self.partners) for films in actions]
        found = {name: [value for one in each for value in one[name]] for name in each[0]}
        numbers: dict[str, float] = {}
        if found["b"]:
            numbers |= described(f"{prefix}tau", torch.tensor(found["film"]), chance=0.0, seed=self.seed)
        numbers[f"{prefix}tau-a"] = float(np.mean(found["a"]))
        numbers[f"{prefix}tied"] = float(np.mean(found["tied"]))
        numbers[f"{prefix}undefined"] = float(len(found["a"]) - len(found["b"]))
        if found["error"]:
            numbers[f"{prefix}phase-error"] = float(np.mean(found["error"]))
            numbers[f"{prefix}phase-error/chance"] = float(np.mean(found["clock"]))
        phased = [[film.phased(who) for film in films if film.moments is not None] for films in actions]
        told = [phase_numbers(films) for films in phased if len(films) >= _LEAST]
        for name in told[0] if told else ():
            value = float(np.mean([numbers_of[name] for numbers_of in told]))
            for share in ("10", "50", "100") if name == "often" else ():
                numbers[f"{prefix}phase@{share}/chance"] = value
            if name != "often":
                numbers[f"{prefix}{name}"] = value
        return numbers


ALIGNMENT = Further(name="alignment", suits=lambda objective: isinstance(objective, Framewise), made=Alignment)
