"""Numbers of clusters: what lacks a label or a modality is on no side, and chance is that of labels dealt out anew."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch

from mmssl.batch import Batch
from mmssl.data.recordings import Recording
from mmssl.errors import EvaluationError
from mmssl.evaluate.clusters import Clustered, ClusterGatherer, TellsClusters, against


def clustered(chosen: list[int], labels: list[str]) -> Clustered:
    count = torch.arange(len(labels))
    return Clustered({"head": torch.tensor(chosen)}, {}, labels, labels, count, count.double())


def test_what_has_no_cluster_or_no_label_is_on_no_side() -> None:
    found = clustered([3, 3, 5, 5, -1, 3, 5], ["dog", "dog", "cat", "cat", "dog", "", "dog"]).numbers()
    assert found["clusters/head/purity"] == pytest.approx(4 / 5)
    assert found["clusters/head/used"] == 2
    assert found["clusters/head/even"] == pytest.approx(2)
    assert (found["clusters/head/recordings"], found["clusters/head/labeled"]) == (6, 5)
    counts = {"clusters/head/recordings", "clusters/head/used", "clusters/head/even"}
    assert set(clustered([0, 1], ["", ""]).numbers()) == counts
    assert clustered([-1, -1], ["a", "b"]).numbers() == dict.fromkeys(counts, 0)


def test_chance_is_near_what_unrelated_clusters_get() -> None:
    generator = torch.Generator().manual_seed(0)
    clusters, labels = (torch.randint(0, 8, (400,), generator=generator) for _ in range(2))
    found = against(clusters, labels)
    assert found["NMI"] == pytest.approx(found["NMI/chance"], abs=0.02)
    assert found["ARI/chance"] == pytest.approx(0, abs=0.01)
    assert found["purity/chance"] == pytest.approx(found["purity"], abs=0.05)
    assert found == against(clusters, labels)


class Heads:
    def clusters(self, batch: Batch) -> dict[str, torch.Tensor]:
        shares = torch.tensor([[0.2, 0.8], [0.9, 0.1], [float("nan")] * 2])
        return {"head": shares[batch.index]}


def test_clips_without_the_modality_have_no_cluster() -> None:
    opened = cast("Any", SimpleNamespace(recordings=[Recording(f"r{i}", "mp4", label="x") for i in range(3)]))
    gatherer = ClusterGatherer(Heads(), opened)
    assert isinstance(Heads(), TellsClusters)
    with pytest.raises(EvaluationError, match="none of the 3"):
        gatherer.clustered(3)
    for part in (slice(0, 2), slice(2, 3)):
        index = torch.arange(3)[part]
        gatherer.add(Batch(index=index, start=index.double(), video=torch.zeros(len(index), 1)))
    found = gatherer.clustered(3)
    assert found.chosen["head"].tolist() == [1, 0, -1]
    torch.testing.assert_close(found.scores["head"], torch.tensor([0.8, 0.9, 0.0]))
