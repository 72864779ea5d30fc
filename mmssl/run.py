"""`Run`, one whole experiment: what a recipe returns."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from mmssl.data.clips import Clips
from mmssl.objective import Objective


class Evaluation(Protocol):
    """Numbers about an objective, called by the loop, the command line and the tests in the same way."""

    def __call__(self, objective: Objective) -> Mapping[str, float]:
        """Name to value; the objective is in eval mode, on its device, without gradient."""
        ...


@dataclass(frozen=True, kw_only=True)
class Optimization:
    """How the weights move: AdamW, warm-up, then cosine to zero."""

    lr: float = 1e-3
    warmup: int = 0  # steps
    weight_decay: float = 0.05  # never on norms, biases and temperatures
    clip_norm: float = 1.0  # of the gradient; 0 leaves it alone
    accumulate: int = 1  # batches of gradient a step
    ema: float = 0.0  # decay of the averaged weights that are evaluated and loaded; 0 keeps none
    precision: str = "fp32"  # or bf16: autocast
    compile: bool = False


@dataclass(kw_only=True)
class Run:
    """Data, objective and schedule. Constructors do no input or output, so a recipe can be built anywhere."""

    data: Clips
    objective: Objective
    steps: int
    batch_size: int  # over all processes
    optimization: Optimization = field(default_factory=Optimization)
    evaluations: Mapping[str, Evaluation] = field(default_factory=dict)
    evaluate_every: int = 0  # steps; 0: at the end alone
    save_every: int = 1000
    seed: int = 0
    workers: int = 2
