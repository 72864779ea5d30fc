"""A decoder made from what a packet table says, for one window.

None is kept for the next recording. That would save 1 to 3 percent of a clip, and what a decoder has seen stays in it:
headers inside the pictures of one recording would change how another is decoded.
"""

from typing import Any

import av

from mmssl.data.packets.table import Coding


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
