"""Weights from elsewhere: from a local file always, from a hub where the network allows."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, TypeVar
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import torch
from huggingface_hub import constants
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from mmssl.errors import UsageError

# True: the weights that the name of the model stands for. A path: a local file. False: random weights.
Pretrained = bool | str | Path

_T = TypeVar("_T")
_skipped: ContextVar[bool] = ContextVar("pretrained_skipped", default=False)
_SUFFIXES = {".safetensors", ".pt", ".pth", ".bin", ".npy", ".npz"}
_WRAPPERS = ("state_dict", "model_state_dict", "model")


@contextmanager
def without_pretrained() -> Iterator[None]:
    """Encoders built inside leave their weights random, since a checkpoint follows that holds all of them.

    So a run folder opens years later, without the network and after the files that it began from are gone.
    """
    token = _skipped.set(True)
    try:
        yield
    finally:
        _skipped.reset(token)


def wanted(pretrained: Pretrained | None) -> bool:
    """Whether weights are to be loaded now."""
    return bool(pretrained) and not _skipped.get()


def is_path(name: str | Path) -> bool:
    """Whether it means a local file or folder rather than a name on a hub (`org/name` may be either: disk first)."""
    path = Path(name)
    return (
        path.expanduser().exists() or path.is_absolute() or path.suffix in _SUFFIXES or str(name).startswith((".", "~"))
    )


def existing(name: str | Path) -> Path:
    """The local path.

    Raises:
        UsageError: nothing is there.
    """
    path = Path(name).expanduser()
    if not path.exists():
        raise UsageError(f"{name}: no such file or folder of pretrained weights; give the path of one that exists.")
    return path


def read_weights(name: str | Path) -> dict[str, Tensor]:
    """The tensors of a `.safetensors` file, or of a `.pt`, `.pth` or `.bin` one (read as weights only, never code).

    Raises:
        UsageError: the file is missing, damaged, or holds more than tensors.
    """
    path = existing(name)
    try:
        content: Any = load_file(path) if path.suffix == ".safetensors" else torch.load(path, "cpu", weights_only=True)
    except UnpicklingError as error:
        raise UsageError(
            f"{name}: damaged, or holds more than tensors, which could run code; save its state_dict as safetensors."
        ) from error
    except (SafetensorError, OSError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise UsageError(f"{name}: not a readable file of weights ({first_line(error)}).") from error
    for wrapper in _WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    if not isinstance(content, Mapping) or not all(isinstance(value, Tensor) for value in content.values()):
        parts = (
            f"a table of {', '.join(map(str, list(content)[:4]))}" if isinstance(content, Mapping) else "other things"
        )
        raise UsageError(
            f"{name}: expected a table of tensors (a state_dict), not {parts}; save the one you want alone."
        )
    return {key.removeprefix("module."): value for key, value in content.items()}


def load_weights(
    module: nn.Module, weights: Mapping[str, Tensor], name: str | Path, unused: tuple[str, ...] = ()
) -> None:
    """Copy weights into a module, every one of its parameters and buffers.

    Args:
        module: what is filled.
        weights: of `read_weights`, or from a hub.
        name: what messages call them.
        unused: beginnings of keys that the module does without (the classifier).

    Raises:
        UsageError: a tensor is missing, left over, or of another shape; the module is unchanged then.
    """
    given = {key: value for key, value in weights.items() if not key.startswith(unused)}
    own = module.state_dict()
    missing = sorted(set(own) - set(given))
    extra = sorted(set(given) - set(own))
    other = [key for key in own if key in given and own[key].shape != given[key].shape]
    if missing or extra or other:
        before = _before(list(own), given)
        advice = f"save those without {before!r} before their names" if before else "give the file of this very model"
        raise UsageError(
            f"{name}: not the weights of this {type(module).__name__}: {len(missing)} tensors missing{_some(missing)}, "
            f"{len(extra)} left over{_some(extra)}, {len(other)} of another shape{_some(other)}; {advice}."
        )
    module.load_state_dict(given)


@cache
def _reachable() -> bool:
    """Whether the hub answers: without a network its client tries each file again and again, for 24 s."""
    wait = float(os.environ.get("HF_HUB_ETAG_TIMEOUT", "1.5"))  # seconds; the hub's own setting for slow networks
    try:
        urlopen(Request(constants.ENDPOINT, method="HEAD"), timeout=wait).close()
    except HTTPError:
        return True  # it answers, whatever it says
    except OSError:
        return False
    return True


@contextmanager
def _cache_alone() -> Iterator[None]:
    before, constants.HF_HUB_OFFLINE = constants.HF_HUB_OFFLINE, True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def from_hub(name: str, get: Callable[[], _T], remote: bool = False) -> _T:
    """Call what loads from a hub.

    Args:
        name: what messages call it.
        get: loads it.
        remote: whether that may ask the Hugging Face hub; what is in its cache is found without a network as well.

    Raises:
        UsageError: the network, the hub or the name failed it.
    """
    offline = remote and not constants.HF_HUB_OFFLINE and not _reachable()
    try:
        with _cache_alone() if offline else nullcontext():
            return get()
    except (OSError, ValueError, RuntimeError) as error:
        raise UsageError(
            f"{name}: could not be loaded ({first_line(error)}); check the name and the network, or give the path of a "
            "local copy instead."
        ) from error


def first_line(error: BaseException) -> str:
    """The first line of its message, without the full stop."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__


def _before(own: list[str], given: Mapping[str, Tensor]) -> str:
    """What stands before all names of a module that was part of a larger one, such as "encoder_q."; "" for nothing."""
    starts = [key.removesuffix(own[0]) for key in given if key.endswith(own[0])] if own else []
    return next((start for start in starts if start and all(start + key in given for key in own)), "")


def _some(keys: list[str]) -> str:
    return f" ({', '.join(keys[:2])}{', ...' if len(keys) > 2 else ''})" if keys else ""
