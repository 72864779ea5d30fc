"""XDC of tiny clips."""

from mmssl.data.clips import Clips
from mmssl.encoders.audio_resnet import AudioResNet
from mmssl.encoders.video_small import VideoSmall
from mmssl.modules.front_ends import log_mel
from mmssl.objectives.clustering.xdc import XDC
from mmssl.run import Optimization, Run


def recipe(data: str, steps: int = 7, batch_size: int = 4, refresh_every: int = 3, seed: int = 3) -> Run:
    """A run of seconds.

    Args:
        data: folder of recordings.
        steps: how long.
        batch_size: clips a step.
        refresh_every: steps of a round.
        seed: of the order.
    """
    sound = AudioResNet(log_mel(bins=16, win=400, hop=160), width=8, depths=(1, 1), strides=(1, 2))
    return Run(
        data=Clips(source=data, seconds=0.5, frames=2, pixels=16, captions=0),
        objective=XDC(
            video=VideoSmall(channels=(8, 16, 16)), audio=sound, clusters=3, dims=4, refresh_every=refresh_every
        ),
        steps=steps,
        batch_size=batch_size,
        optimization=Optimization(lr=0.01, ema=0.5),
        save_every=1,
        seed=seed,
        workers=0,
        skip_limit=0.5,
    )
