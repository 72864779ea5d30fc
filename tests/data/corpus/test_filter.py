"""Each rule against captions counted by hand, and the command on films, sounds and shards."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from mmssl.cli.app import app
from mmssl.data.corpus.filtering import Filter, filtered
from mmssl.data.corpus.rules import Length, Rare, Shared
from mmssl.data.recordings import Recording
from mmssl.data.sources import open_recordings
from mmssl.errors import Fault, MediaError

Corpus = Callable[[dict[str, list[str]]], Path]


def test_length_counts_words_of_any_script(corpus: Corpus) -> None:
    manifest = corpus({"a": ["two words", "three whole words", "一只狗在叫", " ".join(["word"] * 21), "!!!"]})
    kept, report = filtered(open_recordings(str(manifest)), Filter(captions=(Length(),), recordings=()))
    assert [caption.text for caption in kept[0].captions] == ["three whole words", "一只狗在叫"]
    assert report.rejected_captions == {"length": 3}


def test_shared_captions_are_those_of_too_many_recordings(corpus: Corpus) -> None:
    manifest = corpus({name: ["Image: click HERE!", "image click, here", f"a dog barks {name}"] for name in "abc"})
    rules = Filter(captions=(Shared(),), recordings=(), most_shared=2)
    kept, report = filtered(open_recordings(str(manifest)), rules)
    assert [len(recording.captions) for recording in kept] == [1, 1, 1]
    assert report.rejected_captions == {"shared": 6}
    # Said twice of one recording, it is one recording's.
    milder = Filter(captions=(Shared(),), recordings=(), most_shared=3)
    assert not filtered(open_recordings(str(manifest)), milder)[1].rejected_captions


def test_rare_words_are_outside_the_most_frequent_uni_and_bigrams(corpus: Corpus) -> None:
    manifest = corpus({**{name: ["a dog barks"] for name in "acd"}, "b": ["a dog zxqv", "dog a barks"]})
    # a 5, dog 5, barks 4, "a dog" 4, "dog barks" 3; then once each: zxqv, "dog zxqv", "dog a", "a barks"
    rules = Filter(captions=(Rare(),), recordings=(), n_grams_kept=6)
    kept, report = filtered(open_recordings(str(manifest)), rules)
    assert [recording.key for recording in kept] == ["a", "c", "d"]
    assert report.rejected_captions == {"rare words": 2}
    assert report.rejected_recordings == {"no caption left": 1}


def test_all_n_grams_are_frequent_in_a_small_corpus(corpus: Corpus) -> None:
    manifest = corpus({"a": ["zxqv zxqw zxqy"]})
    assert len(filtered(open_recordings(str(manifest)), Filter(recordings=()))[0]) == 1


def test_command_packs_what_is_left(corpus: Corpus, tmp_path: Path) -> None:
    good = ["a dog barks in the garden", "no"]
    manifest = corpus({"sound": good, "film-208x210": good, "small-96x96": good, "wide-640x208": good, "mute": ["x"]})
    (manifest.parent / "mute.wav").write_bytes(b"no")
    manifest.write_text(manifest.read_text() + 'broken.wav,"[""three words here""]"\n', encoding="utf-8")
    (manifest.parent / "broken.wav").write_bytes(b"text")
    out = tmp_path / "filtered"
    result = CliRunner().invoke(app, ["filter", str(manifest), "--out", str(out)])
    assert result.exit_code == 0, result.output
    told = json.loads((out / "filter.json").read_text(encoding="utf-8"))
    assert told["rejected_captions"] == {"length": 5}
    assert told["rejected_recordings"] == {
        "small picture": 1,
        "aspect ratio": 1,
        "no caption left": 1,
        "unreadable: unrecognized": 1,
    }
    assert told["examples"]["aspect ratio"] == ["wide-640x208"]
    left = open_recordings(str(out))
    assert sorted(left.all_keys()) == ["film-208x210", "sound"]
    assert all([caption.text for caption in recording.captions] == good[:1] for recording in left)
    # What was filtered is filtered no further.
    again = CliRunner().invoke(app, ["filter", str(out), "--out", str(tmp_path / "again"), "--dry-run"])
    assert "captions: 2 of 2 kept" in again.output
    assert not (tmp_path / "again").exists()
    assert CliRunner().invoke(app, ["filter", str(out), "--dry-run"]).exit_code == 0
    nowhere = CliRunner().invoke(app, ["filter", str(out)])
    assert nowhere.exit_code == 2
    assert "give --out" in nowhere.stderr


def test_nothing_left_is_said(corpus: Corpus, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["filter", str(corpus({"a": ["x"]})), "--out", str(tmp_path / "out")])
    assert result.exit_code == 2
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("seed", range(3))
def test_disk_or_memory_gives_the_same(corpus: Corpus, seed: int) -> None:
    import random

    drawn = random.Random(seed)
    manifest = corpus({f"r{i}": [" ".join(drawn.choices("abcdefgh", k=4)) for _ in range(5)] for i in range(20)})
    recordings = open_recordings(str(manifest))
    rules = Filter(recordings=(), most_shared=1, n_grams_kept=40)
    first, second = (filtered(recordings, rules)[0] for _ in range(2))
    assert first.fingerprint() == second.fingerprint()


def test_a_broken_description_is_one_of_those_left_out(corpus: Corpus) -> None:
    folder = corpus({"a": [], "b": [], "c": []}).parent
    for name, told in (("a", '{"caption": "a dog barks outside"}'), ("b", "{"), ("c", '{"caption": "rain on a roof"}')):
        (folder / f"{name}.json").write_text(told)
    (folder / "clips.csv").unlink()
    kept, report = filtered(open_recordings(str(folder)), Filter(captions=(Length(),), recordings=()))
    assert kept.all_keys() == ["a", "c"]
    assert report.rejected_recordings == {"unreadable: text": 1}
    assert report.examples["unreadable: text"] == [str(folder / "b.json")]


@pytest.mark.fault("S4")
def test_storage_that_does_not_answer_ends_it(corpus: Corpus) -> None:
    recordings = open_recordings(str(corpus({str(number): ["a dog barks outside"] for number in range(8)})))

    class Silent:
        def __len__(self) -> int:
            return len(recordings)

        def __getitem__(self, number: int) -> Recording:
            raise MediaError(f"s3://bucket/{number}.json", Fault.NETWORK, "could not be read in 3 tries")

        def __getattr__(self, name: str) -> Any:
            return getattr(recordings, name)

    with pytest.raises(MediaError, match="go on when bucket answers again"):
        filtered(Silent(), Filter(captions=(Length(),), recordings=()))
