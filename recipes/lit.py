"""LiT on the quickstart's towers: words for pictures that a run has learnt to see, from few captioned clips.

mmssl train recipes/quickstart.py --data world/train --words 0 --out runs/seen
mmssl train recipes/lit.py --data captioned --pretrained runs/seen --out runs/lit

Zhai et al. 2022, "LiT: Zero-Shot Transfer with Locked-image text Tuning". The paper's: the towers' letters, the loss.
That the space is the picture tower's, a scale of 10 at the start and a decay of 0.01 are of the public configurations.
The towers of open_clip are in `recipes/lit_clip.py`. What it reaches on the synthetic world is in
`benchmarks/proofs/lit.py`.
"""

from mmssl.data.clips import Clips
from mmssl.data.hashing import HashTokenizer
from mmssl.encoders.text_words import TextMean
from mmssl.encoders.video_small import VideoSmall
from mmssl.evaluate.retrieval import Retrieval
from mmssl.modules.stored_features import StoredFeatures
from mmssl.modules.tower_policy import towers
from mmssl.objectives.contrastive.lit import LiT
from mmssl.run import Optimization, Run
from mmssl.training.tower import begun


def recipe(
    data: str = "world/train",
    held_out: str = "",
    letters: str = "Lu",
    pretrained: str = "runs/quickstart",
    stored: str = "",
    steps: int = 300,
    batch_size: int = 32,
    lr: float = 3e-3,
    frames: int = 4,
    seed: int = 0,
) -> Run:
    """The experiment.

    Args:
        data: folder, glob, manifest or shards to train on, with captions.
        held_out: likewise, to measure retrieval at the end; nothing is measured when empty.
        letters: of the picture's and the text's tower: L locked, U unlocked, both pretrained; u unlocked from random.
        pretrained: run folder whose towers they begin with.
        stored: folder of `mmssl features PRETRAINED DATA`; training then opens no film. Empty: pictures are decoded.
        steps: optimizer steps.
        batch_size: clips a step; each clip's negatives are all the others.
        lr: highest learning rate.
        frames: pictures a clip, of 64 x 64 pixels.
        seed: of weights, order and windows.
    """
    tokenizer, policies = HashTokenizer(4096), towers(letters)
    clips = Clips(
        source=data,
        seconds=2.0,
        frames=frames,
        pixels=64,
        sample_rate=0,
        captions=4,
        words=24,
        language="en",
        tokenizer=tokenizer,
    )
    return Run(
        data=clips,
        trained_on=clips.only("text") if stored else None,
        objective=LiT(
            video=begun(VideoSmall(), policies.video, pretrained),
            text=begun(TextMean(tokenizer.size, 128), policies.text, pretrained),
            towers=policies,
            stored=StoredFeatures(stored) if stored else None,
        ),
        steps=steps,
        batch_size=batch_size,
        optimization=Optimization(lr=lr, warmup=steps // 20, weight_decay=0.01, precision="auto"),
        evaluations={"held-out": Retrieval(clips=clips.of(held_out))} if held_out else {},
        seed=seed,
    )
