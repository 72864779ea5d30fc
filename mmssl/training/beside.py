"""Modules that lie beside a recipe, such as a loss that several recipes share: found while one is built."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType

_loaded: set[str] = set()  # what the last recipe imported from its folder


class SourceLoader(SourceFileLoader):
    """Reads what is written and never `__pycache__` beside it, whose code nobody can have read before trusting it."""

    def get_code(self, fullname: str) -> CodeType:
        """Compiled from the source."""
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)  # type: ignore[no-any-return]


class _Finder(MetaPathFinder):
    """Finds `name.py` and `name/__init__.py` in one folder, and what is in such packages."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: dict[str, Path] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if path is not None and fullname.partition(".")[0] not in self.files:
            return None  # in a package that is installed
        place = self.folder.joinpath(*fullname.split("."))
        for file, inside in ((place / "__init__.py", [str(place)]), (place.with_name(f"{place.name}.py"), None)):
            # A link to a folder leads to what `others` does not see, so nobody could have looked at it.
            if file.is_file() and not (inside and place.is_symlink()):
                self.files[fullname] = file
                loader = SourceLoader(fullname, str(file))
                return spec_from_file_location(fullname, file, loader=loader, submodule_search_locations=inside)
        return None


@contextmanager
def modules_beside(folder: Path) -> Iterator[dict[str, Path]]:
    """Within it, imports look into a folder first, as those of a script do.

    Args:
        folder: of the recipe.

    Yields:
        Name to file of the modules that were imported from there.
    """
    for name in _loaded:
        sys.modules.pop(name, None)  # else another recipe's `losses` answers for this one's
    _loaded.clear()
    finder = _Finder(folder)
    sys.meta_path.insert(0, finder)
    try:
        yield finder.files
    finally:
        sys.meta_path.remove(finder)
        _loaded.update(finder.files)


def others(page: Path) -> dict[str, bytes]:
    """Path within the folder to content of each module that lies beside a run folder's page."""
    folder = page.parent
    files = sorted(path for path in folder.rglob("*.py") if path != page and path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
