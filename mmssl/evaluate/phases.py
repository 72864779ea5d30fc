"""Phases of an action: when each begins, and how well frozen features of single frames tell them.

Dwibedi et al. 2019, section 4.1: phase classification by a linear support vector machine with 10, 50 and 100 % of the
labels, and phase progression, the R^2 of a linear regression of the time from each event.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmssl.data.recordings import Recording
from mmssl.data.synthetic.motion.acting import Acting
from mmssl.data.synthetic.motion.placing import ACTING
from mmssl.data.synthetic.truth import Truth
from mmssl.errors import UsageError

SHARES = (0.1, 0.5, 1.0)  # of the labeled films
Floats = NDArray[np.float64]


def key_moments(recording: Recording) -> Floats | None:
    """`[K]` ascending seconds, K >= 2, at which a phase of the recording's action ends and another begins.

    From the field `phases`, a list of seconds, of a manifest or the `.json` beside a film; of the synthetic world's
    actions from its truth. None where nothing is known.

    Raises:
        UsageError: the field is no such list.
    """
    told = recording.extra.get("phases")
    if told is not None:
        try:
            found = np.asarray(told, np.float64)
        except (TypeError, ValueError):
            found = np.empty(0)
        if found.ndim != 1 or len(found) < 2 or not np.isfinite(found).all() or (np.diff(found) <= 0).any():
            raise UsageError(f"{recording.key}: phases is {told!r:.60}; give two or more ascending seconds")
        return found
    if "truth" not in recording.extra:
        return None
    truth = Truth.from_json(recording.extra["truth"])
    if truth.action not in ACTING:
        return None
    phase, times = np.array(truth.objects[truth.main].phase), np.array(truth.frame_times)
    begin, end = int(np.flatnonzero(phase == 0)[-1]), min(int(np.searchsorted(phase, 1.0)), len(phase) - 1)
    return np.array([times[begin], *np.interp(Acting.stages, phase, times), times[end]])


@dataclass(frozen=True)
class Phased:
    """One film's frames with what is known of them.

    Attributes:
        frames: `[T, E]` features.
        times: `[T]` seconds.
        moments: `[K]` seconds, as from `key_moments`.
    """

    frames: Floats
    times: Floats
    moments: Floats

    @property
    def phase(self) -> NDArray[np.int64]:
        """`[T]` which phase each frame is in, 0 to K."""
        return np.searchsorted(self.moments, self.times, side="right")

    @property
    def progress(self) -> Floats:
        """`[T]` how far the action is at each frame, in [0, 1]: linear between moments, each as far from the next."""
        return np.interp(self.times, self.moments, np.linspace(0, 1, len(self.moments)))

    @property
    def since(self) -> Floats:
        """`[T, K]` time from each moment in lengths of the film, negative before it."""
        return (self.times[:, None] - self.moments) / max(float(np.ptp(self.times)), 1e-9)


def phase_numbers(films: Sequence[Phased]) -> Mapping[str, float]:
    """Of films of one action, half of them held out, both ways: `phase@10`, `phase@50`, `phase@100`, `progress`.

    Args:
        films: at least 4.

    Raises:
        UsageError: they have not equally many moments.
    """
    from sklearn.linear_model import Ridge
    from sklearn.preprocessing import StandardScaler

    counts = sorted({len(film.moments) for film in films})
    if len(counts) > 1:
        told = " and ".join(map(str, counts))
        raise UsageError(f"films of one action have {told} seconds in their field `phases`; give each as many")
    numbers: dict[str, float] = {}
    for known, unknown in ((films[::2], films[1::2]), (films[1::2], films[::2])):
        scaler = StandardScaler().fit(np.concatenate([film.frames for film in known]))
        asked = scaler.transform(np.concatenate([film.frames for film in unknown]))
        answers = np.concatenate([film.phase for film in unknown])
        for share in SHARES:
            part = known[: max(1, round(share * len(known)))]
            inputs, labels = scaler.transform(np.concatenate([f.frames for f in part])), [f.phase for f in part]
            guesses, name = _told(inputs, np.concatenate(labels), asked), f"phase@{100 * share:.0f}"
            numbers[name] = numbers.get(name, 0.0) + float((guesses == answers).mean()) / 2
        inputs, since = scaler.transform(np.concatenate([f.frames for f in known])), [f.since for f in known]
        ridge = Ridge(alpha=1.0).fit(inputs, np.concatenate(since))
        score = ridge.score(asked, np.concatenate([film.since for film in unknown]))  # the mean over moments
        numbers["progress"] = numbers.get("progress", 0.0) + float(score) / 2
        most = np.bincount(np.concatenate([film.phase for film in known])).argmax()
        numbers["often"] = numbers.get("often", 0.0) + float((answers == most).mean()) / 2
    return numbers


def _told(inputs: Floats, labels: NDArray[np.int64], asked: Floats) -> NDArray[np.int64]:
    """`[M]` labels by a linear machine, or the only one that there is: moments may lie outside all clips."""
    from sklearn.svm import LinearSVC

    if len(np.unique(labels)) == 1:
        return np.full(len(asked), labels[0])
    found: NDArray[np.int64] = LinearSVC(dual=False, random_state=0).fit(inputs, labels).predict(asked)
    return found
