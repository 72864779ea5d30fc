"""InfoNCE between narrated video and the caption nearest in time: what MIL-NCE is compared with.

mmssl train recipes/info_nce_narrated.py --data howto.jsonl --out runs/info_nce_narrated

The encoders, data and schedule of `recipes/mil_nce.py`; cosines and a temperature as CLIP has them (Radford et al.
2021), and no bags: with several captions each of them is a positive (Khosla et al. 2020).
"""

from mmssl.data.clips import Clips
from mmssl.data.hashing import HashTokenizer
from mmssl.data.window import AroundCaption
from mmssl.encoders.text_words import TextWords
from mmssl.encoders.video_s3d import VideoS3DG
from mmssl.encoders.video_small import VideoSmall
from mmssl.modules.augment import VideoAugment
from mmssl.objectives.contrastive.info_nce import InfoNCE
from mmssl.run import Optimization, Run


def recipe(
    data: str = "data/howto100m/howto100m.jsonl",
    captions: int = 1,
    steps: int = 200_000,
    batch_size: int = 1024,
    lr: float = 1e-3,
    frames: int = 16,
    pixels: int = 224,
    width: int = 64,
    seed: int = 0,
) -> Run:
    """The experiment.

    Args:
        data: folder, glob, manifest or shards to train on; captions with times are looked for, in English.
        captions: of a clip, those nearest in time, all of them positives.
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
            captions=captions,
            words=20,
            language="en",
            tokenizer=tokenizer,
            window=AroundCaption(language="en"),
        ),
        objective=InfoNCE(
            video=VideoS3DG(width) if frames >= 8 else VideoSmall((width, 2 * width, 3 * width)),
            text=TextWords(tokenizer.size, 32 * width, frozen=False),
            dim=8 * width,
            augment=VideoAugment(
                pixels, (crop, crop), (1.0, 1.0), brightness=0.0, contrast=0.0, saturation=0.0, hue=0.0
            ),
        ),
        steps=steps,
        batch_size=batch_size,
        optimization=Optimization(lr=lr, warmup=steps // 20, weight_decay=0.0, precision="auto"),
        seed=seed,
    )
