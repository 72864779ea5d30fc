"""CLIP's towers keep the space that they were trained in."""

import logging
from pathlib import Path

import open_clip
import pytest
import torch
from torch.nn import functional

from mmssl.batch import Batch
from mmssl.encoders.clip_open import ClipImage
from mmssl.encoders.image_small import ImageSmall
from mmssl.encoders.text_words import TextMean
from mmssl.errors import UsageError
from mmssl.modules.pretrained import without_pretrained
from mmssl.objectives.contrastive.info_nce import InfoNCE
from mmssl.training.recipe import Recipe

PAGE = Path(__file__).parents[2] / "recipes" / "clip_frames.py"


def test_embeds_as_open_clip_does(clip: str) -> None:
    run = Recipe(PAGE, {"model": clip}).build()
    assert run.data.tokenizer is not None
    texts = ["a dog barks", "rain on a roof"]
    batch = Batch(
        video=torch.randint(0, 256, (2, 3, 3, 32, 32), dtype=torch.uint8),
        text=run.data.tokenizer(texts, 32).unsqueeze(1),
    )
    model = open_clip.create_model(f"local-dir:{clip}", force_custom_text=True).eval()
    image = run.objective.encoders["video"]
    assert isinstance(image, ClipImage)
    with torch.no_grad():
        ours = run.objective.eval().embed(batch)
        frames = model.encode_image(image.normalize(batch.video).flatten(0, 1)).reshape(2, 3, -1)
        words = model.encode_text(open_clip.get_tokenizer("ViT-B-32")(texts))
    torch.testing.assert_close(ours["video"], functional.normalize(frames.mean(1), dim=-1), atol=1e-5, rtol=0)
    torch.testing.assert_close(ours["text"], functional.normalize(words, dim=-1), atol=1e-5, rtol=0)


def test_weights_that_a_checkpoint_follows_are_no_news(clip: str, caplog: pytest.LogCaptureFixture) -> None:
    with without_pretrained():
        ClipImage(clip)
    assert not caplog.records
    logging.getLogger().warning("this is")
    assert len(caplog.records) == 1


def test_no_heads_need_one_size() -> None:
    with pytest.raises(UsageError, match="96 for video, 32 for text"):
        InfoNCE(video=ImageSmall(), text=TextMean(10, 32), dim=0)
