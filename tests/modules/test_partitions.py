"""Agreement of partitions against scikit-learn, and where it is 0 or 1."""

import pytest
import torch
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from mmssl.modules.partitions import adjusted_rand, entropy, nmi, overlap, purity


@pytest.mark.parametrize(("first", "second"), [(5, 5), (30, 3), (1, 4), (200, 200)])
def test_equals_scikit_learn(first: int, second: int) -> None:
    generator = torch.Generator().manual_seed(first)
    one = torch.randint(-1, first - 1, (120,), generator=generator) * 7
    other = (one + torch.randint(0, second, (120,), generator=generator)) % second
    parts = overlap(one, other)
    assert nmi(parts) == pytest.approx(normalized_mutual_info_score(one, other), abs=1e-9)
    assert adjusted_rand(parts) == pytest.approx(adjusted_rand_score(one, other), abs=1e-9)


def test_names_of_parts_mean_nothing() -> None:
    one = torch.tensor([0, 0, 1, 1, 2, 2])
    same = overlap(one, 9 - one)
    assert (nmi(same), adjusted_rand(same), purity(same)) == pytest.approx((1, 1, 1))
    whole = torch.zeros(6, dtype=torch.long)
    assert (nmi(overlap(one, whole)), adjusted_rand(overlap(one, whole))) == (0, 0)
    assert (nmi(overlap(whole, whole)), adjusted_rand(overlap(whole, whole))) == (1, 1)


def test_purity_counts_the_most_frequent_label_of_each_cluster() -> None:
    clusters, labels = torch.tensor([0, 0, 0, 1, 1, 2]), torch.tensor([4, 4, 5, 5, 5, 4])
    assert purity(overlap(clusters, labels)) == pytest.approx(5 / 6)
    assert purity(overlap(labels, clusters)) == pytest.approx(4 / 6)


def test_entropy_of_equal_parts() -> None:
    assert entropy(torch.tensor([3, 0, 3, 3, 3])).exp() == pytest.approx(4)
