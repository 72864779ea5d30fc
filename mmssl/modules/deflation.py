"""A film network as an image network: what it would say of a film in which nothing moves, at the cost of one picture.

Alayrac et al. 2020 (MMV), section 3.3: kernels are summed over time and temporal shifts left out, which is exact where
a film is so long that none of its beginning and end is seen. Padding at both ends makes the rest differ, so gains and
offsets of the normalizations are fitted again to what the film network says of stills.
"""

import copy
from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional

from mmssl.encoder import Encoder
from mmssl.errors import UsageError
from mmssl.modules.temporal_shift import ShiftedBlock

_NORMS = (nn.modules.batchnorm._BatchNorm, nn.GroupNorm, nn.LayerNorm)
_FEWER = 1 << 30  # one such share of a block's channels is none of them


def deflate(encoder: Encoder) -> Encoder:
    """A copy that takes films of one frame, `[B, 1, 3, H, W]`; the encoder itself stays as it is.

    3-D convolutions, their factors and temporal shifts are known; layers without time are kept. What looks along time
    otherwise, such as attention, sees one frame.

    Args:
        encoder: of video.

    Raises:
        UsageError: it is of another modality.
    """
    if encoder.modality != "video":
        raise UsageError(f"deflate makes an image network of a film network, not of an encoder of {encoder.modality}")
    image = copy.deepcopy(encoder)
    for module in list(image.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.Conv3d):
                setattr(module, name, _summed(child))
        if isinstance(module, ShiftedBlock):
            module.share = _FEWER
    return image


def _summed(film: nn.Conv3d) -> nn.Conv3d:
    """The convolution of one frame that equals this one where all frames are the same."""
    image = nn.Conv3d(
        film.in_channels,
        film.out_channels,
        (1, film.kernel_size[1], film.kernel_size[2]),
        (1, film.stride[1], film.stride[2]),
        (0, int(film.padding[1]), int(film.padding[2])),
        (1, film.dilation[1], film.dilation[2]),
        film.groups,
        bias=film.bias is not None,
        device=film.weight.device,
        dtype=film.weight.dtype,
    )
    with torch.no_grad():
        image.weight.copy_(film.weight.sum(2, keepdim=True))
        if film.bias is not None and image.bias is not None:
            image.bias.copy_(film.bias)
    return image


def refit(image: Encoder, video: Encoder, stills: Iterable[Tensor], frames: int, lr: float = 1e-3) -> list[float]:
    """Fit gains and offsets of the image network's normalizations to the film network, by the L1 of pooled features.

    Both are in eval mode meanwhile, so statistics stay as they are, and nothing else of either changes.

    Args:
        image: from `deflate(video)`, changed in place.
        video: the film network.
        stills: batches of pictures `[B, 3, H, W]`, as `Batch.video` has them; one step of Adam each.
        frames: T of the films of which these are stills.
        lr: learning rate.

    Returns:
        The L1 before each step.

    Raises:
        UsageError: the image network has no normalization with gains.
    """
    norms = [module for module in image.modules() if isinstance(module, _NORMS)]
    fitted = [weight for norm in norms for weight in norm.parameters()]
    if not fitted:
        raise UsageError(f"{type(image).__name__} has no normalization whose gains and offsets could be fitted")
    modes = [(network, network.training) for network in (image, video)]
    optimizer, found = torch.optim.Adam(fitted, lr), []
    for network, _ in modes:
        network.eval()
    for pictures in stills:
        still = pictures.unsqueeze(1)
        with torch.no_grad():
            wanted = video.pool(video(still.expand(-1, frames, -1, -1, -1)))
        loss = functional.l1_loss(image.pool(image(still)), wanted)
        gradients = torch.autograd.grad(loss, fitted)
        for weight, gradient in zip(fitted, gradients, strict=True):
            weight.grad = gradient
        optimizer.step()
        optimizer.zero_grad()
        found.append(loss.item())
    for network, mode in modes:
        network.train(mode)
    return found
