"""Device and process group of this process, as `torchrun` started it."""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch
from torch import distributed, nn
from torch.distributed.fsdp import FSDPModule
from torch.nn.parallel import DistributedDataParallel

from mmssl.distributed import world
from mmssl.errors import UsageError
from mmssl.objective import Objective

# A process waits this long for the others, then fails; longer than an evaluation, which process 0 does alone.
# One that dies does not need it: torchrun ends the others at once.
TIMEOUT = timedelta(minutes=30)


def find_device(name: str) -> torch.device:
    """`auto`, `cpu`, `cuda` or `cuda:1` to a device; each process of one machine takes its own.

    Raises:
        UsageError: there is no such device.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UsageError(f"--device {name}: no such device; give cpu, cuda or auto") from error
    if device.type == "cuda":
        number = int(os.environ.get("LOCAL_RANK", "0")) if device.index is None else device.index
        if number >= torch.cuda.device_count():
            found = torch.cuda.device_count()
            raise UsageError(f"--device {name}: this machine has {found} CUDA devices; give cpu or auto")
        device = torch.device("cuda", number)
        torch.cuda.set_device(device)
    return device


def has_bf16(device: torch.device) -> bool:
    """Whether the device computes in bfloat16 itself; elsewhere it is emulated, which is slower than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    able = torch.cpu.get_capabilities()
    return bool(able.get("amx_bf16") or able.get("avx512_bf16"))


@contextmanager
def leaving_cores(workers: int) -> Iterator[None]:
    """Within this block torch leaves a core of the processor to each worker, unless OMP_NUM_THREADS says otherwise.

    With two threads and a worker on two cores all three wait for each other, and one thread trains faster than two.
    """
    before = torch.get_num_threads()
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(max(1, before - workers))
    yield
    torch.set_num_threads(before)


@contextmanager
def processes(device: torch.device) -> Iterator[None]:
    """Within this block the processes that `torchrun` started know each other; alone, nothing is done."""
    if distributed.is_initialized() or int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield
        return
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=TIMEOUT)
    yield
    # Not after an exception: taking the group down waits for processes that may wait for this one.
    distributed.destroy_process_group()


def first() -> bool:
    """Whether this is process 0; also before and after the processes know each other."""
    return os.environ.get("RANK", "0") == "0"


def wait_for_all() -> None:
    """Go on when every process is here."""
    if world() > 1:
        distributed.barrier()


def shared(objective: Objective) -> nn.Module:
    """The objective with gradients averaged over processes.

    Buffers are not broadcast: banks and centers are updated equally everywhere from gathered rows. Every trained
    parameter must take part in every loss, as searching for unused ones costs a walk through the graph each step.
    """
    if world() == 1 or isinstance(objective, FSDPModule):
        return objective
    # A 1x1 convolution has two equal ways to lie in memory, and DDP warns that gradient and bucket chose differently.
    warnings.filterwarnings("ignore", "Grad strides do not match bucket view strides")
    return DistributedDataParallel(objective, broadcast_buffers=False, gradient_as_bucket_view=True)
