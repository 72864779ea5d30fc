"""AVTS on Kinetics or AudioSet: a second of picture and of sound, easy negatives first, then some of the same clip.

mmssl train recipes/avts.py --data kinetics.csv --out runs/avts

Korbar, Tran and Torresani 2018. The paper's: MC3-18, a VGG-like network on 40 bands, margin 0.99, 25 % hard negatives
in the later half. Ours: the front-end of GDT, which is near, AdamW with a cosine, bf16. Reported for the paper, not
measured here: 82.3 % on ESC-50. Measured small, on 1500 synthetic films whose sounds never repeat, by `python -m
benchmarks.proofs avts` (3.5 CPU minutes, seeds 0 to 2), with `--cells 12`: the right shift within a frame for
0.99 of the films (chance 0.11), and what belongs together in 0.99 of the cases (chance 0.50). With the mean
over the second, as is the default, nothing of when (0.01, for answers are then at the ends) and 0.66.
"""

from mmssl.data.clips import Clips
from mmssl.encoders.audio_l3 import AudioL3
from mmssl.encoders.audio_resnet import AudioResNet
from mmssl.encoders.video_resnet import mc3_18
from mmssl.encoders.video_small import VideoSmall
from mmssl.modules.front_ends import gdt, log_mel
from mmssl.modules.resnet import Stem
from mmssl.objectives.synchrony.avts import AVTS, Curriculum, Negatives
from mmssl.run import Optimization, Run


def recipe(
    data: str = "data/kinetics/train-*.tar",
    steps: int = 200_000,
    batch_size: int = 64,
    lr: float = 1e-3,
    seconds: float = 4.0,
    pixels: int = 224,
    small: bool = False,
    cells: int = 1,
    hard: float = 0.25,
    seed: int = 0,
) -> Run:
    """The experiment.

    Args:
        data: folder, glob, manifest or shards to train on.
        steps: optimizer steps.
        batch_size: clips a step.
        lr: highest learning rate.
        seconds: of a clip, of which one is seen and one heard.
        pixels: height and width of a picture.
        small: small networks and half of the 25 frames a second, for two processor cores, instead of the paper's.
        cells: parts of the second, each with its own share of a vector; 1 takes the mean over all of it.
        hard: share of hard negatives in the later half.
        seed: of weights, order and windows.
    """
    fps = 12.5 if small else 25.0
    stem = Stem(kernel=3, stride=2, pool=False)
    video = VideoSmall(channels=(16, 32, 64)) if small else mc3_18()
    audio = AudioResNet(log_mel(bins=64), 16, (1, 1, 1), (1, 2, 2), stem) if small else AudioL3(gdt())
    return Run(
        data=Clips(
            source=data,
            seconds=seconds,
            frames=round(fps * seconds),
            pixels=pixels,
            sample_rate=audio.sample_rate,
            captions=0,
            synchronous=True,
        ),
        objective=AVTS(
            video=video,
            audio=audio,
            cells=cells,
            curriculum=Curriculum(((0.5, Negatives(hard=hard)),)),
            step=1 / fps,
        ),
        steps=steps,
        batch_size=batch_size,
        optimization=Optimization(lr=lr, warmup=steps // 20, precision="auto"),
        seed=seed,
    )
