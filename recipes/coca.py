"""CoCa on towers of this project from random weights: captions that are found, and captions that are told.

mmssl train recipes/coca.py --data "msrvtt/train-*.tar" --held-out "msrvtt/test-*.tar" --out runs/coca

Yu et al. 2022, "CoCa: Contrastive Captioners are Image-Text Foundation Models". The paper's: a causal text half without
and one with the picture, equally deep, attentional pooling by one query and by several, weights 1 : 2. The defaults are
meant for a GPU and were not run; what the small form reaches on the synthetic world is in `benchmarks/proofs/coca.py`.
"""

from mmssl.data.clips import Clips
from mmssl.data.hashing import HashTokenizer
from mmssl.encoders.text_causal import TextCausal
from mmssl.encoders.video_blank import VideoBlank
from mmssl.encoders.video_small import VideoSmall
from mmssl.evaluate.captioning import Captioning
from mmssl.modules.augment import VideoAugment
from mmssl.objectives.generation.coca import CoCa
from mmssl.run import Optimization, Run


def recipe(
    data: str = "data/msrvtt/train-*.tar",
    held_out: str = "",
    blind: bool = False,
    steps: int = 20_000,
    batch_size: int = 256,
    lr: float = 1e-3,
    frames: int = 4,
    pixels: int = 96,
    dim: int = 512,
    seed: int = 0,
) -> Run:
    """The experiment.

    Args:
        data: folder, glob, manifest or shards to train on, with captions.
        held_out: likewise, to measure captioning on every 1000 steps; nothing is measured when empty.
        blind: no picture is looked at; what captions alone tell, to compare with.
        steps: optimizer steps.
        batch_size: clips a step; each clip's negatives are all the others.
        lr: highest learning rate.
        frames: pictures a clip, spread over its 2 s.
        pixels: height and width of a picture.
        dim: features of a word and of the shared space, a quarter as many channels of the first stage of the picture's
            network; each half has a block for 128 of them.
        seed: of weights, order and windows.
    """
    tokenizer, depth = HashTokenizer(4096), max(1, dim // 128)
    clips = Clips(
        source=data,
        seconds=2.0,
        frames=frames,
        pixels=pixels,
        sample_rate=0,
        captions=4,
        words=24,
        language="en",
        tokenizer=tokenizer,
    )
    return Run(
        data=clips,
        objective=CoCa(
            video=VideoBlank(dim) if blind else VideoSmall(channels=(dim // 4, dim // 2, dim * 3 // 4)),
            text=TextCausal(tokenizer.size, dim, depth),
            vocabulary=tokenizer.size,
            dim=dim,
            depth=depth,
            queries=dim // 2,
            augment=VideoAugment(pixels, (0.7, 1.0), (1.0, 1.0), 0.0, 0.0, 0.0, 0.0, 0.0),  # crops alone
        ),
        steps=steps,
        batch_size=batch_size,
        optimization=Optimization(lr=lr, warmup=steps // 20, precision="auto"),
        evaluations={"held-out": Captioning(clips=clips.of(held_out))} if held_out else {},
        evaluate_every=1000,
        seed=seed,
    )
