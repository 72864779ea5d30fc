"""LiT: the letters, a locked tower that keeps every bit, and vectors that were computed once."""

import copy
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mmssl.batch import Batch
from mmssl.encoder import Encoder
from mmssl.encoders.clip_open import ClipImage, ClipText
from mmssl.encoders.video_small import VideoSmall
from mmssl.errors import UsageError
from mmssl.modules.fingerprint import fingerprint
from mmssl.modules.stored_features import ABOUT, KEYS, VECTORS, StoredFeatures, key_numbers
from mmssl.modules.tower_policy import LOCKED, PRETRAINED, SCRATCH, towers
from mmssl.objectives.contrastive.clip import CLIP
from mmssl.objectives.contrastive.lit import LiT
from mmssl.training.layout import lay_channels_last

Sample = Callable[..., Batch]
Changed = Callable[..., Batch]
Tiny = dict[str, type[Encoder]]


class WithDropout(VideoSmall):
    """Batch normalization and dropout: what an eval mode that is forgotten would let through."""

    def __init__(self) -> None:
        super().__init__((8, 8, 8))
        self.drop = nn.Dropout(0.5)

    def forward(self, inputs: Tensor) -> Tensor:
        grid: Tensor = self.drop(super().forward(inputs))
        return grid


def state(module: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in module.state_dict().items()}


def step(objective: LiT, optimizer: torch.optim.Optimizer, batch: Batch, number: int) -> None:
    loss, _ = objective(batch)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    objective.after_step(number / 4)


@pytest.mark.parametrize(
    ("letters", "video", "text"),
    [("Lu", LOCKED, SCRATCH), ("Uu", PRETRAINED, SCRATCH), ("uu", SCRATCH, SCRATCH), ("LU", LOCKED, PRETRAINED)],
)
def test_letters_are_policies(letters: str, video: object, text: object) -> None:
    assert towers(letters) == (video, text)


@pytest.mark.parametrize("letters", ["", "L", "lu", "Luu", "Lx"])
def test_other_letters_are_refused(letters: str) -> None:
    with pytest.raises(UsageError, match="LiT is Lu"):
        towers(letters)


@pytest.mark.parametrize("half", [False, True], ids=["fp32", "bf16"])
def test_a_locked_tower_keeps_every_bit(half: bool, tiny: Tiny, sample: Sample) -> None:
    objective = LiT(video=WithDropout(), text=tiny["text"](), towers=towers("Lu")).train()
    before = state(objective.encoders["video"])
    if half:
        lay_channels_last(objective)
    optimizer = torch.optim.AdamW(objective.parameters(), 0.1, weight_decay=0.5)
    words = state(objective.encoders["text"])
    for number in range(4):
        objective.eval().train()  # as an evaluation between steps does
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            step(objective, optimizer, sample(seed=number), number)
    after = state(objective.encoders["video"])
    assert any("running" in name for name in before)
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    assert all(p.grad is None for p in objective.encoders["video"].parameters())
    assert not torch.equal(words["words.weight"], state(objective.encoders["text"])["words.weight"])


@pytest.mark.parametrize("letters", ["Uu", "uu"])
def test_an_unlocked_tower_moves_with_its_buffers(letters: str, tiny: Tiny, sample: Sample) -> None:
    objective = LiT(video=VideoSmall((8, 8, 8)), text=tiny["text"](), towers=towers(letters)).train()
    before = state(objective.encoders["video"])
    step(objective, torch.optim.AdamW(objective.parameters(), 0.1), sample(), 0)
    after = state(objective.encoders["video"])
    assert all(not torch.equal(value, after[name]) for name, value in before.items() if "running" in name)
    assert not torch.equal(before["stem.0.weight"], after["stem.0.weight"])


def test_the_loss_is_clips_without_a_head_of_the_picture(tiny: Tiny, sample: Sample) -> None:
    lit = LiT(video=tiny["video"](), text=tiny["text"](), temperature=0.07)
    clip = CLIP(video=copy.deepcopy(lit.encoders["video"]), text=copy.deepcopy(lit.encoders["text"]), dim=16)  # type: ignore[arg-type]
    clip.heads = copy.deepcopy(lit.heads)
    torch.testing.assert_close(lit(sample())[0], clip(sample())[0])


def test_learns_on_the_towers_of_open_clip(clip: str, sample: Sample) -> None:
    torch.manual_seed(0)
    objective, batch = LiT(video=ClipImage(clip), text=ClipText(clip), towers=towers("Lu")), sample(4, captions=1)
    before, optimizer = state(objective.encoders["video"]), torch.optim.AdamW(objective.parameters(), 3e-3)
    first = objective(batch)[0].item()
    for number in range(20):
        step(objective, optimizer, batch, number)
    assert objective(batch)[0].item() < first
    assert all(torch.equal(value, before[name]) for name, value in state(objective.encoders["video"]).items())


@pytest.fixture
def stored(tiny: Tiny, sample: Sample, tmp_path: Path) -> tuple[LiT, Path]:
    """A model, and the folder that `mmssl features` would make of the eight clips."""
    objective, batch = LiT(video=tiny["video"](), text=tiny["text"](), stored=StoredFeatures(tmp_path)), sample()
    encoder: Encoder = objective.encoders["video"]  # type: ignore[assignment]
    vectors = encoder.pool(encoder(batch.video)).detach().numpy()
    vectors[5] = np.nan  # could not be read
    np.save(tmp_path / VECTORS, vectors)
    np.save(tmp_path / KEYS, key_numbers(batch.keys))
    (tmp_path / ABOUT).write_text(json.dumps({"weights": fingerprint(encoder)}))
    return objective, tmp_path


def test_stored_vectors_give_the_same_loss(stored: tuple[LiT, Path], sample: Sample, changed: Changed) -> None:
    objective, batch = stored[0], sample()
    unread = changed(batch, video_valid=torch.arange(8) != 5)
    words = {name: value for name, value in batch.tensors() if not name.startswith("video")}
    losses = []
    for given in (unread, Batch(keys=batch.keys, **words)):
        loss, _ = objective(given)
        loss.backward()
        losses.append(loss.detach())
    assert torch.equal(*losses)
    assert set(objective.embed(batch)) == {"video", "text"}, "pictures are still seen"


def test_stored_vectors_of_others_are_refused(
    stored: tuple[LiT, Path], tiny: Tiny, sample: Sample, tmp_path: Path
) -> None:
    objective, batch = stored[0], sample()
    words = {name: value for name, value in batch.tensors() if not name.startswith("video")}
    with pytest.raises(UsageError, match="other recordings"):
        objective(Batch(keys=tuple(reversed(batch.keys)), **words))
    with pytest.raises(UsageError, match="other recordings"):
        objective(Batch(keys=batch.keys, **{**words, "index": batch.index + 1}))
    other = LiT(video=tiny["video"](), text=tiny["text"](), stored=StoredFeatures(stored[1]))
    with pytest.raises(UsageError, match="another encoder"):
        other(Batch(keys=batch.keys, **words))
    none = LiT(video=tiny["video"](), text=tiny["text"](), stored=StoredFeatures(tmp_path / "nowhere"))
    with pytest.raises(UsageError, match="mmssl features"):
        none(Batch(keys=batch.keys, **words))
    with pytest.raises(UsageError, match="begin with L"):
        LiT(video=tiny["video"](), text=tiny["text"](), towers=towers("Uu"), stored=StoredFeatures(tmp_path))
