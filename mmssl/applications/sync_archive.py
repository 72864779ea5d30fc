"""By how much the sound of each recording of an archive is late."""

import math
from collections.abc import Iterator

from mmssl.applications.sync import Synced, Syncer
from mmssl.data.keyed import Keyed
from mmssl.errors import MediaError


def sync_archive(syncer: Syncer, recordings: Keyed) -> Iterator[tuple[str, Synced | MediaError]]:
    """Each recording's path, or its key in a shard, with what was found or why nothing could be.

    Raises:
        EvaluationError: the model's distances say nothing.
    """
    for number, key in enumerate(recordings.all_keys()):
        name = key
        try:
            recording, source = recordings[number], recordings.source(number)
            name = source if isinstance(source, str) else f"{key}.{recording.extension}"
            part = recording.start or 0.0, math.inf if recording.end is None else recording.end
            try:
                with syncer.reader.open(source, name) as media:
                    yield name, syncer.synced(media, name, part)
            finally:
                if not isinstance(source, str):
                    source.close()
        except MediaError as error:
            yield name, error
