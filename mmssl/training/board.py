"""Scalars for TensorBoard, written where they are given.

TensorBoard's own writer has a thread, which on a full disk dies with a traceback instead of an error that can be told.
"""

import socket
import time
from pathlib import Path


class Board:
    """A file of events.

    Args:
        folder: where TensorBoard looks; made if it is not there.

    Raises:
        OSError: here and in every method, the file cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        # 0.2 s, and only a run needs it.
        from tensorboard.compat.proto.event_pb2 import Event  # type: ignore[import-untyped]
        from tensorboard.compat.proto.summary_pb2 import Summary  # type: ignore[import-untyped]
        from tensorboard.summary.writer.record_writer import RecordWriter  # type: ignore[import-untyped]

        self._event, self._summary = Event, Summary
        folder.mkdir(parents=True, exist_ok=True)
        now = time.time()
        # TensorBoard knows files of events by this beginning; the clock keeps those of a resumed run apart.
        self._file = (folder / f"events.out.tfevents.{now:.6f}.{socket.gethostname()}").open("wb")
        self._records = RecordWriter(self._file)
        self._records.write(Event(wall_time=now, file_version="brain.Event:2").SerializeToString())

    def scalar(self, name: str, value: float, step: int) -> None:
        """One point of a curve."""
        summary = self._summary(value=[self._summary.Value(tag=name, simple_value=value)])
        event = self._event(wall_time=time.time(), step=step, summary=summary)
        self._records.write(event.SerializeToString())

    def flush(self) -> None:
        """To the disk."""
        self._file.flush()

    def close(self) -> None:
        """The end."""
        self._file.close()
