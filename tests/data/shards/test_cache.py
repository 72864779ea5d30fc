"""The bounded cache of blocks."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmssl.data.atomic import write_atomically
from mmssl.data.cache import WAYS, BlockCache, cache_bytes, cache_folder
from mmssl.errors import UsageError

BLOCK = 1000


def kept(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_what_was_put(tmp_path: Path) -> None:
    cache = BlockCache(tmp_path, 10**6, BLOCK)
    assert cache.get("a") is None
    cache.put("a", b"abc")
    assert cache.get("a") == b"abc"
    assert BlockCache(tmp_path, 10**6, BLOCK).get("a") == b"abc"


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 60_000))
def test_the_bound_holds(tmp_path_factory: pytest.TempPathFactory, bound: int) -> None:
    folder = tmp_path_factory.mktemp("cache")
    cache = BlockCache(folder, bound, BLOCK)
    for i in range(80):
        cache.put(str(i), bytes(BLOCK))
        if i % 20 == 0:
            assert kept(folder) <= bound
    assert kept(folder) <= bound
    assert bound < 2 * BLOCK or cache.get("79") == bytes(BLOCK)


def test_the_one_used_longest_ago_goes(tmp_path: Path) -> None:
    cache = BlockCache(tmp_path, 3 * (BLOCK + 4), BLOCK)
    for i, name in enumerate("abc"):
        cache.put(name, name.encode())
        os.utime(cache._path(name), (i, i))
    assert cache.get("a") == b"a"  # now the newest
    cache.put("d", b"d")
    assert [cache.get(name) for name in "abcd"] == [b"a", None, b"c", b"d"]


@pytest.mark.parametrize("damage", [b"", b"abx" + b"\0" * 4, b"\0" * 7])
def test_a_damaged_block_is_not_here(tmp_path: Path, damage: bytes) -> None:
    cache = BlockCache(tmp_path, 10**6, BLOCK)
    cache.put("a", b"abc")
    cache._path("a").write_bytes(damage)
    assert cache.get("a") in (None, b"")


def test_another_bound_starts_anew(tmp_path: Path) -> None:
    BlockCache(tmp_path, 10**6, BLOCK).put("a", bytes(BLOCK))
    (tmp_path / "of-the-user").mkdir()
    smaller = BlockCache(tmp_path, WAYS * 1004, BLOCK)
    assert smaller.get("a") is None
    assert kept(tmp_path) == 0
    assert (tmp_path / "of-the-user").is_dir()


@pytest.mark.fault("R15")
def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    cache = BlockCache(tmp_path / "file", 10**6, BLOCK)
    cache.put("a", b"abc")
    assert cache.get("a") is None


def test_many_writers(tmp_path: Path) -> None:
    bound = 8 * (BLOCK + 4)

    def work(seed: int) -> bool:
        cache = BlockCache(tmp_path, bound, BLOCK)
        for i in range(60):
            name = str((i * 7 + seed) % 12)
            cache.put(name, name.encode() * 300)
            if cache.get(name) not in (None, name.encode() * 300):
                return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(work, range(4)))
    assert not list(tmp_path.rglob("*.partial"))


def test_write_atomically_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"):
        write_atomically(tmp_path / "folder", b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


@pytest.mark.parametrize("told", ["much", "-1", "nan", "inf"])
def test_the_bound_must_be_a_number(monkeypatch: pytest.MonkeyPatch, told: str) -> None:
    monkeypatch.setenv("MMSSL_CACHE_GB", told)
    with pytest.raises(UsageError, match="MMSSL_CACHE_GB"):
        cache_bytes()


def test_a_cache_that_everybody_may_write_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MMSSL_CACHE", str(tmp_path / "open"))
    assert cache_folder() == tmp_path / "open"
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    with pytest.raises(UsageError, match="chmod o-w"):
        cache_folder()
