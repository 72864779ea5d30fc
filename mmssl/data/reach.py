"""Where an address may lead: what strangers answer or list must not make mmssl ask the user's own machines.

An address that the user gave may be of a private network, of this machine (loopback) or link-local, and may then lead
anywhere: it is an own server. A public address, or a row of a manifest that came from one, leads to public addresses
alone, by its name as by redirection. This is told at each connection, of the address that is connected to, so nothing
is gained by a name that resolves to another address the second time. No address leads from https to another scheme.

Behind a proxy that fsspec was configured to use, the proxy connects: where it may go is told there.
"""

import ipaddress
import socket
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

HTTP = frozenset(("http", "https"))
SILENCE = 10  # seconds without a byte after which a request is given up; aiohttp would wait for minutes
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: an IPv4 address in the last 32 bits


class RefusedError(OSError):
    """An address leads where it may not; the message says where, and what to do."""


def is_public(host: str) -> bool:
    """Whether an IP address is one of the internet, and not of a private network, this machine or this wire."""
    address = ipaddress.ip_address(host.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        within = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else None
        address = address.ipv4_mapped or address.sixtofour or within or address
    return address.is_global and not address.is_multicast


@lru_cache(maxsize=1024)
def _hosts(name: str) -> tuple[str, ...]:
    return tuple(str(found[4][0]) for found in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM))


def is_own(address: str) -> bool:
    """Whether an address is of a server on a private network or this machine; one that is not found is not."""
    if address.partition(":")[0].lower() not in HTTP:
        return False
    try:
        hosts = _hosts(urlsplit(address).hostname or "")
    except (OSError, ValueError):  # not found; no name of a host, brackets without an IPv6 address
        return False
    return not any(is_public(host) for host in hosts)


def _public_socket(info: tuple[Any, ...]) -> socket.socket:
    family, kind, protocol, _, place = info
    if not is_public(place[0]):
        raise RefusedError("which is of a private network or this machine; give that address yourself, if it is meant")
    return socket.socket(family, kind, protocol)


async def _redirected(session: Any, context: Any, found: Any) -> None:
    """Refuse another scheme; https after http is the same, made safe."""
    from yarl import URL

    told = found.response.headers.get("Location") or found.response.headers.get("URI") or ""
    try:
        scheme = URL(told).scheme or found.url.scheme
    except ValueError:
        return  # no address, as aiohttp will say
    if scheme not in HTTP or (found.url.scheme, scheme) == ("https", "http"):
        found.response.close()
        raise RefusedError(
            f"redirects from {found.url.scheme} to {told:.200}; give that address itself, if it is meant"
        )


async def own_client(**settings: Any) -> Any:
    """An `aiohttp.ClientSession` for fsspec that connects to anything."""
    import aiohttp

    trace = aiohttp.TraceConfig()
    trace.on_request_redirect.append(_redirected)
    timeout = aiohttp.ClientTimeout(sock_connect=SILENCE, sock_read=SILENCE)
    traces = [*settings.get("trace_configs", ()), trace]
    return aiohttp.ClientSession(**{"timeout": timeout, **settings, "trace_configs": traces})


async def public_client(**settings: Any) -> Any:
    """As `own_client`, one that connects to public addresses alone."""
    import aiohttp

    if settings.get("trust_env") or settings.get("proxy"):
        return await own_client(**settings)
    return await own_client(**{"connector": aiohttp.TCPConnector(socket_factory=_public_socket), **settings})


def refusal(error: BaseException | None) -> str | None:
    """What a `RefusedError` says that is behind an error of fsspec or aiohttp, and None if there is none.

    aiohttp tells of it as of any failing connection: of the host, with the `RefusedError` as its `os_error`.
    """
    while error is not None:
        if isinstance(error, RefusedError):
            return str(error)
        if isinstance(told := getattr(error, "os_error", None), RefusedError):
            return f"leads to {getattr(error, 'host', '')}:{getattr(error, 'port', '')}, {told}"
        error = error.__cause__
    return None
