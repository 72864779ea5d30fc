"""Sizes that the papers state, without computing: on the meta device."""

from collections.abc import Callable

import pytest
import torch

from mmssl.encoder import Encoder
from mmssl.encoders.audio_l3 import AudioL3
from mmssl.encoders.audio_resnet import AudioResNet
from mmssl.encoders.image_l3 import ImageL3
from mmssl.encoders.image_small import ImageSmall
from mmssl.encoders.image_timm import image_resnet, image_vit
from mmssl.encoders.multisensory import MultisensoryAudio, MultisensoryVideo
from mmssl.encoders.sync_net import SyncNetAudio, SyncNetVideo
from mmssl.encoders.video_resnet import mc3_18, r2plus1d_18, r3d_18
from mmssl.encoders.video_s3d import VideoS3DG
from mmssl.encoders.video_vit import VideoViT
from mmssl.modules.front_ends import ave, gdt, lvs

CLIP_112, CLIP_200, CLIP_224, FRAME = (
    (1, 16, 3, 112, 112),
    (1, 32, 3, 200, 200),
    (1, 16, 3, 224, 224),
    (1, 1, 3, 224, 224),
)


@pytest.mark.parametrize(
    ("build", "inputs", "grid", "millions"),
    [
        (ImageL3, FRAME, (1, 28, 28, 512), 4.7),
        (lambda: ImageL3(stride=2), FRAME, (1, 14, 14, 512), 4.7),
        (AudioL3, (1, 48_000), (24, 32, 512), 4.7),
        (lambda: AudioL3(ave(), stride=2), (1, 48_000), (12, 16, 512), 4.7),
        (AudioResNet, (1, 32_000), (7, 3, 512), 11.2),
        (lambda: AudioResNet(lvs()), (1, 48_000), (7, 9, 512), 11.2),
        (r2plus1d_18, CLIP_112, (2, 7, 7, 512), 31.3),
        (r3d_18, CLIP_112, (2, 7, 7, 512), 33.2),
        (mc3_18, CLIP_112, (16, 7, 7, 512), 11.5),
        (VideoS3DG, CLIP_224, (2, 7, 7, 1024), 9.1),
        (VideoS3DG, CLIP_200, (4, 7, 7, 1024), 9.1),
        (VideoViT, CLIP_224, (8, 14, 14, 384), 21.9),
        (image_resnet, FRAME, (1, 7, 7, 512), 11.2),
        (lambda: image_resnet(stage=-2), FRAME, (1, 14, 14, 256), 2.8),
        (image_vit, FRAME, (1, 14, 14, 384), 21.7),
        (MultisensoryVideo, (1, 125, 3, 224, 224), (32, 28, 28, 64), 0.5),
        (MultisensoryAudio, (1, 87_588), (86, 1, 256), 2.4),
        (lambda: AudioL3(gdt()), (1, 24_000), (12, 5, 512), 4.7),
        (SyncNetVideo, (1, 6, 3, 224, 224), (2, 1, 1, 1024), 7.96),
        (SyncNetVideo, (1, 25, 3, 224, 224), (21, 1, 1, 1024), 7.96),
        (SyncNetAudio, (1, 4080), (2, 1, 1024), 5.66),
        (SyncNetAudio, (1, 16_000), (20, 1, 1024), 5.66),
        (ImageSmall, (1, 2, 3, 64, 64), (2, 8, 8, 96), 0.2),
    ],
)
def test_maps_have_the_papers_sizes(
    build: Callable[[], Encoder], inputs: tuple[int, ...], grid: tuple[int, ...], millions: float
) -> None:
    encoder = build().to("meta")
    assert encoder(torch.empty(inputs, device="meta")).shape == (1, *grid)
    assert sum(p.numel() for p in encoder.parameters()) / 1e6 == pytest.approx(millions, abs=0.06)
