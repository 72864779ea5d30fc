"""Everything mmssl refuses, in one sentence that names the file or field and says what to do.

An error that comes from the user's data, options or files is a `MmsslError`; the command line prints it without a
traceback and exits with its `exit_status`. A programming error stays whatever Python calls it.
"""

from enum import StrEnum


class MmsslError(Exception):
    """Base of every error that is told to the user as one sentence."""

    exit_status = 1


class UsageError(MmsslError):
    """An option, argument, recipe or manifest field is wrong; nothing was started."""

    exit_status = 2


class Fault(StrEnum):
    """Why a recording cannot be used, as counted in reports and `skipped.jsonl`."""

    MISSING = "missing"
    PERMISSION = "permission"
    NOT_REGULAR = "not a regular file"
    EMPTY = "empty"
    UNRECOGNIZED = "unrecognized"
    NO_VIDEO = "no video"
    NO_AUDIO = "no audio"
    TRUNCATED = "truncated"
    CORRUPT = "corrupt"
    TOO_LARGE = "too large"
    TOO_SHORT = "too short"
    BAD_TIMESTAMPS = "bad timestamps"
    UNSUPPORTED = "unsupported"
    TEXT = "text"
    SHARD = "shard"
    NETWORK = "network"
    TIMEOUT = "timeout"


class MediaError(MmsslError):
    """One recording cannot be read.

    Args:
        name: the file, shard member or address, as the user would name it.
        fault: the kind of fault.
        detail: what was found and what to do, without the name.
    """

    exit_status = 3

    def __init__(self, name: str, fault: Fault, detail: str) -> None:
        super().__init__(f"{name}: {detail} ({fault.value})")
        self.name, self.fault, self.detail = name, fault, detail

    def __reduce__(self) -> tuple[type["MediaError"], tuple[str, Fault, str]]:
        # An exception crosses the border between worker and trainer by pickle, which would call __init__(message).
        return type(self), (self.name, self.fault, self.detail)


class CheckpointError(MmsslError):
    """A checkpoint or run folder is incomplete, damaged or of another model."""

    exit_status = 3


class TrainingError(MmsslError):
    """Training cannot go on: a loss that is not finite, a lost worker, too many unreadable recordings."""

    exit_status = 6


class EvaluationError(MmsslError):
    """A number would say nothing: embeddings that are not finite or zero, no right answer, nothing annotated."""

    exit_status = 7


class TooLittleError(EvaluationError):
    """The data hold nothing, or too little, for a number; the model may be sound, and other numbers can be told."""
