"""One encoder out of a run, or all of its weights, for another run to begin with."""

from pathlib import Path

from mmssl.encoder import Encoder
from mmssl.errors import UsageError
from mmssl.modules.pretrained import load_weights, wanted
from mmssl.modules.tower_policy import TowerPolicy
from mmssl.run import Run
from mmssl.training.checkpoint import Checkpoints
from mmssl.training.folder import newest_checkpoint, read_run_json, restore


def begun(encoder: Encoder, policy: TowerPolicy, folder: str) -> Encoder:
    """The encoder, filled from the one of its modality in a run folder if its policy is `pretrained`.

    Of a run, weights alone are read, the newest and the averaged ones if kept; its recipe is not run. Within
    `without_pretrained`, as when the new run is opened later, nothing is read.

    Args:
        encoder: built as that of the run was.
        policy: of the tower.
        folder: of the run; "" if none is given.

    Raises:
        UsageError: the policy wants weights and no folder is given, or they are of another encoder.
        CheckpointError: there is no checkpoint, or it is damaged.
    """
    if not policy.pretrained or not wanted(True):
        return encoder
    if not folder:
        raise UsageError(f"the {encoder.modality} tower is to begin pretrained, but no run is given for it; name one")
    prefix = f"encoders.{encoder.modality}."
    weights = newest_checkpoint(Path(folder)).weights
    own = {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}
    load_weights(encoder, own, f"{encoder.modality} of {folder}")
    return encoder


def begin_weights(run: Run, folder: Path, begin_with: Path | None, *, resume: bool) -> None:
    """Give a new training the weights of another run; one that goes on takes its own, once it has any.

    Args:
        run: that is trained.
        folder: of it.
        begin_with: the other run's folder; when it goes on, that which it was started with.
        resume: whether it goes on.

    Raises:
        CheckpointError: as `restore`.
    """
    if resume and (folder / "run.json").exists():
        started = read_run_json(folder).get("begin_with")
        begin_with = Path(started) if started else None
    if begin_with is not None and not (resume and Checkpoints(folder / "checkpoints").steps()):
        restore(run, begin_with)
