"""Which coded pictures no other picture is predicted from, by the headers of H.264 and HEVC."""

from collections.abc import Callable, Iterator

Droppable = Callable[[bytes], bool]


def never(packet: bytes) -> bool:
    """For codecs whose headers are not read here."""
    return False


def units(packet: bytes, prefix: int) -> Iterator[bytes]:
    """The first two bytes of each NAL unit of a picture, `prefix` bytes of length before each (ISO 14496-15, 5.3.3)."""
    place = 0
    while place + prefix + 1 < len(packet):
        length = int.from_bytes(packet[place : place + prefix], "big")
        yield packet[place + prefix : place + prefix + 2]
        place += prefix + length


def h264(extradata: bytes) -> Droppable:
    """nal_ref_idc is 0 in all slices (ITU-T H.264, 7.4.1)."""
    if len(extradata) < 5 or extradata[0] != 1:  # start codes instead of lengths
        return never
    prefix = (extradata[4] & 3) + 1

    def droppable(packet: bytes) -> bool:
        slices = [unit[0] for unit in units(packet, prefix) if 1 <= unit[0] & 31 <= 5]
        return bool(slices) and not any(first & 0x60 for first in slices)

    return droppable


def hevc(extradata: bytes) -> Droppable:
    """The types of all slices are those of sub-layer non-reference pictures (ITU-T H.265, 7.4.2.2)."""
    if len(extradata) < 22 or extradata[0] != 1:
        return never
    prefix = (extradata[21] & 3) + 1

    def droppable(packet: bytes) -> bool:
        kinds = [unit[0] >> 1 & 63 for unit in units(packet, prefix)]
        slices = [kind for kind in kinds if kind < 32]
        return bool(slices) and all(kind < 16 and kind % 2 == 0 for kind in slices)

    return droppable


OF: dict[str, Callable[[bytes], Droppable]] = {"h264": h264, "hevc": hevc}


def droppable_in(codec: str, extradata: bytes) -> Droppable:
    """The rule for a stream."""
    return OF[codec](extradata) if codec in OF else never
