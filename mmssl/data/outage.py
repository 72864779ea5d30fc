"""Storage that is down, told from recordings that are broken."""

from urllib.parse import urlsplit

from mmssl.errors import Fault, MediaError

IN_A_ROW = 5  # recordings; each was tried several times


class Outage:
    """Looks at what each recording gave, one after the other.

    One that its network does not give is a broken one: left out and counted. When all of a storage does not answer,
    the clips of a whole run would be replaced or left out, each after long tries.
    """

    def __init__(self) -> None:
        self._host, self._count = "", 0

    def look(self, fault: MediaError | None) -> None:
        """Take note of a recording's fault, None for one that was read.

        Raises:
            MediaError: NETWORK; five recordings in a row could not be had from one host or bucket.
        """
        if fault is None or fault.fault is not Fault.NETWORK:
            self._count = 0
            return
        host = urlsplit(fault.name).netloc
        self._host, self._count = host, self._count + 1 if host == self._host else 1
        if self._count == IN_A_ROW:
            detail = f"{fault.detail}; nor could {IN_A_ROW - 1} others before: go on when {host} answers again"
            raise MediaError(fault.name, fault.fault, detail)
