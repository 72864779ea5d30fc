"""Where does it sound, and does the map know when nothing does? DenseAV with and without silence, and AVOL-Net.

The arms train for about as long, with small networks. Beside each model's pointing stand those of the middle of the
picture and of what moves most, which hear nothing; false alarms are the share of maps of sounds that nothing in view
makes that are as sure as nine tenths of the true ones.
"""

from benchmarks.proof import Arm, Proof

DENSE = {"steps": 250, "batch_size": 32, "lr": 2e-3, "small": True}
POINTING = ("localization/pointing", "localization/moving/pointing", "localization/center/pointing")
FALSE_ALARMS = tuple(f"localization/false-alarms/{name}" for name in ("silence", "noise", "other-sound"))

PROOF = Proof(
    family="contrast",
    objective="DenseAV",
    paper="Hamilton et al. 2024",
    file="contrastive/dense_av.py",
    hook="after_step, heat",
    arms=(
        Arm(name="dense_av_silence", recipe="dense_av", arguments={**DENSE, "silence": True}),
        Arm(name="dense_av", recipe="dense_av", arguments={**DENSE, "silence": False}),
        Arm(
            name="avol_net",
            recipe="avol_net",
            arguments={"steps": 800, "batch_size": 32, "lr": 2e-3, "pixels": 64, "small": True},
        ),
    ),
    numbers=(*POINTING, "localization/silence/pointing", "localization/detection/AUC", *FALSE_ALARMS),
    says="the dense contrast points better than AVOL-Net, and with silent negatives its false alarms are fewer",
)
