"""SLAVC on VGGSound: what is heard and where, from heads of their own, against slowly moving targets.

mmssl train recipes/slavc.py --data vggsound.csv --out runs/slavc; mmssl localize runs/slavc clip.mp4 --out heat.mp4

Mo and Morgado 2022. The paper's: ResNet-18 of ImageNet over one frame of 224 pixels, ResNet-18 over 257 x 200 of log
spectrogram of 3 s, heads of 512, temperature 0.03, momentum 0.999, dropout 0.9, batches of 128, Adam at 1e-4. Ours:
ResNet-18 without ImageNet's labels unless `--pretrained`, AdamW with a cosine. Reported for the paper, not measured
here: AP 32.95 on VGG-SS with silent and off-screen sounds. What `--small` reaches on the synthetic world stands in the
table of proofs.
"""

from mmssl.data.clips import Clips
from mmssl.encoders.audio_resnet import AudioResNet
from mmssl.encoders.image_small import ImageSmall
from mmssl.encoders.image_timm import ImageTimm
from mmssl.modules.augment import VideoAugment
from mmssl.modules.front_ends import log_mel, lvs
from mmssl.modules.silence import SilentSounds
from mmssl.objectives.contrastive.slavc import SLAVC
from mmssl.run import Optimization, Run


def recipe(
    data: str = "data/vggsound/train-*.tar",
    steps: int = 30_000,
    batch_size: int = 128,
    lr: float = 1e-4,
    momentum: float = 0.999,
    silence: bool = False,
    pretrained: bool = False,
    small: bool = False,
    seed: int = 0,
) -> Run:
    """The experiment.

    Args:
        data: folder, glob, manifest or shards to train on.
        steps: optimizer steps.
        batch_size: clips a step.
        lr: highest learning rate.
        momentum: of the teacher; lower for a short training.
        silence: silence and noise as further negatives, which the paper has in its evaluation alone.
        pretrained: begin with weights that were trained with ImageNet's labels, as the paper does.
        small: networks and clips for two processor cores: four frames of 64 pixels in 2 s, without dropout.
        seed: of weights, order and windows.
    """
    pixels = 64 if small else 224
    small_mel = log_mel(bins=64, win=800, hop=320)
    return Run(
        data=Clips(
            source=data,
            seconds=2.0 if small else 3.0,
            frames=4 if small else 1,
            pixels=pixels if small else pixels * 8 // 7,
            captions=0,
        ),
        objective=SLAVC(
            video=ImageSmall() if small else ImageTimm("resnet18", pretrained=pretrained),
            audio=AudioResNet(small_mel, width=16, depths=(1, 1, 1), strides=(1, 2, 2))
            if small
            else AudioResNet(lvs()),
            dim=64 if small else 512,
            momentum=momentum,
            dropout=0.0 if small else 0.9,
            silence=SilentSounds() if silence else None,
            augment=VideoAugment(pixels, (0.7, 1.0), brightness=0.0, contrast=0.0, saturation=0.0, hue=0.0),
        ),
        steps=steps,
        batch_size=batch_size,
        optimization=Optimization(lr=lr, warmup=min(steps // 20, 1000), weight_decay=0.0 if pretrained else 1e-4),
        seed=seed,
    )
