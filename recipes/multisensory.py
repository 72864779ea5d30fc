"""Multisensory on AudioSet: one network sees and hears four seconds; is this sound of this moment?

mmssl train recipes/multisensory.py --data audioset.csv --out runs/multi; mmssl sync runs/multi clip.mp4

Owens and Efros 2018. The paper's: the network, 125 frames at 29.97 a second out of 10.1 s, shifted sound overlaps by at
most 60 frames. Ours: mono sound, AdamW with a cosine, bf16. Its first stage, a quarter of the frames, is `--fps 7.5`.
On the synthetic world, `--small --pixels 32 --seconds 3.6 --part 1.2 --fps 12.5`: the table of proofs.
"""

from mmssl.data.clips import Clips
from mmssl.encoders.audio_resnet import AudioResNet
from mmssl.encoders.multisensory import MultisensoryAudio, MultisensoryVideo
from mmssl.encoders.video_small import VideoSmall
from mmssl.modules.front_ends import log_mel
from mmssl.modules.fused_tower import FusedTower, batch_norm_3d
from mmssl.modules.resnet import Stem
from mmssl.objectives.synchrony.multisensory import Multisensory
from mmssl.run import Optimization, Run


def recipe(
    data: str = "data/audioset/train-*.tar",
    steps: int = 650_000,
    batch_size: int = 16,
    lr: float = 1e-3,
    seconds: float = 10.1,
    part: float = 4.17,
    fps: float = 29.97,
    pixels: int = 224,
    small: bool = False,
    seed: int = 0,
) -> Run:
    """The experiment.

    Args:
        data: folder, glob, manifest or shards to train on.
        steps: optimizer steps.
        batch_size: clips a step; each gives its true and a shifted sound.
        lr: highest learning rate.
        seconds: of a clip, in which sound is shifted.
        part: seconds that are seen and heard.
        fps: frames a second.
        pixels: height and width of a picture.
        small: small towers on a spectrogram for two processor cores instead of the paper's.
        seed: of weights, order and windows.
    """
    stem = Stem(kernel=3, stride=2, pool=False)
    video = VideoSmall(channels=(16, 16, 16)) if small else MultisensoryVideo()
    audio = (
        AudioResNet(log_mel(bins=40), width=16, depths=(1, 1), strides=(1, 2), stem=stem)
        if small
        else MultisensoryAudio()
    )
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
        objective=Multisensory(
            video=video,
            audio=audio,
            # With all three stages the small network stays at chance for as long as two cores can wait.
            fusion=FusedTower(video.dim, audio.dim, strides=(1,) if small else (1, 2, 2), norm=batch_norm_3d),
            seconds=part,
            gap=part * 65 / 125,
            step=1 / fps,
        ),
        steps=steps,
        batch_size=batch_size,
        optimization=Optimization(lr=lr, warmup=steps // 20, precision="auto"),
        seed=seed,
    )
