"""Flash-and-beep films, written once a session, and the decoders that are asked for them."""

from collections.abc import Callable

import pytest

from benchmarks.clock import READERS
from benchmarks.films import Film, Made, make
from mmssl.data.decode.reader import Reader

MakeFilm = Callable[[Film], Made]


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> MakeFilm:
    """`made(film)` writes a film."""
    folder, films = tmp_path_factory.mktemp("clock"), dict[Film, Made]()

    def find(film: Film) -> Made:
        if film not in films:
            films[film] = make(film, folder / f"{len(films)}.{film.container}")
        return films[film]

    return find


@pytest.fixture(params=READERS)
def reader(request: pytest.FixtureRequest) -> Reader:
    """Each decoder that is installed."""
    if request.param in ("decord", "torchcodec"):
        try:
            __import__(request.param)
        except (ImportError, RuntimeError, OSError):  # torchcodec raises those where FFmpeg's libraries are missing
            pytest.skip(f"{request.param} is not installed")
    return READERS[request.param]
