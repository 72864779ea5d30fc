from collections.abc import Callable
from typing import Any

import pytest

from mmssl.data.candidates import candidates
from mmssl.data.clips import Clips, OpenClips
from mmssl.data.collate import collate
from mmssl.data.loader import training_batches
from mmssl.data.order import AtMostOnePerGroup, Order, PerLabel
from mmssl.data.recordings import Caption
from mmssl.errors import Fault, MediaError, UsageError

OpenFilms = Callable[..., OpenClips]
Film = Callable[..., Any]


def test_a_modality_that_may_lack_is_masked(open_films: OpenFilms, film: Film) -> None:
    films = [film(), film(has_audio=False), film(has_video=False), film(captions=())]
    clips = open_films(films, require=())
    batch = collate([clips.clip(index, 1) for index in range(4)], clips.settings)
    assert batch.valid("video").tolist() == [True, True, False, True]
    assert batch.valid("audio").tolist() == [True, False, True, True]
    assert batch.valid("text").tolist() == [True, True, True, False]
    assert not batch.video[2].any()
    assert not batch.audio[1].any()
    assert (batch.text[3] == -1).all()


@pytest.mark.parametrize(
    ("lack", "fault"),
    [
        ({"has_audio": False}, Fault.NO_AUDIO),
        ({"has_video": False}, Fault.NO_VIDEO),
        ({"duration": 1.5}, Fault.TOO_SHORT),
        ({"audio_start": 4.5}, Fault.TOO_SHORT),
        ({"start": 1.0, "end": 2.0}, Fault.TOO_SHORT),
    ],
)
def test_what_is_required_and_lacks_is_a_fault(
    open_films: OpenFilms, film: Film, lack: dict[str, Any], fault: Fault
) -> None:
    with pytest.raises(MediaError) as raised:
        open_films([film(**lack)]).clip(0, 1)
    assert raised.value.fault == fault


def test_text_can_be_required(open_films: OpenFilms, film: Film) -> None:
    clips = open_films([film()], require=("text",), language="de")
    with pytest.raises(MediaError, match="caption in 'de'") as raised:
        clips.clip(0, 1)
    assert raised.value.fault == Fault.TEXT


def test_a_recording_without_anything_asked_for(open_films: OpenFilms, film: Film) -> None:
    with pytest.raises(MediaError, match="no video and no audio"):
        open_films([film(has_audio=False, has_video=False)], require=()).clip(0, 1)


def test_sound_alone_and_words_alone(open_films: OpenFilms, film: Film) -> None:
    clips = open_films([film(has_video=False)], frames=0)
    batch = collate([clips.clip(0, 1)], clips.settings)
    assert batch.modalities == ("audio", "text")
    words = open_films([film(fault=Fault.MISSING)], frames=0, sample_rate=0)
    assert collate([words.clip(0, 1)], words.settings).modalities == ("text",)


def test_clips_stay_within_their_part_of_a_recording(open_films: OpenFilms, film: Film) -> None:
    part = open_films([film(duration=60.0, start=20.0, end=24.0)])
    starts = [part.clip(0, seed).start for seed in range(50)]
    assert 20.0 <= min(starts) < 20.5
    assert 21.5 < max(starts) <= 22.0
    late = open_films([film(audio_start=1.0)])
    assert min(late.clip(0, seed).start for seed in range(50)) >= 1.0


def test_open_files_are_closed(open_films: OpenFilms, film: Film) -> None:
    clips = open_films([film(), film(fault=Fault.CORRUPT)])
    clips.clip(0, 1)
    with pytest.raises(MediaError):
        clips.clip(1, 1)
    given: Any = clips.recordings
    assert len(given.given) == 2
    assert all(stream.closed for stream in given.given)


def test_groups_are_stable_numbers(open_films: OpenFilms, film: Film) -> None:
    clips = open_films([film(group="one"), film(group="one"), film()])
    groups = [clips.clip(index, 1).group for index in range(3)]
    assert groups[0] == groups[1] == -3957126355335908812
    assert groups[2] != groups[0]


def test_mixed_sources_keep_their_groups_apart(open_films: OpenFilms) -> None:
    clips = open_films({4: 1.0, 6: 3.0})
    assert len(clips) == 10
    assert len({clips.clip(index, 1).group for index in range(10)}) == 10
    assert len(set(clips.recordings.groups())) == 10
    assert [clips.clip(index, 1).index for index in (0, 9)] == [0, 9]
    assert clips.key(9) == "film0005"


def test_grouping_options_reach_the_batches(open_films: OpenFilms, film: Film) -> None:
    films = [film(group=f"g{number % 5}", label=f"l{number % 3}") for number in range(30)]
    apart = open_films(films, order=Order(grouping=AtMostOnePerGroup()))
    batch = next(training_batches(apart, batch_size=5, seed=0))
    assert len(set(batch.group.tolist())) == 5
    labels = open_films(films, order=Order(grouping=PerLabel(4)))
    batch = next(training_batches(labels, batch_size=8, seed=0))
    assert all(len({index % 3 for index in batch.index[at : at + 4].tolist()}) == 1 for at in (0, 4))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"seconds": 0.0}, "seconds above 0"),
        ({"frames": 0, "sample_rate": 0}, "at least one of"),
        ({"pixels": 0}, "at least one pixel"),
        ({"frames": 0, "require": ("video",)}, "requires video"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Clips(source="nowhere", **settings).open()


def test_candidates_are_the_nearest_then_those_of_the_whole() -> None:
    captions = (
        Caption("far", "en", 20.0, 21.0),
        Caption("inside", "en", 5.0, 6.0),
        Caption("before", "en", 1.0, 3.0),
        Caption("drinnen", "de", 5.0, 6.0),
        Caption("whole", ""),
        Caption("  ", "en"),
    )
    assert candidates(captions, (4.5, 6.5), 2, "en", 0) == ["inside", "before"]
    assert candidates(captions, (4.5, 6.5), 9, "en", 0) == ["inside", "before", "far", "whole"]
    assert candidates(captions, (4.5, 6.5), 1, "fr", 0) == ["whole"]
    assert candidates(captions[:4], (4.5, 6.5), 1, "fr", 0) == []


def test_captions_of_the_whole_are_drawn_by_the_seed() -> None:
    captions = tuple(Caption(word) for word in ("a", "b", "c"))
    drawn = [candidates(captions, (0.0, 1.0), 1, "", seed)[0] for seed in range(300)]
    assert all(80 < drawn.count(word) < 120 for word in "abc")
    assert sorted(candidates(captions, (0.0, 1.0), 3, "", 0)) == ["a", "b", "c"]
