"""TCC on films of one action, such as pouring: each frame's nearest neighbor in another film must lead back to it.

mmssl train recipes/tcc.py --data films --out runs/tcc; mmssl align runs/tcc a.mp4 b.mp4 --out side-by-side.mp4

Dwibedi et al. 2019, "Temporal Cycle-Consistency Learning". The paper's: ResNet-50 up to conv4 with ImageNet's weights,
of which the norms alone train, 3-D convolutions over two frames, 20 of a film's frames, cycle-back regression, rate
1e-4. Ours: AdamW, a cosine. A label is an action, of which a batch holds up to four films.
Measured: see `benchmarks/results/proofs.md`. The paper's ImageNet weights were not at hand and are untried.
"""

from mmssl.data.clips import Clips
from mmssl.data.order import Order, PerLabel
from mmssl.data.window import RandomWindow
from mmssl.encoders.image_plain import ImagePlain
from mmssl.encoders.image_timm import image_resnet
from mmssl.encoders.video_stack import VideoStack
from mmssl.evaluate.alignment import Alignment
from mmssl.modules.augment import VideoAugment
from mmssl.modules.frame_distance import Similarity
from mmssl.modules.norms_only import norms_only
from mmssl.objectives.cycle.cycle_back import Classification
from mmssl.objectives.cycle.tcc import TCC, OffsetUniform
from mmssl.run import Optimization, Run


def recipe(
    data: str = "data/pouring",
    held_out: str = "",
    steps: int = 150_000,
    batch_size: int = 4,
    lr: float = 1e-4,
    seconds: float = 10.0,
    frames: int = 150,
    pixels: int = 224,
    small: bool = False,
    seed: int = 0,
) -> Run:
    """The experiment.

    Args:
        data: folder, glob, manifest or shards to train on; a label is an action.
        held_out: likewise, to measure alignment on every 5000 steps; nothing is measured when empty.
        steps: optimizer steps.
        batch_size: films a step, all of one action up to 4, a multiple of 4 beyond.
        lr: highest learning rate.
        seconds: of a film that are looked at, from its begin; the end of a shorter one is masked.
        frames: pictures of those seconds; context is half a second before.
        pixels: height and width of a picture.
        small: a network of four convolutions from scratch, for pictures of 32 pixels on a processor.
        seed: of weights, order and windows.
    """
    clips = Clips(
        source=data,
        seconds=seconds,
        frames=frames,
        pixels=pixels,
        sample_rate=0,
        captions=0,
        window=RandomWindow(least=0.05),
        order=Order(grouping=PerLabel(min(batch_size, 4))),
    )
    stride = max(round(0.5 * frames / seconds), 1)
    return Run(
        data=clips,
        objective=_small(stride) if small else _paper(stride, pixels),
        steps=steps,
        batch_size=batch_size,
        optimization=Optimization(lr=lr, warmup=steps // 20, weight_decay=1e-5, precision="auto"),
        evaluations={"held-out": Alignment(clips=clips.of(held_out))} if held_out else {},
        evaluate_every=5000,
        seed=seed,
    )


def _paper(stride: int, pixels: int) -> TCC:
    """ResNet-50 of which norms alone are trained, and regression."""
    augment = VideoAugment(pixels, (1.0, 1.0), (1.0, 1.0), 0.5, 32 / 255, 0.5, 0.0, 0.0)
    image = norms_only(image_resnet("resnet50.a1_in1k", True, stage=-2))
    return TCC(video=VideoStack(image, 512), hidden=512, sampling=OffsetUniform(stride=stride), augment=augment)


def _small(stride: int) -> TCC:
    """From scratch: single frames of unit length, and classification; regression stays at chance for long."""
    return TCC(
        video=ImagePlain(),
        dim=32,
        hidden=128,
        dropout=0.0,
        sampling=OffsetUniform(context=1, stride=stride),
        unit=True,
        similarity=Similarity(temperature=0.05, scale_by_dim=False),
        loss=Classification(smoothing=0.0),
    )
