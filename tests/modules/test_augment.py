"""Augmentation: one change a clip, from the clip's own seed, and never in time."""

import math

import pytest
import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as reference

from mmssl.modules.augment import AudioAugment, VideoAugment


def only(pixels: int, **changes: float) -> VideoAugment:
    """No change but these."""
    strengths = {"flip": 0.0, "brightness": 0.0, "contrast": 0.0, "saturation": 0.0, "hue": 0.0, **changes}
    return VideoAugment(pixels, scale=(1.0, 1.0), ratio=(1.0, 1.0), **strengths)


def video(clips: int = 6, frames: int = 2, height: int = 48, width: int = 64) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(clips, frames * 3, height // 8, width // 8, generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear")
    return (smooth * 255).to(torch.uint8).view(clips, frames, 3, height, width)


SEEDS = torch.arange(100, 106)


def test_shape_and_range() -> None:
    out = VideoAugment(32)(video(), SEEDS)
    assert out.shape == (6, 2, 3, 32, 32)
    assert out.dtype == torch.float32
    assert out.min() >= 0
    assert out.max() <= 1


def test_nothing_is_the_identity() -> None:
    square = video(width=48)
    out = only(48)(square, SEEDS)
    torch.testing.assert_close(out, square / 255, atol=1e-5, rtol=0)
    torch.testing.assert_close(only(48)(square / 255, SEEDS), out)


def test_clip_depends_on_its_seed_alone() -> None:
    augment, clips = VideoAugment(32), video()
    whole = augment(clips, SEEDS)
    torch.testing.assert_close(augment(clips[2:4], SEEDS[2:4]), whole[2:4], atol=1e-6, rtol=0)
    assert not torch.allclose(augment(clips, SEEDS + 1), whole)
    assert torch.equal(augment(clips, SEEDS), whole)


def test_frames_of_a_clip_change_alike() -> None:
    still = video(frames=1).expand(-1, 3, -1, -1, -1)
    out = VideoAugment(32)(still, SEEDS)
    torch.testing.assert_close(out[:, 0], out[:, 1])
    torch.testing.assert_close(out[:, 0], out[:, 2])


def test_flip_mirrors() -> None:
    square = video(width=48)
    always = only(48, flip=1.0)(square, SEEDS)
    torch.testing.assert_close(always, square.flip(-1) / 255, atol=1e-5, rtol=0)
    seeds = torch.arange(400)
    line = (torch.arange(16).expand(400, 1, 3, 16, 16) * 10).to(torch.uint8)
    mirrored = only(16, flip=0.5)(line, seeds)
    share = (mirrored[:, 0, 0, 0, 0] > mirrored[:, 0, 0, 0, -1]).float().mean()
    assert abs(share - 0.5) < 0.1


def test_crop_is_inside_and_has_its_area() -> None:
    # Pixel values are their own places, so the corners of the crop can be read from what comes out.
    size, clips = 100, 300
    rows = torch.linspace(0.005, 0.995, size).view(1, 1, 1, size, 1).expand(clips, 1, 1, size, size)
    columns = rows.transpose(-1, -2)
    place = torch.cat((rows, columns, rows), dim=2)
    augment = only(20)
    augment.scale, augment.ratio = (0.3, 0.6), (0.75, 4 / 3)
    out = augment(place, torch.arange(clips))[:, 0]
    # Twenty samples stand in the middles of twenty parts, so their ends are 19/20 of the crop apart.
    height = (out[:, 0, -1, 0] - out[:, 0, 0, 0]) * 20 / 19
    width = (out[:, 1, 0, -1] - out[:, 1, 0, 0]) * 20 / 19
    area, ratio = width * height, width / height
    assert 0.29 < area.min() < 0.33
    assert 0.57 < area.max() < 0.61
    assert 0.74 < ratio.min() < 0.8
    assert 1.25 < ratio.max() < 1.34
    assert out.min() >= 0.005 - 1e-5
    assert out.max() <= 0.995 + 1e-5


@pytest.mark.parametrize(
    ("strength", "change"),
    [
        ({"brightness": 0.5}, reference.adjust_brightness),
        ({"saturation": 0.5}, reference.adjust_saturation),
    ],
)
def test_color_is_torchvisions(strength: dict[str, float], change: object) -> None:
    square = video(frames=1, width=48)
    out = only(48, **strength)(square, SEEDS)
    for clip, before in zip(out[:, 0], square[:, 0] / 255, strict=True):
        # The factor is not told; it must be one for which torchvision gives the same picture.
        errors = [
            float((change(before, factor) - clip).abs().max())  # type: ignore[operator]
            for factor in torch.linspace(0.5, 1.5, 401).tolist()
        ]
        assert min(errors) < 5e-3


def test_contrast_keeps_the_mean_gray_and_hue_keeps_the_luma() -> None:
    weights = torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)
    muted = (video(width=48) / 255) * 0.3 + 0.35  # nothing is cut at 0 or 1
    before = (muted * weights).sum(2)
    contrast = only(48, contrast=0.5)(muted, SEEDS)
    after = (contrast * weights).sum(2)
    torch.testing.assert_close(after.mean((1, 2, 3)), before.mean((1, 2, 3)), atol=1e-4, rtol=0)
    factors = after.flatten(1).std(1) / before.flatten(1).std(1)
    assert factors.min() > 0.5
    assert factors.max() < 1.5
    assert factors.std() > 0.05
    hue = only(48, hue=0.1)(muted, SEEDS)
    torch.testing.assert_close((hue * weights).sum(2), before, atol=1e-3, rtol=0)
    assert (hue - muted).abs().max() > 0.01


def test_half_precision_does_not_reach_colors() -> None:
    expected = VideoAugment(32)(video(), SEEDS)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(VideoAugment(32)(video(), SEEDS), expected)


def test_gain_stays_in_its_range() -> None:
    wave = torch.sin(torch.arange(1000.0)).expand(500, 1000)
    out = AudioAugment(gain=6.0)(wave, torch.arange(500))
    gain = 20 * torch.log10(out.abs().amax(1) / wave.abs().amax(1))
    assert -6 <= gain.min() < -5.5
    assert 5.5 < gain.max() <= 6
    # The shape is the same: nothing moved in time.
    torch.testing.assert_close(out / 10 ** (gain / 20).unsqueeze(1), wave, atol=1e-5, rtol=1e-4)


def test_noise_has_its_level() -> None:
    wave = torch.sin(torch.arange(20_000.0)).expand(40, 20_000)
    noise = AudioAugment(gain=0.0, snr=(10.0, 20.0))(wave, torch.arange(40)) - wave
    snr = 10 * torch.log10(wave.square().mean(1) / noise.square().mean(1))
    assert snr.min() > 9.8
    assert snr.max() < 20.2
    level = noise / noise.std(1, keepdim=True)
    assert abs(level.mean()) < 0.01
    assert abs((level**4).mean() - 3) < 0.1, "normal"
    spectrum = torch.fft.rfft(level).abs().square().mean(0)
    assert 0.8 < spectrum[1:5000].mean() / spectrum[5000:].mean() < 1.25, "white"


def test_sound_depends_on_its_seed_alone() -> None:
    wave = torch.sin(torch.arange(1000.0)).expand(6, 1000)
    augment = AudioAugment(snr=(10.0, 30.0))
    whole = augment(wave, SEEDS)
    assert torch.equal(augment(wave[3:5], SEEDS[3:5]), whole[3:5])
    assert AudioAugment(snr=(10.0, 30.0))(torch.zeros(6, 100), SEEDS).abs().max() == 0, "silence stays silent"
    assert math.isfinite(float(whole.sum()))
