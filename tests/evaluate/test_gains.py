"""nDCG against the golden values of the specification and scikit-learn."""

import numpy as np
import pytest
import torch
from sklearn.metrics import ndcg_score

from mmssl.errors import EvaluationError
from mmssl.evaluate.gains import Gain, exponential_gain, linear_gain, ndcg

# Returned in this order: 5, 3, 0, 4, 2; a further 5 and 0 of the gallery were not found.
RELEVANCE = torch.tensor([[5.0, 3, 0, 4, 2, 5, 0]])
SCORES = torch.arange(7, 0, -1).unsqueeze(0).float()


@pytest.mark.parametrize(("gain", "golden"), [(exponential_gain, 0.691537), (linear_gain, 0.768323)])
def test_golden(gain: Gain, golden: float) -> None:
    assert ndcg(SCORES, RELEVANCE, 5, gain).item() == pytest.approx(golden, abs=1e-6)


@pytest.mark.parametrize("ties", [False, True])
def test_equal_to_scikit_learn(ties: bool) -> None:
    rng = np.random.default_rng(0)
    scores = rng.integers(0, 4, (30, 12)).astype(float) if ties else rng.random((30, 12))
    relevance = rng.integers(0, 4, (30, 12)).astype(float)
    for k in (1, 5, 30):
        ours = ndcg(torch.from_numpy(scores), torch.from_numpy(relevance), k).mean().item()
        assert ours == pytest.approx(ndcg_score(relevance, scores, k=k))


def test_nothing_relevant_is_nan_and_broken_scores_raise() -> None:
    assert ndcg(torch.rand(1, 3), torch.zeros(1, 3), 2).isnan().all()
    with pytest.raises(EvaluationError, match="NaN"):
        ndcg(torch.full((1, 3), torch.nan), torch.ones(1, 3), 2)
