"""SigLIP on towers of this project from random weights: a few frames of a clip, and all of its captions true.

mmssl train recipes/siglip.py --data "msrvtt/train-*.tar" --held-out "msrvtt/test-*.tar" --out runs/siglip

Zhai et al. 2023, "Sigmoid Loss for Language Image Pre-Training". The paper's: loss, and where scale and bias start. The
defaults are meant for a GPU and were not run; what the small form reaches on the synthetic world is in
`benchmarks/proofs/siglip.py`.
"""

from mmssl.data.clips import Clips
from mmssl.data.hashing import HashTokenizer
from mmssl.encoders.text_words import TextMean
from mmssl.encoders.video_small import VideoSmall
from mmssl.evaluate.retrieval import Retrieval
from mmssl.modules.augment import VideoAugment
from mmssl.objectives.contrastive.siglip import SigLIP
from mmssl.run import Optimization, Run


def recipe(
    data: str = "data/msrvtt/train-*.tar",
    held_out: str = "",
    steps: int = 20_000,
    batch_size: int = 512,
    lr: float = 1e-3,
    frames: int = 8,
    pixels: int = 96,
    width: int = 64,
    seed: int = 0,
) -> Run:
    """The experiment.

    Args:
        data: folder, glob, manifest or shards to train on, with captions.
        held_out: likewise, to measure retrieval on every 1000 steps; nothing is measured when empty.
        steps: optimizer steps.
        batch_size: clips a step; each picture is compared with all their captions.
        lr: highest learning rate.
        frames: pictures a clip, spread over its 2 s.
        pixels: height and width of a picture.
        width: channels of the first stage of the picture's network; four times as many features of a word.
        seed: of weights, order and windows.
    """
    tokenizer = HashTokenizer(16_384)
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
        objective=SigLIP(
            video=VideoSmall(channels=(width, 2 * width, 3 * width)),
            text=TextMean(tokenizer.size, 4 * width),
            dim=4 * width,
            augment=VideoAugment(pixels, (0.7, 1.0), (1.0, 1.0), 0.0, 0.0, 0.0, 0.0, 0.0),  # crops alone
        ),
        steps=steps,
        batch_size=batch_size,
        optimization=Optimization(lr=lr, warmup=steps // 20, precision="auto"),
        evaluations={"held-out": Retrieval(clips=clips.of(held_out))} if held_out else {},
        evaluate_every=1000,
        seed=seed,
    )
