"""Perfect Match: the choice among sounds against a loop and its value at chance, for both logits."""

import math
from collections.abc import Callable

import pytest
import torch

from mmssl.batch import Batch
from mmssl.objectives.synchrony.perfect_match import InverseDistance, PerfectMatch, ScaledCosine, n_way

SCORES = pytest.mark.parametrize("score", [InverseDistance, ScaledCosine])


@SCORES
def test_equals_a_loop_over_windows(
    score: type[InverseDistance | ScaledCosine], build: Callable[..., PerfectMatch], with_holes: Callable[..., Batch]
) -> None:
    objective, batch = build(PerfectMatch), with_holes()
    objective = PerfectMatch(
        video=objective.encoders["video"],  # type: ignore[arg-type]
        audio=objective.encoders["audio"],  # type: ignore[arg-type]
        seconds=0.25,
        nearest=0.25,
        farthest=0.6,
        score=score(),
    )
    picture = objective.encoders["video"](batch.video).flatten(2, 3).mean(2).detach()
    losses, right = [], []
    for i in (i for i in range(8) if batch.video_valid[i] and batch.audio_valid[i]):
        middles = [float(batch.video_times[i, w] - batch.start[i]) + 0.125 for w in range(8)]
        begins = [round(middle * 40 - 5) for middle in middles]
        for w in (w for w in range(8) if 0 < begins[w] < 70):
            logits: list[float] = []
            for v in (w, *range(8)):
                if (v == w and logits) or not 0 < begins[v] < 70 or (v != w and abs(middles[v] - middles[w]) > 0.6):
                    continue
                one = (
                    objective.encoders["audio"](batch.audio[i : i + 1, begins[v] : begins[v] + 10])
                    .mean((1, 2))[0]
                    .detach()
                )
                if score is InverseDistance:
                    logits.append(float(1 / (picture[i, w] - one).norm()))
                else:
                    logits.append(float(10 * torch.cosine_similarity(picture[i, w], one, dim=0)))
            losses.append(math.log(sum(math.exp(logit) for logit in logits)) - logits[0])
            right.append(logits[0] > max(logits[1:]))
    loss, terms = objective(batch)
    assert loss.item() == pytest.approx(sum(losses) / len(losses), rel=1e-4)
    assert terms["accuracy"].item() == pytest.approx(sum(right) / len(right), abs=1e-6)


def test_chance_is_the_logarithm_of_how_many_there_are() -> None:
    apart = torch.zeros(1, 9, 9, dtype=torch.bool)
    apart[0, 2, [4, 6, 8]] = True
    expected = torch.zeros(1, 9)
    expected[0, 2] = math.log(4)
    torch.testing.assert_close(n_way(torch.full((1, 9, 9), 3.0), apart), expected)
