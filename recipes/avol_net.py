"""AVOL-Net on AudioSet's instruments: the best place of a frame answers for its sound, so it shows what sounds.

mmssl train recipes/avol_net.py --data instruments.csv --out runs/avol; mmssl localize runs/avol clip.mp4 --out heat.mp4

Arandjelović and Zisserman 2018, "Objects that Sound". The paper's: L3-Net's towers with stride 2 (14 x 14 places), no
normalization, logistic loss of the maximum, decay 1e-5. Ours: the rate, batch and augmentation of L3-Net, AdamW with a
cosine, bf16. Reported for the paper, not measured here: 81.7 % of peaks on the instrument (57.2 % for the center). On
the synthetic world, `--small --pixels 64`: the table of proofs.
"""

from mmssl.data.clips import Clips
from mmssl.encoders.audio_l3 import AudioL3
from mmssl.encoders.audio_resnet import AudioResNet
from mmssl.encoders.image_l3 import ImageL3
from mmssl.encoders.image_small import ImageSmall
from mmssl.evaluate.correspondence import Correspondence
from mmssl.modules.augment import AudioAugment, VideoAugment
from mmssl.modules.front_ends import ave, log_mel
from mmssl.modules.resnet import batch_norm
from mmssl.objectives.correspondence.avol_net import AVOLNet
from mmssl.run import Optimization, Run


def recipe(
    data: str = "data/audioset_instruments/train-*.tar",
    held_out: str = "",
    steps: int = 200_000,
    batch_size: int = 128,
    lr: float = 1e-4,
    frames: int = 4,
    pixels: int = 224,
    small: bool = False,
    dim: int = 128,
    seed: int = 0,
) -> Run:
    """The experiment.

    Args:
        data: folder, glob, manifest or shards to train on.
        held_out: likewise, to measure correspondence on every 5000 steps; nothing is measured when empty.
        steps: optimizer steps.
        batch_size: clips a step; each gives one true and one false pair.
        lr: highest learning rate.
        frames: pictures of the 2 s of a clip, one of which is drawn.
        pixels: height and width that the network sees, cut from 8/7 as much; 16 make one place of the map, 8 if small.
        small: small networks and no change of color, for two processor cores, instead of the paper's.
        dim: of the space that places and sound share.
        seed: of weights, order and windows.
    """
    objective = _small(pixels, dim) if small else _paper(pixels, dim)
    # The frame needs half a second of sound on both sides, so a clip is longer than the network's one second.
    clips = Clips(
        source=data,
        seconds=2.0,
        frames=frames,
        pixels=pixels if small else pixels * 8 // 7,
        sample_rate=objective.window.sample_rate,
        captions=0,
    )
    return Run(
        data=clips,
        objective=objective,
        steps=steps,
        batch_size=batch_size,
        optimization=Optimization(
            lr=lr, weight_decay=0.05 if small else 1e-5, warmup=steps // 20 if small else 0, precision="auto"
        ),
        evaluations={"held-out": Correspondence(clips=clips.of(held_out))} if held_out else {},
        evaluate_every=5000,
        seed=seed,
    )


def _paper(pixels: int, dim: int) -> AVOLNet:
    crop = (7 / 8) ** 2
    return AVOLNet(
        video=ImageL3(stride=2),
        audio=AudioL3(ave(), stride=2),
        dim=dim,
        augment=VideoAugment(
            pixels, (crop, crop), (1.0, 1.0), brightness=32 / 255, contrast=0.0, saturation=0.5, hue=0.0
        ),
        audio_augment=AudioAugment(gain=0.83),  # dB: L3-Net's 10 %
    )


def _small(pixels: int, dim: int) -> AVOLNet:
    return AVOLNet(
        # A place sees 44 of 64 pixels; with group norm it would know of all, and any could answer for the object.
        video=ImageSmall((32, 64), (1, 1), (1, 2), batch_norm),
        audio=AudioResNet(log_mel(bins=64, win=800, hop=320), 16, (1, 1, 1), (1, 2, 2)),
        dim=dim,
        augment=VideoAugment(pixels, (0.7, 1.0), brightness=0.0, contrast=0.0, saturation=0.0, hue=0.0),
        audio_augment=AudioAugment(),
    )
