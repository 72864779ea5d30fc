"""AVOL-Net with the networks and clips of `recipes/dense_av.py --small`, so that the loss alone differs."""

from mmssl.data.clips import Clips
from mmssl.encoders.audio_resnet import AudioResNet
from mmssl.encoders.image_small import ImageSmall
from mmssl.modules.augment import AudioAugment, VideoAugment
from mmssl.modules.front_ends import log_mel
from mmssl.objectives.correspondence.avol_net import AVOLNet
from mmssl.run import Optimization, Run


def recipe(data: str = "", steps: int = 500, batch_size: int = 32, lr: float = 2e-3, seed: int = 0) -> Run:
    """The experiment.

    Args:
        data: folder to train on.
        steps: optimizer steps.
        batch_size: clips a step.
        lr: highest learning rate.
        seed: of weights, order and windows.
    """
    spectrogram = log_mel(bins=64, win=800, hop=320)
    return Run(
        data=Clips(source=data, seconds=2.0, frames=4, pixels=64, captions=0),
        objective=AVOLNet(
            video=ImageSmall(),
            audio=AudioResNet(spectrogram, width=16, depths=(1, 1, 1), strides=(1, 2, 2)),
            augment=VideoAugment(64, (0.7, 1.0), brightness=0.0, contrast=0.0, saturation=0.0, hue=0.0),
            audio_augment=AudioAugment(),
        ),
        steps=steps,
        batch_size=batch_size,
        optimization=Optimization(lr=lr, warmup=steps // 20, precision="auto"),
        seed=seed,
    )
