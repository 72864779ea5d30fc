"""Ways to compute each contrastive loss, which `benchmarks/losses.py` measures."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from mmssl.modules.cached_gradient import in_chunks
from mmssl.modules.contrast import contrast
from mmssl.modules.scores import Pooled
from mmssl.modules.sigmoid import sigmoid_loss
from mmssl.modules.tiles import Side
from mmssl.objectives.contrastive.info_nce import info_nce
from mmssl.objectives.contrastive.mil_nce import mil_nce_as_released

WIDTH, BAG = 512, 5
COMPILED = "torch.compile of log-sum-exps"


class Case(NamedTuple):
    """Ways to one loss; the first is what the others are measured by."""

    ways: dict[str, Callable[[], Tensor]]
    leaves: list[Tensor]  # that get a gradient


def inputs(*shape: int) -> Tensor:
    """Unit vectors `[*shape, WIDTH]`."""
    return functional.normalize(torch.randn(*shape, WIDTH), dim=-1).requires_grad_()


def sides(one: Tensor, other: Tensor) -> tuple[Side, Side]:
    """Rows `[N, E]` and columns `[N, C, E]`, all there, each of its own group."""
    valid, keys = torch.ones(other.shape[:2], dtype=torch.bool), torch.arange(len(one)).unsqueeze(1)
    of_columns = keys.unsqueeze(1).expand(-1, other.shape[1], 1)
    return Side((one.detach()[:, :0], one), valid[:, 0], keys), Side((other,), valid, of_columns)


def pairs(count: int) -> Case:
    """InfoNCE between two embeddings of each clip."""
    from open_clip.loss import ClipLoss

    one, other, scale = inputs(count), inputs(count), torch.tensor(14.3, requires_grad=True)
    theirs = ClipLoss()

    def plain() -> Tensor:
        scores, own = scale * one @ other.T, torch.arange(count)
        return (functional.cross_entropy(scores, own) + functional.cross_entropy(scores.T, own)) / 2

    def sums() -> Tensor:
        scores = scale * one @ other.T
        return (scores.logsumexp(1) + scores.logsumexp(0) - 2 * scores.diagonal()).mean() / 2

    compiled = torch.compile(sums, dynamic=False)
    ways = {
        "open_clip ClipLoss": lambda: theirs(one, other, scale),
        "plain, one product": plain,
        COMPILED: compiled,
        "mmssl": lambda: info_nce(contrast(Pooled(), *sides(one, other.unsqueeze(1)), scale)),
    }
    return Case(ways, [one, other, scale])


def half(count: int) -> Case:
    """As `pairs`, ours under autocast to bfloat16."""
    ways, leaves = pairs(count)

    def ours() -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return ways["mmssl"]()

    return Case({"open_clip ClipLoss": ways["open_clip ClipLoss"], "mmssl, bf16": ours}, leaves)


def questions(count: int) -> Case:
    """The sigmoid loss."""
    from open_clip.loss import SigLipLoss

    one, other, theirs = inputs(count), inputs(count), SigLipLoss()
    scale, bias = torch.tensor(10.0, requires_grad=True), torch.tensor(-10.0, requires_grad=True)
    ways = {
        "open_clip SigLipLoss": lambda: theirs(one, other, scale, bias),
        "mmssl": lambda: sigmoid_loss(Pooled(), *sides(one, other.unsqueeze(1)), scale, bias),
    }
    return Case(ways, [one, other, scale, bias])


def bags(count: int) -> Case:
    """MIL-NCE with 5 captions a clip, both in the form that counts true pairs twice."""
    video, text, scale = inputs(count), inputs(count, BAG), torch.tensor(1.0)

    def published() -> Tensor:
        scores = (video @ text.flatten(0, 1).T).view(count, count, BAG)
        own = (scores * torch.eye(count).unsqueeze(2)).sum(1).logsumexp(1)
        return (torch.cat([scores, scores.transpose(0, 1)], 1).flatten(1).logsumexp(1) - own).mean()

    ways = {
        "rows and columns joined": published,
        "mmssl": lambda: mil_nce_as_released(contrast(Pooled(), *sides(video, text), scale)),
    }
    return Case(ways, [video, text])


def between(count: int) -> Case:
    """InfoNCE of `count` clips on each process."""
    from open_clip.loss import ClipLoss

    one, other, scale = inputs(count), inputs(count), torch.tensor(14.3, requires_grad=True)
    rank, world = torch.distributed.get_rank(), torch.distributed.get_world_size()
    everything = ClipLoss(gather_with_grad=True, rank=rank, world_size=world)
    local = ClipLoss(local_loss=True, gather_with_grad=True, rank=rank, world_size=world)
    one_side, other_side = sides(one, other.unsqueeze(1))
    keys = one_side.keys + rank * count
    both = one_side._replace(keys=keys), other_side._replace(keys=keys.unsqueeze(1))
    ways = {
        "open_clip, local loss and gather": lambda: local(one, other, scale),
        "open_clip, gather": lambda: everything(one, other, scale),
        "mmssl ring": lambda: info_nce(contrast(Pooled(), *both, scale)),
    }
    return Case(ways, [one, other])  # a process's part of the gradient to the scale depends on how the work is shared


def cached(count: int) -> Case:
    """A loss over `count` clips through a transformer, all at once or in chunks."""
    layer = nn.TransformerEncoderLayer(192, 6, 768, dropout=0.0, batch_first=True, norm_first=True)
    model = nn.TransformerEncoder(layer, 4, enable_nested_tensor=False)
    tokens, others = torch.randn(count, 64, 192), inputs(count).detach()[:, :192]

    def represent(part: Tensor) -> dict[str, Tensor]:
        return {"clip": functional.normalize(model(part).mean(1), dim=-1)}

    def loss(size: int) -> Tensor:
        clips = in_chunks(represent, (tokens,), size)["clip"]
        return info_nce(contrast(Pooled(), *sides(clips, others.unsqueeze(1)), torch.tensor(14.3)))

    ways = {"all at once": lambda: loss(0), "chunks of 64": lambda: loss(64), "chunks of 16": lambda: loss(16)}
    return Case(ways, list(model.parameters()))
