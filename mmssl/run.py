"""`Run`, one whole experiment: what a recipe returns."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from mmssl.data.clips import Clips
from mmssl.errors import UsageError
from mmssl.objective import Objective


class Evaluation(Protocol):
    """Numbers about an objective, called by the loop, the command line and the tests in the same way."""

    def __call__(self, objective: Objective) -> Mapping[str, float]:
        """Name to value; the objective is in eval mode, on its device, without gradient."""
        ...


def _demand(holds: bool, message: str) -> None:
    if not holds:
        raise UsageError(message)


@dataclass(frozen=True, kw_only=True)
class Optimization:
    """How the weights move: AdamW, warm-up, then cosine to zero."""

    lr: float = 1e-3
    warmup: int = 0  # steps
    betas: tuple[float, float] = (0.9, 0.999)  # decay of AdamW's two averages
    weight_decay: float = 0.05  # never on norms, biases and temperatures
    clip_norm: float = 1.0  # of the gradient; 0 leaves it alone
    accumulate: int = 1  # batches of gradient a step, each with its own negatives
    chunk: int = 0  # clips of a process that pass the encoders at once, in memory that does not grow; 0: all
    ema: float = 0.0  # decay of the averaged weights that are evaluated and loaded; 0 keeps none
    precision: str = "fp32"  # or bf16: autocast; auto: bf16 where the device has arithmetic for it
    compile: bool = False

    def __post_init__(self) -> None:
        for name in ("lr", "accumulate"):
            _demand(getattr(self, name) > 0, f"{name} is {getattr(self, name)}; it must be above 0")
        for name in ("warmup", "weight_decay", "clip_norm", "chunk"):
            _demand(getattr(self, name) >= 0, f"{name} is {getattr(self, name)}; it must not be below 0")
        _demand(all(0 <= beta < 1 for beta in self.betas), f"betas are {self.betas}; each is at least 0 and below 1")
        _demand(0 <= self.ema < 1, f"ema is {self.ema}; it must be at least 0 and below 1")
        _demand(self.precision in ("fp32", "bf16", "auto"), f"precision is {self.precision!r}; give fp32, bf16 or auto")


@dataclass(kw_only=True)
class Run:
    """Data, objective and schedule. Constructors do no input or output, so a recipe can be built anywhere.

    Raises:
        UsageError: a number is out of its range, or the data do not give what an encoder reads.
    """

    data: Clips
    objective: Objective
    steps: int
    batch_size: int  # over all processes
    optimization: Optimization = field(default_factory=Optimization)
    trained_on: Clips | None = None  # instead of `data` in training, where that needs less: pictures that are stored
    evaluations: Mapping[str, Evaluation] = field(default_factory=dict)
    evaluate_every: int = 0  # steps; 0: at the end alone
    save_every: int = 1000
    seed: int = 0
    workers: int = 2
    shard: bool = False  # weights, gradients and moments divided among the processes instead of held by each
    recompute: bool = False  # features of the encoders' blocks in the backward pass instead of keeping them
    skip_limit: float = 0.05  # share of clips tried that may be unreadable before the run stops

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "save_every"):
            _demand(getattr(self, name) > 0, f"{name} is {getattr(self, name)}; it must be above 0")
        for name in ("evaluate_every", "seed", "workers"):
            _demand(getattr(self, name) >= 0, f"{name} is {getattr(self, name)}; it must not be below 0")
        _demand(0 < self.skip_limit <= 1, f"skip_limit is {self.skip_limit}; it is a share above 0, up to 1")
        plan = self.optimization
        _demand(not (self.shard and plan.chunk), "shard and chunk do not go together; leave one out")
        # Features are asked for outside the objective's forward pass, where its own weights are not gathered.
        _demand(
            not (self.shard and self.objective.refresh_every),
            "shard and an objective that refreshes do not go together",
        )
        _demand(not (self.recompute and plan.compile), "compile decides itself what to keep; leave recompute out")
        if self.objective.synchronous:
            self.data.demand_synchrony("the objective needs clips that are")
        encoders = self.objective.encoders
        _demand("video" not in encoders or self.data.frames > 0, "frames is 0, but the objective has a video encoder")
        if "audio" in encoders:
            wanted = getattr(encoders["audio"], "sample_rate", self.data.sample_rate)
            given = self.data.sample_rate
            _demand(given > 0, "sample_rate is 0, but the objective has an audio encoder")
            _demand(given == wanted, f"sample_rate is {given}, but the audio encoder reads {wanted}; give Clips that")
        if "text" in encoders:
            _demand(self.data.captions > 0, "captions is 0, but the objective has a text encoder")
            _demand(self.data.tokenizer is not None, "tokenizer is None, but the objective has a text encoder")
