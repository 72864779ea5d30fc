"""Deflation: exact where a still film has no ends in sight, and fitted where it has."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from mmssl.encoder import Encoder
from mmssl.encoders.image_small import ImageSmall
from mmssl.encoders.text_words import TextMean
from mmssl.encoders.video_resnet import r2plus1d_18, r3d_18
from mmssl.encoders.video_s3d import VideoS3DG
from mmssl.encoders.video_small import VideoSmall
from mmssl.errors import UsageError
from mmssl.modules.deflation import deflate, refit


def drawn(encoder: Encoder) -> Encoder:
    """With statistics and gains as if it had been trained."""
    generator = torch.Generator().manual_seed(1)
    for norm in (m for m in encoder.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)):
        assert norm.running_mean is not None
        assert norm.running_var is not None
        norm.running_mean.normal_(0, 0.1, generator=generator)
        norm.running_var.uniform_(0.8, 1.5, generator=generator)
    return encoder.eval()


def stills(count: int, seed: int = 0) -> Tensor:
    """Sixteen patches of color, darker or lighter."""
    generator = torch.Generator().manual_seed(seed)
    light = torch.rand(count, 1, 1, 1, generator=generator)
    patches = torch.rand(count, 3, 4, 4, generator=generator) * light * 255
    return functional.interpolate(patches, (32, 32)).to(torch.uint8)


@pytest.mark.parametrize(
    ("made", "frames"), [(lambda: VideoSmall((8, 8, 8)), 9), (lambda: r3d_18(2), 112), (lambda: r2plus1d_18(2), 112)]
)
@torch.no_grad()
def test_equals_the_middle_of_a_long_still_film(made: type[Encoder], frames: int) -> None:
    torch.manual_seed(0)
    video = drawn(made())
    picture = stills(2)
    grid = video(picture.unsqueeze(1).expand(-1, frames, -1, -1, -1))
    image = deflate(video)
    torch.testing.assert_close(image(picture.unsqueeze(1))[:, 0], grid[:, grid.shape[1] // 2], rtol=1e-4, atol=1e-4)
    assert sum(p.numel() for p in image.parameters()) <= sum(p.numel() for p in video.parameters())


def test_a_short_film_has_ends_to_which_the_norms_are_fitted() -> None:
    torch.manual_seed(0)
    video = drawn(VideoS3DG(4))
    image = deflate(video).train()
    kept = {name: value.clone() for name, value in image.state_dict().items() if "bn" not in name}
    before = {name: value.clone() for name, value in video.state_dict().items()}
    losses = refit(image, video, (stills(8, seed=seed) for seed in range(20)), frames=8, lr=3e-3)
    assert sum(losses[-5:]) < sum(losses[:5]) / 3
    assert image.training
    assert not video.training
    assert all(torch.equal(value, image.state_dict()[name]) for name, value in kept.items())
    assert all(torch.equal(value, video.state_dict()[name]) for name, value in before.items())
    assert all(parameter.grad is None for network in (image, video) for parameter in network.parameters())


def test_frames_seen_one_by_one_need_nothing() -> None:
    picture, encoder = stills(2).unsqueeze(1), ImageSmall()
    torch.testing.assert_close(deflate(encoder)(picture), encoder(picture))


def test_refusals() -> None:
    with pytest.raises(UsageError, match="encoder of text"):
        deflate(TextMean(10))
    plain = deflate(VideoSmall((4, 4, 4), norm=lambda channels: nn.Identity()))
    with pytest.raises(UsageError, match="VideoSmall has no normalization"):
        refit(plain, plain, [], 4)
