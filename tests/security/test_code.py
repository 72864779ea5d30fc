"""Nothing of a stranger's runs: pickles, models with programs, recipes that an index names; nor is there a way to."""

import ast
import io
import json
import os
import pickle
import py_compile
import struct
from collections.abc import Callable
from pathlib import Path
from py_compile import PycInvalidationMode
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from mmssl.applications.indexing import build_index
from mmssl.applications.model import Model
from mmssl.cli.app import app
from mmssl.data.decode.ffmpeg import has_known_holes
from mmssl.data.recordings import Recording
from mmssl.data.shard_index_file import SUFFIX
from mmssl.data.sources import open_recordings
from mmssl.data.tar import END, header, padding
from mmssl.data.tokens import HubTokenizer
from mmssl.errors import CheckpointError, MmsslError, UsageError
from mmssl.evaluate.truth import BoxFile
from mmssl.modules.pretrained import read_weights
from mmssl.modules.word_vectors import read_word_vectors
from mmssl.training.checkpoint import Checkpoints
from mmssl.training.folder import load_run
from mmssl.training.known import is_known, remember
from mmssl.training.recipe import Recipe

ROOT = Path(__file__).parents[2]
Trap = Callable[[], str]


class Bomb:
    """A pickle that runs a program when it is loaded."""

    def __init__(self, source: str) -> None:
        self.source = source

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return exec, (self.source,)


def test_the_bomb_goes_off(tmp_path: Path, trap: Trap) -> None:
    """What is shown below not to happen is what happens without care."""
    pickle.loads(pickle.dumps(Bomb(trap())))  # noqa: S301 - the canary has to be able to sing
    (tmp_path / "CANARY").unlink()


def _objects(bomb: Bomb) -> Any:
    array = np.empty(1, object)
    array[0] = bomb
    return array


@pytest.mark.fault("X7", "R10")
@pytest.mark.parametrize("suffix", ["pt", "pth", "bin", "safetensors", "npz", "npy", "ckpt"])
@pytest.mark.parametrize("protocol", ["zip", "legacy", "bare", "inside"])
def test_weights_that_are_pickles(tmp_path: Path, trap: Trap, suffix: str, protocol: str) -> None:
    path, bomb = tmp_path / f"weights.{suffix}", Bomb(trap())
    if protocol == "bare":
        path.write_bytes(pickle.dumps(bomb))
    else:
        held = {"state_dict": {"a": torch.zeros(1), "b": bomb}} if protocol == "inside" else bomb
        torch.save(held, path, _use_new_zipfile_serialization=protocol != "legacy")
    with pytest.raises(UsageError, match=r"weights\."):
        read_weights(path)


@pytest.mark.fault("X7")
def test_arrays_that_are_pickles(tmp_path: Path, trap: Trap) -> None:
    np.save(tmp_path / "words.npy", _objects(Bomb(trap())), allow_pickle=True)
    with pytest.raises(UsageError, match="not a readable array"):
        read_word_vectors(tmp_path / "words.npy", ["a"])


def shard(path: Path, members: dict[str, bytes]) -> Path:
    path.write_bytes(b"".join(header(n, len(d)) + d + padding(len(d)) for n, d in members.items()) + END)
    return path


@pytest.mark.fault("X8")
def test_members_that_are_pickles(tmp_path: Path, trap: Trap, film_bytes: bytes) -> None:
    evil = pickle.dumps(Bomb(trap()))
    names = ("pyd", "pkl", "pickle", "pth", "pt", "npy", "npz", "json", "txt", "cls", "tensor", "ten", "tb")
    place = shard(tmp_path / "a.tar", {"a.mp4": film_bytes} | {f"b.{name}": evil for name in names})
    recordings = open_recordings(str(place))
    assert recordings[0].extension == "mp4"
    with pytest.raises(MmsslError, match="not UTF-8"):
        recordings[1]


@pytest.mark.fault("X8")
@pytest.mark.parametrize(
    "address", ["pipe:touch CANARY", "pipe:touch CANARY |", "a.tar|touch CANARY", "$(touch CANARY).tar"]
)
def test_addresses_run_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MmsslError):
        open_recordings(address)


@pytest.mark.fault("X7", "X4", "S3")
@pytest.mark.parametrize("attack", ["pickle", "bomb", "huge", "outside", "negative", "wrong kind", "bad names", "text"])
def test_an_index_beside_a_shard(tmp_path: Path, trap: Trap, film_bytes: bytes, attack: str) -> None:
    """It is taken for damaged and made anew from the shard."""
    place = shard(tmp_path / "a.tar", {"a.mp4": film_bytes, "b.mp4": film_bytes})
    honest = open_recordings(str(place))
    index = Path(f"{place}{SUFFIX}")
    with np.load(index) as arrays:
        a = {name: arrays[name] for name in arrays.files}
    save: Callable[..., None] = np.savez
    if attack == "pickle":
        a["keys"] = _objects(Bomb(trap()))
    elif attack == "bomb":
        save, a["keys"] = np.savez_compressed, np.zeros(1 << 26, np.uint8)
    elif attack == "outside":
        a["offset"][1] = 1 << 40
    elif attack == "negative":
        a["size"][0] = -5
    elif attack == "wrong kind":
        a["ends"] = a["ends"].astype(np.float64)
    elif attack == "bad names":
        a["key_ends"] = a["key_ends"][::-1].copy()
    elif attack == "text":
        a["told"] = np.frombuffer(b'{"format": 1, "extensions": 5}', np.uint8)
    data = io.BytesIO()
    save(data, **a)
    raw = data.getvalue()
    if attack == "huge":  # the head of an array that says it has 2^50 bytes
        told = str(a["keys"].shape).encode()
        raw = raw.replace(told + b", }", b"(%d,), }" % 2**50, 1)
    index.write_bytes(raw)
    again = open_recordings(str(place))
    assert [found.key for found in again] == ["a", "b"]
    with again.source(1) as source:  # type: ignore[union-attr]
        assert source.read() == film_bytes
    assert again.fingerprint() == honest.fingerprint()


@pytest.fixture
def hub_folder(tmp_path: Path, trap: Trap) -> Path:
    """A model whose folder brings its own program, as `trust_remote_code` would run."""
    folder = tmp_path / "model"
    folder.mkdir()
    for name in ("modeling_evil", "configuration_evil", "tokenization_evil"):
        classes = "\n".join(f"class {kind}: pass" for kind in ("EvilModel", "EvilConfig", "EvilTokenizer"))
        (folder / f"{name}.py").write_text(f"{trap()}\n{classes}\n")
    modules = {
        "AutoConfig": "configuration_evil.EvilConfig",
        "AutoModel": "modeling_evil.EvilModel",
        "AutoTokenizer": ["tokenization_evil.EvilTokenizer", None],
    }
    config = {"model_type": "evil", "auto_map": modules, "architectures": ["EvilModel"]}
    (folder / "config.json").write_text(json.dumps(config))
    told = {"tokenizer_class": "EvilTokenizer", "auto_map": {"AutoTokenizer": modules["AutoTokenizer"]}}
    (folder / "tokenizer_config.json").write_text(json.dumps(told))
    torch.save(Bomb(trap()), folder / "pytorch_model.bin")
    return folder


@pytest.mark.fault("X6", "X10")
@pytest.mark.parametrize("kind", ["evil", "bert"])
def test_a_model_with_a_program(hub_folder: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from mmssl.encoders.text_hub import TextHub

    config = json.loads((hub_folder / "config.json").read_text())
    (hub_folder / "config.json").write_text(json.dumps({**config, "model_type": kind}))
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("asked whether to run it"))
    with pytest.raises(UsageError):
        TextHub(hub_folder)  # `bert` is known, and its weights are a pickle
    with pytest.raises(UsageError):
        HubTokenizer(str(hub_folder))(["a ball"], 4)


@pytest.mark.fault("R9", "X4")
@pytest.mark.parametrize(
    "content",
    [
        struct.pack("<Q", 2**63) + b"{}",
        struct.pack("<Q", 2**40) + b"{" * 1000,
        struct.pack("<Q", 8) + b'{"a":{}}',
        struct.pack("<Q", 64)
        + b'{"a":{"dtype":"F32","shape":[9999999999],"data_offsets":[0,4]}} '.ljust(64)
        + b"\0" * 4,
        struct.pack("<Q", 70) + b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,99999999999]}}'.ljust(70),
        b"",
        b"[" * 100_000,
    ],
    ids=["header 2^63", "header 2^40", "no offsets", "shape", "offsets", "empty", "nested"],
)
def test_hostile_safetensors(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.safetensors").write_bytes(content)
    with pytest.raises(UsageError, match="not a readable file of weights"):
        read_weights(tmp_path / "a.safetensors")
    folder = tmp_path / "checkpoints" / "step-00000001"
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(content)
    checkpoints = Checkpoints(tmp_path / "checkpoints")
    for step in checkpoints.steps() or [1]:
        with pytest.raises(CheckpointError):
            checkpoints.read(step)


@pytest.mark.fault("X7")
def test_an_index_does_not_choose_the_program(
    tmp_path: Path, trap: Trap, model: Model, film_bytes: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stranger's index comes with a run folder whose recipe is a program: it is run when named, never before."""
    (tmp_path / "films").mkdir()
    (tmp_path / "films" / "a.mp4").write_bytes(film_bytes)
    run = tmp_path / "run"
    run.mkdir()
    (run / "recipe.py").write_text(f"{trap()}\n")
    (run / "run.json").write_text(json.dumps({"format": 1, "arguments": {}}))
    monkeypatch.setattr(model, "folder", run)
    build_index(model, str(tmp_path / "films"), str(tmp_path / "index"))
    told = CliRunner().invoke(app, ["search", str(tmp_path / "index"), "ball"])
    assert told.exit_code == 2
    assert "was not run from here before" in told.output
    assert not (tmp_path / "CANARY").exists()
    # Named, it is run; the same unchanged program is then known.
    CliRunner().invoke(app, ["search", str(tmp_path / "index"), "ball", "--run", str(run)])
    assert (tmp_path / "CANARY").exists()
    (tmp_path / "CANARY").unlink()
    (run / "recipe.py").write_text(f"{trap()}\n\n")
    assert CliRunner().invoke(app, ["search", str(tmp_path / "index"), "ball"]).exit_code == 2


@pytest.mark.fault("X7")
def test_what_is_read_is_what_runs(tmp_path: Path, trap: Trap) -> None:
    """Python prefers compiled code in `__pycache__`; beside a harmless or known recipe it may be another program."""
    for name, text in (("recipe", "import losses\n"), ("losses", "")):
        page = tmp_path / f"{name}.py"
        page.write_text(trap())
        # Compiled with the hash of no source, and not to be checked against one.
        py_compile.compile(str(page), doraise=True, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH)
        page.write_text(text)
    (tmp_path / "run.json").write_text(json.dumps({"format": 1, "arguments": {}}))
    with pytest.raises(UsageError, match="no function `recipe`"):
        load_run(tmp_path)


@pytest.mark.fault("X7")
def test_what_lies_beside_a_known_recipe_is_looked_at(tmp_path: Path, trap: Trap) -> None:
    """A stranger's run folder with the recipe of a run that is known, and with a module of a name that it imports."""
    run, other = tmp_path / "run", tmp_path / "other"
    for folder in (run, other / "losses"):
        folder.mkdir(parents=True)
    (run / "recipe.py").write_text("import losses\n")
    recipe = Recipe(run / "recipe.py")
    remember(recipe)
    (run / "losses.py").write_text(trap())
    assert not is_known(recipe)
    (run / "losses.py").unlink()
    os.mkfifo(run / "endless.py")
    (other / "losses" / "__init__.py").write_text(trap())
    (run / "losses").symlink_to(other / "losses")
    assert is_known(recipe)
    with pytest.raises(UsageError, match="No module named 'losses'"):
        recipe.build()


@pytest.mark.fault("R9", "X10")
@pytest.mark.parametrize(
    "text",
    ["[]", "null", "{}", '{"format": "9"}', '{"format": 1}', '{"format": 1, "arguments": [1]}', "[" * 100_000,
     '{"format": 1, "arguments": {"seed": ' + "9" * 5000 + "}}", b"\xed\xa0\x80", b"\xff\xfe{"],
    ids=lambda text: str(text)[:30],
)  # fmt: skip
def test_hostile_run_folders(tmp_path: Path, trap: Trap, text: str | bytes) -> None:
    """What describes a run is read before its recipe is run."""
    (tmp_path / "recipe.py").write_text(trap())
    (tmp_path / "run.json").write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(CheckpointError, match=r"run\.json: "):
        load_run(tmp_path)


@pytest.mark.fault("T3")
@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, "null", "[null]", '[{"file": [], "bbox": []}]', '[{"file": "a", "bbox": "abcd"}]', "[" + "9" * 5000,
     '[{"file": "a", "bbox": [[NaN, 0, 1, 1]]}]', '[{"file": "a", "bbox": [[0, 0, Infinity, 1]]}]', '{"file": 1}',
     '[{"file": "a", "bbox": [["0", "0", "1", "1"]]}]', '[{"file": "a", "bbox": [[0, 0, 1]]}]'],
    ids=lambda text: text[:30],
)  # fmt: skip
def test_hostile_boxes(tmp_path: Path, text: str) -> None:
    (tmp_path / "boxes.json").write_text(text)
    with pytest.raises(UsageError, match=r"boxes\.json: "):
        BoxFile(str(tmp_path / "boxes.json"))(Recording("a", "mp4"), [0.0])


@pytest.mark.fault("S4")
def test_mutated_indexes_and_headers(tmp_path: Path, film_bytes: bytes, record_property: Callable[..., None]) -> None:
    """Whatever a few bytes of them become, the right members are read or the shard is named."""
    count = 60
    record_property("cases", 2 * count)
    place = shard(tmp_path / "a.tar", {"a.mp4": film_bytes[:900], "b.mp4": film_bytes[:700], "b.txt": b"a dog"})
    open_recordings(str(place))
    index, data = Path(f"{place}{SUFFIX}"), place.read_bytes()
    whole, rng = index.read_bytes(), np.random.default_rng(0)

    def noise(content: bytes, inside: list[int]) -> bytes:
        changed = bytearray(content)
        for spot in rng.choice(inside, rng.integers(1, 4)):
            changed[spot] = rng.integers(0, 256)
        return bytes(changed)

    for _ in range(count):
        index.write_bytes(noise(whole, list(range(len(whole)))))
        recordings = open_recordings(str(place))
        assert [found.key for found in recordings] == ["a", "b"]
        assert recordings[1].captions[0].text == "a dog"
    heads = [spot for spot in range(len(data)) if data[spot - spot % 512 + 257 :][:5] == b"ustar"]
    for _ in range(count):
        index.unlink(missing_ok=True)
        place.write_bytes(noise(data, heads))
        try:
            keys = [found.key for found in open_recordings(str(place))]
        except MmsslError as error:
            keys = []
            told = str(error)
            assert str(place) in told
        assert keys in ([], ["a", "b"])


PROGRAM = [
    path for place in ("mmssl", "recipes", "datasets", "benchmarks", "scripts") for path in (ROOT / place).rglob("*.py")
]
# What runs or unpickles what it is given. `recipe.py` runs recipes, which are programs; tests may do anything.
BANNED_MODULES = {"pickle", "cPickle", "marshal", "shelve", "dill", "joblib", "yaml", "code", "codeop", "runpy"}
BANNED_CALLS = {"eval", "exec", "compile", "__import__", "execfile", "system", "popen", "getoutput", "unsafe_load"}
ALLOWED = {
    ("mmssl/modules/pretrained.py", "pickle"),  # the name of the error that a refused pickle raises
}


@pytest.mark.fault("X7")
def test_nothing_here_runs_what_it_is_given(record_property: Callable[..., None]) -> None:
    record_property("cases", len(PROGRAM))
    found = []
    for path in PROGRAM:
        place = path.relative_to(ROOT).as_posix()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            modules = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            modules += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            found += [(place, m) for m in modules if m.split(".")[0] in BANNED_MODULES and (place, m) not in ALLOWED]
            if not isinstance(node, ast.Call):
                continue
            name = ast.unparse(node.func)
            given = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
            # `model.eval()` and `re.compile` are others.
            bare = isinstance(node.func, ast.Name) or name.startswith("os.")
            unsafe = (bare and name.split(".")[-1] in BANNED_CALLS) or given.get("shell") == "True"
            unsafe |= name.endswith("torch.load") and given.get("weights_only") != "True"
            unsafe |= name.endswith("np.load") and given.get("allow_pickle") != "False"
            unsafe |= given.get("trust_remote_code") == "True" or name.endswith("export.load")
            if unsafe:
                found.append((place, ast.unparse(node)[:80]))
    assert not found


@pytest.mark.fault("X5")
def test_the_decoder_inside_has_no_known_hole() -> None:
    import av

    assert not has_known_holes(av.ffmpeg_version_info)
    for old in ("8.1.1", "n7.1.4", "6.1", "5.1.9-0+deb12u1", "4.1.6", "4"):
        assert has_known_holes(old)
    for new in ("8.1.2", "n8.2", "7.1.5-tessus", "6.1.6", "5.1.10", "9.0", "unknown"):
        assert not has_known_holes(new)
