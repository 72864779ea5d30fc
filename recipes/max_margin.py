"""Max-margin ranking on narrated videos such as HowTo100M, several clips of a video in each batch.

mmssl train recipes/max_margin.py --data howto.jsonl --out runs/max_margin

Miech et al. 2019, "HowTo100M: Learning a Text-Video Embedding". The paper's: 32 videos of 64 clips a batch, gated units
of 4096, margin 0.1, half of the weight within a video, Adam at 1e-4. Ours: S3D-G and word vectors that learn, where the
paper has fixed features of ResNet-152, ResNeXt-101 and word2vec; a cosine. Reported for the paper, not measured here:
MSR-VTT R@10 29.6 % without fine-tuning.
"""

from mmssl.data.clips import Clips
from mmssl.data.hashing import HashTokenizer
from mmssl.data.order import Order, PerRecording
from mmssl.data.window import AroundCaption
from mmssl.encoders.text_words import TextWords
from mmssl.encoders.video_s3d import VideoS3DG
from mmssl.encoders.video_small import VideoSmall
from mmssl.modules.augment import VideoAugment
from mmssl.objectives.contrastive.max_margin import MaxMargin
from mmssl.run import Optimization, Run


def recipe(
    data: str = "data/howto100m/howto100m.jsonl",
    clips: int = 64,
    within: float = 0.5,
    steps: int = 200_000,
    batch_size: int = 2048,
    lr: float = 1e-4,
    frames: int = 16,
    pixels: int = 224,
    width: int = 64,
    seed: int = 0,
) -> Run:
    """The experiment.

    Args:
        data: folder, glob, manifest or shards to train on; captions with times are looked for, in English.
        clips: of one recording in a batch.
        within: share of the weight that pairs within a recording have.
        steps: optimizer steps.
        batch_size: clips a step.
        lr: highest learning rate.
        frames: pictures of a clip, five a second; fewer than 8, which S3D-G makes one, pass a small residual network.
        pixels: height and width that the network sees, cut from 8/7 as much.
        width: channels of the first convolution; all other widths are in proportion.
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
            words=20,
            language="en",
            tokenizer=tokenizer,
            window=AroundCaption(language="en"),
            order=Order(grouping=PerRecording(clips)),
        ),
        objective=MaxMargin(
            video=VideoS3DG(width) if frames >= 8 else VideoSmall((width, 2 * width, 3 * width)),
            text=TextWords(tokenizer.size, 32 * width, frozen=False),
            dim=64 * width,
            within=within,
            augment=VideoAugment(
                pixels, (crop, crop), (1.0, 1.0), brightness=0.0, contrast=0.0, saturation=0.0, hue=0.0
            ),
        ),
        steps=steps,
        batch_size=batch_size,
        optimization=Optimization(lr=lr, warmup=steps // 20, weight_decay=0.0, precision="auto"),
        seed=seed,
    )
