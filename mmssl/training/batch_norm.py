"""Batch normalization over the clips of all processes, so that two processes of B train like one of 2B.

Ioffe and Szegedy 2015, "Batch Normalization", algorithm 1. torch's own runs on CUDA alone.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from mmssl.distributed import gather
from mmssl.errors import UsageError


class SharedBatchNorm(nn.modules.batchnorm._BatchNorm):
    """For any backend; the variance takes a second exchange, as the mean of squares less the squared mean cancels."""

    def _check_input_dim(self, input: Tensor) -> None:
        """Any number of axes, the second is C."""

    def forward(self, input: Tensor) -> Tensor:
        """`[B, C, ...]` to the same."""
        if not (self.training or self.running_mean is None):
            return functional.batch_norm(
                input, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
            )
        axes = [axis for axis in range(input.ndim) if axis != 1]
        shape = [1, -1, *[1] * (input.ndim - 2)]
        values = input if input.dtype is torch.float64 else input.float()
        count = gather(values.new_tensor([values.numel() / values.shape[1]])).sum()
        mean = gather(values.sum(axes).unsqueeze(0)).sum(0) / count
        centered = values - mean.view(shape)
        variance = gather(centered.square().sum(axes).unsqueeze(0)).sum(0) / count
        self._remember(mean.detach(), variance.detach() * count / (count - 1))
        normal = (centered * (variance + self.eps).rsqrt().view(shape)).to(input.dtype)
        return normal if not self.affine else normal * self.weight.view(shape) + self.bias.view(shape)

    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        """Running statistics, the variance without bias."""
        if not self.training or self.running_mean is None or self.running_var is None:
            return
        assert self.num_batches_tracked is not None
        self.num_batches_tracked += 1
        share = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(variance, share)


class _SharedBatchNormAct(SharedBatchNorm):
    """timm's, which drops blocks of places and activates as well."""

    drop: nn.Module
    act: nn.Module

    def forward(self, input: Tensor) -> Tensor:
        normal: Tensor = self.act(self.drop(super().forward(input)))
        return normal


_SHARED: dict[type, type[SharedBatchNorm]] = dict.fromkeys(
    (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d), SharedBatchNorm
)


def _kinds(model: nn.Module) -> dict[type, type[SharedBatchNorm]]:
    """Each kind of batch normalization in a model to the shared one that does what it does.

    Raises:
        UsageError: what else one of them does is not known, and torch's conversion would leave it away.
    """
    ready = (SharedBatchNorm, nn.SyncBatchNorm)
    norms = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm) and not isinstance(m, ready)]
    kinds = {type(norm) for norm in norms}
    if kinds <= _SHARED.keys():
        return _SHARED
    from timm.layers import BatchNormAct2d  # a second, and few models have it

    shared = {**_SHARED, BatchNormAct2d: _SharedBatchNormAct}
    for kind in kinds - shared.keys():
        raise UsageError(
            f"{kind.__name__} is a batch normalization of its own, which would see the clips of one process alone: "
            "take torch's or timm's, or a norm that is not of the batch"
        )
    return shared


def share_statistics(model: nn.Module, device: torch.device) -> nn.Module:
    """Every batch normalization of a model over all processes; names, weights and statistics stay the same ones.

    Raises:
        UsageError: one of them is of an unknown kind.
    """
    kinds = _kinds(model)
    if device.type == "cuda":
        from timm.layers import convert_sync_batchnorm

        # timm's, as torch's takes the activation out of timm's own without a word.
        return convert_sync_batchnorm(model)  # type: ignore[no-any-return]
    for module in model.modules():
        if type(module) in kinds:
            # In place: another module of the objective may hold the same one.
            module.__class__ = kinds[type(module)]
    return model
