"""Multilingual multimodal pretraining: video and what is said of it in several languages, as in Multi-HowTo100M.

mmssl train recipes/mmp.py --data multi_howto.jsonl --out runs/mmp; mmssl evaluate runs/mmp msrvtt.jsonl

Huang et al. 2021, "Multilingual Multimodal Pre-training". The paper's: multilingual BERT, captions of one moment in two
languages. Ours: S3D-G that learns, where the paper pools features that stay as they are; rate, batch and schedule.
Reported for the paper, not measured here: MSR-VTT R@1 over nine languages 11.7 % (9.1 % without this training).
"""

from mmssl.data.clips import Clips
from mmssl.data.hashing import HashTokenizer
from mmssl.data.tokens import HubTokenizer, Tokenizer
from mmssl.data.window import AroundCaption
from mmssl.encoder import Encoder
from mmssl.encoders.text_hub import TextHub
from mmssl.encoders.text_words import TextWords
from mmssl.encoders.video_s3d import VideoS3DG
from mmssl.encoders.video_small import VideoSmall
from mmssl.modules.augment import VideoAugment
from mmssl.objectives.contrastive.mmp import MMP
from mmssl.run import Optimization, Run


def recipe(
    data: str = "data/multi_howto100m/howto100m.jsonl",
    text: str = "google-bert/bert-base-multilingual-cased",
    language: str = "",
    captions: int = 2,
    weight: float = 1.0,
    steps: int = 100_000,
    batch_size: int = 256,
    lr: float = 1e-4,
    width: int = 64,
    seed: int = 0,
) -> Run:
    """The experiment.

    Args:
        data: folder, glob, manifest or shards to train on, with captions in several languages.
        text: encoder of captions with its tokenizer: a name on the hub or a local folder; hashed words and their
            vectors, learnt from nothing, when empty.
        language: of the captions, ISO 639-1; all when empty.
        captions: of a clip: the line nearest in time, in as many languages.
        weight: of the intra-modal and the cross-lingual loss; 0 leaves the inter-modal one alone.
        steps: optimizer steps.
        batch_size: clips a step.
        lr: highest learning rate.
        width: channels of the video's first convolution; below 64 frames are few and small, for a small residual
            network.
        seed: of weights, order and windows.
    """
    tokenizer: Tokenizer = HubTokenizer(text) if text else HashTokenizer(8192)
    words: Encoder = TextHub(text) if text else TextWords(tokenizer.size, 32 * width, frozen=False)
    frames, pixels = (16, 224) if width >= 64 else (4, 56)
    crop = (7 / 8) ** 2
    return Run(
        data=Clips(
            source=data,
            seconds=frames / 5,
            frames=frames,
            pixels=pixels * 8 // 7,
            sample_rate=0,
            captions=captions,
            words=32,
            language=language,
            tokenizer=tokenizer,
            window=AroundCaption(language=language),
        ),
        objective=MMP(
            video=VideoS3DG(width) if frames >= 8 else VideoSmall((width, 2 * width, 3 * width)),
            text=words,
            dim=8 * width,
            intra=weight,
            cross=weight,
            augment=VideoAugment(
                pixels, (crop, crop), (1.0, 1.0), brightness=0.0, contrast=0.0, saturation=0.0, hue=0.0
            ),
        ),
        steps=steps,
        batch_size=batch_size,
        optimization=Optimization(lr=lr, warmup=steps // 20, precision="auto"),
        seed=seed,
    )
