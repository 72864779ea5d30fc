"""Classes by their words: each is the mean of the vectors of sentences that name it (Radford et al. 2021, CLIP)."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from mmssl.applications.model import Model
from mmssl.data.text import clean, decode, read_small
from mmssl.errors import UsageError

PLACE = "{}"  # in a template, where the class stands
# For films and sounds alike: CLIP's eighty are about photographs of ImageNet.
TEMPLATES = ("{}", "this is {}", "a video of {}", "the sound of {}", "we see {}", "we hear {}")


@dataclass(frozen=True)
class PromptedClass:
    """A class to tell apart.

    Attributes:
        label: as recordings are labelled.
        words: its names, which stand in the templates; synonyms, or the same in several languages.
    """

    label: str
    words: tuple[str, ...]


def read_classes(given: str) -> tuple[PromptedClass, ...]:
    """From `a dog,a cat`, or a file with a class a line: its label, then after tabs the words for it, if others.

    Raises:
        UsageError: fewer than two classes, one twice, or the file is missing.
    """
    rows = _lines(Path(given)) if _names_file(given) else [word.strip() for word in given.split(",")]
    found = []
    for row in rows:
        cells = [clean(cell) for cell in row.split("\t")]
        cells = [cell for cell in cells if cell]
        if cells:
            found.append(PromptedClass(cells[0], tuple(cells[1:] or cells)))
    labels = [one.label for one in found]
    if doubles := {label for label in labels if labels.count(label) > 1}:
        raise UsageError(f"class {min(doubles)!r} is given twice; name each once, other words for it after a tab")
    if len(found) < 2:
        raise UsageError(f"classes {given!r}: give at least two to tell apart, with commas or one a line")
    return tuple(found)


def read_templates(path: Path) -> tuple[str, ...]:
    """One a line, with {} where the class stands, in any language.

    Raises:
        UsageError: the file is missing or empty, or a line has no {}.
    """
    templates = [line for line in _lines(path) if line.strip()]
    for line in templates:
        if line.count(PLACE) != 1:
            raise UsageError(f"{path}: {line!r} must hold {PLACE} once, where the class is to stand")
    if not templates:
        raise UsageError(f"{path}: holds no template; write one a line, such as: a video of {PLACE}")
    return tuple(templates)


def _names_file(given: str) -> bool:
    return Path(given).suffix in {".txt", ".tsv"} or ("," not in given and Path(given).is_file())


def _lines(path: Path) -> list[str]:
    if not path.is_file():
        raise UsageError(f"{path}: there is no such file; give one with a line for each")
    return decode(read_small(path), str(path)).split("\n")


def prototypes(model: Model, classes: Sequence[PromptedClass], templates: Sequence[str]) -> Tensor:
    """`[C, E]` unit vectors on the CPU: of each class the mean over its words in all templates, made of length 1.

    Raises:
        UsageError: the model has no text encoder, or knows no word of a prompt.
    """
    rows = []
    for one in classes:
        prompts = [template.replace(PLACE, word) for word in one.words for template in templates]
        rows.append(functional.normalize(model.embed(text=prompts).mean(0), dim=0))
    return torch.stack(rows)
