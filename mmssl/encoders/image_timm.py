"""ResNet (He et al. 2016), ViT (Dosovitskiy et al. 2021) and every other image network of timm, on single frames."""

from typing import Any, ClassVar

import timm
from torch import Tensor

from mmssl.batch import Modality
from mmssl.encoder import Encoder
from mmssl.errors import UsageError
from mmssl.modules.normalize import PixelNorm
from mmssl.modules.pretrained import Pretrained, from_hub, load_weights, read_weights, wanted


class ImageTimm(Encoder):
    """Each frame by itself: `[B, T, 3, H, W]` to `[B, T, h, w, D]`, the patches or the last map of the network.

    Args:
        name: timm's, such as "resnet18.a1_in1k" or "vit_small_patch16_224.augreg_in1k".
        pretrained: True for the weights that the name stands for (network or cache), or a local file of them.
        stage: which of the network's maps or blocks; -1 is the last, -2 of a ResNet has twice the places.
        options: for `timm.create_model`, such as `{"dynamic_img_size": True}`.

    Raises:
        UsageError: timm has no such network or map, or the weights cannot be had or do not fit.
    """

    modality: ClassVar[Modality] = "video"

    def __init__(
        self, name: str, pretrained: Pretrained = False, stage: int = -1, options: dict[str, Any] | None = None
    ) -> None:
        super().__init__()
        if not timm.is_model(name.partition(".")[0]):
            near = ", ".join(timm.list_models(f"{name[:4]}*")[:4])
            raise UsageError(f"{name}: timm has no such network{f'; it has {near}' if near else ''}.")
        by_name = wanted(pretrained) and pretrained is True
        # The classifier is left away before loading, so that no weight of it is missing or left over.
        fixed = {"num_classes": 0, "global_pool": "", **(options or {})}
        self.model: Any = from_hub(name, lambda: timm.create_model(name, pretrained=by_name, **fixed), by_name)
        if wanted(pretrained) and not by_name:
            unused = tuple(f"{key}." for key in _classifiers(self.model))
            load_weights(self.model, read_weights(str(pretrained)), str(pretrained), unused)
        config = timm.data.resolve_model_data_config(self.model)
        self.normalize = PixelNorm(config["mean"], config["std"])
        self.stage = stage
        try:
            self.model.prune_intermediate_layers([stage], prune_norm=False, prune_head=True)
        except (AttributeError, AssertionError, IndexError) as error:
            raise UsageError(f"{name}: timm gives no map of stage {stage} of this network; take another.") from error
        self.dim = int(self.model.feature_info[stage]["num_chs"])

    def forward(self, inputs: Tensor) -> Tensor:
        """`[B, T, 3, H, W]` to `[B, T, h, w, D]`."""
        frames = self.normalize(inputs).flatten(0, 1)
        (grid,) = self.model.forward_intermediates(
            frames, indices=[self.stage], norm=True, output_fmt="NCHW", intermediates_only=True
        )
        places: Tensor = grid.movedim(1, -1)
        return places.reshape(*inputs.shape[:2], *places.shape[1:])


def _classifiers(model: Any) -> list[str]:
    names = model.default_cfg.get("classifier", "head")
    return [names] if isinstance(names, str) else list(names)


def image_resnet(name: str = "resnet18", pretrained: Pretrained = False, stage: int = -1) -> ImageTimm:
    """A ResNet, one place for 32 x 32 pixels (16 x 16 with stage -2); any size of picture."""
    return ImageTimm(name, pretrained, stage)


def image_vit(name: str = "vit_small_patch16_224", pretrained: Pretrained = False) -> ImageTimm:
    """A ViT, one place a patch; positions are resampled to the size of the picture."""
    return ImageTimm(name, pretrained, options={"dynamic_img_size": True})
