"""Storage at an fsspec address, and what a network does that sometimes fails."""

import asyncio
import errno
import sys
import time
from collections.abc import Callable
from typing import Any, TypeVar

from mmssl.data.reach import HTTP, SILENCE, is_own, own_client, public_client, refusal
from mmssl.errors import Fault, MediaError

TRIES = 3
ABSENT, REFUSED = (404, 410), (401, 403)  # HTTP statuses that another try does not change
# Storage, each opened by itself. fsspec knows more, by which a row of a manifest could open local files, archives in
# archives, lists of further addresses (`reference::`), shells on other machines or notebooks.
SCHEMES = frozenset(
    ("http", "https", "s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "hf", "oss", "oci", "hdfs", "webhdfs")
) | {"memory"}
INSIDE = frozenset(("hdfs", "webhdfs"))  # name a host of a cluster, so only the user may name them
S3 = frozenset(("s3", "s3a"))
PAUSE = 0.5  # seconds before the second try; doubled before each further one
TRIES_BUSY = 7  # where S3 asks to slow down: 31 s in all

T = TypeVar("T")


def is_remote(address: str) -> bool:
    """Whether it is an address, not a path."""
    return "://" in address


def filesystem_of(address: str, given: bool = True) -> tuple[Any, str]:
    """The fsspec file system of an address, and the path in it; one not given by the user reaches no own machine.

    Raises:
        MediaError: UNSUPPORTED; no address of storage, or its package is missing.
    """
    import fsspec

    scheme = address.partition(":")[0].lower()
    if "::" in address or scheme not in SCHEMES:
        known = ", ".join(sorted(SCHEMES))
        raise MediaError(address, Fault.UNSUPPORTED, f"is no address that mmssl opens; it opens {known}")
    if scheme in INSIDE and not given:
        raise MediaError(address, Fault.UNSUPPORTED, f"is named by a manifest from elsewhere; {scheme} is for your own")
    settings: dict[str, Any] = {}
    if scheme in HTTP:
        settings = {"get_client": own_client if given and is_own(address) else public_client}
    if scheme in S3:
        # Each of botocore, s3fs and its files else tries five times, so one read of a silent server takes an hour.
        own = fsspec.config.conf.get(scheme, {}).get("config_kwargs", {})
        settings = {"config_kwargs": {"retries": {"total_max_attempts": 1}, "read_timeout": SILENCE, **own}}
    try:
        filesystem, path = fsspec.core.url_to_fs(address, **settings)
    except ImportError as error:
        raise MediaError(address, Fault.UNSUPPORTED, f"needs a package: {error}") from None
    except ValueError as error:
        raise MediaError(address, Fault.UNSUPPORTED, f"is no address that fsspec knows: {error}") from None
    if scheme in S3:
        filesystem.retries = 1
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


def _is_refusal(error: BaseException) -> bool:
    """Whether an answer means that one may not, or none was sent for want of credentials."""
    botocore = sys.modules.get("botocore.exceptions")
    unknown = botocore is not None and isinstance(error, botocore.NoCredentialsError)
    return unknown or isinstance(error, PermissionError) or _status(error) in REFUSED


def _was_replaced(error: BaseException) -> bool:
    """Whether an object is another one than was opened, as s3fs says it."""
    s3fs = sys.modules.get("s3fs.utils")
    return s3fs is not None and isinstance(error, s3fs.FileExpired)


def attempt(address: str, act: Callable[[], T], tries: int = TRIES) -> T:
    """Do it, again when the network fails.

    Args:
        address: of what.
        act: does it.
        tries: at most; more where the storage answers that it is busy.

    Raises:
        MediaError: MISSING, PERMISSION, SHARD for what was replaced, or UNSUPPORTED for where it may not lead, at once;
            NETWORK after the last try.
    """
    failure: BaseException
    for number in range(1, TRIES_BUSY + 1):
        try:
            return act()
        except FileNotFoundError as error:
            _refuse(address, error)
            # fsspec says so of a server that does not answer, too; only an answer is final.
            if not isinstance(error.__cause__, _network_errors()) or _status(error.__cause__) in ABSENT:
                raise MediaError(address, Fault.MISSING, "is not there; check the address") from None
            failure = error.__cause__
        except (NotImplementedError, ValueError) as error:
            detail = f"cannot be read by byte ranges, its server may not offer them: {error!s:.200}"
            raise MediaError(address, Fault.NETWORK, detail) from None
        except _network_errors() as error:
            _refuse(address, error)
            failure = error
        if _was_replaced(failure):
            raise MediaError(
                address, Fault.SHARD, "changed since it was opened; start again with what is there"
            ) from None
        if _is_refusal(failure):
            raise MediaError(address, Fault.PERMISSION, "may not be read; give credentials for it") from None
        busy = isinstance(failure, OSError) and failure.errno == errno.EBUSY  # a 503 or SlowDown, as s3fs says it
        if number >= (TRIES_BUSY if busy else tries):
            break
        time.sleep(PAUSE * 2 ** (number - 1))
    told = str(failure) or type(failure).__name__
    raise MediaError(address, Fault.NETWORK, f"could not be read in {number} tries: {told:.200}")


def _refuse(address: str, error: BaseException) -> None:
    if told := refusal(error):
        raise MediaError(address, Fault.UNSUPPORTED, told) from None
