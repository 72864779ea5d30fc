"""Files below a remote folder, and globs in addresses."""

import glob

from mmssl.data.decode.reader import Source
from mmssl.data.remote import RemoteRanges, attempt, is_remote, open_filesystem
from mmssl.data.slices import open_slice
from mmssl.data.text import too_large
from mmssl.errors import Fault, MediaError


class RemoteFiles:
    """Files below a remote folder, or at any address when a name is one.

    Args:
        address: of the folder, which the user gave.
        given: the user gave the addresses among the names as well.
    """

    def __init__(self, address: str, given: bool = True) -> None:
        self.address, self._given = address.rstrip("/"), given

    def _ranges(self, name: str) -> RemoteRanges:
        return RemoteRanges(name, self._given) if is_remote(name) else RemoteRanges(f"{self.address}/{name}")

    def source(self, name: str) -> Source:
        """An open file."""
        ranges = self._ranges(name)
        return open_slice(ranges, 0, ranges.size)

    def read(self, name: str, largest: int | None = None) -> bytes:
        """A small file whole.

        Raises:
            MediaError: as for `RemoteRanges`, or TOO_LARGE.
        """
        ranges = self._ranges(name)
        if largest is not None:
            too_large(ranges.name, ranges.size, largest)
        return ranges.read(0, ranges.size, ranges.size)

    def size(self, name: str) -> int:
        """Bytes; -1 when it is missing."""
        try:
            return self._ranges(name).size
        except MediaError as error:
            if error.fault is not Fault.MISSING:
                raise
            return -1

    def names(self) -> list[str]:
        """Names of all files below, sorted.

        Raises:
            MediaError: as for `RemoteRanges`.
        """
        filesystem, path = open_filesystem(self.address)
        found = attempt(self.address, lambda: filesystem.find(path))
        return sorted(name.removeprefix(path).lstrip("/") for name in found)


def match_remote(address: str) -> list[str]:
    """The address itself, or what a glob in it finds.

    Raises:
        MediaError: MISSING, when that is nothing.
    """
    if not glob.has_magic(address.partition("?")[0] if address.startswith("http") else address):
        return [address]
    filesystem, path = open_filesystem(address)
    found = attempt(address, lambda: filesystem.glob(path))
    if not found:
        raise MediaError(address, Fault.MISSING, "matches nothing; check the address")
    return sorted(filesystem.unstrip_protocol(name) for name in found)
