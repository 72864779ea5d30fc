"""A tiny instance of every encoder, and tiny model folders as a hub would give them."""

import json
from collections.abc import Callable
from pathlib import Path

import open_clip
import pytest
import torch
from open_clip.factory import create_model
from safetensors.torch import save_model
from torch import Tensor
from transformers import AutoModel, BertConfig, XLMRobertaConfig

from mmssl.encoder import Encoder
from mmssl.encoders.audio_l3 import AudioL3
from mmssl.encoders.audio_resnet import AudioResNet
from mmssl.encoders.audio_windows import AudioWindows
from mmssl.encoders.clip_open import ClipImage, ClipText
from mmssl.encoders.image_l3 import ImageL3
from mmssl.encoders.image_plain import ImagePlain
from mmssl.encoders.image_small import ImageSmall
from mmssl.encoders.image_timm import ImageTimm
from mmssl.encoders.multisensory import MultisensoryAudio, MultisensoryVideo
from mmssl.encoders.sync_net import SyncNetAudio, SyncNetVideo
from mmssl.encoders.text_causal import TextCausal
from mmssl.encoders.text_hub import TextHub
from mmssl.encoders.text_transformer import TextTransformer
from mmssl.encoders.text_words import TextMean, TextWords
from mmssl.encoders.video_blank import VideoBlank
from mmssl.encoders.video_resnet import mc3_18, r2plus1d_18, r3d_18
from mmssl.encoders.video_s3d import VideoS3DG
from mmssl.encoders.video_small import VideoSmall
from mmssl.encoders.video_stack import VideoStack
from mmssl.encoders.video_vit import VideoViT
from mmssl.encoders.video_windows import VideoWindows
from mmssl.modules.front_ends import ave
from mmssl.modules.pooling import first_pool
from mmssl.modules.position import LearnedPositions

WORDS = 50

# A name to what builds it from the folder of tiny models; every class of mmssl.encoders must be here.
TINY: dict[str, Callable[[Path], Encoder]] = {
    "VideoSmall": lambda _: VideoSmall(channels=(16, 16, 32)),
    "VideoStack": lambda _: VideoStack(ImageSmall(channels=(16, 16, 32)), width=16),
    "ImagePlain": lambda _: ImagePlain((8, 8, 16, 16)),
    "ImageSmall": lambda _: ImageSmall(channels=(16, 16, 32)),
    "ImageL3": lambda _: ImageL3(width=4),
    "ImageL3 stride 2": lambda _: ImageL3(width=4, stride=2),
    "ImageTimm resnet": lambda _: ImageTimm("test_resnet"),
    "ImageTimm resnet stage -2": lambda _: ImageTimm("test_resnet", stage=-2),
    "ImageTimm vit": lambda _: ImageTimm("test_vit", options={"dynamic_img_size": True}),
    "ClipImage vit": lambda folder: ClipImage(str(folder / "clip-vit")),
    "ClipImage resnet": lambda folder: ClipImage(str(folder / "clip-resnet")),
    "ClipText": lambda folder: ClipText(str(folder / "clip-vit")),
    "R(2+1)D": lambda _: r2plus1d_18(width=4),
    "R3D": lambda _: r3d_18(width=4),
    "MC3": lambda _: mc3_18(width=4),
    "VideoS3DG": lambda _: VideoS3DG(width=8),
    "VideoBlank": lambda _: VideoBlank(dim=8),
    "VideoViT": lambda _: VideoViT(dim=24, depth=2, heads=2),
    "VideoViT learned": lambda _: VideoViT(dim=24, depth=1, heads=2, positions=LearnedPositions((2, 4, 4), 24)),
    "AudioL3": lambda _: AudioL3(width=4, stride=2),
    "AudioL3 AVE": lambda _: AudioL3(ave(), width=4, stride=2),
    "AudioResNet": lambda _: AudioResNet(width=4, depths=(1, 1, 1), strides=(1, 2, 2)),
    "AudioWindows": lambda _: AudioWindows(width=4, dim=16),
    "MultisensoryAudio": lambda _: MultisensoryAudio(width=4),
    "MultisensoryVideo": lambda _: MultisensoryVideo(width=8),
    "SyncNetAudio": lambda _: SyncNetAudio(width=1 / 16),
    "SyncNetVideo": lambda _: SyncNetVideo(width=1 / 16, pixels=64, frames=3),
    "VideoWindows": lambda _: VideoWindows(channels=(8, 8, 16), dim=16, frames=3),
    "TextHub BERT": lambda folder: TextHub(folder / "bert"),
    "TextHub XLM-R": lambda folder: TextHub(str(folder / "xlm-roberta"), pooling=first_pool),
    "TextCausal": lambda _: TextCausal(WORDS, dim=24, depth=2, heads=2),
    "TextTransformer": lambda _: TextTransformer(WORDS, dim=24, depth=2, heads=2),
    "TextWords": lambda _: TextWords(WORDS, dim=32, word_dim=16),
    "TextWords not frozen": lambda _: TextWords(WORDS, dim=32, word_dim=16, frozen=False),
    "TextMean": lambda _: TextMean(WORDS, dim=16),
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "label" in metafunc.fixturenames:
        metafunc.parametrize("label", sorted(TINY))


def _clip(folder: Path, vision: dict[str, object]) -> None:
    folder.mkdir()
    text = {"context_length": 12, "vocab_size": WORDS, "width": 16, "heads": 2, "layers": 2}
    model = {"embed_dim": 8, "vision_cfg": {"image_size": 64, **vision}, "text_cfg": text}
    preprocess = {"mean": [0.5, 0.4, 0.3], "std": [0.3, 0.2, 0.1]}
    settings = {"model_cfg": model, "preprocess_cfg": preprocess}
    (folder / "open_clip_config.json").write_text(json.dumps(settings), encoding="utf-8")
    torch.manual_seed(0)
    save_model(create_model(f"local-dir:{folder}", load_weights=False), str(folder / "open_clip_model.safetensors"))


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders `bert`, `xlm-roberta`, `clip-vit` and `clip-resnet`, with weights."""
    folder = tmp_path_factory.mktemp("models")
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    torch.manual_seed(0)
    AutoModel.from_config(BertConfig(vocab_size=WORDS, max_position_embeddings=32, **sizes)).save_pretrained(
        folder / "bert"
    )
    AutoModel.from_config(
        XLMRobertaConfig(vocab_size=WORDS, max_position_embeddings=32, pad_token_id=1, **sizes)
    ).save_pretrained(folder / "xlm-roberta")
    _clip(folder / "clip-vit", {"layers": 2, "width": 16, "head_width": 8, "patch_size": 16})
    _clip(folder / "clip-resnet", {"layers": [1, 1, 1, 1], "width": 8})
    assert open_clip.__version__
    return folder


@pytest.fixture
def tiny(models: Path) -> Callable[[str], Encoder]:
    """A name of the table to a new, random encoder; the same one each time."""

    def build(label: str) -> Encoder:
        torch.manual_seed(0)
        return TINY[label](models)

    return build


@pytest.fixture
def encoder(label: str, tiny: Callable[[str], Encoder]) -> Encoder:
    return tiny(label)


@pytest.fixture
def inputs(encoder: Encoder) -> Tensor:
    """Three clips, as the loader gives them."""
    generator = torch.Generator().manual_seed(1)
    if encoder.modality == "video":
        return torch.randint(0, 256, (3, 4, 3, 64, 64), generator=generator, dtype=torch.uint8)
    if encoder.modality == "audio":
        rate = encoder.sample_rate
        return 0.1 * torch.randn(3, int(rate), generator=generator)  # type: ignore[arg-type]
    text = torch.randint(0, WORDS, (3, 7), generator=generator)
    text[1, 4:] = -1
    return text


@pytest.fixture
def labels() -> list[str]:
    return sorted(TINY)
