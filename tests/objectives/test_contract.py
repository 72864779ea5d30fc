"""What every objective promises, found by walking `mmssl/objectives` and built from its signature."""

import re
import sys
from collections.abc import Callable

import pytest
import torch

from mmssl.batch import Batch
from mmssl.errors import UsageError
from mmssl.objective import Objective

Build = Callable[..., Objective]
Sample = Callable[..., Batch]


def test_some_are_found(objectives: list[type[Objective]]) -> None:
    assert {"InfoNCE", "L3Net", "AVENet", "AVOLNet"} <= {cls.__name__ for cls in objectives}


def test_loss_is_a_finite_scalar(found: type[Objective], build: Build, sample: Sample) -> None:
    loss, terms = build(found)(sample())
    assert loss.shape == ()
    assert loss.isfinite()
    assert loss > 0
    assert loss.requires_grad
    assert terms
    assert all(t.shape == () and t.isfinite() and not t.requires_grad for t in terms.values())


def test_gradient_reaches_all_that_trains_and_nothing_else(
    found: type[Objective], build: Build, sample: Sample
) -> None:
    objective, batch = build(found), sample()
    objective(batch)[0].backward()
    for name, parameter in objective.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name
            assert parameter.grad.abs().sum() > 0, f"no gradient for {name}"
        else:
            assert parameter.grad is None, f"{name} does not train but has a gradient"


def test_same_batch_same_loss(found: type[Objective], build: Build, sample: Sample) -> None:
    objective, batch = build(found), sample()
    first = objective(batch)[0]
    torch.manual_seed(5)
    assert torch.equal(first, objective(batch)[0]), "randomness comes from batch.seed alone"


def test_state_dict_round_trip(found: type[Objective], build: Build, sample: Sample) -> None:
    one, other, batch = build(found, seed=1), build(found, seed=2), sample()
    assert not torch.equal(one(batch)[0], other(batch)[0])
    other.load_state_dict(one.state_dict())
    assert torch.equal(one(batch)[0], other(batch)[0])
    assert all(torch.equal(a, b) for a, b in zip(one.embed(batch).values(), other.embed(batch).values(), strict=True))


def test_bfloat16_autocast(found: type[Objective], build: Build, sample: Sample) -> None:
    objective, batch = build(found), sample()
    with torch.autocast("cpu", torch.bfloat16):
        loss, _ = objective(batch)
    loss.backward()
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(objective(batch)[0].item(), rel=0.05)
    assert all(p.grad is None or p.grad.isfinite().all() for p in objective.parameters())


def test_compiles(found: type[Objective], build: Build, sample: Sample) -> None:
    torch.compiler.reset()
    objective, batch = build(found), sample()
    compiled = torch.compile(objective, backend="eager")(batch)[0]
    torch.testing.assert_close(compiled, objective(batch)[0])


def test_embeds_and_maps(found: type[Objective], build: Build, sample: Sample) -> None:
    objective, batch = build(found).eval(), sample()
    embeddings, maps = objective.embed(batch), objective.maps(batch)
    assert set(embeddings) == set(maps) == set(objective.encoders)
    for modality, rows in embeddings.items():
        assert rows.ndim == 2
        assert len(rows) == len(batch)
        assert maps[modality].ndim >= 3
        assert maps[modality].shape[-1] == rows.shape[-1]
        for unit in (rows, maps[modality]):
            torch.testing.assert_close(unit.norm(dim=-1), torch.ones(unit.shape[:-1]))
    if objective.comparable:
        assert len({rows.shape for rows in embeddings.values()}) == 1


def test_embeds_one_modality_alone_and_clips_by_themselves(
    found: type[Objective], build: Build, sample: Sample
) -> None:
    objective, batch = build(found).eval(), sample()
    both = objective.embed(batch)
    for modality, rows in both.items():
        alone = objective.embed(Batch(**{modality: getattr(batch, modality)[:3]}))
        assert set(alone) == {modality}
        torch.testing.assert_close(alone[modality], rows[:3])


def test_pair_scores_and_heat(found: type[Objective], build: Build, sample: Sample) -> None:
    objective, batch = build(found).eval(), sample()
    if not {"video", "audio"} <= set(objective.encoders):
        pytest.skip("no video with audio")
    if not objective.comparable and found.pair_scores is Objective.pair_scores:
        for compare in (objective.pair_scores, objective.heat):
            with pytest.raises(UsageError, match="one space"):
                compare(batch)
        return
    scores, heat = objective.pair_scores(batch), objective.heat(batch)
    assert scores.shape == (8, 8)
    assert scores.isfinite().all()
    assert heat.shape == objective.maps(batch)["video"].shape[:-1]
    assert heat.isfinite().all()
    torch.testing.assert_close(objective.pair_scores(batch[2:5]), scores[2:5, 2:5])


def test_overfits_one_batch(found: type[Objective], build: Build, sample: Sample) -> None:
    objective, batch = build(found), sample()
    optimizer = torch.optim.Adam(objective.parameters(), 0.01)
    first = objective(batch)[0].item()
    for step in range(150):
        loss, _ = objective(batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        objective.after_step(step / 150)
        if loss < first / 4:
            break
    assert loss < first / 4


def test_cites_a_year(found: type[Objective]) -> None:
    assert re.search(r"\b(19|20)\d\d\b", sys.modules[found.__module__].__doc__ or "")


@pytest.mark.fault("M12")
def test_missing_modalities_say_nothing(
    found: type[Objective], build: Build, with_holes: Sample, changed: Callable[..., Batch]
) -> None:
    objective, batch = build(found), with_holes()
    video, audio, text = batch.video.clone(), batch.audio.clone(), batch.text.clone()
    video[~batch.video_valid], audio[~batch.audio_valid], text[~batch.text_valid] = 7, 0.5, 3
    loss = objective(batch)[0]
    torch.testing.assert_close(objective(changed(batch, video=video, audio=audio, text=text))[0], loss)
    valid = changed(batch, video=255 - batch.video, audio=-batch.audio, text=(batch.text + 1).clamp(max=20))
    assert not torch.isclose(objective(valid)[0], loss)


def test_nothing_to_compare_is_no_nan(
    found: type[Objective], build: Build, sample: Sample, changed: Callable[..., Batch]
) -> None:
    objective, batch = build(found), sample(4)
    none = torch.zeros(4, dtype=torch.bool)
    loss, _ = objective(
        changed(batch, video_valid=none, audio_valid=none, text_valid=torch.zeros(4, 2, dtype=torch.bool))
    )
    loss.backward()
    assert loss == 0
    assert all(p.grad is None or p.grad.isfinite().all() for p in objective.parameters())


@pytest.mark.gpu
def test_gpu_equals_cpu(found: type[Objective], build: Build, with_holes: Sample) -> None:
    here, there, batch = build(found), build(found).to("cuda"), with_holes()
    losses = [here(batch)[0], there(batch.to("cuda"))[0]]
    for loss in losses:
        loss.backward()
    torch.testing.assert_close(losses[1].cpu(), losses[0], rtol=1e-3, atol=1e-5)
    for (name, one), other in zip(here.named_parameters(), there.parameters(), strict=True):
        if not one.requires_grad:
            continue
        assert one.grad is not None, name
        assert other.grad is not None, name
        torch.testing.assert_close(other.grad.cpu(), one.grad, rtol=1e-2, atol=1e-4)
    with torch.autocast("cuda", torch.bfloat16):
        mixed = there(batch.to("cuda"))[0]
    assert mixed.item() == pytest.approx(losses[0].item(), rel=0.05)
