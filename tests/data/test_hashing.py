"""Hashed words are the same in every process and language."""

import subprocess
import sys

from mmssl.data.hashing import HashTokenizer
from mmssl.data.tokens import Tokenizer


def test_ids_are_words_and_padding() -> None:
    tokenizer: Tokenizer = HashTokenizer(4096)
    ids = tokenizer(["A red ball", "a RED ball!", "ball", "红球"], 5)
    assert ids.shape == (4, 5)
    assert ids[0].tolist() == ids[1].tolist()
    assert ids[2].tolist() == [ids[0, 2].item(), -1, -1, -1, -1]
    assert (ids[3] >= 0).sum() == 2, "each ideograph is a word"
    assert int(ids.max()) < 4096


def test_ids_do_not_depend_on_the_process() -> None:
    code = "from mmssl.data.hashing import HashTokenizer; print(HashTokenizer()(['ein roter Ball'], 4).tolist())"
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout for _ in range(2)]
    assert runs[0] == runs[1] == f"{HashTokenizer()(['ein roter Ball'], 4).tolist()}\n".encode()
