"""Chunks give what the whole batch gives, in less memory, and objectives that would learn otherwise are refused."""

import copy

import pytest
import torch
from torch import Tensor, nn

from mmssl.batch import Batch, Modality
from mmssl.errors import UsageError
from mmssl.modules.cached_gradient import cache_gradient, in_chunks
from mmssl.objective import Objective


class Sound(nn.Module):
    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(6, 32), nn.GELU(), nn.Dropout(dropout), nn.Linear(32, 4))
        self.rows: list[int] = []

    def represent(self, batch: Batch) -> dict[str, Tensor]:
        self.rows.append(len(batch))
        return {"audio": self.body(batch.audio), "size": batch.audio.norm(dim=1)}


def step(model: Sound, batch: Batch, size: int) -> tuple[Tensor, list[Tensor]]:
    """A loss of all pairs, and its gradient."""
    torch.manual_seed(0)
    vectors = in_chunks(model.represent, (batch,), size)
    loss = (vectors["audio"] @ vectors["audio"].T).softmax(1).diagonal().log().mean() + vectors["size"].mean()
    torch.autograd.backward(loss)
    return loss, [p.grad for p in model.parameters() if p.grad is not None]


@pytest.mark.parametrize("size", [1, 3, 4, 10, 99])
def test_equals_the_whole_batch(size: int) -> None:
    batch, one = Batch(audio=torch.randn(10, 6)), Sound(0.0)
    other = copy.deepcopy(one)
    torch.testing.assert_close(step(one, batch, size), step(other, batch, 0))
    assert max(one.rows) <= size


def test_dropout_drops_the_same_both_times(monkeypatch: pytest.MonkeyPatch) -> None:
    batch, one = Batch(audio=torch.randn(10, 6)), Sound(0.5)
    other = copy.deepcopy(one)
    cached = step(one, batch, 4)
    monkeypatch.setattr(
        "mmssl.modules.cached_gradient.checkpoint", lambda function, *given, use_reentrant: function(*given)
    )
    assert other.rows == []
    kept = step(other, batch, 4)
    assert other.rows == [4, 4, 2]
    assert len(one.rows) == 6
    torch.testing.assert_close(cached, kept)


def test_holds_the_activations_of_one_chunk() -> None:
    batch, model = Batch(audio=torch.randn(64, 6)), Sound(0.0)
    held: dict[int, int] = {}
    for size in (0, 8):
        kept: list[int] = []

        def pack(tensor: Tensor, kept: list[int] = kept) -> Tensor:
            kept.append(tensor.numel())
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            in_chunks(model.represent, (batch,), size)
        held[size] = sum(kept)
    assert held[8] < held[0] / 8


def test_without_gradient_each_chunk_passes_once() -> None:
    model = Sound(0.0)
    with torch.no_grad():
        in_chunks(model.represent, (Batch(audio=torch.randn(10, 6)),), 4)
    assert model.rows == [4, 4, 2]


def test_objectives_that_would_learn_otherwise_are_refused() -> None:
    class Whole(Objective):
        def __init__(self, body: nn.Module) -> None:
            heads: dict[Modality, nn.Module] = {"audio": body}
            super().__init__({}, heads)

    objective = Whole(nn.Linear(2, 2))
    cache_gradient(objective, 0)
    with pytest.raises(UsageError, match="Whole cannot take its batch apart"):
        cache_gradient(objective, 4)
    normalized = Whole(nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)))
    normalized.chunk = 0
    with pytest.raises(UsageError, match="batch normalization"):
        cache_gradient(normalized, 4)
    objective.chunk = 0
    cache_gradient(objective, 4)
    assert objective.chunk == 4
