"""What the first steps of a training tell: data without what an encoder reads, and a loss that compares nothing."""

from mmssl.batch import Batch, Modality
from mmssl.distributed import rank, world
from mmssl.errors import TrainingError, UsageError
from mmssl.objective import Objective
from mmssl.run import Run
from mmssl.training.optimizer import trained
from mmssl.training.readings import Reading

FIRST = 10  # steps, or all where there are fewer


class FirstSteps:
    """Watches them on one process.

    Args:
        run: that is trained.
        start: steps that are done; a loss that came to nothing in the end is no mistake.
    """

    def __init__(self, run: Run, start: int) -> None:
        clips = run.trained_on or run.data
        self._last, self._language = min(FIRST, run.steps), clips.language
        self._still, self._clips = start == 0, 0
        self._unused: tuple[str, ...] = ()
        self._lacking: list[Modality] = [m for m in clips.modalities if m in run.objective.encoders]

    def look(self, batch: Batch) -> Batch:
        """At a batch, before it goes to the device; the same batch."""
        self._clips += len(batch)
        self._lacking = [m for m in self._lacking if m in batch and not bool(batch.valid(m).any())]
        return batch

    def notes(self, step: int) -> list[str]:
        """After `step` steps."""
        unused, self._unused = self._unused, ()
        return [*unused, *(self._note(modality) for modality in self._lacking if step == self._last)]

    def reading(self, reading: Reading) -> None:
        """Of one step, in order.

        Raises:
            TrainingError: nothing can be learnt like this.
        """
        self._still &= reading.numbers["gradient_norm"] == 0
        if self._still and reading.step == self._last:
            raise TrainingError(
                f"the gradient was 0 in the first {self._last} steps, so nothing is learnt; see the warnings above, "
                "and where clips are compared with each other give batch_size above 1 and clips that differ"
            )

    def unreached(self, objective: Objective, step: int) -> None:
        """After the backward pass of a step; with one process the first tells what the loss uses.

        Raises:
            UsageError: some of what is to be trained gets no gradient; with several processes torch cannot go on then,
                and where it is one process's batch that uses less, the others would wait for it in vain.
        """
        if step != 1 and world() == 1:
            return
        if not (names := [name for name, weight in trained(objective).items() if weight.grad is None]):
            return
        told = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
        where = f" in step {step} on process {rank()}" if step > 1 else ""
        advice = f"the loss does not use {told}{where}; leave that out or give it requires_grad_(False)"
        if world() > 1:
            raise UsageError(advice if step == 1 else f"{advice}, or add 0 times it to the loss of such a batch")
        self._unused = (f"warning: {advice}",)

    def _note(self, modality: Modality) -> str:
        if modality != "text":
            return f"warning: none of the first {self._clips} clips has {modality}; look at the data with mmssl probe"
        spoken = f" in language {self._language!r}" if self._language else ""
        return (
            f"warning: none of the first {self._clips} clips has a caption{spoken}, so words teach nothing; they are "
            "read from .json, .txt, .srt and .vtt files beside the media, in shards, or from a manifest's captions"
        )
