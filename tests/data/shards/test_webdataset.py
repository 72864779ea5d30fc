"""webdataset reads our shards, and we read webdataset's."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mmssl.data.pack import pack
from mmssl.data.recordings import Caption
from mmssl.data.sources import open_recordings

webdataset = pytest.importorskip("webdataset")


def test_we_read_webdatasets_shards(tmp_path: Path) -> None:
    with webdataset.ShardWriter(f"{tmp_path}/s-%06d.tar", maxcount=2, verbose=0) as writer:
        for i in range(5):
            json = {"caption": f"number {i}", "url": "u", "status": "success", "label": i}
            media = bytes([i]) * 700 * i
            writer.write({"__key__": f"part/{i:03d}", "mp4": media, "json": json, "txt": f"number {i}"})
    recordings = open_recordings(f"{tmp_path}/s-{{000000..000002}}.tar")
    for i, found in enumerate(recordings):
        assert (found.key, found.extension, found.label) == (f"part/{i:03d}", "mp4", str(i))
        assert found.captions == (Caption(f"number {i}"),)
        assert found.extra == {"url": "u", "status": "success"}
        with recordings.source(i) as file:  # type: ignore[union-attr]
            assert file.read() == bytes([i]) * 700 * i
    assert i == 4


def test_webdataset_reads_our_shards(tmp_path: Path, tone: Callable[[int], bytes]) -> None:
    (tmp_path / "in/sub").mkdir(parents=True)
    for i in range(4):
        (tmp_path / f"in/sub/v1.{i}.wav").write_bytes(tone(100 * i + 1))
        (tmp_path / f"in/sub/v1.{i}.txt").write_text(f"caption {i}")
    pack(f"{tmp_path}/in", tmp_path / "out", shard_bytes=6000, workers=1)
    shards = sorted(str(path) for path in (tmp_path / "out").glob("*.tar"))
    assert len(shards) == 2
    found = list(webdataset.WebDataset(shards, shardshuffle=False, empty_check=False))
    assert [sample["__key__"] for sample in found] == [f"sub/v1_{i}" for i in range(4)]
    for i, sample in enumerate(found):
        assert sample["wav"] == tone(100 * i + 1)
        assert sample["txt"] == f"caption {i}".encode()
        assert b'"text": "caption' in sample["json"]
