"""How cosines of several modalities become one score."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from mmssl.applications.fusion import Scales, gain


def toy(seed: int, moments: int = 400, dim: int = 32) -> dict[str, Tensor]:
    """Moments as a trained model sees them: sounds are far from each other, pictures near, both weakly like words."""
    generator = torch.Generator().manual_seed(seed)

    def noise(size: float) -> Tensor:
        return size * torch.randn(moments, dim, generator=generator)

    meaning, cone = noise(1), torch.randn(dim, generator=generator)
    return {
        "text": functional.normalize(meaning + noise(0.5), dim=1),
        "video": functional.normalize(0.25 * meaning + 3 * cone + noise(0.3), dim=1),
        "audio": functional.normalize(meaning + noise(1.5), dim=1),
    }


def recall(world: dict[str, Tensor], fuse: str, asked: str = "text") -> float:
    """R@10 where a third has no picture and a third no sound."""
    lot = torch.rand(len(world["text"]), generator=torch.Generator().manual_seed(1)).unsqueeze(1)
    parts = [world["video"].where(lot > 1 / 3, torch.nan), world["audio"].where(lot < 2 / 3, torch.nan)]
    gains = torch.stack([gain(world[asked], part, same=False) for part in parts])
    right = 0
    for number, query in enumerate(world[asked]):
        cosines = torch.stack([part @ query for part in parts])
        scores = Scales.of(cosines, gains).fused(cosines) if fuse == "evidence" else cosines.nanmean(0)
        right += int((scores > scores[number]).sum() < 10)
    return right / len(world[asked])


def test_evidence_finds_more_than_the_mean_cosine() -> None:
    for seed in range(3):
        world = toy(seed)
        assert recall(world, "evidence") > recall(world, "mean") + 0.05


def test_one_modality_is_its_cosine() -> None:
    cosines = torch.tensor([[0.3, -0.2, torch.nan, 0.9]])
    for gains in (None, torch.tensor([0.2])):
        torch.testing.assert_close(Scales.of(cosines, gains).fused(cosines), cosines[0], equal_nan=True)


def test_the_evidence_against_a_slow_loop() -> None:
    generator = torch.Generator().manual_seed(0)
    cosines = torch.randn(2, 30, generator=generator) * torch.tensor([[0.1], [0.3]]) + torch.tensor([[0.5], [0.0]])
    cosines[0, 4] = cosines[1, 7] = torch.nan
    gains = torch.tensor([0.2, 0.15])
    slow = []
    for moment in range(30):
        ratio = 0.0
        for modality in range(2):
            row = [value for value in cosines[modality].tolist() if value == value]
            mean = sum(row) / len(row)
            deviation = (sum((value - mean) ** 2 for value in row) / len(row)) ** 0.5
            value = float(cosines[modality, moment])
            if value == value:
                own = torch.distributions.Normal(mean + float(gains[modality]), deviation)
                other = torch.distributions.Normal(mean, deviation)
                ratio += float(own.log_prob(torch.tensor(value)) - other.log_prob(torch.tensor(value)))  # type: ignore[no-untyped-call]
        slow.append(ratio)
    scores = Scales.of(cosines, gains).fused(cosines)
    # The same but for scale and offset.
    slope = (scores[1] - scores[0]) / (slow[1] - slow[0])
    assert slope > 0
    torch.testing.assert_close(scores, scores[0] + slope * (torch.tensor(slow) - slow[0]), atol=1e-5, rtol=1e-4)


def test_a_modality_that_nothing_has_changes_nothing() -> None:
    cosines = torch.tensor([[0.1, 0.5, 0.2], [torch.nan] * 3])
    for gains in (None, torch.tensor([0.3, torch.nan])):
        assert Scales.of(cosines, gains).fused(cosines).tolist() == pytest.approx([0.1, 0.5, 0.2])
    assert Scales.of(cosines[1:]).fused(cosines[1:]).isnan().all()


def test_a_single_moment_has_a_score() -> None:
    cosines = torch.tensor([[0.4], [0.2]])
    assert Scales.of(cosines).fused(cosines).tolist() == pytest.approx([0.3], abs=1e-3)
