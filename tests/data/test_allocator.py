"""Memory that is used again is not asked of the system again."""

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource
from mmssl.data.allocator import keep_freed_memory
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def fill():
    b"x" * (64 << 20)  # above the bound to which glibc adapts by itself
{}
fill()
before = faults()
for _ in range(4):
    fill()
print(faults() - before)
"""


def _faults(line: str) -> int:
    done = subprocess.run([sys.executable, "-c", PROGRAM.format(line)], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's allocator")
def test_freed_memory_stays() -> None:
    assert _faults("keep_freed_memory()") < _faults("") // 10
