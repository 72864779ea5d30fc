"""`Model`, a trained run in use: it embeds, searches, localizes, aligns and synchronizes.

`mmssl.load("runs/quickstart").embed(text="a red ball bouncing")`
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from mmssl.applications.align import Aligned, Aligner
from mmssl.applications.archive import Part, of_each
from mmssl.applications.calibration import read_calibration
from mmssl.applications.embedder import Embedder
from mmssl.applications.inputs import Array
from mmssl.applications.localize import Localizer, Located, Threshold
from mmssl.applications.moments import Hit
from mmssl.applications.search import open_indexes, search
from mmssl.applications.sync import Synced, Syncer
from mmssl.batch import Modality
from mmssl.data.decode.reader import Media
from mmssl.data.sources import open_recordings
from mmssl.errors import MediaError
from mmssl.evaluate.held_out import Watch
from mmssl.run import Run
from mmssl.training.folder import load_run
from mmssl.training.processes import find_device


def load(folder: str | Path, device: str = "auto") -> "Model":
    """The model of a run folder, ready to use.

    Args:
        folder: the `--out` of a training. Its `recipe.py` is run: load folders of people whom you trust.
        device: auto, cpu, cuda or cuda:1.

    Raises:
        CheckpointError: it is no run folder, has no checkpoint, or is damaged.
        UsageError: there is no such device.
    """
    return Model(load_run(Path(folder)), find_device(device), Path(folder))


class Model(Embedder):
    """An `Embedder` that answers questions about films.

    Args:
        run: with trained weights.
        device: to compute on.
        folder: of the run, None when it has none.
    """

    def __init__(self, run: Run, device: torch.device, folder: Path | None = None) -> None:
        super().__init__(run, device)
        self.folder = folder

    def embed_archive(
        self,
        source: str | Path | Sequence[str],
        stride: float | None = None,
        modalities: Sequence[Modality] | None = None,
    ) -> Iterator[tuple[str, dict[Modality, Tensor] | MediaError]]:
        """Unit vectors of each recording of a source, with its name; one that cannot be read gives its error.

        `{name: rows["video"].mean(0) for name, rows in model.embed_archive("my/clips") if isinstance(rows, dict)}`

        Args:
            source: as for `open_recordings`: a folder, a glob, a manifest, shards, or several of these.
            stride: seconds between windows; half a window when None.
            modalities: video, audio or both, which each recording must have; None takes those that it has.

        Yields:
            Path, or key in a shard, and `[n, E]` on the CPU of each modality, a row a window.

        Raises:
            UsageError: the model has no encoder of a modality, or there are no such recordings.
        """
        self.require(*modalities or ())

        def look(media: Media, name: str, part: Part) -> dict[Modality, Tensor]:
            return self.windows(media, name, part, stride, modalities)[1]

        return of_each(open_recordings(str(source) if isinstance(source, Path) else source), self.reader, look)

    def search(
        self,
        index: str | Path | Sequence[str | Path],
        text: str | None = None,
        *,
        video: str | Path | Array | None = None,
        audio: str | Path | Array | None = None,
        image: str | Path | Image.Image | Array | None = None,
        count: int = 10,
        modalities: Sequence[Modality] | None = None,
    ) -> list[Hit]:
        """The best moments of an index for words, a sound, a film or a picture.

        Args:
            index: folder of `mmssl index`, or several, or the http address of a Qdrant collection.
            text: words; or
            video: a film; or
            audio: a sound; or
            image: a picture; one of these.
            count: moments at most.
            modalities: to compare with; None takes video and audio, as far as the model has them.

        Raises:
            UsageError: there is no such index, or it is of another model.
        """
        places = [index] if isinstance(index, str | Path) else index
        vector = self.query(text=text, video=video, audio=audio, image=image)
        asked: Modality = "text" if text is not None else "audio" if audio is not None else "video"
        seen: tuple[Modality, ...] = tuple(m for m in self.modalities if m != "text")
        opened = open_indexes([str(place) for place in places], self.fingerprint)
        return search(opened, vector, count, tuple(modalities or seen), asked)

    def localize(
        self,
        path: str | Path,
        out: str | Path | None = None,
        *,
        stills: str | Path | None = None,
        threshold: float | None = None,
        stride: float = 0.0,
        watch: Watch | None = None,
    ) -> Located:
        """Where a film sounds, picture by picture.

        Args:
            path: of the film.
            out: .mp4, .mov or .mkv to write it to with heat maps and its original sound; None draws nothing.
            stills: folder for PNGs of the hottest pictures, with `out`.
            threshold: score below which nothing in view sounds; None takes that of the run's calibration, else one
                from what the film scores with silence and noise.
            stride: seconds between windows; half a window when 0.
            watch: called with the share that is done, 0 to 1.

        Raises:
            UsageError: the model lacks picture or sound, or `out` cannot be written.
            MediaError: the film cannot be read, or has no picture or no sound.
        """
        self.require("video", "audio")
        kept = None if self.folder is None else read_calibration(self.folder)
        chosen = kept if threshold is None else Threshold(threshold, "as it was given")
        localizer = Localizer(self.objective, self.device, self.format, chosen, stride)
        if out is None:
            return localizer.track(path, watch)
        return localizer.film(path, Path(out), None if stills is None else Path(stills), watch)

    def align(
        self,
        films: Sequence[str | Path],
        out: str | Path | None = None,
        *,
        sound: str | Path | None = None,
        method: str = "dtw",
        watch: Watch | None = None,
    ) -> Aligned:
        """Films of one action on one clock.

        Args:
            films: two or more files.
            out: .mp4, .mov or .mkv to write them to side by side, in step; None writes nothing.
            sound: which of them gives the clock and the sound; the first when None.
            method: dtw or nearest.
            watch: called with the share that is done, 0 to 1.

        Raises:
            UsageError: the model lacks pictures or tells no times apart, an argument is wrong, or `out` cannot be
                written.
            MediaError: a film cannot be read or has no picture.
        """
        self.require("video")
        return Aligner(self.objective, self.device, self.format).align(films, out, sound, method, watch)

    def sync(self, path: str | Path, *, reach: float = 0.6, watch: Watch | None = None) -> Synced:
        """By how much the sound of a film is late.

        Args:
            path: of the film.
            reach: seconds to either side in which the offset is sought.
            watch: called with the share that is done, 0 to 1.

        Raises:
            UsageError: the model cannot tell offsets.
            MediaError: the film cannot be read, has no picture or no sound, or is shorter than a second.
        """
        return self._syncer(reach).sync(path, watch)

    def sync_archive(
        self, source: str | Sequence[str], *, reach: float = 0.6
    ) -> Iterator[tuple[str, Synced | MediaError]]:
        """The same of each recording of a source, with its name; one that cannot be read gives its error.

        Args:
            source: as for `open_recordings`: a folder, a glob, a manifest, shards, or several of these.
            reach: seconds to either side in which the offset is sought.

        Raises:
            UsageError: the model cannot tell offsets, or there are no such recordings.
        """
        syncer = self._syncer(reach)
        return of_each(open_recordings(source), syncer.reader, syncer.synced)

    def _syncer(self, reach: float) -> Syncer:
        self.require("video", "audio")
        objective: Any = self.objective  # which `Syncer` looks at
        self.run.data.demand_synchrony("offsets need clips that are")
        return Syncer(objective, self.device, self.format, reach, reader=self.reader)
