"""From words to token ids, `[n, length]` int64 with -1 for padding whatever the vocabulary calls it."""

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from mmssl.errors import UsageError

UNKNOWN = "[unknown]"

# Chinese and Japanese write no spaces, so each of their letters is a word: the ideographs of the basic plane with
# extension A, of the supplementary planes, and the two kana.
_LETTER = r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff]"
# Vowel signs of Hindi, Thai and others are marks, which `\w` leaves out: words would be cut at each of them.
_MARKS = "".join(chr(code) for code in range(0x300, 0x2000) if unicodedata.category(chr(code)) in ("Mn", "Mc"))
_WORD = re.compile(rf"{_LETTER}|[^\W_\u3040-\u30ff\u3400-\u9fff](?:[^\W_\u3040-\u30ff\u3400-\u9fff]|[{_MARKS}])*")


class Tokenizer(Protocol):
    """Captions to ids; made without input or output, pickled into worker processes."""

    @property
    def size(self) -> int:
        """Vocabulary: ids are in [0, size)."""
        ...

    def __call__(self, texts: Sequence[str], length: int) -> Tensor:
        """`n` texts to `[n, length]` int64; longer ones lose their end, -1 fills shorter ones."""
        ...

    def fingerprint(self) -> str:
        """Equal when the ids are."""
        ...

    def save(self, folder: Path) -> None:
        """Write what rebuilds it."""
        ...


def _padded(rows: Iterable[Sequence[int]], length: int) -> Tensor:
    cut = [list(row[:length]) for row in rows]
    return torch.tensor([row + [-1] * (length - len(row)) for row in cut], dtype=torch.int64).reshape(len(cut), length)


def _hash(parts: Iterable[str]) -> str:
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=16).hexdigest()


def words(text: str) -> list[str]:
    """Lower-cased words of any script, NFKC; letters of Chinese and Japanese one by one, punctuation left out."""
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


class WordTokenizer:
    """One id a word, for word2vec towers and small models; needs nothing but its list of words.

    Args:
        vocabulary: words; id i is word i - 1, as id 0 is every unknown word.
    """

    def __init__(self, vocabulary: Sequence[str]) -> None:
        self.vocabulary = tuple(vocabulary)
        self._ids = {word: number for number, word in enumerate(self.vocabulary, start=1)}
        if len(self._ids) != len(self.vocabulary):
            raise UsageError("a vocabulary names each word once; this one has doubles")

    @classmethod
    def build(cls, texts: Iterable[str], size: int) -> "WordTokenizer":
        """The most frequent words, at most `size` ids with the unknown word's; ties in order of the alphabet."""
        counts = Counter(word for text in texts for word in words(text))
        return cls([word for word, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[: size - 1]])

    @classmethod
    def load(cls, file: Path | str) -> "WordTokenizer":
        """From a text file with one word a line.

        Raises:
            UsageError: there is no such file, or it is not UTF-8.
        """
        try:
            return cls(Path(file).read_text(encoding="utf-8").split("\n")[:-1])
        except OSError as error:
            raise UsageError(f"{file}: no vocabulary can be read ({error.strerror}); give its path") from error
        except UnicodeDecodeError as error:
            raise UsageError(f"{file}: the vocabulary is not UTF-8; convert it") from error

    @property
    def size(self) -> int:
        """Words and the unknown one."""
        return len(self.vocabulary) + 1

    def __call__(self, texts: Sequence[str], length: int) -> Tensor:
        """`[n, length]`."""
        return _padded(([self._ids.get(word, 0) for word in words(text)] for text in texts), length)

    def fingerprint(self) -> str:
        """Of the words in order."""
        return _hash(self.vocabulary)

    def save(self, folder: Path) -> None:
        """As `vocabulary.txt`."""
        lines = "".join(f"{word}\n" for word in self.vocabulary)
        (folder / "vocabulary.txt").write_text(lines, encoding="utf-8")


class HubTokenizer:
    """A tokenizer of transformers, loaded when first used.

    Args:
        name: on the hub, or a local folder.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    @cached_property
    def _inner(self) -> Any:
        from transformers import AutoTokenizer  # seconds to import: only where captions are read

        try:
            # Without this, transformers asks on the terminal whether to run the code in the folder.
            return AutoTokenizer.from_pretrained(self.name, trust_remote_code=False)
        except (OSError, ValueError) as error:
            raise UsageError(
                f"{self.name}: no tokenizer there ({str(error).splitlines()[0]}); give a local folder or a hub name"
            ) from error

    def __getstate__(self) -> dict[str, Any]:
        return {"name": self.name}

    @property
    def size(self) -> int:
        """With the tokens that were added to the vocabulary."""
        return len(self._inner)

    def __call__(self, texts: Sequence[str], length: int) -> Tensor:
        """`[n, length]`, with the model's own special tokens."""
        encoded = self._inner(list(texts), truncation=True, max_length=length)["input_ids"] if texts else []
        return _padded(encoded, length)

    def fingerprint(self) -> str:
        """Of the vocabulary and what the tokenizer makes of a probe in several scripts."""
        vocabulary = sorted(self._inner.get_vocab().items())
        probe = self._inner("A red ball's Sprung. Ёж и мяч — 红球 1")["input_ids"]
        return _hash([*(f"{word} {number}" for word, number in vocabulary), str(probe)])

    def save(self, folder: Path) -> None:
        """As transformers does, in `tokenizer/`."""
        self._inner.save_pretrained(str(folder / "tokenizer"))


class OpenClipTokenizer:
    """The tokenizer of an open_clip model, loaded when first used.

    Args:
        name: of the model, such as "ViT-B-32".
    """

    def __init__(self, name: str) -> None:
        self.name = name

    @cached_property
    def _inner(self) -> Any:
        import open_clip  # seconds to import: only where captions are read

        if self.name not in open_clip.list_models():
            raise UsageError(f"open_clip has no model {self.name!r}; open_clip.list_models() names them")
        return open_clip.get_tokenizer(self.name)

    def __getstate__(self) -> dict[str, Any]:
        return {"name": self.name}

    @property
    def size(self) -> int:
        """Vocabulary."""
        inner = self._inner
        return int(inner.vocab_size) if hasattr(inner, "vocab_size") else len(inner.tokenizer)

    def __call__(self, texts: Sequence[str], length: int) -> Tensor:
        """`[n, length]`; all that follows the end token is padding, also where the model pads with a real id."""
        if not texts:
            return torch.empty(0, length, dtype=torch.int64)
        ids: Tensor = self._inner(list(texts), context_length=length).to(torch.int64)
        # No mask is given, and an id may be both padding and a word: only what follows the last other id is padding.
        padding = self._inner.tokenizer.pad_token_id if hasattr(self._inner, "tokenizer") else 0
        used = (ids != padding).flip(1).cummax(1).values.flip(1)
        return ids.masked_fill(~used, -1)

    def fingerprint(self) -> str:
        """Of the name and what it makes of a probe."""
        probe = self(["a red ball's sprung. Ёж 红球 1"], 77)
        return _hash([self.name, str(probe.tolist())])

    def save(self, folder: Path) -> None:
        """Its name: open_clip carries the vocabulary."""
        (folder / "open_clip_tokenizer.txt").write_text(self.name + "\n", encoding="utf-8")
