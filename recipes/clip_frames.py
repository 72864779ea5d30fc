"""CLIP's two towers trained on between the frames of a video and its captions.

mmssl train recipes/clip_frames.py --data msrvtt.jsonl --pretrained laion2b_s34b_b79k --out runs/clip
mmssl train recipes/clip_frames.py --data msrvtt.jsonl --pretrained ViT-B-32.safetensors --out runs/clip

Radford et al. 2021, "Learning Transferable Visual Models From Natural Language Supervision", by open_clip. A clip's
vector is the mean of its frames' vectors. No heads: the towers share a space already, and random ones would spoil it.
The temperature starts at 0.01, where CLIP's training ends. The settings of training are ours; not measured yet.
"""

from mmssl.data.clips import Clips
from mmssl.data.tokens import OpenClipTokenizer
from mmssl.encoders.clip_open import ClipImage, ClipText
from mmssl.evaluate.retrieval import Retrieval
from mmssl.objectives.contrastive.clip import CLIP
from mmssl.run import Optimization, Run


def recipe(
    data: str = "data/msrvtt/msrvtt_train.jsonl",
    held_out: str = "",
    model: str = "ViT-B-32",
    pretrained: str = "",
    tokenizer: str = "ViT-B-32",
    steps: int = 10_000,
    batch_size: int = 128,
    lr: float = 1e-5,
    frames: int = 8,
    seed: int = 0,
) -> Run:
    """The experiment.

    Args:
        data: folder, glob, manifest or shards to train on, with captions.
        held_out: likewise, to measure retrieval on every 1000 steps; nothing is measured when empty.
        model: name of open_clip's, or a local folder with `open_clip_config.json` and weights.
        pretrained: tag of open_clip's, or a local file of weights; random weights when empty.
        tokenizer: name of the open_clip model whose words the model reads.
        steps: optimizer steps.
        batch_size: clips a step; each clip's negatives are all the others.
        lr: highest learning rate, low enough for pretrained weights.
        frames: pictures a clip, spread over its 10 s.
        seed: of weights, order and windows.
    """
    image = ClipImage(model, pretrained or None)
    clips = Clips(
        source=data,
        seconds=10.0,
        frames=frames,
        pixels=image.size[0],
        sample_rate=0,
        words=32,
        tokenizer=OpenClipTokenizer(tokenizer),
    )
    return Run(
        data=clips,
        objective=CLIP(video=image, text=ClipText(model, pretrained or None), dim=0, temperature=0.01),
        steps=steps,
        batch_size=batch_size,
        optimization=Optimization(lr=lr, warmup=steps // 20, precision="auto"),
        evaluations={"held-out": Retrieval(clips=clips.of(held_out))} if held_out else {},
        evaluate_every=1000,
        seed=seed,
    )
