"""A vendor's library keeps its own HTTP session; this makes one polite.

class Session(Polite, requests.Session): ...        # curl_cffi's sessions have the same methods
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit, urlunsplit

from resources.sources.transport import Answer, Transport


class Polite:
    """Sends every request of a session through a transport; stands before the session's class.

    Attributes
    ----------
    transport : the way to the vendor
    peer : where to send requests instead of the vendor's hosts, empty: to the vendor
    wanted : what is being asked for, for people; whoever asks sets it before
    """

    transport: Transport
    peer: str = ""
    wanted: str = "answer"

    def request(self, method: str, url: str, **options: Any) -> Any:
        """One request of the library, as often as its answer takes.

        Raises
        ------
        SourceUnavailableError
            If the vendor has no answer now.
        """
        place = self.place(url)
        options["timeout"] = self.transport.policy.timeouts
        send = super().request  # type: ignore[misc]  # of the session's class
        return self.transport.send(
            lambda: send(method, place, **options),
            wanted=self.wanted,
            flaw=lambda answer: self.flaw(url, answer),
        )

    def flaw(self, url: str, answer: Answer) -> str:  # noqa: ARG002
        """What is wrong with an answer so that it should be asked for again, empty if nothing is."""
        return ""

    def place(self, url: str) -> str:
        """Where a request of the library really goes."""
        if not self.peer:
            return url
        there, here = urlsplit(url), urlsplit(self.peer)
        return urlunsplit((here.scheme, here.netloc, here.path + there.path, there.query, ""))
