"""AVTS on Kinetics or AudioSet: a second of picture and of sound, easy negatives first, then some of the same clip.

mmssl train recipes/avts.py --data kinetics.csv --out runs/avts

Korbar, Tran and Torresani 2018. The paper's: MC3-18, a VGG-like network on 40 bands, margin 0.99, 25 % hard negatives
in the later half. Ours: the front-end of GDT, which is near, AdamW with a cosine, bf16. Reported for the paper, not
measured here: 82.3 % on ESC-50. On the synthetic world, `--width 8 --pixels 32 --seconds 3.6`: the table of proofs.
"""

from mmssl.data.clips import Clips
from mmssl.encoders.audio_l3 import AudioL3
from mmssl.encoders.video_resnet import mc3_18
from mmssl.modules.front_ends import gdt
from mmssl.objectives.synchrony.avts import AVTS, Curriculum, Negatives
from mmssl.run import Optimization, Run

FPS = 25


def recipe(
    data: str = "data/kinetics/train-*.tar",
    steps: int = 200_000,
    batch_size: int = 64,
    lr: float = 1e-3,
    seconds: float = 4.0,
    pixels: int = 224,
    width: int = 64,
    begin: float = 0.5,
    hard: float = 0.25,
    seed: int = 0,
) -> Run:
    """The experiment.

    Args:
        data: folder, glob, manifest or shards to train on.
        steps: optimizer steps.
        batch_size: clips a step.
        lr: highest learning rate.
        seconds: of a clip, of which one is seen and one heard; at 25 frames a second.
        pixels: height and width of a picture.
        width: channels of the first layers of both networks.
        begin: progress from which on some negatives are hard.
        hard: share of them then.
        seed: of weights, order and windows.
    """
    sound = AudioL3(gdt(), width=width)
    return Run(
        data=Clips(
            source=data,
            seconds=seconds,
            frames=round(FPS * seconds),
            pixels=pixels,
            sample_rate=sound.sample_rate,
            captions=0,
            synchronous=True,
        ),
        objective=AVTS(
            video=mc3_18(width),
            audio=sound,
            curriculum=Curriculum(((begin, Negatives(hard=hard)),)),
            step=1 / FPS,
        ),
        steps=steps,
        batch_size=batch_size,
        optimization=Optimization(lr=lr, warmup=steps // 20, precision="auto"),
        seed=seed,
    )
