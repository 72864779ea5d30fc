"""DenseAV on AudioSet: a contrast of every place with every moment, whose map shows what sounds.

mmssl train recipes/dense_av.py --data audioset.csv --out runs/dense; mmssl localize runs/dense clip.mp4 --out heat.mp4

Hamilton et al. 2024. The paper's: ViT-S/8 (DINO) and HuBERT with two heads of 192 numbers, batches of 80 pictures with
their sound, Adam at 5e-5 with a warm-up of 1000 steps. Ours: a ViT-S/16 and a log-mel ResNet from scratch, a rate for
that, AdamW with a cosine. Not measured on AudioSet. Measured small by `python -m benchmarks.proofs dense_av` (2500
synthetic clips, 3.6 CPU minutes, seed 0): pointing game 0.89 (0.86 to 0.92), 0.77 at what moves most, 0.31 at the
center, 0.09 hearing silence; as sure as nine tenths of the true maps are none of silence and noise, and 0.60 of another
clip's sound.
"""

from mmssl.data.clips import Clips
from mmssl.encoders.audio_resnet import AudioResNet
from mmssl.encoders.image_small import ImageSmall
from mmssl.encoders.image_timm import ImageTimm
from mmssl.modules.augment import AudioAugment, VideoAugment
from mmssl.modules.front_ends import log_mel
from mmssl.modules.silence import SilentSounds
from mmssl.objectives.contrastive.dense_av import DenseAV
from mmssl.run import Optimization, Run


def recipe(
    data: str = "data/audioset/train-*.tar",
    steps: int = 800_000,
    batch_size: int = 80,
    lr: float = 3e-4,
    heads: int = 2,
    silence: bool = True,
    small: bool = False,
    seed: int = 0,
) -> Run:
    """The experiment.

    Args:
        data: folder, glob, manifest or shards to train on.
        steps: optimizer steps.
        batch_size: clips a step; each clip's negatives are all the others.
        lr: highest learning rate.
        heads: that a place may match with.
        silence: silence and noise as further negatives.
        small: networks and clips for two processor cores: four frames of 64 pixels in 2 s.
        seed: of weights, order and windows.
    """
    pixels = 64 if small else 224
    log_mels = log_mel(bins=64, win=800, hop=320) if small else log_mel(bins=128)
    audio = AudioResNet(log_mels, width=16, depths=(1, 1, 1), strides=(1, 2, 2)) if small else AudioResNet(log_mels)
    crop = VideoAugment(pixels, (0.7, 1.0), brightness=0.0, contrast=0.0, saturation=0.0, hue=0.0)
    return Run(
        data=Clips(
            source=data,
            seconds=2.0 if small else 10.0,
            frames=4 if small else 2,
            pixels=pixels if small else pixels * 8 // 7,
            captions=0,
        ),
        objective=DenseAV(
            video=ImageSmall() if small else ImageTimm("vit_small_patch16_224"),
            audio=audio,
            dim=128 if small else 384,
            heads=heads,
            silence=SilentSounds() if silence else None,
            augment=crop if small else VideoAugment(pixels),
            audio_augment=AudioAugment(),
        ),
        steps=steps,
        batch_size=batch_size,
        optimization=Optimization(lr=lr, warmup=min(steps // 20, 1000), precision="auto"),
        seed=seed,
    )
