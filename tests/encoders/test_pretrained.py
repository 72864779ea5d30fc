"""Weights from local files and folders, and what is said when there are none."""

import json
import socket
from collections.abc import Callable
from pathlib import Path

import numpy as np
import open_clip
import pytest
import timm
import torch
from huggingface_hub import constants
from safetensors.torch import save_file
from torchvision.models.video import r2plus1d_18 as torchvision_r2plus1d
from transformers import AutoModel, GPT2Config

from mmssl.encoder import Encoder
from mmssl.encoders.clip_open import ClipImage, ClipText
from mmssl.encoders.image_timm import ImageTimm, image_resnet, image_vit
from mmssl.encoders.text_hub import TextHub
from mmssl.encoders.text_words import TextWords
from mmssl.encoders.video_resnet import VideoResNet, mc3_18, r2plus1d_18, r3d_18
from mmssl.encoders.video_s3d import VideoS3DG
from mmssl.encoders.video_vit import VideoViT
from mmssl.errors import UsageError
from mmssl.modules.pooling import first_pool
from mmssl.modules.pretrained import _reachable, read_weights, without_pretrained
from mmssl.modules.word_vectors import read_word_vectors

FRAMES = torch.randint(0, 256, (2, 2, 3, 64, 64), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


def same(one: Encoder, other: Encoder) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.fault("R11")
@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
@pytest.mark.parametrize("build", [r2plus1d_18, r3d_18, mc3_18])
def test_video_resnet_from_a_file(build: Callable[..., VideoResNet], suffix: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    first = build(width=4)
    weights = {**first.trunk.state_dict(), "fc.weight": torch.zeros(400, 32), "fc.bias": torch.zeros(400)}
    path = tmp_path / f"weights{suffix}"
    save_file(weights, path) if suffix == ".safetensors" else torch.save({"state_dict": weights}, path)
    assert same(build(width=4, pretrained=path), first)
    with pytest.raises(UsageError, match=r"not the weights of this.*another shape"):
        build(width=8, pretrained=path)


def test_video_resnet_is_torchvisions(tmp_path: Path) -> None:
    theirs = torchvision_r2plus1d(weights=None).eval()
    torch.save(theirs.state_dict(), tmp_path / "weights.pth")
    mine = r2plus1d_18(pretrained=tmp_path / "weights.pth").eval()
    with torch.no_grad():
        expected = theirs(mine.normalize(FRAMES).transpose(1, 2))
        torch.testing.assert_close(theirs.fc(mine.pool(mine(FRAMES))), expected)


def test_s3d_takes_the_published_names(tmp_path: Path) -> None:
    first = VideoS3DG(width=8)
    weights = first.trunk.state_dict()
    # Names of the file of HowTo100M, of each kind of layer.
    published = ("conv1.conv1.weight", "conv_2c.bn2.running_var", "gating.fc.weight", "mixed_4f.conv_b2_b.conv2.weight")
    assert {*published, "mixed_5c.gating_b3.fc.bias", "mixed_3b.conv_b3_b.bn1.num_batches_tracked"} <= set(weights)
    extra = {"fc.weight": torch.zeros(3, 3), "text_module.fc1.bias": torch.zeros(3)}
    save_file({f"module.{key}": value for key, value in {**weights, **extra}.items()}, tmp_path / "s3d.safetensors")
    assert same(VideoS3DG(width=8, pretrained=str(tmp_path / "s3d.safetensors")), first)


def test_video_vit_from_a_file(tmp_path: Path) -> None:
    first = VideoViT(dim=24, depth=1, heads=2)
    save_file(first.state_dict(), tmp_path / "vit.safetensors")
    assert same(VideoViT(dim=24, depth=1, heads=2, pretrained=str(tmp_path / "vit.safetensors")), first)


@pytest.mark.parametrize(("name", "build"), [("test_resnet", image_resnet), ("test_vit", image_vit)])
def test_timm_from_a_file(name: str, build: Callable[..., ImageTimm], tmp_path: Path) -> None:
    torch.manual_seed(0)
    theirs = timm.create_model(name, pretrained=False, num_classes=7).eval()
    save_file(theirs.state_dict(), tmp_path / "timm.safetensors")
    mine = build(name, pretrained=tmp_path / "timm.safetensors").eval()
    size = theirs.default_cfg["input_size"][-1]
    frames = torch.rand(2, 1, 3, size, size)
    with torch.no_grad():
        features = theirs.forward_features(mine.normalize(frames)[:, 0])
        map_or_patches = features[:, theirs.num_prefix_tokens :] if features.ndim == 3 else features.flatten(2).mT
        torch.testing.assert_close(mine(frames).flatten(1, 3), map_or_patches, atol=1e-5, rtol=1e-4)


def test_text_hub_is_transformers(models: Path) -> None:
    ids = torch.tensor([[5, 6, 7], [8, 9, -1]])
    theirs = AutoModel.from_pretrained(models / "xlm-roberta").eval()
    mine = TextHub(models / "xlm-roberta", pooling=first_pool).eval()
    with torch.no_grad():
        tokens = theirs(ids.masked_fill(ids < 0, 1), attention_mask=(ids >= 0).long()).last_hidden_state
        assert torch.equal(mine(ids), tokens)
    assert torch.equal(mine.pool(tokens, mine.mask(ids)), tokens[:, 0])
    assert not same(TextHub(models / "xlm-roberta", pretrained=False), mine)


def test_clip_mean_of_the_map_is_clips_own_vector(models: Path) -> None:
    for name in ("clip-vit", "clip-resnet"):
        theirs = open_clip.create_model(f"local-dir:{models / name}").eval()
        image, text = ClipImage(str(models / name)).eval(), ClipText(str(models / name)).eval()
        ids = torch.tensor([[48, 3, 4, 49, -1], [48, 5, 49, -1, -1]])
        padded = torch.nn.functional.pad(ids.clamp(min=0), (0, 7))
        with torch.no_grad():
            expected = theirs.encode_image(image.normalize(FRAMES).flatten(0, 1)).view(2, 2, -1).mean(1)
            torch.testing.assert_close(image.pool(image(FRAMES)), expected, atol=1e-5, rtol=1e-4)
            expected = theirs.encode_text(padded)
            torch.testing.assert_close(text.pool(text(ids), text.mask(ids)), expected, atol=1e-5, rtol=1e-4)
            larger = image(torch.rand(1, 1, 3, 90, 120))
        assert larger.shape[:2] == (1, 1)
        assert larger.isfinite().all()
        torch.testing.assert_close(image.normalize.mean.flatten(), torch.tensor([0.5, 0.4, 0.3]))


def test_clip_by_name_with_a_local_checkpoint(models: Path, tmp_path: Path) -> None:
    settings = json.loads((models / "clip-vit" / "open_clip_config.json").read_text(encoding="utf-8"))
    (tmp_path / "tiny-clip.json").write_text(json.dumps(settings["model_cfg"]), encoding="utf-8")
    open_clip.add_model_config(tmp_path)
    torch.save(open_clip.create_model(f"local-dir:{models / 'clip-vit'}").state_dict(), tmp_path / "tiny.pt")
    assert same(ClipImage("tiny-clip", tmp_path / "tiny.pt"), ClipImage(str(models / "clip-vit")))
    assert same(ClipText("tiny-clip", str(tmp_path / "tiny.pt")), ClipText(str(models / "clip-vit")))
    assert not same(ClipText("tiny-clip"), ClipText(str(models / "clip-vit")))


@pytest.mark.parametrize(
    "build",
    [
        lambda: r2plus1d_18(width=4, pretrained="/nowhere/weights.pth"),
        lambda: VideoS3DG(width=8, pretrained="nowhere.pth"),
        lambda: VideoViT(dim=24, depth=1, heads=2, pretrained="./nowhere"),
        lambda: ImageTimm("test_resnet", pretrained="nowhere.safetensors"),
        lambda: TextHub("./nowhere"),
        lambda: ClipImage("./nowhere"),
        lambda: ClipText("ViT-B-32", "nowhere.pt"),
    ],
)
def test_missing_file_is_named(build: Callable[[], Encoder]) -> None:
    with pytest.raises(UsageError, match=r"nowhere.*no such file or folder"):
        build()


@pytest.mark.fault("R12")
@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: TextHub("nobody/no-such-model"), "nobody/no-such-model.*local"),
        (lambda: ImageTimm("resnat18"), "resnat18.*no such network"),
        (lambda: ImageTimm("test_resnet", pretrained=True), "test_resnet.*local"),
        (lambda: ImageTimm("test_resnet", stage=9), "test_resnet.*stage 9"),
        (lambda: ClipText("ViT-Q-99"), "ViT-Q-99.*local"),
    ],
)
def test_unknown_or_unreachable_name_is_said(build: Callable[[], Encoder], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        build()


@pytest.mark.fault("R12")
@pytest.mark.parametrize(
    "build",
    [
        lambda: TextHub("nobody/no-such-model"),
        lambda: ImageTimm("test_resnet", pretrained=True),
        lambda: ClipText("ViT-B-32", pretrained="openai"),
    ],
)
def test_without_a_network_the_hub_is_asked_once(build: Callable[[], Encoder], monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{deaf.getsockname()[1]}")
        monkeypatch.setenv("HF_HUB_ETAG_TIMEOUT", "0.1")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        _reachable.cache_clear()
        with pytest.raises(UsageError, match="path of a local copy"):
            build()
        _reachable.cache_clear()
        deaf.accept()[0].close()
        deaf.setblocking(False)
        with pytest.raises(BlockingIOError):
            deaf.accept()


def test_only_text_encoders_are_built(tmp_path: Path) -> None:
    GPT2Config(vocab_size=10, n_embd=8, n_layer=1, n_head=1).save_pretrained(tmp_path)
    with pytest.raises(UsageError, match="gpt2 is no text encoder"):
        TextHub(tmp_path)


@pytest.mark.fault("R10")
def test_files_of_other_trainings_say_what_to_save(tmp_path: Path) -> None:
    """As MoCo and DINO leave them, beside an optimizer and under a longer name."""
    weights = timm.create_model("test_resnet", num_classes=0).state_dict()
    torch.save({"state_dict": {f"module.encoder_q.{k}": v for k, v in weights.items()}}, tmp_path / "moco.pth")
    with pytest.raises(UsageError, match=r"moco\.pth: .* save those without 'encoder_q\.' before their names"):
        image_resnet("test_resnet", pretrained=tmp_path / "moco.pth")
    torch.save({"student": weights, "teacher": weights, "epoch": 3}, tmp_path / "dino.pth")
    with pytest.raises(
        UsageError, match=r"dino\.pth: .* not a table of student, teacher, epoch; save the one you want"
    ):
        image_resnet("test_resnet", pretrained=tmp_path / "dino.pth")
    torch.save({**weights, "more": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(UsageError, match=r"1 left over \(more\).*give the file of this very model"):
        image_resnet("test_resnet", pretrained=tmp_path / "other.pth")


def test_pickled_code_is_refused(tmp_path: Path) -> None:
    torch.save({"model": VideoViT(dim=24, depth=1, heads=2)}, tmp_path / "code.pth")
    with pytest.raises(UsageError, match="more than tensors"):
        read_weights(tmp_path / "code.pth")
    (tmp_path / "cut.safetensors").write_bytes(b"\x00" * 20)
    with pytest.raises(UsageError, match="not a readable file"):
        read_weights(tmp_path / "cut.safetensors")
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(UsageError, match="table of tensors"):
        read_weights(tmp_path / "list.pth")


def test_weights_to_come_are_not_looked_for(models: Path) -> None:
    with without_pretrained():
        r3d_18(width=4, pretrained="/nowhere/weights.pth")
        ImageTimm("test_resnet", pretrained=True)
        assert not same(TextHub(models / "bert"), TextHub(models / "bert"))


@pytest.mark.parametrize("kind", ["text", "headed", "binary", "npy"])
def test_word_vectors_are_read(kind: str, tmp_path: Path) -> None:
    table = np.arange(9, dtype=np.float32).reshape(3, 3)
    words = ["red", "ball", "мяч"]
    path = tmp_path / {"text": "v.txt", "headed": "v.vec", "binary": "v.bin", "npy": "v.npy"}[kind]
    lines = "".join(f"{word} {' '.join(map(str, row))}\n" for word, row in zip(words, table, strict=True))
    if kind == "npy":
        np.save(path, table[[0, 2, 1, 0]])
    elif kind == "binary":
        rows = (word.encode() + b" " + row.tobytes() + b"\n" for word, row in zip(words, table, strict=True))
        path.write_bytes(b"3 3\n" + b"".join(rows))
    else:
        path.write_text(("3 3\n" if kind == "headed" else "") + lines, encoding="utf-8")
    vectors = read_word_vectors(path, ["red", "мяч", "ball", "unknown"])
    expected = torch.tensor([[0.0, 1, 2], [6, 7, 8], [3, 4, 5], [0, 1, 2] if kind == "npy" else [0, 0, 0]])
    assert torch.equal(vectors, expected)
    tower = TextWords(4, dim=8, vectors=vectors)
    assert torch.equal(tower.embedding.weight, expected)
    assert not tower.embedding.weight.requires_grad


def test_word_vectors_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    (tmp_path / "v.txt").write_text("red 1 2 3\nball 1 2\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"v\.txt.*line 2"):
        read_word_vectors(tmp_path / "v.txt", ["red"])
    with pytest.raises(UsageError, match="no such file"):
        read_word_vectors(tmp_path / "none.txt", ["red"])
    (tmp_path / "cut.bin").write_bytes(b"3 300\nred \x00\x00")
    with pytest.raises(UsageError, match=r"cut\.bin.*ends"):
        read_word_vectors(tmp_path / "cut.bin", ["red"])
    with pytest.raises(UsageError, match="vocabulary has 5"):
        TextWords(5, vectors=torch.zeros(4, 3))


def test_token_outside_the_vocabulary_is_said() -> None:
    with pytest.raises(UsageError, match="token 7"):
        TextWords(5, dim=8, word_dim=4)(torch.tensor([[1, 7]]))
