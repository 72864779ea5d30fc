"""MMV with fine and coarse spaces; sound and words are never compared by a loss."""

from benchmarks.proof import Arm, Proof

PROOF = Proof(
    family="contrast",
    objective="MMV",
    paper="Alayrac et al. 2020",
    file="contrastive/mmv.py",
    hook="-",
    arms=(
        Arm(
            name="fine-and-coarse",
            recipe="mmv",
            arguments={
                "spaces": "fine-and-coarse",
                "steps": 300,
                "batch_size": 32,
                "lr": 5e-3,
                "sound_weight": 1.0,
                "small": True,
            },
        ),
    ),
    numbers=("retrieval/audio-video/R@10", "retrieval/text-video/R@10", "retrieval/text-audio/R@10"),
    says="each pair retrieves in its own space, sound and words in that of the coarse one without ever being compared",
)
