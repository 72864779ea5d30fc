"""Vectors to search in: pairs of a dual encoder trained here, clusters, and the same in every direction."""

import torch
from torch import Tensor, nn
from torch.nn import functional

DIM, LATENT, TOPICS = 512, 48, 2_000
_CHUNK = 16_384


def _towers() -> tuple[nn.Module, nn.Module]:
    """Two small networks that learn with InfoNCE to see the same latent through different noise."""
    torch.manual_seed(0)
    towers = [nn.Sequential(nn.Linear(LATENT, 512), nn.GELU(), nn.Linear(512, DIM)) for _ in range(2)]
    optimizer = torch.optim.AdamW([p for tower in towers for p in tower.parameters()], 1e-3)
    for _ in range(150):
        latent = _latent(256)
        one, two = (functional.normalize(tower(_seen(latent)), dim=1) for tower in towers)
        loss = functional.cross_entropy(one @ two.T / 0.07, torch.arange(256))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return towers[0].eval(), towers[1].eval()


def _latent(rows: int) -> Tensor:
    """Topics and what varies within them."""
    centers = torch.randn(TOPICS, LATENT, generator=torch.Generator().manual_seed(1))
    return centers[torch.randint(TOPICS, (rows,))] + 0.5 * torch.randn(rows, LATENT)


def _seen(latent: Tensor) -> Tensor:
    return latent + 0.3 * torch.randn_like(latent)


def paired(rows: int, queries: int) -> tuple[Tensor, Tensor]:
    """Rows of one modality; queries are what the other modality makes of as many of the same clips."""
    seen, asked = (tower.requires_grad_(False) for tower in _towers())
    vectors, latents = torch.empty(rows, DIM), list[Tensor]()
    for first in range(0, rows, _CHUNK):
        latent = _latent(min(_CHUNK, rows - first))
        vectors[first : first + _CHUNK] = functional.normalize(seen(_seen(latent)), dim=1)
        latents.append(latent[:: max(1, rows // queries)])
    return vectors, functional.normalize(asked(_seen(torch.cat(latents)[:queries])), dim=1)


def clustered(rows: int, queries: int) -> tuple[Tensor, Tensor]:
    """1,000 centers with noise as long as they are; queries likewise."""
    torch.manual_seed(0)
    centers = functional.normalize(torch.randn(1_000, DIM), dim=1)
    vectors = torch.empty(rows + queries, DIM)
    for first in range(0, len(vectors), _CHUNK):
        part = vectors[first : first + _CHUNK]
        noise = torch.randn(len(part), DIM) / DIM**0.5
        part[:] = functional.normalize(centers[torch.randint(1_000, (len(part),))] + noise, dim=1)
    return vectors[:rows], vectors[rows:].clone()


def isotropic(rows: int, queries: int) -> tuple[Tensor, Tensor]:
    """Nothing is near to anything: the hardest there is."""
    torch.manual_seed(0)
    vectors = torch.empty(rows, DIM)
    for part in vectors.split(_CHUNK):  # type: ignore[no-untyped-call]
        part[:] = functional.normalize(torch.randn(len(part), DIM), dim=1)
    return vectors, functional.normalize(torch.randn(queries, DIM), dim=1)


WORLDS = {"paired": paired, "clustered": clustered, "isotropic": isotropic}
