"""AVID-CMA of tiny clips; recordings that agree are positives from the fourth step on, and others from the seventh."""

from mmssl.data.clips import Clips
from mmssl.encoders.audio_resnet import AudioResNet
from mmssl.encoders.video_small import VideoSmall
from mmssl.modules.front_ends import log_mel
from mmssl.objectives.contrastive.avid_cma import AVIDCMA, Agreement
from mmssl.run import Optimization, Run


def recipe(data: str, steps: int = 8, batch_size: int = 4, seed: int = 3) -> Run:
    """A run of seconds.

    Args:
        data: folder of at most nine recordings.
        steps: how long.
        batch_size: clips a step.
        seed: of the order.
    """
    sound = AudioResNet(log_mel(bins=16, win=400, hop=160), width=8, depths=(1, 1), strides=(1, 2))
    return Run(
        data=Clips(source=data, seconds=0.5, frames=2, pixels=16, captions=0),
        objective=AVIDCMA(
            video=VideoSmall(channels=(8, 16, 16)),
            audio=sound,
            recordings=9,
            dim=4,
            hidden=8,
            negatives=6,
            agreement=Agreement(positives=2, negatives=4, begin=0.2, refresh_every=3),
        ),
        steps=steps,
        batch_size=batch_size,
        optimization=Optimization(lr=0.01, ema=0.5),
        save_every=1,
        seed=seed,
        workers=0,
        skip_limit=0.5,
    )
