"""AVID-CMA on Kinetics: films and sounds against memories of all recordings, then also of those that are much alike.

mmssl train recipes/avid_cma.py --data kinetics.csv --recordings 240000 --out runs/avid

Morgado, Vasconcelos and Misra 2021. The paper's: R(2+1)D-18 over 8 frames of 224 pixels in 0.5 s, 2 s of sound around
them as 200 x 257 of log spectrogram, heads of 512, 512 and 128, 1024 negatives, batches of 256, Adam at 2e-4, 400
epochs and then 20 with agreement anew every fifth. Ours: the same 2 s of both, a ResNet-18 for sound, both parts in one
training, AdamW with a cosine. Not measured on Kinetics; what `--small` reaches on the synthetic world stands in the
table of proofs.
"""

from mmssl.data.clips import Clips
from mmssl.encoders.audio_resnet import AudioResNet
from mmssl.encoders.video_resnet import r2plus1d_18
from mmssl.encoders.video_small import VideoSmall
from mmssl.modules.augment import AudioAugment, VideoAugment
from mmssl.modules.front_ends import avid, log_mel
from mmssl.objectives.contrastive.avid_cma import AVIDCMA, Agreement
from mmssl.run import Optimization, Run


def recipe(
    data: str = "data/kinetics/train-*.tar",
    recordings: int = 240_000,
    steps: int = 400_000,
    batch_size: int = 256,
    lr: float = 2e-4,
    positives: int = 32,
    refresh_every: int = 4_500,
    small: bool = False,
    seed: int = 0,
) -> Run:
    """The experiment.

    Args:
        data: folder, glob, manifest or shards to train on.
        recordings: of the data, or more: rows of the memories.
        steps: optimizer steps.
        batch_size: clips a step.
        lr: highest learning rate.
        positives: so many recordings, most alike in both modalities, are positives from the middle on; 0 is AVID alone.
        refresh_every: steps between two searches for those.
        small: networks and clips for two processor cores: two frames of 64 pixels in 2 s.
        seed: of weights, order and windows.
    """
    pixels = 64 if small else 224
    sound = (
        AudioResNet(log_mel(bins=64, win=800, hop=320), width=16, depths=(1, 1, 1), strides=(1, 2, 2))
        if small
        else AudioResNet(avid())
    )
    crop = VideoAugment(pixels, (0.7, 1.0), brightness=0.0, contrast=0.0, saturation=0.0, hue=0.0)
    return Run(
        data=Clips(
            source=data,
            seconds=2.0,
            frames=2 if small else 8,
            pixels=pixels if small else pixels * 8 // 7,
            sample_rate=sound.sample_rate,
            captions=0,
        ),
        objective=AVIDCMA(
            video=VideoSmall((16, 32, 64)) if small else r2plus1d_18(),
            audio=sound,
            recordings=recordings,
            agreement=Agreement(positives, refresh_every=refresh_every) if positives else None,
            augments=(crop if small else VideoAugment(pixels), AudioAugment()),
        ),
        steps=steps,
        batch_size=batch_size,
        optimization=Optimization(lr=lr, warmup=min(steps // 20, 5000), weight_decay=1e-5, precision="auto"),
        seed=seed,
    )
