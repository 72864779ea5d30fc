"""Storage that stops to answer ends a run; a recording that the network does not give is one of those left out."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.http import HTTPFileSystem

from mmssl.batch import Batch
from mmssl.data.clips import Clips
from mmssl.data.loader import evaluation_batches, training_batches
from mmssl.data.outage import IN_A_ROW, Outage
from mmssl.data.skipped import Skipped
from mmssl.errors import Fault, MediaError

Tar = Callable[[Path, dict[str, bytes]], Path]
pytestmark = pytest.mark.fault("S4")


def lost(address: str) -> MediaError:
    return MediaError(address, Fault.NETWORK, "could not be read")


def test_one_host_in_a_row() -> None:
    outage = Outage()
    for _ in range(3):
        for _ in range(IN_A_ROW - 1):
            outage.look(lost("s3://bucket/a.mp4"))
        outage.look(None)
    for _ in range(3):
        for host in ("one", "other"):
            outage.look(lost(f"https://{host}/a.mp4"))
            outage.look(MediaError("a.mp4", Fault.CORRUPT, "is damaged"))
    for number in range(20):  # a list of links of which many are dead
        outage.look(lost(f"https://host{number}/a.mp4"))
    for _ in range(IN_A_ROW - 1):
        outage.look(lost("s3://bucket/a.mp4"))
    with pytest.raises(MediaError, match="nor could 4 others before: go on when bucket answers again") as caught:
        outage.look(lost("s3://bucket/a.mp4"))
    assert caught.value.fault is Fault.NETWORK


@pytest.fixture
def sounds(server: Any, tar: Tar, tone: Callable[[int], bytes], monkeypatch: pytest.MonkeyPatch) -> Clips:
    """Forty sounds in a shard on the server, of which nothing is kept here."""
    monkeypatch.setenv("MMSSL_CACHE_GB", "0")
    tar(server.folder / "s-000.tar", {f"{number:02d}.wav": tone(8_000 + number) for number in range(40)})
    return Clips(source=f"{server.address}/s-000.tar", seconds=0.5, frames=0, captions=0, sample_rate=8_000)


def begun(sounds: Clips, workers: int, skipped: Skipped) -> Iterator[Batch]:
    return training_batches(sounds.open(), batch_size=8, seed=0, workers=workers, skipped=skipped)


@pytest.mark.parametrize("workers", [0, 2])
def test_training_ends(server: Any, sounds: Clips, workers: int) -> None:
    skipped = Skipped()
    batches = begun(sounds, workers, skipped)
    next(batches)
    server.failures = 10**6
    with pytest.raises(MediaError, match="answers again") as caught:
        list(islice(batches, 20))
    assert caught.value.fault is Fault.NETWORK
    assert "s-000.tar" in caught.value.name


def test_evaluation_ends(server: Any, sounds: Clips) -> None:
    batches = evaluation_batches(sounds.open(), 4)
    assert len(next(batches)) == 4
    server.failures = 10**6
    with pytest.raises(MediaError, match="answers again"):
        list(batches)


def test_a_few_failures_are_counted(server: Any, sounds: Clips) -> None:
    skipped = Skipped()
    batches = begun(sounds, 0, skipped)
    next(batches)
    server.failures = 6  # two recordings, three tries each
    for batch in islice(batches, 4):
        assert len(batch) == 8
    assert server.failures == 0
    assert 1 <= skipped.failures <= 2


@pytest.mark.parametrize("workers", [0, 2])
def test_silence_is_an_outage_too(server: Any, sounds: Clips, monkeypatch: pytest.MonkeyPatch, workers: int) -> None:
    """Told before the patience with a decoder is over, which would blame one recording after the other."""
    monkeypatch.setattr("mmssl.data.reach.SILENCE", 0.2)
    HTTPFileSystem.clear_instance_cache()
    skipped = Skipped()
    batches = begun(replace(sounds, patience=4.0), workers, skipped)
    next(batches)
    server.delay = 5.0
    with pytest.raises(MediaError, match="answers again"):
        list(islice(batches, 20))
    assert {fault for fault, _ in skipped.reasons.values()} <= {Fault.NETWORK}
    HTTPFileSystem.clear_instance_cache()
