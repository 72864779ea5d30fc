"""L3-Net on 10 s clips of Flickr-SoundNet or Kinetics-Sounds: does this frame go with this second of sound?

mmssl train recipes/l3_net.py --data flickr.csv --held-out test.csv --out runs/l3

Arandjelović and Zisserman 2017, "Look, Listen and Learn". The paper's: both towers, the spectrogram, the augmentation,
Adam at 1e-4 with decay 1e-5, 256 pairs a step (128 clips, each a true and a false pair), 60 M pairs in all. Ours: AdamW
with a cosine, bf16. Reported for the paper, not measured here: 78 % correspondence on Flickr-SoundNet, 74 % on
Kinetics-Sounds.
"""

from mmssl.data.clips import Clips
from mmssl.encoders.audio_l3 import AudioL3
from mmssl.encoders.image_l3 import ImageL3
from mmssl.evaluate.correspondence import Correspondence
from mmssl.modules.augment import AudioAugment, VideoAugment
from mmssl.objectives.correspondence.l3_net import L3Net
from mmssl.run import Optimization, Run


def recipe(
    data: str = "data/flickr_soundnet/train-*.tar",
    held_out: str = "",
    steps: int = 234_000,
    batch_size: int = 128,
    lr: float = 1e-4,
    frames: int = 4,
    pixels: int = 224,
    width: int = 64,
    hidden: int = 128,
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
        pixels: height and width that the network sees, cut from 8/7 as much.
        width: channels of the towers' first block.
        hidden: units of the fused layer.
        seed: of weights, order and windows.
    """
    sound = AudioL3(width=width)
    # The frame needs half a second of sound on both sides, so a clip is longer than the network's one second.
    clips = Clips(
        source=data, seconds=2.0, frames=frames, pixels=pixels * 8 // 7, sample_rate=sound.sample_rate, captions=0
    )
    crop = (7 / 8) ** 2
    return Run(
        data=clips,
        objective=L3Net(
            video=ImageL3(width=width),
            audio=sound,
            hidden=hidden,
            augment=VideoAugment(
                pixels, (crop, crop), (1.0, 1.0), brightness=32 / 255, contrast=0.0, saturation=0.5, hue=0.0
            ),
            audio_augment=AudioAugment(gain=0.83),  # dB: the paper's 10 %
        ),
        steps=steps,
        batch_size=batch_size,
        optimization=Optimization(lr=lr, weight_decay=1e-5, precision="auto"),
        evaluations={"held-out": Correspondence(clips=clips.of(held_out))} if held_out else {},
        evaluate_every=5000,
        seed=seed,
    )
