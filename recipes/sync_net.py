"""SyncNet on faces that speak: picture and sound of the same fifth of a second meet, others stay a margin apart.

mmssl train recipes/sync_net.py --data lrs.csv --out runs/sync; mmssl sync runs/sync clip.mp4

Chung and Zisserman 2016. The paper's: towers, 13 cepstra, contrastive loss of the distance. Ours: whole pictures of 224
pixels as in the released network, all negatives of a clip, AdamW with a cosine, bf16; the paper's margin is not known
to us. On the synthetic world, `--small --pixels 32 --seconds 3.6`: the table of proofs.
"""

from mmssl.data.clips import Clips
from mmssl.encoders.audio_windows import AudioWindows
from mmssl.encoders.sync_net import SyncNetAudio, SyncNetVideo
from mmssl.encoders.video_windows import VideoWindows
from mmssl.objectives.synchrony.sync_net import SyncNet
from mmssl.run import Optimization, Run

FPS = 25


def recipe(
    data: str = "data/lrs/train-*.tar",
    steps: int = 100_000,
    batch_size: int = 30,
    lr: float = 1e-3,
    seconds: float = 2.4,
    pixels: int = 224,
    small: bool = False,
    margin: float = 20.0,
    seed: int = 0,
) -> Run:
    """The experiment.

    Args:
        data: folder, glob, manifest or shards to train on.
        steps: optimizer steps.
        batch_size: clips a step.
        lr: highest learning rate.
        seconds: of a clip, at 25 frames a second.
        pixels: height and width of a picture; at least 64 for the paper's towers.
        small: small towers for two processor cores instead of the paper's.
        margin: distance from which on a false pair is far enough.
        seed: of weights, order and windows.
    """
    video = VideoWindows() if small else SyncNetVideo(pixels=pixels)
    audio = AudioWindows() if small else SyncNetAudio()
    return Run(
        data=Clips(
            source=data, seconds=seconds, frames=round(FPS * seconds), pixels=pixels, captions=0, synchronous=True
        ),
        objective=SyncNet(
            video=video,
            audio=audio,
            seconds=0.2 if small else 0.215,  # twenty cepstra of 25 ms, every 10 ms
            margin=margin,
            nearest=0.2 if small else 0.24,
            step=1 / FPS,
        ),
        steps=steps,
        batch_size=batch_size,
        optimization=Optimization(lr=lr, warmup=steps // 20, precision="auto"),
        seed=seed,
    )
