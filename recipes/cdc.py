"""CDC on videos with sound: both streams learn the clusters of their joined features.

mmssl train recipes/cdc.py --data "data/kinetics/train-*.tar" --out runs/cdc
mmssl cluster runs/cdc held-out --sheets sheets

Alwassel et al. 2020, "Self-Supervised Learning by Cross-Modal Audio-Video Clustering". Theirs: R(2+1)D-18 on 32 frames
of 224 pixels (as reported in later papers), PCA to 256 dimensions and whitening (DeepCluster's code). Ours: ResNet-18
on 40 mel bins, AdamW with a cosine over all rounds, batch, rounds and K. The defaults were not run; measured with
`--small` (`python -m benchmarks.proofs cdc`, one object a clip, 2.4 CPU min, mean of seeds 0 to 2): a linear probe
tells 8 kinds in 0.28 from sight and 0.83 from sound (untrained 0.19 and 0.77), chance 0.16.
"""

from mmssl.data.clips import Clips
from mmssl.encoders.audio_resnet import AudioResNet
from mmssl.encoders.video_resnet import r2plus1d_18
from mmssl.encoders.video_small import VideoSmall
from mmssl.evaluate.clusters import Clusters
from mmssl.modules.augment import AudioAugment, VideoAugment
from mmssl.modules.front_ends import log_mel
from mmssl.objectives.clustering.cdc import CDC
from mmssl.run import Optimization, Run


def recipe(
    data: str = "data/kinetics/train-*.tar",
    held_out: str = "",
    steps: int = 200_000,
    batch_size: int = 256,
    lr: float = 1e-3,
    rounds: int = 8,
    clusters: int = 256,
    dims: int = 256,
    small: bool = False,
    seed: int = 0,
) -> Run:
    """The experiment.

    Args:
        data: folder, glob, manifest or shards to train on.
        held_out: likewise, with labels, to compare clusters with at the end of each round; nothing when empty.
        steps: optimizer steps.
        batch_size: clips a step.
        lr: highest learning rate.
        rounds: how often clusters are found, at even distances.
        clusters: of videos with their sounds.
        dims: of features that PCA leaves for k-means.
        small: networks and clips for two processor cores: two frames of 64 pixels in 2 s.
        seed: of weights, order and windows.
    """
    pixels, every = 64 if small else 224, -(-steps // rounds)  # steps of a round, none left over
    clips = Clips(
        source=data,
        seconds=2.0 if small else 32 / 30,
        frames=2 if small else 32,
        pixels=pixels if small else pixels * 8 // 7,
        captions=0,
    )
    sound = log_mel(bins=64, win=800, hop=320) if small else log_mel(bins=40)
    # Colors stay as they are: in the synthetic world they are heard.
    crops = VideoAugment(pixels, (0.7, 1.0), brightness=0.0, contrast=0.0, saturation=0.0, hue=0.0)
    return Run(
        data=clips,
        objective=CDC(
            video=VideoSmall((16, 32, 64)) if small else r2plus1d_18(),
            audio=AudioResNet(sound, width=16, depths=(1, 1, 1), strides=(1, 2, 2)) if small else AudioResNet(sound),
            clusters=clusters,
            dims=dims,
            refresh_every=every,
            augment=crops if small else VideoAugment(pixels),
            audio_augment=AudioAugment(),
        ),
        steps=steps,
        batch_size=batch_size,
        optimization=Optimization(lr=lr, warmup=steps // 20, precision="auto"),
        evaluations={"held-out": Clusters(clips=clips.of(held_out))} if held_out else {},
        evaluate_every=every,
        seed=seed,
    )
