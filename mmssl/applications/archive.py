"""Each recording of a source in turn, with what a model makes of it or why that cannot be."""

import math
from collections.abc import Callable, Iterator
from typing import TypeVar

from mmssl.data.decode.reader import Media, Reader
from mmssl.data.keyed import Keyed
from mmssl.data.outage import Outage
from mmssl.errors import MediaError

T = TypeVar("T")
Part = tuple[float, float]  # begin and end in seconds; the end is infinite where the recording says none


def of_each(
    recordings: Keyed, reader: Reader, look: Callable[[Media, str, Part], T]
) -> Iterator[tuple[str, T | MediaError]]:
    """Path, or key in a shard, with what `look` gives for the open recording, its name and its part.

    Raises:
        MediaError: NETWORK; the storage does not answer at all.
    """
    outage = Outage()
    for number, key in enumerate(recordings.all_keys()):
        name = key
        try:
            recording, source = recordings[number], recordings.source(number)
            name = source if isinstance(source, str) else f"{key}.{recording.extension}"
            part = recording.start or 0.0, math.inf if recording.end is None else recording.end
            try:
                with reader.open(source, name) as media:
                    found: T | MediaError = look(media, name, part)
            finally:
                if not isinstance(source, str):
                    source.close()
        except MediaError as error:
            found = error
        outage.look(found if isinstance(found, MediaError) else None)
        yield name, found
