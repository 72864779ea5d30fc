"""Whether bytes are those of which a checksum was kept."""

import zlib

from mmssl.errors import Fault, MediaError


def verify(data: bytes | memoryview, crc: int | None, name: str) -> None:
    """Compare a member, read whole, with the checksum that was kept of it.

    Args:
        data: all of it.
        crc: CRC-32; None where none was kept.
        name: of the file that holds it.

    Raises:
        MediaError: SHARD.
    """
    if crc is not None and zlib.crc32(data) != crc:
        raise damaged(name)


def damaged(name: str) -> MediaError:
    """What to raise for other bytes."""
    detail = "holds other bytes than its index was made of, being damaged or overwritten; get or pack it again"
    return MediaError(name, Fault.SHARD, detail)
