"""LiT on open_clip's picture tower, locked: a text tower from random weights learns to read it.

mmssl train recipes/lit_clip.py --data msrvtt.jsonl --pretrained laion2b_s34b_b88k --out runs/lit
mmssl train recipes/lit_clip.py --data msrvtt.jsonl --model my/clip --pretrained "" --out runs/lit

Zhai et al. 2022, "LiT: Zero-Shot Transfer with Locked-image text Tuning"; figure 1's `Lu`. A text of 16 tokens, a scale
of 10 at the start, a learning rate of 1e-3 and a decay of 0.01 are of the public configurations; the optimizer, the
transformer's size and the frames are ours. Not measured yet.
"""

from mmssl.data.clips import Clips
from mmssl.data.tokens import OpenClipTokenizer
from mmssl.encoders.clip_open import ClipImage
from mmssl.encoders.text_transformer import TextTransformer
from mmssl.evaluate.retrieval import Retrieval
from mmssl.modules.tower_policy import towers
from mmssl.objectives.contrastive.lit import LiT
from mmssl.run import Optimization, Run


def recipe(
    data: str = "data/msrvtt/msrvtt_train.jsonl",
    held_out: str = "",
    model: str = "ViT-B-16",
    pretrained: str = "laion2b_s34b_b88k",
    width: int = 512,
    steps: int = 10_000,
    batch_size: int = 4096,
    lr: float = 1e-3,
    frames: int = 4,
    seed: int = 0,
) -> Run:
    """The experiment.

    Args:
        data: folder, glob, manifest or shards to train on, with captions.
        held_out: likewise, to measure retrieval on every 1000 steps; nothing is measured when empty.
        model: name of open_clip's, or a local folder with `open_clip_config.json` and weights.
        pretrained: tag of open_clip's, or a local file of weights; those of the folder when empty.
        width: features of a word in the new text tower.
        steps: optimizer steps.
        batch_size: clips a step; each clip's negatives are all the others.
        lr: highest learning rate.
        frames: pictures a clip, spread over its 10 s.
        seed: of weights, order and windows.
    """
    image, tokenizer = ClipImage(model, pretrained or None), OpenClipTokenizer("ViT-B-32")
    clips = Clips(
        source=data,
        seconds=10.0,
        frames=frames,
        pixels=image.size[0],
        sample_rate=0,
        words=16,
        tokenizer=tokenizer,
    )
    return Run(
        data=clips,
        objective=LiT(video=image, text=TextTransformer(tokenizer.size, width, depth=12, heads=8), towers=towers("Lu")),
        steps=steps,
        batch_size=batch_size,
        optimization=Optimization(lr=lr, warmup=steps // 20, weight_decay=0.01, precision="auto"),
        evaluations={"held-out": Retrieval(clips=clips.of(held_out))} if held_out else {},
        evaluate_every=1000,
        seed=seed,
    )
