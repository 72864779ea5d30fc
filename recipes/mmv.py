"""MMV on HowTo100M: sight and sound in a fine space, from which a coarse one follows that words share.

mmssl train recipes/mmv.py --data howto.jsonl --out runs/mmv

Alayrac et al. 2020. The paper's: S3D-G over 32 frames of 200 pixels at 10 a second, log-mel of 80 bins, word vectors
with a linear layer and a maximum, sight and sound weighed 10 to 1, Adam with a warm-up and a cosine at 2e-3. Ours: a
ResNet-18 for sound where the paper has a ResNet-50, word vectors from scratch, AdamW. Not measured on HowTo100M; what
`--small` reaches on the synthetic world stands in the table of proofs.
"""

from mmssl.data.clips import Clips
from mmssl.data.hashing import HashTokenizer
from mmssl.data.window import AroundCaption, RandomWindow
from mmssl.encoders.audio_resnet import AudioResNet
from mmssl.encoders.text_words import TextMean, TextWords
from mmssl.encoders.video_s3d import VideoS3DG
from mmssl.encoders.video_small import VideoSmall
from mmssl.modules.augment import AudioAugment, VideoAugment
from mmssl.modules.front_ends import log_mel
from mmssl.modules.spaces import Disjoint, FineAndCoarse, Shared, Spaces
from mmssl.objectives.contrastive.mmv import MMV
from mmssl.run import Optimization, Run


def recipe(
    data: str = "data/howto100m/howto100m.jsonl",
    spaces: str = "fine-and-coarse",
    steps: int = 500_000,
    batch_size: int = 4096,
    lr: float = 2e-3,
    sound_weight: float = 10.0,
    small: bool = False,
    seed: int = 0,
) -> Run:
    """The experiment.

    Args:
        data: folder, glob, manifest or shards to train on.
        spaces: shared, disjoint or fine-and-coarse.
        steps: optimizer steps.
        batch_size: clips a step; each clip's negatives are all the others.
        lr: highest learning rate.
        sound_weight: of sight and sound; sight and words have 1.
        small: networks and clips for two processor cores: four frames of 64 pixels in 2 s.
        seed: of weights, order and windows.
    """
    tokenizer = HashTokenizer(4096 if small else 65_536)
    pixels = 64 if small else 200
    fine, coarse = (128, 64) if small else (512, 256)
    graphs: dict[str, Spaces] = {
        "shared": Shared(fine),
        "disjoint": Disjoint(fine, coarse),
        "fine-and-coarse": FineAndCoarse(fine, coarse),
    }
    log_mels = log_mel(bins=64, win=800, hop=320) if small else log_mel(bins=80)
    return Run(
        data=Clips(
            source=data,
            seconds=2.0 if small else 3.2,
            frames=4 if small else 32,
            pixels=pixels if small else pixels * 8 // 7,
            captions=4,
            words=24 if small else 16,
            tokenizer=tokenizer,
            window=RandomWindow() if small else AroundCaption(),
        ),
        objective=MMV(
            video=VideoSmall() if small else VideoS3DG(),
            audio=AudioResNet(log_mels, width=16, depths=(1, 1, 1), strides=(1, 2, 2)) if small else AudioResNet(),
            text=TextMean(tokenizer.size, 128) if small else TextWords(tokenizer.size, 2048, frozen=False),
            spaces=graphs[spaces],
            sound_weight=sound_weight,
            augment=VideoAugment(pixels, (0.7, 1.0), brightness=0.0, contrast=0.0, saturation=0.0, hue=0.0)
            if small
            else VideoAugment(pixels),
            audio_augment=AudioAugment(),
        ),
        steps=steps,
        batch_size=batch_size,
        optimization=Optimization(lr=lr, warmup=min(steps // 20, 5000), precision="auto"),
        seed=seed,
    )
