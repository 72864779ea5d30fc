"""Whitening, k-means and the labels of recordings."""

import pytest
import torch
from torch import Tensor

from mmssl.errors import TrainingError
from mmssl.modules.assignment import Assignment, Found, k_means, whitened
from mmssl.modules.partitions import nmi, overlap


def blobs(kinds: int = 4, each: int = 25, dim: int = 10) -> tuple[Tensor, Tensor]:
    """`[N, dim]` far apart by kind, with one direction of huge variance that says nothing, and `[N]` kinds."""
    generator = torch.Generator().manual_seed(0)
    kind = torch.arange(kinds * each) % kinds
    centers = torch.nn.functional.one_hot(kind, dim - 1).float()
    rows = centers + 0.02 * torch.randn(len(kind), dim - 1, generator=generator)
    return torch.cat([rows, 50 * torch.randn(len(kind), 1, generator=generator)], 1), kind


def same_partition(one: Tensor, other: Tensor) -> bool:
    return nmi(overlap(one, other)) == pytest.approx(1)


def test_whitened_directions_are_equally_large_and_unrelated() -> None:
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(400, 6, generator=generator) @ torch.randn(6, 6, generator=generator) * 30 + 5
    unit = whitened(features, 6)
    torch.testing.assert_close(unit.norm(dim=1), torch.ones(400))
    # Of length 1 in six directions each has a sixth of the square.
    torch.testing.assert_close(unit.T @ unit / 400, torch.eye(6) / 6, atol=0.02, rtol=0)
    assert whitened(features, 2).shape == (400, 2)


def test_directions_without_variance_are_left_out() -> None:
    features = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
    flat = torch.cat([features, features[:, :1] * 2, torch.ones(50, 4)], 1)
    assert whitened(flat, 8).shape == (50, 3)
    assert whitened(flat, 8).isfinite().all()
    assert whitened(torch.ones(5, 4), 4).shape == (5, 0)


def test_finds_kinds_that_plain_distances_do_not_show() -> None:
    rows, kind = blobs()
    assert same_partition(k_means(whitened(rows, 4), 4, seed=1)[0], kind)
    assert not same_partition(k_means(rows, 4, seed=1)[0], kind)


def test_no_cluster_is_empty_and_a_seed_decides() -> None:
    rows = torch.randn(300, 5, generator=torch.Generator().manual_seed(0))
    rows[:150] = rows[0]  # half of all are one point
    labels = k_means(rows, 40, seed=3)[0]
    assert (torch.bincount(labels, minlength=40) > 0).all()
    assert torch.equal(labels, k_means(rows, 40, seed=3)[0])
    assert not torch.equal(labels, k_means(rows, 40, seed=4)[0])


def test_distances_are_to_the_center_of_the_cluster() -> None:
    rows, _ = blobs()
    labels, distances = k_means(whitened(rows, 4), 4, seed=1)
    centers = torch.stack([whitened(rows, 4)[labels == cluster].mean(0) for cluster in range(4)])
    torch.testing.assert_close(distances, (whitened(rows, 4) - centers[labels]).square().sum(1), atol=1e-4, rtol=1e-3)


def test_fewer_recordings_than_clusters_are_one_each() -> None:
    assert k_means(torch.randn(3, 2), 8, seed=1)[0].tolist() == [0, 1, 2]
    assert k_means(torch.randn(30, 0), 8, seed=1)[0].tolist() == [0] * 30


@pytest.fixture
def found() -> Found:
    rows, _ = blobs()
    return torch.arange(100) * 3 + 1, rows


def test_labels_are_those_of_the_recordings(found: Found) -> None:
    assignment = Assignment(4, 4)
    assert assignment(torch.tensor([0, 5])).tolist() == [-1, -1]
    assignment.find(found)
    first, second = assignment(found[0]), assignment(found[0][torch.arange(99, -1, -1)])
    assert torch.equal(first, second.flip(0))
    assert same_partition(first, blobs()[1])
    assert assignment(torch.tensor([0, 2, 3, 299, 10**6])).tolist() == [-1] * 5
    assert assignment.sizes.tolist() == torch.bincount(first, minlength=4).tolist()
    assert float(assignment.even) == pytest.approx(4)


def test_rounds_agree_whatever_their_numbers(found: Found) -> None:
    assignment = Assignment(4, 4)
    assignment.find(found)
    assert assignment.stability == 0
    assignment.find((found[0][10:], found[1][10:]))  # ten can no longer be read
    assert float(assignment.stability) == pytest.approx(1, abs=1e-6)
    assert int(assignment.rounds) == 2
    assert assignment(found[0])[:10].tolist() == [-1] * 10


def test_refuses_features_that_say_nothing(found: Found) -> None:
    with pytest.raises(TrainingError, match="not finite"):
        Assignment(4, 4).find((found[0], found[1] / 0))


def test_state_brings_its_length(found: Found) -> None:
    one, other = Assignment(4, 4), Assignment(4, 4)
    one.find(found)
    other.load_state_dict(one.state_dict())
    assert torch.equal(one(found[0]), other(found[0]))
