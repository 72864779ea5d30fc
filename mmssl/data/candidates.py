"""Which captions stand beside a clip."""

from collections.abc import Sequence

import numpy as np

from mmssl.data.permutation import mix
from mmssl.data.recordings import Caption

_CAPTIONS = 110  # what the hash is for


def _distance(caption: Caption, span: tuple[float, float]) -> tuple[float, float]:
    """Seconds between caption and clip, 0 when they overlap; then between their middles."""
    begin = caption.start or 0.0
    end = begin if caption.end is None else caption.end
    gap = max(begin - span[1], span[0] - end, 0.0)
    return gap, abs(begin + end - span[0] - span[1]) / 2


def candidates(
    captions: Sequence[Caption], span: tuple[float, float], count: int, language: str, seed: int
) -> list[str]:
    """At most `count` texts: the nearest in time first, then those about the whole recording; ties drawn by the seed.

    Nearest in time rather than inside, as narration runs ahead of or behind what it names (Miech et al. 2020, MIL-NCE,
    §3.2).

    Args:
        captions: of the recording.
        span: seconds (start, end) of the clip.
        count: texts at most.
        language: ISO 639-1; captions of unknown language are taken with any.
        seed: of the clip.
    """
    fitting = [c for c in captions if c.text.strip() and (not language or c.language in ("", language))]
    # Drawn first and sorted after: of captions equally near, such as one line in six languages, each has its turn.
    drawn = [
        fitting[int(number)] for number in np.argsort(mix(seed, _CAPTIONS, np.arange(len(fitting))), kind="stable")
    ]
    timed = sorted((c for c in drawn if c.start is not None), key=lambda caption: _distance(caption, span))
    whole = [caption for caption in drawn if caption.start is None]
    return [caption.text for caption in [*timed, *whole][:count]]
