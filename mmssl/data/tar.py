"""Where the members of a tar lie, without extracting: ustar, GNU long names and PAX headers (POSIX.1-2001).

Names never become paths; links, devices and sparse members are refused, and so is a tar that does not end as it should.
"""

import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mmssl.errors import Fault, MediaError

BLOCK = 512
WINDOW = 1 << 15  # bytes read at a header: the small members that follow are then at hand
LONGEST = 1 << 20  # bytes of a long name or PAX header; more is an attack
END = bytes(2 * BLOCK)
_FILES, _FOLDER, _GNU_NAME, _PAX, _PAX_GLOBAL = (b"0", b"\0", b"7"), b"5", b"L", b"x", b"g"
_REFUSED = {b"1": "a hard link", b"2": "a link", b"3": "a device", b"4": "a device", b"6": "a pipe", b"S": "sparse"}

Read = Callable[[int, int], bytes]  # (offset, count) -> at most count bytes


@dataclass(frozen=True)
class Member:
    """A file in a tar: `size` bytes from `offset` on, and the CRC-32 of them where it is known."""

    name: str
    offset: int
    size: int
    crc: int | None = None


class Window:
    """Small reads at growing offsets through one larger read."""

    def __init__(self, read: Read, size: int) -> None:
        self._read, self._size = read, size
        self._start, self._data = 0, b""

    def __call__(self, offset: int, count: int) -> bytes:
        """At most `count` bytes from `offset` on."""
        if not self._start <= offset <= offset + count <= self._start + len(self._data):
            count_read = min(max(count, WINDOW), max(self._size - offset, 0))
            self._start, self._data = offset, self._read(offset, count_read)
        return self._data[offset - self._start :][:count]


def _number(field: bytes) -> int:
    if field[0] & 0x80:  # base 256, GNU's way to more than 8 GiB
        return int.from_bytes(bytes([field[0] & 0x7F]) + field[1:], "big")
    return int(field.split(b"\0", 1)[0].strip() or b"0", 8)


def _string(field: bytes) -> str:
    return field.split(b"\0", 1)[0].decode("utf-8", "surrogateescape")


def _pax(data: bytes) -> dict[str, str]:
    fields = {}
    while data.strip(b"\0"):
        length, _, _ = data.partition(b" ")
        if int(length) > len(data):
            raise ValueError(length)
        record, data = data[: int(length)], data[int(length) :]
        name, separator, value = record[len(length) + 1 :].partition(b"=")
        if not separator or not value.endswith(b"\n"):
            raise ValueError(record)
        fields[name.decode()] = value[:-1].decode("utf-8", "surrogateescape")
    return fields


def _whole(block: bytes) -> bool:
    """Whether the header's checksum is right; old writers summed signed bytes."""
    told = _number(block[148:156])
    rest = block[:148] + b" " * 8 + block[156:]
    return told == sum(rest) or told == sum(rest) - 256 * sum(byte > 127 for byte in rest)


def _safe(name: str) -> bool:
    return not name.startswith("/") and ".." not in name.split("/") and "\0" not in name


def members(read: Read, size: int, shard: str) -> Iterator[Member]:
    """The files of a tar in their order.

    Args:
        read: gives bytes by (offset, count).
        size: of the tar, bytes.
        shard: what messages call it.

    Raises:
        MediaError: SHARD; truncated, damaged, or a member that is no plain file with a relative name.
    """

    def wrong(detail: str) -> MediaError:
        return MediaError(shard, Fault.SHARD, detail)

    window = Window(read, size)
    offset, longer = 0, dict[str, str]()
    while True:
        block = window(offset, BLOCK)
        if len(block) < BLOCK:
            raise wrong(f"is truncated: it ends at byte {size} without the end mark of a tar; get or pack it again")
        if not block.strip(b"\0"):
            break
        try:
            told = _whole(block) and _number(block[124:136])
        except ValueError:
            told = False
        if told is False:
            raise wrong(f"is no tar at byte {offset}: the checksum of the header is wrong; get or pack it again")
        kind, data = block[156:157], offset + BLOCK
        if kind in (_GNU_NAME, _PAX, _PAX_GLOBAL):
            if told > LONGEST:
                raise wrong(f"has a header of {told} bytes at byte {offset}, more than the {LONGEST} allowed")
            longer |= _extended(kind, window(data, told), wrong, offset)
            offset = _after(data, told, size, wrong)
            continue
        prefix = _string(block[345:500]) if block[257:263] == b"ustar\0" else ""
        name = longer.get("path", f"{prefix}/{_string(block[:100])}".lstrip("/") if prefix else _string(block[:100]))
        length = int(longer.get("size", told))
        if kind in _REFUSED or any(field.startswith("GNU.sparse") for field in longer):
            raise wrong(f"member {name!r:.100} is {_REFUSED.get(kind, 'sparse')}; only plain files are read")
        if not _safe(name):
            raise wrong(f"member {name!r:.100} is named outside its tar; names must be relative without '..'")
        offset, longer = _after(data, length, size, wrong), {}
        if kind in _FILES and not name.endswith("/"):
            yield Member(name.removeprefix("./"), data, length)
    rest = window(offset, 20 * BLOCK)
    if len(rest) < len(END):
        raise wrong("is truncated in its end mark; get or pack it again")
    if rest.strip(b"\0"):
        raise wrong(f"goes on after its end mark at byte {offset}; tars joined by cat must stay apart")


def _extended(kind: bytes, data: bytes, wrong: Callable[[str], MediaError], offset: int) -> dict[str, str]:
    try:
        fields = {"path": _string(data)} if kind == _GNU_NAME else _pax(data)
        int(fields.get("size", 0))
    except ValueError:
        raise wrong(f"has a damaged extended header at byte {offset}; get or pack it again") from None
    return {} if kind == _PAX_GLOBAL else fields


def _after(data: int, length: int, size: int, wrong: Callable[[str], MediaError]) -> int:
    if length < 0 or data + length > size:
        detail = f"is truncated: a member of {length} bytes at byte {data} goes beyond its end at byte {size}"
        raise wrong(f"{detail}; get or pack it again")
    return data + -(-length // BLOCK) * BLOCK


def header(name: str, size: int) -> bytes:
    """The header of a plain file; the same bytes on any machine at any time."""
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o644
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


def padding(size: int) -> bytes:
    """Zeros up to the next block."""
    return bytes(-size % BLOCK)
