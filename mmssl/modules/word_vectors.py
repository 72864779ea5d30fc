"""Files of word vectors: word2vec's text and binary forms, GloVe's text, and plain arrays."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mmssl.errors import UsageError
from mmssl.modules.pretrained import existing, first_line

Row = tuple[str, NDArray[np.float32]]


def read_word_vectors(file: str | Path, vocabulary: Sequence[str]) -> Tensor:
    """`[len(vocabulary), D]`, zeros for words that the file does not have (as MIL-NCE treats them).

    Args:
        file: `.npy` with a row for each word of the vocabulary in its order, `.bin` of word2vec, or text with a word
            and its numbers on each line, with or without word2vec's first line of two counts.
        vocabulary: words in the order of their ids.

    Raises:
        UsageError: the file is missing, damaged, or has vectors of several lengths.
    """
    path = existing(file)
    if path.suffix == ".npy":
        return _array(path, len(vocabulary))
    ids = {word: number for number, word in enumerate(vocabulary)}
    table: Tensor | None = None
    with path.open("rb") as stream:
        for word, vector in _binary(stream, path) if path.suffix == ".bin" else _text(stream, path):
            if table is None:
                table = torch.zeros(len(vocabulary), len(vector))
            if word in ids:
                table[ids[word]] = torch.from_numpy(vector)
    if table is None:
        raise UsageError(f"{path}: holds no word vectors.")
    return table


def _array(path: Path, size: int) -> Tensor:
    try:
        table = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise UsageError(f"{path}: not a readable array ({first_line(error)}).") from error
    if table.ndim != 2 or len(table) != size:
        raise UsageError(f"{path}: an array of {table.shape}, but the vocabulary has {size} words.")
    return torch.from_numpy(np.asarray(table, dtype=np.float32).copy())


def _text(stream: BinaryIO, path: Path) -> Iterator[Row]:
    length = 0
    for number, line in enumerate(stream, 1):
        word, *numbers = line.decode("utf-8", errors="replace").rstrip().split(" ")
        if number == 1 and len(numbers) == 1:
            continue  # word2vec's counts of words and numbers
        try:
            vector = np.array(numbers, dtype=np.float32)
        except ValueError as error:
            raise UsageError(f"{path}: line {number} is not a word and its numbers.") from error
        length = length or len(vector)
        if len(vector) != length:
            raise UsageError(f"{path}: line {number} has {len(vector)} numbers, the first one {length}.")
        yield word, vector


def _binary(stream: BinaryIO, path: Path) -> Iterator[Row]:
    try:
        words, length = (int(number) for number in stream.readline(64).split())
    except ValueError as error:
        raise UsageError(f"{path}: does not begin with word2vec's two counts.") from error
    for _ in range(words):
        word = bytearray()
        while (letter := stream.read(1)) not in (b" ", b""):
            word += letter
        content = stream.read(4 * length)
        if len(content) < 4 * length:
            raise UsageError(f"{path}: ends before all of its {words} words; get it again.")
        yield word.decode("utf-8", errors="replace").strip(), np.frombuffer(content, dtype="<f4").copy()
