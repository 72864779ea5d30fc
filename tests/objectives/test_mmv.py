"""MMV: its loss against a loop, its spaces, which gradient reaches what, and what lacks a modality."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from mmssl.batch import Batch, Modality
from mmssl.encoder import Encoder
from mmssl.modules.row_norm import RowNorm
from mmssl.modules.spaces import AT, VA, VT, Disjoint, FineAndCoarse, Shared, Spaces
from mmssl.objectives.contrastive.mmv import MMV

Tiny = dict[str, type[Encoder]]
GRAPHS = [Shared(8), Disjoint(8, 6), FineAndCoarse(8, 6)]


def made(tiny: Tiny, spaces: Spaces | None = None) -> MMV:
    torch.manual_seed(0)
    return MMV(video=tiny["video"](), audio=tiny["audio"](), text=tiny["text"](), spaces=spaces)


def pooled(objective: MMV, modality: Modality, inputs: Tensor) -> Tensor:
    encoder = objective.encoders[modality]
    grid = encoder(inputs).flatten(1, -2)
    weight = torch.ones(grid.shape[:2]) if modality != "text" else (inputs >= 0).float()
    mean: Tensor = (grid * weight.unsqueeze(2)).sum(1) / weight.sum(1, keepdim=True).clamp(min=1)
    return mean


@pytest.mark.parametrize("spaces", GRAPHS, ids=lambda graph: type(graph).__name__)
def test_equals_a_loop_over_clips(spaces: Spaces, tiny: Tiny, with_holes: Callable[..., Batch]) -> None:
    objective, batch = made(tiny, spaces), with_holes()
    objective.sound_weight = 3.0
    graph, seen = objective.spaces, {m: batch.valid(m) for m in ("video", "audio")}
    fine, coarse = graph.compared[VA], graph.compared[VT]
    features = {m: pooled(objective, m, getattr(batch, m)) for m in ("video", "audio")}
    words = pooled(objective, "text", batch.text.flatten(0, 1)).reshape(8, 2, -1)
    with torch.no_grad():
        video = graph("video", features["video"], [fine, coarse], seen["video"])
        audio = graph("audio", features["audio"], [fine], seen["audio"])[fine]
        text = graph("text", words, [coarse], batch.text_valid)[coarse]
    captions = [[tuple(batch.text[i, c].tolist()) for c in range(2) if batch.text_valid[i, c]] for i in range(8)]
    losses: dict[str, list[float]] = {"audio": [], "text": []}
    for i in (i for i in range(8) if seen["video"][i]):
        others = [j for j in range(8) if j != i and batch.group[i] != batch.group[j]]
        if seen["audio"][i]:
            own = math.exp(video[fine][i] @ audio[i] / 0.07)
            sounds = sum(math.exp(video[fine][i] @ audio[j] / 0.07) for j in others if seen["audio"][j])
            films = sum(math.exp(video[fine][j] @ audio[i] / 0.07) for j in others if seen["video"][j])
            losses["audio"].append(-math.log(own / (own + sounds + films)))
        bag, rest = 0.0, 0.0
        for c in (c for c in range(2) if batch.text_valid[i, c]):
            said = tuple(batch.text[i, c].tolist())
            bag += math.exp(video[coarse][i] @ text[i, c] / 0.07)
            for j in (j for j in others if seen["video"][j] and said not in captions[j]):
                rest += math.exp(video[coarse][j] @ text[i, c] / 0.07)
        for j in others:
            for c in (c for c in range(2) if batch.text_valid[j, c]):
                if tuple(batch.text[j, c].tolist()) not in captions[i]:
                    rest += math.exp(video[coarse][i] @ text[j, c] / 0.07)
        if bag:
            losses["text"].append(-math.log(bag / (bag + rest)))
    assert [len(each) for each in losses.values()] == [5, 6]
    expected = 3 * sum(losses["audio"]) / 5 + sum(losses["text"]) / 6
    assert objective(batch)[0].item() == pytest.approx(expected, rel=1e-4)


def test_at_chance(tiny: Tiny, sample: Callable[..., Batch]) -> None:
    objective = made(tiny)
    objective.scale.zero_()  # all scores equal
    assert objective(sample())[0].item() == pytest.approx(math.log(15) + math.log((2 + 14 * 2) / 2), rel=1e-5)


def test_no_gradient_goes_from_words_to_sound(tiny: Tiny, sample: Callable[..., Batch]) -> None:
    objective, batch = made(tiny), sample()
    objective.sound_weight = 0.0
    rows: list[int] = []
    objective.spaces.heads["onward"].register_forward_hook(lambda _, given, __: rows.append(len(given[0])))
    objective(batch)[0].backward()
    assert rows == [8]  # the films alone: sound is in no statistics of the coarse space
    for module in (objective.encoders["audio"], objective.spaces.heads["audio"]):
        assert all((p.grad == 0).all() for p in module.parameters() if p.grad is not None)
    assert all((p.grad != 0).any() for p in objective.spaces.heads["onward"].parameters() if p.grad is not None)


@pytest.mark.parametrize("spaces", GRAPHS, ids=lambda graph: type(graph).__name__)
def test_products_of_embeddings_are_the_cosines_of_each_pair(
    spaces: Spaces, tiny: Tiny, sample: Callable[..., Batch]
) -> None:
    objective, batch = made(tiny, spaces), sample()
    for _ in range(3):
        objective(batch)  # so that the norms remember something
    objective.eval()
    found = objective.embed(batch)
    for pair in (VA, VT, AT):
        products = found[pair[0]] @ found[pair[1]].T
        if pair not in objective.spaces.compared:
            assert (products == 0).all()
            continue
        space = objective.spaces.compared[pair]
        inputs = {"video": batch.video, "audio": batch.audio, "text": batch.text[:, 0]}
        one, other = (objective.spaces(m, pooled(objective, m, inputs[m]), [space])[space] for m in pair)
        cosines = one @ other.T
        torch.testing.assert_close(products, cosines * (products[0, 0] / cosines[0, 0]), rtol=1e-4, atol=1e-6)
        assert products[0, 0] / cosines[0, 0] > 0.4


def test_rows_that_are_not_there_are_in_no_statistics() -> None:
    generator, norm = torch.Generator().manual_seed(0), RowNorm(3)
    rows, valid = torch.randn(6, 2, 3, generator=generator), torch.rand(6, 2, generator=generator) > 0.4
    found = norm(rows, valid)
    torch.testing.assert_close(found[valid], torch.nn.BatchNorm1d(3)(rows[valid]), rtol=1e-4, atol=1e-5)
    remembered = norm.mean.clone()
    norm(rows + 5)
    norm(rows, torch.zeros_like(valid))
    assert torch.equal(norm.mean, remembered)
    plain = torch.nn.BatchNorm1d(3)
    plain(rows[valid])
    torch.testing.assert_close((norm.mean, norm.variance), (plain.running_mean, plain.running_var))
