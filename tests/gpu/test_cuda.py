"""The same on a GPU: encoders, draws, a compiled training in bf16 and evaluations."""

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from mmssl.batch import Batch
from mmssl.data.clips import Clips
from mmssl.data.loader import training_batches
from mmssl.encoder import Encoder
from mmssl.encoders.audio_l3 import AudioL3
from mmssl.encoders.audio_resnet import AudioResNet
from mmssl.encoders.image_small import ImageSmall
from mmssl.encoders.text_transformer import TextTransformer
from mmssl.encoders.video_resnet import r2plus1d_18
from mmssl.encoders.video_s3d import VideoS3DG
from mmssl.encoders.video_vit import VideoViT
from mmssl.evaluate.correspondence import Correspondence
from mmssl.evaluate.localization import Localization
from mmssl.evaluate.retrieval import Retrieval
from mmssl.modules.augment import AudioAugment, VideoAugment
from mmssl.modules.draws import integers, uniform
from mmssl.objective import Terms
from mmssl.run import Optimization, Run
from mmssl.training.folder import load_run
from mmssl.training.layout import lay_channels_last
from mmssl.training.loop import train
from mmssl.training.recipe import Recipe

pytestmark = pytest.mark.gpu

DEVICE = "cuda"
RECIPES = Path(__file__).parents[2] / "recipes"
ENCODERS: dict[str, Callable[[], Encoder]] = {
    "AudioL3": lambda: AudioL3(width=4, stride=2),
    "AudioResNet": lambda: AudioResNet(width=8),
    "ImageSmall": lambda: ImageSmall((16, 16, 32)),
    "R(2+1)D": lambda: r2plus1d_18(width=8),
    "S3D-G": lambda: VideoS3DG(width=8),
    "TextTransformer": lambda: TextTransformer(50, dim=32, depth=2, heads=2),
    "VideoViT": lambda: VideoViT(dim=24, depth=2, heads=2),
}


@pytest.fixture(autouse=True)
def full_precision() -> Iterator[None]:
    """Equal to the processor but for rounding, so without TF32."""
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    yield
    torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before


def inputs(encoder: Encoder) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    if encoder.modality == "video":
        return torch.randint(0, 256, (3, 8, 3, 64, 64), generator=generator, dtype=torch.uint8)
    if encoder.modality == "audio":
        rate: int = encoder.sample_rate  # type: ignore[assignment]
        return 0.1 * torch.randn(3, rate, generator=generator)
    text = torch.randint(0, 50, (3, 7), generator=generator)
    text[1, 4:] = -1
    return text


@pytest.mark.parametrize("name", sorted(ENCODERS))
def test_encoders_equal_those_of_the_processor(name: str) -> None:
    torch.manual_seed(0)
    here = ENCODERS[name]().eval()
    there, given = copy.deepcopy(here).to(DEVICE), inputs(here)
    with torch.no_grad():
        expected, found = here(given), there(given.to(DEVICE))
        pooled = here.pool(expected, here.mask(given)), there.pool(found, there.mask(given.to(DEVICE)))
    scale = float(expected.abs().amax())
    torch.testing.assert_close(found.cpu(), expected, atol=2e-3 * scale, rtol=2e-3)
    torch.testing.assert_close(pooled[1].cpu(), pooled[0], atol=2e-3 * scale, rtol=2e-3)


def test_draws_are_the_same_bits() -> None:
    seeds = torch.randint(-(2**62), 2**62, (1000,))
    assert torch.equal(uniform(seeds.to(DEVICE), 7, 3).cpu(), uniform(seeds, 7, 3))
    assert torch.equal(integers(seeds.to(DEVICE), 7, 11).cpu(), integers(seeds, 7, 11))


def test_augmentation_equals_that_of_the_processor() -> None:
    seeds, video = torch.arange(4), torch.randint(0, 256, (4, 2, 3, 48, 48), dtype=torch.uint8)
    sound = torch.randn(4, 1600)
    for augment, given in ((VideoAugment(32), video), (AudioAugment(snr=(0.0, 20.0)), sound)):
        found = augment(given.to(DEVICE), seeds.to(DEVICE)).cpu()
        torch.testing.assert_close(found, augment(given, seeds), atol=1e-3, rtol=1e-3)


def tiny(world: Path, precision: str, compile: bool) -> Run:
    arguments: dict[str, bool | int | float | str] = {"data": str(world), "frames": 2, "pixels": 32, "steps": 2}
    run = Recipe(RECIPES / "quickstart.py", {**arguments, "batch_size": 4}).build()
    return replace(run, optimization=Optimization(precision=precision, compile=compile), workers=1)


def losses(folder: Path) -> list[float]:
    header, *rows = [line.split(",") for line in (folder / "log.csv").read_text().splitlines()]
    return [float(row[header.index("loss")]) for row in rows]


@pytest.mark.parametrize(("precision", "compile"), [("fp32", False), ("bf16", False), ("bf16", True)])
def test_trains_two_steps(world: Path, tmp_path: Path, precision: str, compile: bool) -> None:
    train(tiny(world, "fp32", False), tmp_path / "here", device="cpu")
    run = tiny(world, precision, compile)
    train(run, tmp_path / "there", device=DEVICE)
    assert next(run.objective.parameters()).device.type == DEVICE
    found = losses(tmp_path / "there")
    assert all(math.isfinite(loss) for loss in found)
    # Two steps from the same weights and clips; bf16 has 8 bits, which the temperature of 0.07 makes larger.
    assert found == pytest.approx(losses(tmp_path / "here"), rel=2e-3 if precision == "fp32" else 0.1)


def test_recomputed_it_trains_the_same_in_less_memory(world: Path, tmp_path: Path) -> None:
    peaks = []
    for again in (False, True):
        run = replace(tiny(world, "fp32", False), recompute=again)
        torch.cuda.reset_peak_memory_stats()
        train(run, tmp_path / str(again), device=DEVICE)
        peaks.append(torch.cuda.max_memory_allocated())
    assert losses(tmp_path / "True") == pytest.approx(losses(tmp_path / "False"), rel=1e-4)
    assert peaks[1] < peaks[0]


def test_a_step_that_is_not_finite_is_left_out(world: Path, tmp_path: Path) -> None:
    run = tiny(world, "bf16", False)
    usual, calls = run.objective.forward, iter(range(1, 10))

    def forward(batch: Batch) -> tuple[Tensor, Terms]:
        if next(calls) == 1:
            batch.audio.fill_(math.nan)
        return usual(batch)

    run.objective.forward = forward  # type: ignore[method-assign]
    train(run, tmp_path, device=DEVICE)
    assert math.isnan(losses(tmp_path)[0])
    assert math.isfinite(losses(tmp_path)[1])
    assert all(tensor.isfinite().all() for tensor in run.objective.state_dict().values())


@pytest.mark.parametrize("name", ["R(2+1)D", "S3D-G"])
def test_channels_last_in_bf16_is_equal_but_for_rounding(name: str) -> None:
    torch.manual_seed(0)
    here = ENCODERS[name]().eval()
    there, given = copy.deepcopy(here).to(DEVICE), inputs(here)
    lay_channels_last(there)
    with torch.no_grad(), torch.autocast(DEVICE, torch.bfloat16):
        found = there(given.to(DEVICE)).float().cpu()
    near = torch.nn.functional.cosine_similarity(found.flatten(1), here(given).flatten(1))
    assert (near > 0.99).all()


def test_a_run_of_a_gpu_opens_without_one(world: Path, tmp_path: Path) -> None:
    arguments: dict[str, bool | int | float | str] = {"data": str(world), "frames": 2, "pixels": 32, "steps": 1}
    made = Recipe(RECIPES / "quickstart.py", {**arguments, "batch_size": 4})
    run = made.build()
    train(run, tmp_path / "run", device=DEVICE, recipe=made)
    rebuilt = load_run(tmp_path / "run").objective
    for name, weight in rebuilt.state_dict().items():
        assert weight.device.type == "cpu"
        assert torch.equal(weight, run.objective.state_dict()[name].cpu())


def clips(world: Path) -> Clips:
    return tiny(world, "fp32", False).data


@pytest.mark.parametrize("kind", [Retrieval, Correspondence, Localization])
def test_evaluations_give_the_same_numbers(
    world: Path, kind: type[Retrieval] | type[Correspondence] | type[Localization]
) -> None:
    objective = tiny(world, "fp32", False).objective.eval()
    evaluation = kind(clips=clips(world), batch_size=8)
    expected = evaluation(objective)
    found = evaluation(objective.to(DEVICE))
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=0.02, rel=0.02, nan_ok=True), name


def test_batches_are_pinned(world: Path) -> None:
    batch = next(training_batches(clips(world).open(), batch_size=4, seed=0, workers=1, pin=True))
    assert batch.video.is_pinned()
    assert batch.to(DEVICE, non_blocking=True).video.device.type == DEVICE
