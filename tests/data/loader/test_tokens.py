import pickle
from pathlib import Path

import pytest
import torch

from mmssl.data.tokens import HubTokenizer, OpenClipTokenizer, Tokenizer, WordTokenizer, words
from mmssl.errors import UsageError


def test_words_of_many_scripts() -> None:
    assert words("A red ball's, SPRUNG!") == ["a", "red", "ball", "s", "sprung"]
    assert words("Ёж и мяч") == ["ёж", "и", "мяч"]
    assert words("红色的球 bounce 2x") == ["红", "色", "的", "球", "bounce", "2x"]
    assert words("Straße été") == ["strasse", "été"]
    assert words("が行く") == ["が", "行", "く"]
    assert words("abc红球def") == ["abc", "红", "球", "def"]
    # Vowel signs are part of a word; a dotted letter may be two characters after NFKC.
    assert [len(word) for word in words("एक आदमी गाड़ी चला रहा है")] == [2, 4, 5, 3, 3, 2]
    assert words("...") == []


def test_word_ids_padding_and_cutting(tmp_path: Path) -> None:
    tokenizer = WordTokenizer.build(["a ball", "a red ball", "blue"], size=4)
    assert tokenizer.vocabulary == ("a", "ball", "blue")
    assert tokenizer.size == 4
    ids = tokenizer(["A RED ball", "", "blue ball a ball a"], 4)
    assert ids.dtype == torch.int64
    assert ids.tolist() == [[1, 0, 2, -1], [-1, -1, -1, -1], [3, 2, 1, 2]]
    assert tokenizer([], 4).shape == (0, 4)
    tokenizer.save(tmp_path)
    again = WordTokenizer.load(tmp_path / "vocabulary.txt")
    assert again.vocabulary == tokenizer.vocabulary
    assert again.fingerprint() == tokenizer.fingerprint() != WordTokenizer(["a"]).fingerprint()
    assert pickle.loads(pickle.dumps(tokenizer))(["a"], 1).tolist() == [[1]]  # noqa: S301


def test_vocabularies_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="doubles"):
        WordTokenizer(["a", "a"])
    with pytest.raises(UsageError, match="no vocabulary can be read"):
        WordTokenizer.load(tmp_path / "absent.txt")
    (tmp_path / "latin.txt").write_bytes(b"\xe9t\xe9\n")
    with pytest.raises(UsageError, match="not UTF-8"):
        WordTokenizer.load(tmp_path / "latin.txt")


@pytest.fixture(scope="session")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny multilingual BERT tokenizer whose padding id is 0, as real ones have it."""
    from transformers import BertTokenizerFast

    folder = tmp_path_factory.mktemp("bert")
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "red", "ball", "##s", "мяч", "红", "球"]
    (folder / "vocab.txt").write_text("\n".join(pieces) + "\n", encoding="utf-8")
    BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(str(folder))
    return folder


def test_a_hub_tokenizer_from_a_folder(bert: Path, tmp_path: Path) -> None:
    tokenizer = HubTokenizer(str(bert))
    assert "_inner" not in vars(tokenizer)
    ids = tokenizer(["red balls", "мяч", "红球 a a a a a a"], 6)
    assert ids.tolist() == [[2, 6, 7, 8, 3, -1], [2, 9, 3, -1, -1, -1], [2, 10, 11, 5, 5, 3]]
    assert tokenizer.size == 12
    assert "_inner" not in vars(pickle.loads(pickle.dumps(tokenizer)))  # noqa: S301
    assert tokenizer([], 6).shape == (0, 6)
    tokenizer.save(tmp_path)
    again = HubTokenizer(str(tmp_path / "tokenizer"))
    assert again.fingerprint() == tokenizer.fingerprint()
    assert torch.equal(again(["red мяч"], 6), tokenizer(["red мяч"], 6))


def test_a_hub_tokenizer_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no tokenizer there"):
        _ = HubTokenizer(str(tmp_path)).size


def test_an_open_clip_tokenizer() -> None:
    tokenizer = OpenClipTokenizer("ViT-B-32")
    ids = tokenizer(["a red ball", "a " * 30], 8)
    assert ids[0].tolist() == [49406, 320, 736, 1069, 49407, -1, -1, -1]
    assert ids[1, -1] == 49407
    assert (ids[1] >= 0).all()
    assert tokenizer.size == 49408
    assert tokenizer([], 8).shape == (0, 8)
    with pytest.raises(UsageError, match="no model"):
        OpenClipTokenizer("ViT-Z")(["a"], 4)


def test_all_are_tokenizers() -> None:
    every: list[Tokenizer] = [WordTokenizer(["a"]), HubTokenizer("x"), OpenClipTokenizer("x")]
    assert len(every) == 3
