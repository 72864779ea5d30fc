"""MIL-NCE's words: given vectors stay as they are, and their rows are the words' ids."""

from pathlib import Path

import numpy as np
import torch

from mmssl.encoders.text_words import TextWords
from mmssl.training.recipe import Recipe

PAGE = Path(__file__).parents[2] / "recipes" / "mil_nce.py"


def test_word_vectors_are_read_and_kept(tmp_path: Path) -> None:
    (tmp_path / "vocabulary.txt").write_text("red\nball\n", encoding="utf-8")
    vectors = np.array([[0, 0], [1, 2], [3, 4]], dtype=np.float32)  # of unknown words, red, ball
    np.save(tmp_path / "vectors.npy", vectors)
    run = Recipe(PAGE, {"words": str(tmp_path), "width": 4, "frames": 4}).build()
    assert run.data.tokenizer is not None
    assert run.data.tokenizer(["a red ball"], 4).tolist() == [[0, 1, 2, -1]]
    text = run.objective.encoders["text"]
    assert isinstance(text, TextWords)
    assert torch.equal(text.embedding.weight.detach(), torch.from_numpy(vectors))
    assert not text.embedding.weight.requires_grad
    assert text.linear.weight.requires_grad
