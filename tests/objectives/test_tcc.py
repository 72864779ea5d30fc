"""TCC: its four losses against values found with NumPy and a slow loop, masks, walks, who is compared with whom."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from mmssl.batch import Batch
from mmssl.encoder import Encoder
from mmssl.modules.frame_distance import Distance, Similarity, cosine, euclidean, squared_euclidean
from mmssl.modules.true_length import true_lengths
from mmssl.objectives.cycle.cycle_back import Classification, CycleLoss, Huber, MeanSquare, Regression, home
from mmssl.objectives.cycle.tcc import TCC, OffsetUniform
from mmssl.objectives.cycle.walks import AllPairs, Drawn

Tiny = dict[str, type[Encoder]]
Changed = Callable[..., Batch]
SHORT = OffsetUniform(frames=5, context=2, stride=3)


def circle(shift: float) -> Tensor:
    """`[1, 6, 2]`."""
    angle = 0.5 * torch.arange(6.0, dtype=torch.float64) + shift
    return torch.stack([angle.cos(), angle.sin()], 1).unsqueeze(0)


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (MeanSquare(), 0.001485),
        (Regression(), 0.181663),
        (Classification(smoothing=0.0), 0.487784),
        (Classification(), 0.986190),
    ],
)
def test_known_values(loss: CycleLoss, expected: float) -> None:
    first, second, there = circle(0), circle(0.1), torch.ones(1, 6, dtype=torch.bool)
    similarity = Similarity()
    back = similarity.log_shares(similarity.nearest(first, second, there), first, there)
    times = torch.arange(6.0, dtype=torch.float64).unsqueeze(0) / 6
    assert loss(back, torch.arange(6).unsqueeze(0), times).mean().item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("distance", [squared_euclidean, euclidean, cosine])
def test_distances_are_what_they_are_called(distance: Distance) -> None:
    first, second = torch.randn(2, 3, 4), torch.randn(2, 5, 4)
    slow: dict[Distance, Callable[[Tensor, Tensor], Tensor]] = {
        squared_euclidean: lambda u, v: ((u - v) ** 2).sum(),
        euclidean: lambda u, v: ((u - v) ** 2).sum() ** 0.5,
        cosine: lambda u, v: 1 - u @ v / (u.square().sum() * v.square().sum()).sqrt(),
    }
    found = distance(first, second)
    for p, q, n in ((p, q, n) for p in range(2) for q in range(3) for n in range(5)):
        assert found[p, q, n].item() == pytest.approx(float(slow[distance](first[p, q], second[p, n])), abs=1e-5)
    same = first.clone().requires_grad_()
    torch.autograd.backward(distance(same, same).sum())
    assert same.grad is not None
    assert same.grad.isfinite().all()


def slow_loss(loss: CycleLoss, frames: Tensor, times: Tensor, counts: Tensor, label: Tensor) -> float:
    """Each ordered pair and frame by itself, without a mask: what is not there is not looked at."""

    def shares(x: Tensor, others: Tensor) -> Tensor:
        return torch.softmax(torch.stack([-((x - o) ** 2).sum() / (frames.shape[2] * 0.1) for o in others]), 0)

    losses = []
    for i in range(len(frames)):
        for j in range(len(frames)):
            if i == j or label[i] != label[j] or counts[i] == 0 or counts[j] == 0:
                continue
            u, v, time = frames[i, : counts[i]], frames[j, : counts[j]], times[i, : counts[i]]
            for k in range(len(u)):
                beta = shares(shares(u[k], v) @ v, u)
                mean = (beta * time).sum()
                variance = max(float((beta * (time - mean) ** 2).sum()), 1e-4)
                off = abs(float(time[k] - mean))
                smooth = 0.9 * beta[k].log() + 0.1 * beta.log().mean()
                losses.append(
                    {
                        Regression: off**2 / variance + 0.001 * math.log(variance),
                        MeanSquare: off**2,
                        Huber: off**2 / 2 if off < 0.1 else 0.1 * (off - 0.05),
                        Classification: -float(smooth),
                    }[type(loss)]
                )
    return sum(losses) / len(losses)


@pytest.mark.parametrize("loss", [Regression(), MeanSquare(), Huber(), Classification()])
def test_equals_a_loop_over_pairs_and_frames(
    loss: CycleLoss, tiny: Tiny, with_holes: Callable[..., Batch], changed: Changed
) -> None:
    batch = with_holes()
    times = batch.video_times.clone()
    times[2, 4:] = times[2, 3]  # the film ends after four frames; its last picture stays
    batch = changed(batch, label=torch.tensor([7, 7, 7, 7, 8, 8, 8, 9]), video_times=times)
    torch.manual_seed(0)
    objective = TCC(video=tiny["video"](), dim=6, hidden=16, sampling=SHORT, loss=loss)
    found = objective._represent(batch)
    assert found["counts"].tolist() == [0, 5, 4, 5, 5, 5, 5, 5]
    expected = slow_loss(loss, found["frames"].detach(), found["times"], found["counts"], batch.label)
    assert objective(batch)[0].item() == pytest.approx(expected, rel=1e-4)
    drawn = TCC(video=tiny["video"](), dim=6, hidden=16, sampling=SHORT, loss=loss, walk=Drawn(length=3))
    assert drawn(batch)[0].isfinite()


def test_chance(tiny: Tiny, sample: Callable[..., Batch]) -> None:
    """Where all frames are alike every cycle ends anywhere."""
    uniform = torch.full((1, 6, 6), 1 / 6).log()
    start, times = torch.arange(6).unsqueeze(0), torch.arange(6.0).unsqueeze(0) / 6
    variance = 35 / 12 / 36
    assert home(uniform, times)[1][0, 0].item() == pytest.approx(variance)
    assert Regression()(uniform, start, times).mean().item() == pytest.approx(1 + 0.001 * math.log(variance), rel=1e-5)
    assert MeanSquare()(uniform, start, times).mean().item() == pytest.approx(variance)
    for smoothing in (0.0, 0.1):
        assert Classification(smoothing)(uniform, start, times).mean().item() == pytest.approx(math.log(6))
    objective = TCC(video=tiny["video"](), sampling=SHORT)
    torch.nn.init.zeros_(objective.heads["video"].out.weight)  # type: ignore[union-attr, arg-type]
    assert objective(sample())[1]["distance"].item() == pytest.approx(0.24, abs=0.03)


def test_certainty_does_not_explode() -> None:
    certain = torch.full((1, 1, 5), -1e4)
    certain[0, 0, 4] = 0.0
    certain.requires_grad_()
    loss = Regression()(certain, torch.zeros(1, 1, dtype=torch.int64), torch.arange(5.0).unsqueeze(0) / 5)
    torch.autograd.backward(loss.sum())
    assert loss.item() < 1e4
    assert certain.grad is not None
    assert certain.grad.isfinite().all()


def test_a_still_end_is_in_neither_softmax(tiny: Tiny, sample: Callable[..., Batch], changed: Changed) -> None:
    batch = sample(4)
    times, video = batch.video_times.clone(), batch.video.clone()
    times[1, 5:] = times[1, 4]
    short = changed(batch, video_times=times)
    assert true_lengths(short).tolist() == [8, 5, 8, 8]
    video[1, 5:] = 255 - video[1, 5:]
    objective = TCC(video=tiny["video"](), sampling=SHORT)
    same = objective(changed(short, video=video))[0]
    torch.testing.assert_close(objective(short)[0], same, rtol=0, atol=0)
    chosen, counts = SHORT(short.seed, true_lengths(short), 8)
    assert (chosen[1] < 5).all()
    assert counts.tolist() == [5, 5, 5, 5]
    found = objective._represent(short)["times"]
    torch.testing.assert_close(found, chosen / torch.tensor([8.0, 5.0, 8.0, 8.0]).unsqueeze(1))


def test_frames_cover_a_clip_evenly_from_a_random_offset() -> None:
    seeds, lengths = torch.arange(200) * 7919, torch.full((200,), 40)
    chosen, counts = OffsetUniform()(seeds, lengths, 40)
    assert chosen.shape == (200, 20)
    assert (counts == 20).all()
    assert (chosen.diff(dim=1) == 2).all()
    assert set(chosen[:, 0].tolist()) == {0, 1}
    few, counts = OffsetUniform()(seeds, torch.full((200,), 3), 40)
    assert few[0, :3].tolist() == [0, 1, 2]
    assert (counts == 3).all()


def test_each_frame_has_its_own_context() -> None:
    video = torch.arange(8).reshape(1, 8, 1, 1, 1).expand(1, 8, 3, 1, 1)
    seen = SHORT.seen(video, torch.tensor([[0, 2, 5, 7]]))
    assert seen[0, :, 0, 0, 0].tolist() == [0, 0, 0, 2, 2, 5, 4, 7]


def test_only_films_of_one_action_are_compared(tiny: Tiny, sample: Callable[..., Batch], changed: Changed) -> None:
    batch, objective = sample(4), TCC(video=tiny["video"](), sampling=SHORT)
    alone = changed(batch, label=torch.arange(4))
    assert objective(alone)[0] == 0
    pair = changed(batch, label=torch.tensor([5, 6, 5, 7]))
    other = changed(pair, video=torch.cat([batch.video[:1], batch.video[1:2].flip(1), batch.video[2:]]))
    torch.testing.assert_close(objective(other)[0], objective(pair)[0])
    both = Batch(keys=None, **{name: rows[[0, 2]] for name, rows in batch.tensors()})  # without labels, all of one
    torch.testing.assert_close(objective(pair)[0], objective(both)[0])


def test_walks() -> None:
    kin = torch.ones(4, 4, dtype=torch.bool) & ~torch.eye(4, dtype=torch.bool)
    kin[3], kin[:, 3] = False, False
    seeds, counts = torch.arange(4) * 7919, torch.tensor([5, 5, 3, 5])
    every = AllPairs()(seeds, kin, counts, 5)
    pairs = [*zip(every.home.tolist(), every.films[:, 0].tolist(), strict=True)]
    assert pairs == [(i, j) for i in range(3) for j in range(3) if i != j]
    assert every.frames.shape == (6, 5)
    drawn = Drawn(length=4, cycles=30)(seeds, kin, counts, 5)
    assert drawn.films.shape == (90, 3)
    for clip, films, frame in zip(drawn.home.tolist(), drawn.films.tolist(), drawn.frames[:, 0].tolist(), strict=True):
        assert sorted(films) == sorted([-1, *({0, 1, 2} - {clip})])  # two others, then nothing to go to
        assert 0 <= frame < counts[clip]
    assert set(drawn.frames[drawn.home == 2].flatten().tolist()) == {0, 1, 2}
    half = Drawn(length=4, cycles=30)(seeds[1:2], kin[1:2], counts[1:2], 5)
    assert torch.equal(half.films, drawn.films[drawn.home == 1])


def test_it_learns_when_what_happens(tiny: Tiny, sample: Callable[..., Batch], changed: Changed) -> None:
    """A light that grows in each film at a pace of its own, on a ground of its own."""

    def films(seed: int) -> tuple[Batch, Tensor]:
        generator = torch.Generator().manual_seed(seed)
        power = torch.rand(8, 1, generator=generator) * 1.5 + 0.4
        share = torch.linspace(0, 1, 8).pow(power)
        video = torch.rand(8, 1, 3, 1, 1, generator=generator) * 40 + 200 * share[:, :, None, None, None]
        return changed(sample(seed=seed), video=video.expand(-1, -1, -1, 8, 8).to(torch.uint8)), share

    torch.manual_seed(0)
    objective = TCC(video=tiny["video"](), hidden=32, dim=8, sampling=OffsetUniform(frames=8, context=1))
    optimizer = torch.optim.Adam(objective.parameters(), 3e-3)
    for step in range(120):
        optimizer.zero_grad()
        torch.autograd.backward(objective(films(step)[0])[0])
        optimizer.step()
    (batch, share), objective = films(999), objective.eval()
    with torch.no_grad():
        frames = objective.frames(batch)
    answers = torch.cdist(frames[0], frames[1]).argmin(1)
    assert (share[0] - share[1][answers]).abs().mean() < 0.1
