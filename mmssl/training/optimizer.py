"""AdamW with weight decay on matrices alone."""

import torch
from torch import Tensor, nn

from mmssl.errors import UsageError
from mmssl.run import Optimization

# What timm, open_clip, transformers and this project call a learned place or a token of its own: no matrix, though 2-D.
_POSITIONS = ("position", "pos_embed", "cls_token", "mask_token", "temperature")
_NORMS = (nn.LayerNorm, nn.GroupNorm, nn.modules.batchnorm._NormBase)


def trained(objective: nn.Module) -> dict[str, Tensor]:
    """Parameters that have a gradient, by name."""
    return {name: parameter for name, parameter in objective.named_parameters() if parameter.requires_grad}


def undecayed(objective: nn.Module) -> set[str]:
    """Names of norms, biases, 1-D parameters, temperatures, positions and special tokens, which weight decay leaves."""
    of_norms = {
        f"{prefix}.{name}" if prefix else name
        for prefix, module in objective.named_modules()
        if isinstance(module, _NORMS)
        for name, _ in module.named_parameters(recurse=False)
    }
    plain = {name for name, parameter in trained(objective).items() if parameter.ndim <= 1 or parameter.numel() == 1}
    return of_norms | plain | {name for name in trained(objective) if any(part in name for part in _POSITIONS)}


def make_optimizer(objective: nn.Module, optimization: Optimization) -> torch.optim.Optimizer:
    """AdamW (Loshchilov and Hutter 2019, "Decoupled Weight Decay Regularization") over what is trained.

    Raises:
        UsageError: nothing is.
    """
    without = undecayed(objective)
    parameters = trained(objective)
    if not parameters:
        raise UsageError(f"no parameter of {type(objective).__name__} has requires_grad, so nothing would be learnt")
    free = [p for n, p in parameters.items() if n in without]
    groups = [
        {"params": [p for n, p in parameters.items() if n not in without], "weight_decay": optimization.weight_decay},
        {"params": [p for p in free if p.ndim], "weight_decay": 0.0},
        # Apart, as sharding leaves single numbers whole and the optimizer takes no mixed group.
        {"params": [p for p in free if not p.ndim], "weight_decay": 0.0},
    ]
    # Fused, as only that one can leave a step out without the GPU being asked, see `guard.py`.
    used = [group for group in groups if group["params"]]
    return torch.optim.AdamW(used, lr=optimization.lr, betas=optimization.betas, fused=True)


def names(objective: nn.Module, optimizer: torch.optim.Optimizer) -> dict[Tensor, str]:
    """Parameter to name, for those that the optimizer moves."""
    of = {parameter: name for name, parameter in objective.named_parameters()}
    return {parameter: of[parameter] for group in optimizer.param_groups for parameter in group["params"]}
