"""InfoNCE between sight, sound and words of the synthetic world: the quickstart, larger and longer.

mmssl synthesize world --clips 12000 --workers 8
mmssl train recipes/world.py --data world/train --held-out world/valid --out runs/world

Measured small, `--steps 900 --batch-size 48 --frames 4 --pixels 64 --width 32 --lr 4e-3` on 2,879 clips (21 CPU
minutes): of 200 held-out clips R@10 sound to picture 0.97, picture to sound 0.97, words to picture 0.99. The defaults
are meant for a GPU and were not run.
"""

from mmssl.data.clips import Clips
from mmssl.data.hashing import HashTokenizer
from mmssl.encoders.audio_resnet import AudioResNet
from mmssl.encoders.text_words import TextMean
from mmssl.encoders.video_small import VideoSmall
from mmssl.evaluate.retrieval import Retrieval
from mmssl.modules.augment import VideoAugment
from mmssl.modules.front_ends import log_mel
from mmssl.modules.scores import Average, MaxOverPlaces, Pooled
from mmssl.objectives.contrastive.info_nce import InfoNCE
from mmssl.run import Optimization, Run


def recipe(
    data: str = "world/train",
    held_out: str = "",
    steps: int = 6000,
    batch_size: int = 128,
    lr: float = 2e-3,
    seconds: float = 2.0,
    frames: int = 8,
    pixels: int = 96,
    width: int = 64,
    seed: int = 0,
) -> Run:
    """The experiment.

    Args:
        data: folder, glob, manifest or shards to train on.
        held_out: likewise, to measure retrieval on every 1000 steps; nothing is measured when empty.
        steps: optimizer steps.
        batch_size: clips a step; each clip's negatives are all the others.
        lr: highest learning rate.
        seconds: of a clip.
        frames: pictures a clip.
        pixels: height and width of a picture.
        width: channels of the first stage of the picture's network; half as many for the sound's.
        seed: of weights, order and windows.
    """
    tokenizer, spectrogram = HashTokenizer(4096), log_mel(bins=64, win=800, hop=320)
    clips = Clips(source=data, seconds=seconds, frames=frames, pixels=pixels, words=24, tokenizer=tokenizer)
    return Run(
        data=clips,
        objective=InfoNCE(
            video=VideoSmall(channels=(width, 2 * width, 3 * width)),
            audio=AudioResNet(spectrogram, width=width // 2, depths=(1, 1, 1), strides=(1, 2, 2)),
            text=TextMean(tokenizer.size, 256),
            dim=256,
            # Mostly what search compares, and the best place in part, for the heat map.
            score=Average(Pooled(), Pooled(), MaxOverPlaces()),
            augment=VideoAugment(pixels, scale=(0.7, 1.0), brightness=0.0, contrast=0.0, saturation=0.0, hue=0.0),
        ),
        steps=steps,
        batch_size=batch_size,
        optimization=Optimization(lr=lr, warmup=steps // 20, precision="auto"),
        evaluations={"held-out": Retrieval(clips=clips.of(held_out), limit=1000)} if held_out else {},
        evaluate_every=1000,
        seed=seed,
    )
