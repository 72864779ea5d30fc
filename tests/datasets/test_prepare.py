"""Each script against a few made-up lines in its data set's format."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mmssl.data.prepare import prepare
from mmssl.data.recordings import Caption, Recording

Prepare = Callable[..., list[Recording]]
Write = Callable[[str, str], Path]


def test_vggsound(prepared: Prepare, file: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = 'a-1,30,"people, marching",train\nb_2,5,dog barking,train\nb_2,50,dog barking,train\nc,7,hail,test\n'
    table = file("vggsound.csv", rows)
    found = prepared("vggsound", table, ["x/a-1_000030.mp4", "b_2.webm"], split="train", out="m.csv")
    assert [r.key for r in found] == ["a-1_000030", "b_2_000005", "b_2_000050"]
    assert [r.label for r in found] == ["people, marching", "dog barking", "dog barking"]
    # A clip that was cut is whole; one inside its video has its seconds.
    assert [(r.start, r.end) for r in found] == [(None, None), (5, 15), (50, 60)]
    assert [r.group for r in found] == ["a-1", "b_2", "b_2"]
    assert f"{tmp_path}/videos/x/a-1_000030.mp4" in (tmp_path / "m.csv").read_text()
    assert "3 of 3" in capsys.readouterr().out
    assert not (tmp_path / "m.csv.missing.txt").exists()


def test_audioset(prepared: Prepare, file: Write) -> None:
    file("class_labels_indices.csv", 'index,mid,display_name\n0,/m/09x0r,"Speech"\n1,/t/dd00088,"Singing, loud"\n')
    rows = "# Segments\n# num_ytids=2\n# YTID, start_seconds, end_seconds, positive_labels\n"
    rows += '--PJ, 30.000, 40.000, "/m/09x0r,/t/dd00088"\nx, 0.000, 8.500, "/m/unknown"\n'
    found = prepared("audioset", file("eval_segments.csv", rows), ["--PJ_30000_40000.mp4", "x_000000.mp4"])
    assert [r.label for r in found] == ["Speech", "/m/unknown"]
    assert found[0].extra["labels"] == ["Speech", "Singing, loud"]


def test_kinetics_sounds(prepared: Prepare, file: Write) -> None:
    rows = "label,youtube_id,time_start,time_end,split,is_cc\n"
    rows += "playing drums,a,12,22,train,0\ntap dancing,b,0,10,val,0\nyoga,c,1,11,train,0\nsinging,d,1,11,train,0\n"
    videos = ["playing drums/a_000012_000022.mp4", "b_000000_000010.mp4", "c_000001_000011.mp4", "d_000001_000011.mp4"]
    table = file("k.csv", rows)
    assert [r.label for r in prepared("kinetics_sounds", table, videos)] == ["playing drums", "tap dancing", "singing"]
    assert [r.label for r in prepared("kinetics_sounds", table, [], split="val")] == ["tap dancing"]


@pytest.mark.parametrize("form", ["folder", "json"])
def test_howto100m(prepared: Prepare, file: Write, form: str, tmp_path: Path) -> None:
    if form == "folder":
        file("captions/a.csv", "start,end,text\n0.41,3.91,check the pick\n3.92,5.9,\n7,7,nothing\n6,8,stir it\n")
        annotations = file("captions/gone.csv", "start,end,text\n0,1,x\n").parent
    else:
        said = {"start": [0.41, 6], "end": [3.91, 8], "text": ["check the pick", "stir it"]}
        gone = {"start": [0], "end": [1], "text": ["x"]}
        annotations = file("caption.json", json.dumps({"a": said, "gone": gone}))
    found = prepared("howto100m", annotations, ["a.mp4"])
    assert found[0].captions == (Caption("check the pick", "en", 0.41, 3.91), Caption("stir it", "en", 6, 8))
    assert (tmp_path / "m.jsonl.missing.txt").read_text() == "gone\n"


def test_msrvtt(prepared: Prepare, file: Write) -> None:
    videos = [
        {
            "video_id": f"video{i}",
            "category": 9,
            "split": split,
            "url": "u",
            "start time": 0.5,
            "end time": 11.0,
            "id": i,
        }
        for i, split in enumerate(["train", "validate"])
    ]
    sentences = [{"sen_id": i, "video_id": f"video{i % 2}", "caption": f"caption {i}"} for i in range(4)]
    info = file("train_val_videodatainfo.json", json.dumps({"info": {}, "videos": videos, "sentences": sentences}))
    found = prepared("msrvtt", info, ["video0.mp4", "video1.mp4", "video9770.mp4"])
    assert [c.text for c in found[0].captions] == ["caption 0", "caption 2"]
    assert {c.language for c in found[0].captions} == {"en"}
    assert [r.group for r in found] == ["u", "u"]
    assert [r.key for r in prepared("msrvtt", info, [], split="validate")] == ["video1"]
    table = "key,vid_key,video_id,sentence\nret0,msr9770,video9770,a person is connecting something to system\n"
    (only,) = prepared("msrvtt", file("msrvtt_test_1k.csv", table), [])
    assert (only.key, only.captions[0].text) == ("video9770", "a person is connecting something to system")


def test_ave(prepared: Prepare, file: Write) -> None:
    rows = "Category&VideoID&Quality&StartTime&EndTime\nChurch bell&RU-1&good&0&10\nBark&x&good&2&4\nMan&x&good&5&9\n"
    found = prepared("ave", file("Annotations.txt", rows), ["RU-1.mp4", "x.mp4"])
    assert [r.label for r in found] == ["Church bell", "Bark"]
    assert [e["label"] for e in found[1].extra["events"]] == ["Bark", "Man"]
    # The events are inside the clip, which stays whole.
    assert found[1].start is None


def test_vggss(prepared: Prepare, file: Write) -> None:
    from mmssl.evaluate.truth import BoxFile

    shown = [{"file": "a_b_000032", "class": "elk bugling", "bbox": [[0.4, 0.25, 0.6, 0.75]]}]
    annotations = file("vggss.json", json.dumps(shown))
    (only,) = prepared("vggss", annotations, ["a_b_32000_42000.mp4"])
    assert only.extra["bbox"] == [[0.4, 0.25, 0.6, 0.75]]
    assert (only.key, only.group) == ("a_b_000032", "a_b")
    middle = BoxFile(str(annotations))(only, [5.0])[0]
    assert middle is not None
    assert len(middle.boxes) == 1


def test_avsync15(prepared: Prepare, file: Write, tmp_path: Path) -> None:
    listed = file("train.txt", "cap_gun_shooting/a_1.mp4\nlions_roaring/a_1.mp4\n")
    found = prepared(
        "avsync15", listed, ["videos/cap_gun_shooting/a_1.mp4", "videos/lions_roaring/a_1.mp4"], out="m.csv"
    )
    assert [r.label for r in found] == ["cap gun shooting", "lions roaring"]
    rows = (tmp_path / "m.csv").read_text().splitlines()[1:]
    assert [row.split(",")[0].split("/")[-2] for row in rows] == ["cap_gun_shooting", "lions_roaring"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,1,x\n", "line 1 has 3 fields, not 4"),
        ("a,one,x,train\n", "start 'one' is no number"),
        ("gone,1,x,train\n", "none of 1 annotated clips has a file"),
        ("a,1,x,train\na,1,x,train\n", "name a_000001 twice"),
        ("", "no clip is left"),
    ],
)
def test_mistakes_are_told_in_one_sentence(
    file: Write, text: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from importlib.util import module_from_spec, spec_from_file_location

    spec = spec_from_file_location("p", Path(__file__).parents[2] / "datasets" / "vggsound" / "prepare.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    file("videos/a_000001.mp4", "")
    out = tmp_path / "m.csv"
    words = ["--annotations", str(file("v.csv", text)), "--videos", str(tmp_path / "videos"), "--out", str(out)]
    assert prepare(module.clips, None, (), words) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not out.exists()


@pytest.mark.parametrize("missing", ["videos", "annotations", "out"])
def test_paths_that_are_not_there(
    file: Write, missing: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = {
        "annotations": file("v.csv", "a,1,x,train\n"),
        "videos": file("videos/a_000001.mp4", "").parent,
        "out": tmp_path / "m.csv",
    }
    paths[missing] = tmp_path / "nowhere" / "m.csv"
    script = Path(__file__).parents[2] / "datasets" / "vggsound" / "prepare.py"
    words = [word for name, path in paths.items() for word in (f"--{name}", str(path))]
    done = subprocess.run([sys.executable, script, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert str(paths[missing]) in done.stderr
    assert "Traceback" not in done.stderr


def test_every_data_set_has_a_card(script: Path) -> None:
    card = (script.parent / "README.md").read_text()
    for section in ("Licence", "Size", "Splits", "Citation", "How to get it", "Known problems"):
        assert f"**{section}**" in card or f"## {section}" in card, f"{script.parent.name}: no {section}"
    assert f"datasets/{script.parent.name}/prepare.py" in card
    # A package here would shadow a library of this name.
    assert not list(script.parents[1].rglob("__init__.py"))


@pytest.mark.realdata
def test_real_annotations(realdata: Path, tmp_path: Path, prepared: Prepare) -> None:
    shown = realdata / "annotations" / "vggss" / "vggss.json"
    clips = sorted(path.name for path in (realdata / "av" / "vggsound").glob("*.mp4"))
    boxed = {entry["file"] for entry in json.loads(shown.read_text())}
    assert {r.key for r in prepared("vggss", shown, clips)} == {Path(clip).stem for clip in clips} & boxed
    events = prepared("ave", realdata / "annotations" / "ave" / "Annotations.txt", ["16eUxQwxxbs.mp4"])
    assert [r.key for r in events] == ["16eUxQwxxbs"]
    (narrated,) = prepared("howto100m", realdata / "annotations" / "howto100m_small", ["2_MmPmFxGCo.mp4"])
    assert len(narrated.captions) > 80
    (captioned,) = prepared("msrvtt", realdata / "annotations" / "msrvtt" / "msrvtt_test_1k.csv", ["video9770.mp4"])
    assert captioned.captions[0].text == "a person is connecting something to system"


def test_esc50(prepared: Prepare, file: Write) -> None:
    rows = "filename,fold,target,category,esc10,src_file,take\n"
    rows += "1-100032-A-0.wav,1,0,dog,True,100032,A\n2-1-B-14.wav,2,14,chirping_birds,False,1,B\n"
    table, sounds = file("esc50.csv", rows), ["1-100032-A-0.wav", "2-1-B-14.wav"]
    found = prepared("esc50", table, sounds)
    assert [(r.key, r.label, r.group, r.extra["fold"]) for r in found] == [
        ("1-100032-A-0", "dog", "100032", "1"),
        ("2-1-B-14", "chirping birds", "1", "2"),
    ]
    assert [r.label for r in prepared("esc50", table, sounds, split="esc10")] == ["dog"]
