"""Support-set captioning on captioned video such as MSR-VTT: S3D-G, words, and a small transformer that captions.

mmssl train recipes/support_set.py --data msrvtt.jsonl --support hybrid --out runs/support_set

Patrick et al. 2021, "Support-set Bottlenecks for Video-Text Representation Learning". The paper's: contrast and
captioning, the support set is the batch. Ours: encoders and decoder that learn from nothing, where the paper has
pretrained features and T5; InfoNCE; rate, batch and schedule. Reported for the paper, not measured here: MSR-VTT R@10
67.7 %, after training on HowTo100M 69.3 %.
"""

from mmssl.data.clips import Clips
from mmssl.data.hashing import HashTokenizer
from mmssl.encoders.text_words import TextWords
from mmssl.encoders.video_s3d import VideoS3DG
from mmssl.encoders.video_small import VideoSmall
from mmssl.modules.augment import VideoAugment
from mmssl.modules.support import named
from mmssl.objectives.generation.support_set import SupportSet
from mmssl.run import Optimization, Run


def recipe(
    data: str = "data/msrvtt/train-*.tar",
    support: str = "cross",
    captioning: float = 1.0,
    steps: int = 50_000,
    batch_size: int = 128,
    lr: float = 1e-4,
    frames: int = 16,
    pixels: int = 224,
    width: int = 64,
    seed: int = 0,
) -> Run:
    """The experiment.

    Args:
        data: folder, glob, manifest or shards to train on, with captions in English.
        support: whose videos a caption is told from: none, identity, full, cross or hybrid.
        captioning: weight of the captioning loss; that of contrast is 1.
        steps: optimizer steps.
        batch_size: clips a step, which are the support set as well.
        lr: highest learning rate.
        frames: pictures of a clip, five a second; fewer than 8, which S3D-G makes one, pass a small residual network.
        pixels: height and width that the network sees, cut from 8/7 as much.
        width: channels of the video's first convolution; all other widths are in proportion.
        seed: of weights, order and windows.
    """
    tokenizer = HashTokenizer(4096)
    crop = (7 / 8) ** 2
    return Run(
        data=Clips(
            source=data,
            seconds=frames / 5,
            frames=frames,
            pixels=pixels * 8 // 7,
            sample_rate=0,
            words=24,
            language="en",
            tokenizer=tokenizer,
        ),
        objective=SupportSet(
            video=VideoS3DG(width) if frames >= 8 else VideoSmall((width, 2 * width, 3 * width)),
            text=TextWords(tokenizer.size, 32 * width, frozen=False),
            vocabulary=tokenizer.size,
            dim=8 * width,
            support=named(support),
            captioning=captioning,
            augment=VideoAugment(
                pixels, (crop, crop), (1.0, 1.0), brightness=0.0, contrast=0.0, saturation=0.0, hue=0.0
            ),
        ),
        steps=steps,
        batch_size=batch_size,
        optimization=Optimization(lr=lr, warmup=steps // 20, precision="auto"),
        seed=seed,
    )
