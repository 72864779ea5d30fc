"""What this installation can do, and what is wrong with it, found by trying."""

import importlib
import importlib.metadata
import os
import platform
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import torch

from mmssl import __version__
from mmssl.data.cache import cache_bytes, cache_folder
from mmssl.data.decode.decord import DecordReader
from mmssl.data.decode.ffmpeg import has_known_holes
from mmssl.data.decode.pyav import PyAVReader
from mmssl.data.decode.reader import Reader
from mmssl.data.decode.torchcodec import TorchCodecReader
from mmssl.data.synthetic.generate import World, synthesize
from mmssl.errors import MmsslError
from mmssl.training.processes import has_bf16


class State(StrEnum):
    """How a thing is."""

    OK = "ok"
    ABSENT = "absent"  # and nothing that was asked for needs it
    CAREFUL = "careful"
    BROKEN = "broken"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        subject: its name.
        state: how it is.
        detail: versions and numbers, or what is wrong and what to do.
    """

    subject: str
    state: State
    detail: str


def examine() -> Iterator[Finding]:
    """Everything, in seconds; a film is made and decoded for it."""
    yield Finding("mmssl", State.OK, f"{__version__}, Python {platform.python_version()}, {platform.platform()}")
    yield from _processors()
    yield from _decoders()
    yield from _storage()
    yield from _packages()


def _processors() -> Iterator[Finding]:
    threads = os.environ.get("OMP_NUM_THREADS")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    told = f"{cores} cores, torch uses {torch.get_num_threads()}" + (f" (OMP_NUM_THREADS={threads})" if threads else "")
    half = "" if has_bf16(torch.device("cpu")) else ", no arithmetic for bfloat16: precision='auto' stays at fp32"
    yield Finding("processor", State.OK, f"{told}{half}")
    if not torch.cuda.is_available():
        yield Finding("GPU", State.ABSENT, f"torch {torch.__version__} finds none")
    for number in range(torch.cuda.device_count()):
        facts = torch.cuda.get_device_properties(number)
        half = "bf16" if has_bf16(torch.device("cuda", number)) else "no bf16"
        yield Finding(f"GPU {number}", State.OK, f"{facts.name}, {facts.total_memory / 2**30:.0f} GiB, {half}")
    compiler = os.environ.get("CXX") or shutil.which("c++") or shutil.which("g++")
    state = State.OK if compiler else State.ABSENT
    yield Finding("C++ compiler", state, compiler or "none: Optimization(compile=True) needs one")


def _decoders() -> Iterator[Finding]:
    with tempfile.TemporaryDirectory() as folder:
        synthesize(Path(folder), 1, world=World(seconds=1.0, pixels=64), splits={"all": 1}, progress=False)
        film = str(next(Path(folder).rglob("*.mp4")))
        for reader in (PyAVReader(), DecordReader(), TorchCodecReader()):
            yield _decoder(reader, film)


def _decoder(reader: Reader, film: str) -> Finding:
    default, name = isinstance(reader, PyAVReader), f"decoder {reader.name}"
    try:
        with reader.open(film, "a film made for this") as media:
            media.frames([0.5], (16, 16))
            media.sound(0.2, 1_600, 16_000)
        versions = reader.versions()
    except (MmsslError, ImportError, OSError, RuntimeError) as error:
        return Finding(name, State.BROKEN if default else State.ABSENT, str(error).strip().splitlines()[0])
    inside = versions.get("ffmpeg") or _ffmpeg(reader.name)
    told = f"{versions.get('av') or versions[reader.name]}, FFmpeg {inside}"
    if not has_known_holes(inside):
        return Finding(name, State.OK, told)
    advice = "upgrade av" if default else "for files that you trust; the default decoder is another"
    return Finding(name, State.BROKEN if default else State.CAREFUL, f"{told} has known holes: {advice}")


def _ffmpeg(package: str) -> str:
    """The version inside a package that does not say it through its reader."""
    try:
        core: Any = importlib.import_module(f"{package}._core")
        return str(core.get_ffmpeg_library_versions()["ffmpeg_version"])
    except (ImportError, AttributeError, KeyError):
        pass
    # libavcodec's number, of the libraries that a wheel brings, is higher by 54.
    names = " ".join(str(file) for file in importlib.metadata.files(package) or ())
    found = re.search(r"libavcodec\S*\.so\.(\d+)", names)
    return f"{int(found[1]) - 54}" if found else "unknown"


def _storage() -> Iterator[Finding]:
    try:
        folder, bound = cache_folder(), cache_bytes()
    except MmsslError as error:
        yield Finding("cache", State.BROKEN, str(error))
    else:
        there = next(path for path in (folder, *folder.parents) if path.exists())
        free = shutil.disk_usage(there).free
        told = f"{folder}, at most {bound / 1e9:g} GB, {free / 1e9:.0f} GB free"
        writable = os.access(there, os.W_OK)
        advice = (
            "" if writable else "; it cannot be written: name another in MMSSL_CACHE, or each visit reads all again"
        )
        yield Finding("cache", State.OK if writable else State.CAREFUL, told + advice)
    place = tempfile.gettempdir()
    yield Finding("temporary files", State.OK, f"{place}, {shutil.disk_usage(place).free / 1e9:.0f} GB free")


_OPTIONAL = {
    "s3fs": "s3:// addresses: pip install 'mmssl[s3]'",
    "gcsfs": "gs:// addresses: pip install gcsfs",
    "adlfs": "az:// and abfs:// addresses: pip install adlfs",
    "qdrant-client": "an index in a Qdrant server: pip install 'mmssl[qdrant]'",
}


def _packages() -> Iterator[Finding]:
    for package in ("torch", "torchaudio", "torchvision", "transformers", "open-clip-torch", "faiss-cpu"):
        try:
            yield Finding(package, State.OK, importlib.metadata.version(package))
        except importlib.metadata.PackageNotFoundError:
            yield Finding(package, State.BROKEN, f"is not installed: pip install {package}")
    for package, use in _OPTIONAL.items():
        try:
            yield Finding(package, State.OK, importlib.metadata.version(package))
        except importlib.metadata.PackageNotFoundError:
            yield Finding(package, State.ABSENT, f"for {use}")
