"""Decoders kept between recordings: making one anew costs as much as decoding some pictures."""

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

import av

from mmssl.data.decode.picture import Orientation, Scaler
from mmssl.data.packets.table import Coding

KEPT = 4  # decoders of pictures in a process; each holds some pictures of its size


def new_context(coding: Coding, largest: int) -> Any:
    """A decoder that refuses pictures of more than `largest` pixels.

    Raises:
        ValueError: the names of codec and decoder do not belong together.
        FFmpegError: it does not open.
    """
    context: Any = av.CodecContext.create(coding.decoder, "r")
    if context.codec.canonical_name != coding.codec:
        raise ValueError(f"{coding.decoder} does not decode {coding.codec}")
    context.extradata = coding.extradata or None
    context.thread_count = 1  # workers are the parallelism
    if coding.tag.isascii() and len(coding.tag) == 4:
        context.codec_tag = coding.tag
    if coding.sample_rate:
        context.sample_rate, context.layout = coding.sample_rate, coding.layout
    else:
        context.width, context.height = coding.size
        context.options = {"max_pixels": str(largest)}
        context.reorder_depth = coding.reorder
    context.open()
    return context


class Decoder:
    """A decoder of pictures with the scaler that it was last used with."""

    def __init__(self, coding: Coding, largest: int) -> None:
        self.coding, self.context = coding, new_context(coding, largest)
        self._scaler: Scaler | None = None

    def scaler(self, size: tuple[int, int], matrix: Orientation) -> Scaler:
        """Of pictures of (height, width)."""
        if self._scaler is None or (self._scaler.size, self._scaler.matrix) != (size, matrix):
            self._scaler = Scaler(size, matrix)
        return self._scaler

    def flush(self) -> None:
        """Forget everything; also what a decoder needs after it was drained."""
        self.context.flush_buffers()
        self.context.reorder_depth = self.coding.reorder


_kept: OrderedDict[tuple[Coding, int], Decoder] = OrderedDict()
_lock = Lock()


@contextmanager
def decoder(coding: Coding, largest: int) -> Iterator[Decoder]:
    """A decoder for one window, of whoever asks first; it is kept for the next unless it failed.

    Raises:
        ValueError: see `new_context`.
        FFmpegError: it does not open.
    """
    with _lock:
        kept = _kept.pop((coding, largest), None)
    found = kept or Decoder(coding, largest)
    yield found
    found.flush()
    with _lock:
        _kept[coding, largest] = found
        while len(_kept) > KEPT:
            _kept.popitem(last=False)
