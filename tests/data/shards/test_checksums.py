"""Bytes of a packed shard that become others, its size and times as before: told where a member is read whole."""

import os
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mmssl.data.clips import Clips
from mmssl.data.loader import evaluation_batches
from mmssl.data.pack import pack
from mmssl.data.shard_index_file import SUFFIX, open_index
from mmssl.data.shards import ShardRecordings
from mmssl.data.skipped import Skipped
from mmssl.data.slices import Slice, slice_of
from mmssl.errors import Fault, MediaError

Tone = Callable[[int], bytes]


@pytest.fixture
def shard(tmp_path: Path, tone: Tone) -> Path:
    """Of three captioned sounds."""
    folder = tmp_path / "in"
    folder.mkdir()
    for i in range(3):
        (folder / f"{i}.wav").write_bytes(tone(4000 + i))
        (folder / f"{i}.txt").write_text(f"sound {i}")
    pack(str(folder), tmp_path / "out", workers=1)
    return tmp_path / "out" / "shard-000000.tar"


def recordings(shard: Path) -> ShardRecordings:
    return ShardRecordings(str(shard), [str(shard)])


def damage(shard: Path, sample: int, extension: str) -> None:
    """Flip a bit in the middle of a member as a failing disk does: nothing tells of it."""
    _, index = open_index(str(shard))
    offset, size = next((m.offset, m.size) for m in index.members(sample) if m.name == extension)
    status = shard.stat()
    with shard.open("r+b") as file:
        file.seek(offset + size // 2)
        (byte,) = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 16]))
    os.utime(shard, ns=(status.st_atime_ns, status.st_mtime_ns))


def part(found: ShardRecordings, index: int) -> Slice:
    opened = slice_of(found.source(index))
    assert opened is not None
    return opened


def test_pack_keeps_them(shard: Path) -> None:
    ranges, index = open_index(str(shard))
    members = [member for sample in range(3) for member in index.members(sample)]
    assert {member.name for member in members} == {"wav", "packets", "json", "txt"}
    for member in members:
        assert member.crc == zlib.crc32(ranges.read(member.offset, member.size, ranges.size))


@pytest.mark.fault("S4")
@pytest.mark.parametrize("extension", ["json", "txt"])
def test_descriptions(shard: Path, extension: str) -> None:
    found = recordings(shard)
    damage(shard, 1, extension)
    with pytest.raises(MediaError, match=r"shard-000000\.tar: holds other bytes") as caught:
        found[1]
    assert caught.value.fault is Fault.SHARD
    assert found[0].captions
    assert found[2].captions


@pytest.mark.fault("S4")
def test_media_read_whole(shard: Path) -> None:
    found = recordings(shard)
    whole = part(found, 1).read_at(0, part(found, 1).size)
    damage(shard, 1, "wav")
    for act in (
        lambda: found.source(1).read(),
        lambda: part(found, 1).read_at(0, len(whole)),
        lambda: part(found, 1).check(),
        lambda: part(found, 1).view().read(),
    ):
        with pytest.raises(MediaError, match=r"shard-000000\.tar: holds other bytes"):
            act()
    with pytest.raises(MediaError, match=r"shard-000000\.tar/1\.wav: holds other bytes"):
        found.members(1)
    assert bytes(found.members(0)["txt"]) == b"sound 0"
    assert part(found, 1).read_at(0, 100) == whole[:100]  # a part is not compared


@pytest.mark.fault("S4")
def test_windows(shard: Path) -> None:
    """A packet that is another has all of its recording compared, which the container would read as it is."""
    clips = Clips(source=str(shard), seconds=0.1, frames=0, sample_rate=8000).open()
    damage(shard, 1, "wav")
    skipped = Skipped(limit=1.0)
    keys = [key for batch in evaluation_batches(clips, 1, skipped=skipped) for key in batch.keys]
    assert keys == ["0", "2"]
    assert [fault for fault, _ in skipped.reasons.values()] == [Fault.SHARD]


def test_a_damaged_shard_is_packed_again(shard: Path) -> None:
    source, whole = str(shard.parent.parent / "in"), shard.read_bytes()
    damage(shard, 1, "wav")
    assert pack(source, shard.parent, workers=1).reused == 1  # as its size is what it was
    assert pack(source, shard.parent, workers=1, check=True).reused == 0
    assert shard.read_bytes() == whole
    assert recordings(shard).members(1)
    assert pack(source, shard.parent, workers=1, check=True).reused == 1


def test_an_index_without_them(shard: Path) -> None:
    """As earlier versions wrote it, and as shards of other programs get it."""
    _, before = open_index(str(shard))
    beside = Path(f"{shard}{SUFFIX}")
    with np.load(beside) as arrays:
        kept = {name: arrays[name] for name in arrays.files}
    del kept["crc"]
    np.savez(beside, **kept)
    _, index = open_index(str(shard))
    assert len(index.crc) == 0
    assert list(index.keys.all()) == list(before.keys.all())
    damage(shard, 1, "txt")
    assert recordings(shard)[1].captions
    beside.unlink()
    assert len(open_index(str(shard))[1].crc) == 0


@pytest.mark.parametrize("bad", [np.zeros(3, np.uint32), np.zeros(12, np.int64), np.zeros((12, 1), np.uint32)])
def test_an_index_with_wrong_ones(shard: Path, bad: np.ndarray) -> None:
    beside = Path(f"{shard}{SUFFIX}")
    with np.load(beside) as arrays:
        np.savez(beside, **{**arrays, "crc": bad})
    assert len(open_index(str(shard))[1].crc) == 0
