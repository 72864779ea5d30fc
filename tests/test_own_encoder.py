"""An encoder that somebody brings along: what fits works, what does not is named before anything is learnt."""

import re

import pytest
import torch
from torch import Tensor, nn

from mmssl.batch import Batch
from mmssl.encoder import Encoder
from mmssl.encoders.audio_resnet import AudioResNet
from mmssl.errors import UsageError
from mmssl.modules.front_ends import log_mel
from mmssl.objective import Objective
from mmssl.objectives.contrastive.info_nce import InfoNCE


class Own(Encoder):
    """Any network of torch; `gives` is how its map `[B, D, T, h, w]` leaves it."""

    modality = "video"

    def __init__(self, gives: str) -> None:
        super().__init__()
        self.dim, self.gives = 6, gives
        self.network = nn.Conv3d(3, 6, (1, 8, 8), (1, 8, 8))

    def forward(self, inputs: Tensor) -> Tensor:
        x: Tensor = self.network(inputs.movedim(1, 2).float() / 255)
        ways = {"map": x.movedim(1, -1), "channels first": x, "vector": x.mean((2, 3, 4))}
        return ways[self.gives]


def sound() -> AudioResNet:
    return AudioResNet(log_mel(bins=16), width=4, depths=(1, 1, 1), strides=(1, 2, 2))


def clips() -> Batch:
    return Batch(video=torch.zeros(3, 2, 3, 16, 16, dtype=torch.uint8), audio=torch.zeros(3, 16_000))


def test_a_map_with_features_last() -> None:
    objective = InfoNCE(video=Own("map"), audio=sound(), dim=8)
    loss, _ = objective(clips())
    loss.backward()
    assert objective.heat(clips()).shape == (3, 2, 2, 2)


def test_features_without_a_head_are_in_the_space() -> None:
    class Same(Objective):
        """Both encoders give vectors of one space."""

    objective = Same({"video": Own("map"), "audio": sound()}, {})
    grid, mask = objective.encoded(clips(), "video")
    pooled = nn.functional.normalize(objective.encoders["video"].pool(grid, mask), dim=-1)  # type: ignore[operator]
    torch.testing.assert_close(objective.embed(clips())["video"], pooled)


@pytest.mark.parametrize(("gives", "shape"), [("channels first", [3, 6, 2, 2, 2]), ("vector", [3, 6])])
def test_other_shapes(gives: str, shape: list[int]) -> None:
    told = f"Own gave {shape}; an encoder gives [B, *grid, D] with its dim, 6, last; one vector a clip is [B, 1, ..., 1"
    with pytest.raises(UsageError, match=re.escape(told)):
        InfoNCE(video=Own(gives), audio=sound(), dim=8)(clips())
    with pytest.raises(UsageError, match="a map is"):
        sound().pool(torch.zeros(3, 6))


def test_what_is_no_encoder() -> None:
    plain = nn.Linear(3, 6)
    plain.dim = 6  # type: ignore[assignment]
    with pytest.raises(UsageError, match=r"of video is a Linear; make it a class of mmssl\.encoder\.Encoder"):
        InfoNCE(video=plain, audio=sound())  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="of video is a AudioResNet, which reads audio"):
        InfoNCE(video=sound(), audio=sound())
