"""Perfect Match on faces that speak: which of the sounds of a clip belongs to this fifth of a second of picture?

mmssl train recipes/perfect_match.py --data voxceleb.csv --out runs/match; mmssl sync runs/match clip.mp4

Chung, Chung and Kang 2019. The paper's: SyncNet's towers, one over the distance as logit. Ours: all windows of a clip
instead of drawn ones, AdamW with a cosine, bf16. Measured small, on 1500
synthetic clips whose sounds never repeat, by `python -m benchmarks.proofs perfect_match` (7.6 CPU minutes, seed 0): of
shifts of up to 0.6 s the right one within a frame in 0.92 of the cases from ten windows and in all from all windows,
also with the sound moved (chance 0.10).
"""

from mmssl.data.clips import Clips
from mmssl.encoders.audio_windows import AudioWindows
from mmssl.encoders.sync_net import SyncNetAudio, SyncNetVideo
from mmssl.encoders.video_windows import VideoWindows
from mmssl.objectives.synchrony.perfect_match import InverseDistance, PerfectMatch, ScaledCosine
from mmssl.run import Optimization, Run

FPS = 25


def recipe(
    data: str = "data/voxceleb/train-*.tar",
    steps: int = 100_000,
    batch_size: int = 30,
    lr: float = 1e-3,
    seconds: float = 2.4,
    pixels: int = 224,
    small: bool = False,
    cosine: bool = False,
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
        cosine: ten times the cosine as logit, the factor learnt, instead of one over the distance.
        seed: of weights, order and windows.
    """
    video = VideoWindows() if small else SyncNetVideo(pixels=pixels)
    audio = AudioWindows() if small else SyncNetAudio()
    return Run(
        data=Clips(
            source=data, seconds=seconds, frames=round(FPS * seconds), pixels=pixels, captions=0, synchronous=True
        ),
        objective=PerfectMatch(
            video=video,
            audio=audio,
            seconds=0.2 if small else 0.215,  # twenty cepstra of 25 ms, every 10 ms
            score=ScaledCosine() if cosine else InverseDistance(),
            nearest=0.2 if small else 0.24,
            step=1 / FPS,
        ),
        steps=steps,
        batch_size=batch_size,
        optimization=Optimization(lr=lr, warmup=steps // 20, precision="auto"),
        seed=seed,
    )
