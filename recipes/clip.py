"""CLIP on towers of this project from random weights: a few frames of a clip and one of its captions.

mmssl train recipes/clip.py --data "msrvtt/train-*.tar" --held-out "msrvtt/test-*.tar" --out runs/clip

Radford et al. 2021, "Learning Transferable Visual Models From Natural Language Supervision". The paper's: loss,
temperature and its bound, a random square crop as the only augmentation; the words here have no order. The paper's own
towers are in `recipes/clip_frames.py`. The defaults are meant for a GPU and were not run; what the small form reaches
on the synthetic world is in `benchmarks/proofs/clip.py`.
"""

from mmssl.data.clips import Clips
from mmssl.data.hashing import HashTokenizer
from mmssl.encoders.text_words import TextMean
from mmssl.encoders.video_small import VideoSmall
from mmssl.evaluate.retrieval import Retrieval
from mmssl.modules.augment import VideoAugment
from mmssl.objectives.contrastive.clip import CLIP
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
        batch_size: clips a step; each clip's negatives are all the others.
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
        objective=CLIP(
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
