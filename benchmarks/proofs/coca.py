"""CoCa on small towers, and the same captioner without eyes."""

from benchmarks.proof import Arm, Proof

SMALL = {"steps": 400, "batch_size": 32, "lr": 3e-3, "frames": 1, "pixels": 64, "dim": 128}

PROOF = Proof(
    family="generation",
    objective="CoCa",
    paper="Yu et al. 2022",
    file="generation/coca.py",
    hook="after_step",
    arms=(
        Arm(name="coca", recipe="coca", arguments=SMALL),
        Arm(name="blind", recipe="coca", arguments={**SMALL, "blind": True}),
    ),
    numbers=("retrieval/text-video/R@10", "caption/next-word", "caption/next-word-other", "caption/words-told"),
    says="the picture helps to tell the next word, and words find their picture",
)
