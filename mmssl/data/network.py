"""Storage at an fsspec address, and what a network does that sometimes fails."""

import asyncio
import sys
import time
from collections.abc import Callable
from typing import Any, TypeVar

from mmssl.errors import Fault, MediaError

TRIES = 3
ABSENT, REFUSED = (404, 410), (401, 403)  # HTTP statuses that another try does not change
# Storage, each opened by itself. fsspec knows more, by which a row of a manifest could open local files, archives in
# archives, lists of further addresses (`reference::`), shells on other machines or notebooks.
SCHEMES = frozenset(
    ("http", "https", "s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "hf", "oss", "oci", "hdfs", "webhdfs")
) | {"memory"}
PAUSE = 0.5  # seconds before the second try; doubled before each further one

T = TypeVar("T")


def is_remote(address: str) -> bool:
    """Whether it is an address, not a path."""
    return "://" in address


def filesystem_of(address: str) -> tuple[Any, str]:
    """The fsspec file system of an address, and the path in it.

    Raises:
        MediaError: UNSUPPORTED; no address of storage, or its package is missing.
    """
    import fsspec

    scheme = address.partition(":")[0].lower()
    if "::" in address or scheme not in SCHEMES:
        known = ", ".join(sorted(SCHEMES))
        raise MediaError(address, Fault.UNSUPPORTED, f"is no address that mmssl opens; it opens {known}")
    try:
        filesystem, path = fsspec.core.url_to_fs(address)
    except ImportError as error:
        raise MediaError(address, Fault.UNSUPPORTED, f"needs a package: {error}") from None
    except ValueError as error:
        raise MediaError(address, Fault.UNSUPPORTED, f"is no address that fsspec knows: {error}") from None
    return filesystem, path


def _network_errors() -> tuple[type[BaseException], ...]:
    """What a failing network raises; only libraries that are in use can raise theirs."""
    errors: list[type[BaseException]] = [OSError, asyncio.TimeoutError]
    if "aiohttp" in sys.modules:
        errors.append(sys.modules["aiohttp"].ClientError)
    if "botocore.exceptions" in sys.modules:
        errors.append(sys.modules["botocore.exceptions"].BotoCoreError)
    return tuple(errors)


def _status(error: BaseException) -> int:
    """The HTTP status that an error carries; 0 for none."""
    return int(getattr(error, "status", 0))


def attempt(address: str, act: Callable[[], T]) -> T:
    """Do it, three times when the network fails.

    Raises:
        MediaError: MISSING or PERMISSION at once, NETWORK after the last try.
    """
    failure: BaseException
    for left in reversed(range(TRIES)):
        try:
            return act()
        except FileNotFoundError as error:
            # fsspec says so of a server that does not answer, too; only an answer is final.
            if not isinstance(error.__cause__, _network_errors()) or _status(error.__cause__) in ABSENT:
                raise MediaError(address, Fault.MISSING, "is not there; check the address") from None
            failure = error.__cause__
        except (NotImplementedError, ValueError) as error:
            detail = f"cannot be read by byte ranges, its server may not offer them: {error!s:.200}"
            raise MediaError(address, Fault.NETWORK, detail) from None
        except _network_errors() as error:
            failure = error
        if isinstance(failure, PermissionError) or _status(failure) in REFUSED:
            raise MediaError(address, Fault.PERMISSION, "may not be read; give credentials for it") from None
        if left:
            time.sleep(PAUSE * 2 ** (TRIES - 1 - left))
    detail = f"could not be read in {TRIES} tries: {failure!s:.200}" if str(failure) else type(failure).__name__
    raise MediaError(address, Fault.NETWORK, detail)
