"""InfoNCE between sight, sound and words, small enough for two processor cores: four frames and 2 s of sound a clip.

mmssl train recipes/quickstart.py --out runs/quickstart

Measured by `make quickstart` (800 clips, fp32, 200 s on two cores): of 200 held-out clips R@10 sound to picture 0.69,
picture to sound 0.77, words to picture 0.79; correspondence 0.91; pointing game 0.83, without any sound 0.30 by always
pointing at the center and 0.77 at what moves most.
"""

from mmssl.data.clips import Clips
from mmssl.data.hashing import HashTokenizer
from mmssl.data.window import EvenWindows, RandomWindow
from mmssl.encoders.audio_resnet import AudioResNet
from mmssl.encoders.text_words import TextMean
from mmssl.encoders.video_small import VideoSmall
from mmssl.modules.augment import VideoAugment
from mmssl.modules.front_ends import log_mel
from mmssl.modules.scores import Average, MaxOverPlaces, Pooled
from mmssl.objectives.contrastive.info_nce import InfoNCE
from mmssl.run import Optimization, Run


def recipe(
    data: str = "quickstart/shards/train",
    steps: int = 400,
    batch_size: int = 32,
    lr: float = 5e-3,
    seconds: float = 2.0,
    frames: int = 4,
    pixels: int = 64,
    windows: int = 0,
    words: int = 24,
    seed: int = 0,
) -> Run:
    """The experiment.

    Args:
        data: folder, glob, manifest or shards to train on.
        steps: optimizer steps.
        batch_size: clips a step.
        lr: highest learning rate.
        seconds: of a clip.
        frames: pictures a clip.
        pixels: height and width of a picture.
        windows: fixed clips of each recording, at even distances; 1 is the middle, which evaluation looks at; 0 draws
            a clip anywhere each time.
        words: of a caption; 0 learns from sight and sound alone.
        seed: of weights, order and windows.
    """
    tokenizer = HashTokenizer(4096)
    return Run(
        data=Clips(
            source=data,
            seconds=seconds,
            frames=frames,
            pixels=pixels,
            words=words,
            tokenizer=tokenizer if words else None,
            window=EvenWindows(windows) if windows else RandomWindow(),
        ),
        objective=InfoNCE(
            video=VideoSmall(),
            audio=AudioResNet(log_mel(bins=64, win=800, hop=320), width=16, depths=(1, 1, 1), strides=(1, 2, 2)),
            text=TextMean(tokenizer.size, 128) if words else None,
            dim=128,
            # Mostly what search compares, and the best place in part, for the heat map.
            score=Average(Pooled(), Pooled(), MaxOverPlaces()),
            augment=VideoAugment(pixels, scale=(0.7, 1.0), brightness=0.0, contrast=0.0, saturation=0.0, hue=0.0),
        ),
        steps=steps,
        batch_size=batch_size,
        optimization=Optimization(lr=lr, warmup=steps // 20, precision="auto"),
        save_every=max(steps, 1),
        seed=seed,
        workers=1,
    )
