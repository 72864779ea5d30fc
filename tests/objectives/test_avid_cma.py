"""AVID-CMA: its losses against loops, what memories keep, who agrees, and that several processes remember like one."""

import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch.nn import functional

from mmssl.batch import Batch, Modality
from mmssl.encoder import Encoder
from mmssl.errors import UsageError
from mmssl.modules.memory import MemoryBank, agreeing, negatives
from mmssl.modules.row_norm import RowNorm
from mmssl.objectives.contrastive.avid_cma import AVIDCMA, Agreement, noise_contrast

Tiny = dict[str, type[Encoder]]


def small(tiny: Tiny) -> AVIDCMA:
    """Twelve recordings, of which three agree from the start."""
    torch.manual_seed(0)
    agreement = Agreement(positives=3, negatives=5, begin=0.0)
    return AVIDCMA(
        video=tiny["video"](), audio=tiny["audio"](), recordings=12, dim=8, hidden=16, negatives=20, agreement=agreement
    )


@torch.no_grad()
def seen_in_training(objective: AVIDCMA, batch: Batch) -> dict[Modality, torch.Tensor]:
    """Vectors by heads whose layers are normalized over the clips that have the modality; 0 for the others."""
    vectors: dict[Modality, torch.Tensor] = {}
    for modality in ("video", "audio"):
        encoder, there = objective.encoders[modality], batch.valid(modality)
        rows = encoder.pool(encoder(getattr(batch, modality)))[there]  # type: ignore[operator]
        for layer in objective.heads[modality]:  # type: ignore[attr-defined]
            variance, mean = torch.var_mean(rows, 0, correction=0)
            rows = (rows - mean) / (variance + 1e-5).sqrt() if isinstance(layer, RowNorm) else layer(rows)
        vectors[modality] = torch.zeros(len(there), rows.shape[1])
        vectors[modality][there] = functional.normalize(rows, dim=-1)
    return vectors


def test_noise_contrast_equals_a_loop_and_its_closed_form() -> None:
    generator = torch.Generator().manual_seed(0)
    positive, negative = torch.randn(2, 3, generator=generator), torch.randn(2, 5, generator=generator)
    found, z = noise_contrast(positive, negative, torch.tensor(1.7)), 1.7
    for b in range(2):
        data = [-math.log(math.exp(s) / (math.exp(s) + 5 * z)) for s in positive[b].tolist()]
        noise = [-math.log(5 * z / (math.exp(s) + 5 * z)) for s in negative[b].tolist()]
        assert found[b].item() == pytest.approx(sum(data) / 3 + sum(noise), rel=1e-5)
    chance = noise_contrast(torch.full((1, 1), 2.0), torch.full((1, 1024), 2.0), torch.tensor(math.e**2))
    assert chance.item() == pytest.approx(math.log(1025) + 1024 * math.log(1025 / 1024), rel=1e-5)


@pytest.mark.parametrize("agreed", [False, True], ids=["AVID", "CMA"])
def test_equals_a_loop_over_clips(agreed: bool, tiny: Tiny, with_holes: Callable[..., Batch]) -> None:
    objective, batch = small(tiny), with_holes()
    if agreed:
        objective.refresh([])
    vectors = seen_in_training(objective, batch)
    rows = {m: objective.state_dict()[f"memories.{m}.rows"].clone() for m in vectors}
    alike = objective.positives[batch.index]
    own = batch.index.unsqueeze(1)
    others = negatives(batch.seed, 161, 20, 12, torch.cat([own, alike], 1) if agreed else own)
    keep = [i for i in range(8) if batch.video_valid[i] and batch.audio_valid[i]]
    ways: list[tuple[Modality, Modality]] = [("video", "audio"), ("audio", "video")]

    def score(i: int, mine: Modality, theirs: Modality, number: int) -> float:
        return float(vectors[mine][i] @ rows[theirs][number]) / 0.07

    powers = [math.exp(score(i, *way, int(n))) for i in keep for way in ways for n in others[i]]
    near = [math.exp(score(i, mine, mine, int(n))) for i in keep for mine, _ in ways for n in others[i, :5]]
    z, y, across, within = sum(powers) / len(powers), sum(near) / len(near), 0.0, 0.0
    for i in keep:
        for mine, theirs in ways:
            across += math.log(1 + 20 * z / math.exp(score(i, mine, theirs, i)))
            across += sum(math.log(1 + math.exp(score(i, mine, theirs, int(n))) / (20 * z)) for n in others[i])
            within += sum(math.log(1 + 5 * y / math.exp(score(i, mine, mine, int(n)))) for n in alike[i]) / 3
            within += sum(math.log(1 + math.exp(score(i, mine, mine, int(n))) / (5 * y)) for n in others[i, :5])
    expected = (across + within if agreed else across * 2) / 2 / len(keep) / 2
    loss, terms = objective(batch)
    assert loss.item() == pytest.approx(expected, rel=1e-4)
    assert ("within" in terms) == agreed
    assert objective.partition.tolist() == pytest.approx([z, y if agreed else -1], rel=1e-4)


def test_memories_are_written_after_the_step_alone(tiny: Tiny, with_holes: Callable[..., Batch]) -> None:
    objective, batch = small(tiny), with_holes()
    rows = objective.state_dict()["memories.audio.rows"]  # the memory itself
    before, vectors = rows.clone(), seen_in_training(objective, batch)["audio"]
    objective(batch)
    assert torch.equal(rows, before)
    objective.after_step(0.1)
    expected = functional.normalize(before[:8] / 2 + vectors / 2, dim=-1)
    expected[1:3], unseen = before[1:3], before[8:]  # clips 1 and 2 have no sound
    torch.testing.assert_close(rows[:8], expected)
    assert torch.equal(rows[8:], unseen)
    objective.eval()(batch)
    objective.after_step(0.2)
    torch.testing.assert_close(rows[:8], expected)


def test_a_recording_twice_and_rows_that_are_not_finite() -> None:
    bank, vectors = MemoryBank(4, 3), functional.normalize(torch.randn(4, 3), dim=-1)
    before = bank.rows.clone()
    vectors[3] = torch.nan
    bank.write(vectors, torch.tensor([2, 2, 0, 1]), torch.ones(4, dtype=torch.bool))
    both = functional.normalize(before[2] / 2 + (vectors[0] + vectors[1]) / 4, dim=-1)
    torch.testing.assert_close(bank.rows[2], both)
    assert torch.equal(bank.rows[[1, 3]], before[[1, 3]])


def test_negatives_are_all_others_with_one_chance() -> None:
    excluded = torch.tensor([[3, 0, 9], [5, 6, 7]])
    found = negatives(torch.tensor([11, 12]), 1, 7000, 10, excluded)
    for row, left in zip(found, excluded, strict=True):
        count = torch.bincount(row, minlength=10)
        assert count[left].sum() == 0
        assert count[count > 0].tolist() == pytest.approx([1000] * 7, rel=0.15)


def test_who_agrees_equals_a_loop(tiny: Tiny) -> None:
    one, other = functional.normalize(torch.randn(2, 9, 4, generator=torch.Generator().manual_seed(1)), dim=-1)
    found = agreeing(one, other, 3, at_once=4)
    for i in range(9):
        scores = {j: min(float(one[i] @ one[j]), float(other[i] @ other[j])) for j in range(9) if j != i}
        assert found[i].tolist() == sorted(scores, key=lambda j: -scores[j])[:3]
    objective = small(tiny)
    objective.agreement = Agreement(positives=3, begin=0.5)
    objective.refresh([])
    assert (objective.positives == -1).all()
    objective.after_step(0.5)
    objective.refresh([])
    assert (objective.positives >= 0).all()


def test_memories_too_small_are_refused(tiny: Tiny) -> None:
    with pytest.raises(UsageError, match="20 recordings are too few for 32"):
        AVIDCMA(video=tiny["video"](), audio=tiny["audio"](), recordings=20)


def test_several_processes_remember_like_one(tmp_path: Path, tiny: Tiny, with_holes: Callable[..., Batch]) -> None:
    script = Path(__file__).with_name("memory_of_many.py")
    commands = [[sys.executable, str(script), str(rank), "2", str(tmp_path)] for rank in range(2)]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE) for command in commands]
    try:
        messages = [process.communicate(timeout=200)[1].decode() for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [0, 0], "\n".join(messages)
    one, other = (torch.load(tmp_path / f"{rank}.pt") for rank in range(2))
    objective, losses = small(tiny), []
    for step in range(2):
        objective.refresh([])
        losses.append(objective(with_holes())[0].detach())
        objective.after_step(step / 2)
    torch.testing.assert_close((one["losses"] + other["losses"]) / 2, torch.stack(losses), rtol=1e-5, atol=1e-6)
    for name, value in objective.state_dict().items():
        assert torch.equal(one["state"][name], other["state"][name])
        torch.testing.assert_close(one["state"][name], value, rtol=1e-5, atol=1e-5)
