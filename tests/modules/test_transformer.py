"""Attention, positions and pools against slow loops."""

import math

import pytest
import torch

from mmssl.encoders.video_vit import VideoViT
from mmssl.errors import UsageError
from mmssl.modules.pooling import first_pool, last_pool, max_pool, mean_pool
from mmssl.modules.position import LearnedPositions, SinePositions, sine
from mmssl.modules.transformer import Attention, Transformer


def test_attention_is_the_slow_loop() -> None:
    torch.manual_seed(0)
    attention, x = Attention(6, heads=2).requires_grad_(False), torch.randn(2, 4, 6)
    mask = torch.tensor([[True, True, True, True], [True, False, True, False]])
    q, k, v = attention.qkv(x).split(6, dim=-1)
    expected = torch.zeros(2, 4, 6)
    for b in range(2):
        for h in range(2):
            part = slice(3 * h, 3 * h + 3)
            for n in range(4):
                weights = [
                    math.exp(float(q[b, n, part] @ k[b, m, part]) / math.sqrt(3)) if mask[b, m] else 0.0
                    for m in range(4)
                ]
                for m in range(4):
                    expected[b, n, part] += weights[m] / sum(weights) * v[b, m, part]
    torch.testing.assert_close(attention(x, mask), attention.out(expected))
    with pytest.raises(ValueError, match="do not divide"):
        Attention(6, heads=4)


def test_order_of_tokens_does_not_matter() -> None:
    torch.manual_seed(0)
    transformer, x = Transformer(8, 2, 2), torch.randn(1, 5, 8)
    order = torch.tensor([3, 1, 4, 0, 2])
    torch.testing.assert_close(transformer(x[:, order]), transformer(x)[:, order])


def test_left_out_tokens_are_as_if_not_there() -> None:
    torch.manual_seed(0)
    encoder = VideoViT(dim=24, depth=2, heads=2).eval()
    video = torch.rand(2, 4, 3, 32, 32)
    tokens = encoder.tokens(video).flatten(1, 3)
    kept = torch.tensor([0, 2, 3, 7])
    mask = torch.zeros(2, 8, dtype=torch.bool)
    mask[:, kept] = True
    alone = encoder.encode(tokens[:, kept])
    torch.testing.assert_close(encoder.encode(tokens, mask)[:, kept], alone, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(encoder.encode(tokens), encoder(video).flatten(1, 3))
    with pytest.raises(UsageError, match="not divided by tubelets"):
        encoder(torch.rand(1, 3, 3, 32, 32))


def test_sines_are_the_papers() -> None:
    table = sine(50, 8)
    for place in (0, 3, 49):
        for i in range(4):
            angle = place / 10_000 ** (2 * i / 8)
            assert float(table[place, i]) == pytest.approx(math.sin(angle), abs=1e-5)
            assert float(table[place, 4 + i]) == pytest.approx(math.cos(angle), abs=1e-5)


def test_positions_of_a_grid_differ() -> None:
    grid = (2, 3, 4)
    for positions in (SinePositions(3, 26), LearnedPositions((2, 4, 4), 26)):
        places = positions(grid)
        assert places.shape == (*grid, 26)
        flat = places.flatten(0, 2)
        assert torch.cdist(flat, flat).fill_diagonal_(9).min() > 1e-3
    with pytest.raises(ValueError, match="larger"):
        LearnedPositions((2, 4, 4), 26)((3, 4, 4))


def test_pools_look_at_what_is_there() -> None:
    grid = torch.tensor([[[1.0], [5.0], [9.0]], [[-3.0], [-2.0], [7.0]]])
    mask = torch.tensor([[True, True, False], [True, False, False]])
    assert max_pool(grid, mask).flatten().tolist() == [5, -3]
    assert mean_pool(grid, mask).flatten().tolist() == [3, -3]
    assert last_pool(grid, mask).flatten().tolist() == [5, -3]
    assert first_pool(grid, mask).flatten().tolist() == [1, -3]
    assert max_pool(grid).flatten().tolist() == [9, 7]
    assert last_pool(grid).flatten().tolist() == [9, 7]
    nothing = torch.zeros(2, 3, dtype=torch.bool)
    assert max_pool(grid, nothing).flatten().tolist() == [0, 0]
    assert mean_pool(grid, nothing).flatten().tolist() == [0, 0]
