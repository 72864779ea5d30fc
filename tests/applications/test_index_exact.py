"""The scan of codes finds what a look at every vector finds, whatever the vectors are like."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional

from mmssl.applications.best import Best, Part, Questions
from mmssl.applications.kept import Kept
from mmssl.applications.local_index import LocalIndex
from mmssl.applications.moments import IndexedRecording, Moments
from mmssl.applications.sieve import CHUNK, Sieve
from mmssl.applications.vectors import Vectors


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def worlds(rows: int, dim: int) -> dict[str, Tensor]:
    """Easy and hard: the same everywhere, in clusters, in a cone, a few numbers far larger than others, and more."""
    isotropic, centers = noise(rows, dim), noise(rows // 50, dim, seed=1)
    found = {
        "isotropic": isotropic,
        "clusters": centers[torch.arange(rows) % len(centers)] + 0.3 * isotropic,
        "cone": isotropic + 3 * noise(dim, seed=2),
        "outliers": isotropic * torch.where(torch.arange(dim) % 16 == 3, 30.0, 1.0),
        "heavy tails": isotropic**5,
        "one number": functional.one_hot(torch.arange(rows) % dim, dim).float() + 1e-3 * isotropic,
    }
    found = {name: functional.normalize(vectors, dim=1) for name, vectors in found.items()}
    found["lacking"] = found["clusters"].where(torch.arange(rows)[:, None] % 3 > 0, torch.nan)
    found["repeated"] = found["isotropic"][torch.arange(rows) // 5]
    return found


def sieved(vectors: Tensor) -> Part:
    there = Vectors.of(vectors)
    sample = there.take(there.there.nonzero()[:, 0])
    return Part(there, Sieve.like(sample).resized(len(vectors), there.parts(CHUNK)))


def truth(parts: list[Tensor], queries: Tensor, offsets: Tensor, count: int) -> tuple[list[list[int]], Tensor]:
    """Rows in the order of their scores in float64, the lower row first of equal ones."""
    sums = torch.zeros(len(queries), len(parts[0]), dtype=torch.float64)
    for number, part in enumerate(parts):
        product = queries[:, number].double() @ part.double().T + offsets[:, number, None].double()
        sums += torch.where(part[:, 0].isnan(), 0, product)
    sums[:, torch.stack([part[:, 0].isnan() for part in parts]).all(0)] = -torch.inf
    order = [np.lexsort((np.arange(len(row)), -row.numpy().round(12)))[:count] for row in sums]
    return [row.tolist() for row in order], torch.stack([row[o] for row, o in zip(sums, order, strict=True)])


@pytest.mark.parametrize("dim", [48, 512])
@pytest.mark.parametrize("count", [1, 32])
def test_the_rows_of_a_full_scan_in_every_world(dim: int, count: int) -> None:
    rows = 3_001
    for name, vectors in worlds(rows, dim).items():
        queries = functional.normalize(noise(count, 1, dim, seed=5) + noise(dim, seed=2), dim=2)
        questions = Questions(queries, torch.zeros(count, 1))
        best = Best(questions, 10).over([sieved(vectors)])
        expected, scores = truth([vectors], queries, questions.offsets, 10)
        plain = Best(questions, 10).over([Part(Vectors.of(vectors))])
        for query in range(count):
            assert best.sorted()[query][1].tolist() == expected[query], name
            assert plain.sorted()[query][1].tolist() == expected[query], name
            torch.testing.assert_close(best.sorted()[query][0], scores[query].float(), rtol=1e-6, atol=1e-6)


def test_several_modalities_with_weights_and_offsets() -> None:
    all_worlds = worlds(2_000, 64)
    parts = [all_worlds["cone"], all_worlds["lacking"]]
    parts[0] = parts[0].where(torch.arange(2_000)[:, None] % 4 > 0, torch.nan)
    queries = noise(6, 2, 64, seed=7) * torch.tensor([0.2, 3.0])[:, None]
    questions = Questions(queries, noise(6, 2, seed=8))
    best = Best(questions, 40).over([sieved(part) for part in parts]).sorted()
    expected, _ = truth(parts, queries, questions.offsets, 40)
    assert [rows.tolist() for _, rows in best] == expected


def test_shards_are_ranked_as_one() -> None:
    vectors = worlds(3_000, 64)["repeated"]
    questions = Questions(noise(3, 1, 64, seed=7), torch.zeros(3, 1))
    best = Best(questions, 30)
    for start in (0, 1_000, 1_004, 2_500):
        end = {0: 1_000, 1_000: 1_004, 1_004: 2_500, 2_500: 3_000}[start]
        part = vectors[start:end]
        best.over([sieved(part) if len(part) > 500 else Part(Vectors.of(part))], start)
    assert [rows.tolist() for _, rows in best.sorted()] == truth([vectors], questions.queries, questions.offsets, 30)[0]


def test_bounds_are_above_the_products_for_the_worst_weights() -> None:
    """All weights as large as they come, all of a sign: the sums of a lane must not run over."""
    for dim in (32, 512, 4096):
        vectors = functional.normalize(torch.ones(40, dim) + 0.01 * noise(40, dim), dim=1)
        for queries in (torch.ones(4, 1, dim), -torch.ones(4, 1, dim), 1e4 * vectors[:1, None].sign()):
            questions = Questions(queries, torch.zeros(len(queries), 1))
            best = Best(questions, 7).over([sieved(vectors)]).sorted()
            assert [rows.tolist() for _, rows in best] == truth([vectors], queries, questions.offsets, 7)[0]


def test_fewer_rows_than_wanted() -> None:
    vectors = worlds(50, 64)["lacking"]
    for part in (sieved(vectors), Part(Vectors.of(vectors))):
        ((scores, rows),) = Best(Questions(noise(1, 1, 64), torch.zeros(1, 1)), 60).over([part]).sorted()
        assert sorted(rows.tolist()) == [row for row in range(50) if row % 3]
        assert scores.isfinite().all()


def filled(place: Path, recordings: int, first: int = 0) -> LocalIndex:
    index = LocalIndex(place, "m")
    for number in range(first, first + recordings):
        vectors = {"video": functional.normalize(noise(100, 32, seed=number), dim=1)}
        if number % 3:
            vectors["audio"] = functional.normalize(noise(100, 32, seed=number + 500), dim=1)
        moments = Moments([*range(100)], [*range(1, 101)], vectors)  # type: ignore[arg-type]
        index.add([(IndexedRecording(f"r{number}", "films", f"r{number}", f"r{number}.mp4", "h"), moments)])
    return index


def found(index: LocalIndex) -> list[tuple[float, str, float]]:
    hits = index.search(noise(32, seed=9), 25, ["video", "audio"], "audio")
    return [(round(hit.score, 5), hit.recording.key, hit.start) for hit in hits]


def test_the_sieve_of_an_index_is_kept_and_grows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = filled(tmp_path / "plain", 8)
    filled(tmp_path / "sieved", 8)
    kept = tmp_path / "sieved" / "sieve.safetensors"
    expected = found(plain)
    assert not (tmp_path / "plain" / kept.name).exists()
    monkeypatch.setattr("mmssl.applications.opening.SIEVE_FROM", 100)
    assert found(LocalIndex(tmp_path / "sieved")) == expected
    made = kept.stat().st_mtime_ns
    assert found(LocalIndex(tmp_path / "sieved")) == expected
    assert kept.stat().st_mtime_ns == made, "opened, not made again"
    kept.write_bytes(kept.read_bytes()[: made % 1000 + 500])
    assert found(LocalIndex(tmp_path / "sieved")) == expected, "a damaged one is made again"
    for index in (plain, LocalIndex(tmp_path / "sieved")):
        index.remove(["r2"])
        filled(index.folder, 3, first=20)
        index.remove(["r21"])
    monkeypatch.setattr("mmssl.applications.opening.SIEVE_FROM", 10**9)
    expected = found(LocalIndex(tmp_path / "plain"))
    monkeypatch.setattr("mmssl.applications.opening.SIEVE_FROM", 100)
    assert found(LocalIndex(tmp_path / "sieved")) == expected
    before = Kept.read(kept)
    filled(tmp_path / "sieved", 1, first=30)
    LocalIndex(tmp_path / "sieved").loaded()
    after = Kept.read(kept)
    assert before is not None
    assert after is not None
    assert torch.equal(after.sieves["video"].mean, before.sieves["video"].mean), "only what is new was encoded"
    assert len(after.places) == len(before.places) + 100


def test_a_sieve_of_another_index_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mmssl.applications.opening.SIEVE_FROM", 100)
    found(filled(tmp_path / "a", 4))
    expected = found(filled(tmp_path / "b", 4, first=50))
    (tmp_path / "b" / "sieve.safetensors").write_bytes((tmp_path / "a" / "sieve.safetensors").read_bytes())
    assert found(LocalIndex(tmp_path / "b")) == expected


def test_a_folder_without_room_or_permission_is_still_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = found(filled(tmp_path, 4))
    monkeypatch.setattr("mmssl.applications.opening.SIEVE_FROM", 100)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mmssl.applications.kept.save_file", full)
    assert found(LocalIndex(tmp_path)) == expected
    assert not list(tmp_path.glob("sieve*"))


def test_codes_are_half_a_byte_a_number(tmp_path: Path) -> None:
    part = sieved(functional.normalize(noise(400, 512), dim=1))
    assert part.sieve is not None
    save_file({"codes": part.sieve.codes, "residual": part.sieve.residual}, tmp_path / "s.safetensors")
    assert sum(t.nbytes for t in load_file(tmp_path / "s.safetensors").values()) == 400 * (256 + 4)
