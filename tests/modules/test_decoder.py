"""Attention to other tokens against a slow loop, and who sees whom."""

import math

import pytest
import torch

from mmssl.modules.decoder import AttentionPool, CrossAttention, Decoder, causal


def test_cross_attention_is_the_slow_loop() -> None:
    torch.manual_seed(0)
    attention = CrossAttention(6, heads=2, width=5).requires_grad_(False)
    x, others = torch.randn(2, 3, 6), torch.randn(2, 4, 5)
    mask = torch.tensor([[True, True, True, True], [True, False, True, False]])
    q, k, v = attention.query(x), attention.key(others), attention.value(others)
    expected = torch.zeros(2, 3, 6)
    for b in range(2):
        for h in range(2):
            part = slice(3 * h, 3 * h + 3)
            for n in range(3):
                weights = [
                    math.exp(float(q[b, n, part] @ k[b, m, part]) / math.sqrt(3)) if mask[b, m] else 0.0
                    for m in range(4)
                ]
                for m in range(4):
                    expected[b, n, part] += weights[m] / sum(weights) * v[b, m, part]
    torch.testing.assert_close(attention(x, others, mask), attention.out(expected))
    with pytest.raises(ValueError, match="do not divide"):
        CrossAttention(6, heads=4)


def test_each_sees_itself_and_the_valid_ones_before() -> None:
    valid = torch.tensor([[True, True, False, True], [False, False, False, False]])
    assert causal(valid).int().tolist() == [
        [[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 0, 1]],
        [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]],
    ]


def test_decoder_sees_the_others_and_not_what_comes() -> None:
    torch.manual_seed(0)
    decoder, x, others = Decoder(8, 2, 2), torch.randn(1, 4, 8), torch.randn(1, 3, 8)
    valid, changed = torch.ones(1, 4, dtype=torch.bool), x.clone()
    changed[:, 2] = torch.randn(8)
    before, after = decoder(x, valid, others), decoder(changed, valid, others)
    torch.testing.assert_close(after[:, :2], before[:, :2])
    assert not torch.isclose(after[:, 2:], before[:, 2:]).all(-1).any()
    assert not torch.isclose(decoder(x, valid, torch.randn(1, 3, 8)), before).all(-1).any()
    hidden = torch.tensor([[True, True, False]])
    torch.testing.assert_close(decoder(x, valid, others, hidden), decoder(x, valid, others[:, :2]))


def test_a_pool_of_one_place_is_that_place() -> None:
    torch.manual_seed(0)
    pool, grid = AttentionPool(5, 8, queries=3, heads=2), torch.randn(2, 1, 2, 2, 5)
    one = torch.zeros(2, 1, 2, 2, dtype=torch.bool)
    one[:, 0, 1, 0] = True
    pooled = pool.pooled(grid, one)
    assert pooled.shape == (2, 3, 8)
    torch.testing.assert_close(pooled, pool(grid[:, 0, 1, 0]).unsqueeze(1).expand(-1, 3, -1))
