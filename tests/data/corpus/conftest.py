"""A corpus of small sounds and two films with captions."""

import csv
import io
import json
import wave
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest


@pytest.fixture
def corpus(tmp_path: Path) -> Callable[[dict[str, list[str]]], Path]:
    """A manifest of one row a file, with its captions; names that end in `WxH` are films of that size."""

    def write(captions: dict[str, list[str]]) -> Path:
        folder = tmp_path / "corpus"
        folder.mkdir()
        rows = []
        for name, texts in captions.items():
            size = name.partition("-")[2]
            path = folder / (f"{name}.mp4" if size else f"{name}.wav")
            path.write_bytes(_film(*map(int, size.split("x"))) if size else _sound())
            rows.append({"path": path.name, "captions": json.dumps(texts)})
        with (folder / "clips.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, ["path", "captions"])
            writer.writeheader()
            writer.writerows(rows)
        return folder / "clips.csv"

    return write


def _sound() -> bytes:
    data = io.BytesIO()
    with wave.open(data, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(1600))
    return data.getvalue()


def _film(width: int, height: int) -> bytes:
    data = io.BytesIO()
    with av.open(data, "w", format="mp4") as file:
        stream = file.add_stream("libx264", rate=5)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for _ in range(3):
            frame = av.VideoFrame.from_ndarray(np.zeros((height, width, 3), np.uint8), "rgb24")
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return data.getvalue()
