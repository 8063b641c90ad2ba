"""yfinance, made polite and honest: through our transport, without memory, and with errors instead of nothing.

yfinance keeps one session, cookie and crumb for the process, remembers answers about the past, keeps
cookies on the disk, and gives an empty frame for most troubles. Here each client has its own session and
crumb, every question is asked anew, nothing is written, and trouble is a SourceUnavailableError. Loads in
1.6 s: imported only when Yahoo is asked.
"""

from __future__ import annotations

import json
import logging
import threading
import warnings
from collections.abc import Callable
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

import pandas as pd
import yfinance
from curl_cffi import requests
from yfinance.data import YfData
from yfinance.exceptions import YFPricesMissingError

from resources.sources.sessions import Polite
from resources.sources.transport import Answer, Transport
from trading import calendar
from trading.errors import FablineError, MissingBarsError, SourceUnavailableError

CHART, CRUMB, EARNINGS = "/v8/finance/chart/", "/v1/test/getcrumb", "/calendar/earnings"
COOKIE_HOST = "fc.yahoo.com"
NOT_FOUND = 404
RENEW: frozenset[int] = frozenset({401, 403})  # yfinance fetches a new cookie and crumb, and asks again
UNKNOWN: tuple[str, ...] = ("no data found", "delisted", "data doesn't exist", "must be within")
EARNINGS_A_PAGE = 100
T = TypeVar("T")

yfinance.config.debug.hide_exceptions = False
# It calls pandas in a way that pandas 4 will not know; nobody here can act on that.
warnings.filterwarnings("ignore", category=pd.errors.Pandas4Warning, module="yfinance")
logging.getLogger("yfinance").addHandler(logging.NullHandler())  # its words are no answer to a person


class _NoBarsError(Exception):
    """Yahoo knows the symbol, and says that there is no bar."""


class _Session(Polite, requests.Session):
    """A browser-like session, as yfinance itself would make: Yahoo turns others away more often."""

    def __init__(self, transport: Transport, base_url: str) -> None:
        super().__init__(impersonate="chrome")
        self.transport, self.peer = transport, base_url

    def request(self, method: str, url: str, **options: Any) -> Any:
        """The answer; a cookie's host that is not there is a time-out, after which yfinance tries another."""
        try:
            return super().request(method, url, **options)
        except SourceUnavailableError:
            if urlsplit(url).hostname == COOKIE_HOST:
                raise TimeoutError from None
            raise

    def flaw(self, url: str, answer: Answer) -> str:
        """An answer that Yahoo itself would not give: cut off, or from somebody in between."""
        path, said = urlsplit(url).path, cast("requests.Response", answer)
        if said.status_code in RENEW:
            return ""
        if path.startswith(CHART):
            return "" if _is_chart(said) else f"HTTP {said.status_code} without a whole chart"
        if path == CRUMB and said.status_code == NOT_FOUND:
            return f"HTTP {NOT_FOUND} instead of a crumb"
        if path == EARNINGS and (said.status_code == NOT_FOUND or "</html>" not in said.text):
            return f"HTTP {said.status_code} without a whole page"
        return ""


class _Data(YfData):
    """yfinance's requests without its memory: neither of answers, nor of cookies on the disk."""

    def cache_get(self, url: str, params: dict[str, Any] | None = None, timeout: float = 30) -> Any:
        return self.get(url, params, timeout)

    def _load_cookie_curlCffi(self) -> bool:  # noqa: N802  # yfinance's name
        """Whether there is a cookie: of this session, which yfinance would fetch again for every question."""
        self._cookie = len(self._session.cookies.jar) > 0 or None
        return self._cookie is not None

    def _save_cookie_curlCffi(self) -> bool:  # noqa: N802  # yfinance's name
        return False


class YahooClient:
    """Yahoo's charts and earnings as yfinance's frames; one request at a time.

    Parameters
    ----------
    base_url : of a peer that answers instead of Yahoo
    """

    def __init__(self, transport: Transport, base_url: str = "") -> None:
        self._session = _Session(transport, base_url)
        self._data = type.__call__(_Data, session=self._session)  # past the metaclass that allows only one
        self._lock = threading.Lock()

    def chart(
        self, symbol: str, interval: str, start: pd.Timestamp, end: pd.Timestamp, wanted: str
    ) -> pd.DataFrame:
        """Bars that begin from `start` to before `end`, with the splits and dividends between them.

        Parameters
        ----------
        symbol, interval : as Yahoo spells them
        wanted : what is asked for, in words

        Returns
        -------
        Columns Open, High, Low, Close, Adj Close, Volume, Dividends, Stock Splits by the bars' starts in the
        exchange's time. Empty if Yahoo knows the symbol and says that there is no bar.

        Raises
        ------
        MissingBarsError
            If Yahoo does not know the symbol, or keeps such bars for a shorter time.
        SourceUnavailableError
            If Yahoo does not answer, or not so that it can be read.
        """
        span = {"start": start.to_pydatetime(), "end": end.to_pydatetime()}
        try:
            return self._asked(
                symbol,
                wanted,
                lambda t: t.history(interval=interval, auto_adjust=False, actions=True, **span),
            )
        except _NoBarsError:
            return pd.DataFrame()

    def first_trade(self, symbol: str, wanted: str) -> pd.Timestamp:
        """When the symbol's bars begin."""

        def look(ticker: yfinance.Ticker) -> pd.Timestamp:
            try:
                ticker.history(period="1d", auto_adjust=False)
            except YFPricesMissingError as missing:
                if missing.yahoo_reason is not None:
                    raise
            return pd.Timestamp(ticker.history_metadata["firstTradeDate"])  # told without a bar, too

        return self._asked(symbol, wanted, look)

    def earnings_dates(self, symbol: str, wanted: str) -> pd.DataFrame:
        """Columns EPS Estimate, Reported EPS, Surprise(%) by the moment of the announcement, the newest 100."""
        dates = self._asked(symbol, wanted, lambda t: t.get_earnings_dates(limit=EARNINGS_A_PAGE))
        if dates is None:
            raise SourceUnavailableError(
                f"yahoo shows no table of {wanted}; look whether its page has changed, or for a newer yfinance"
            )
        return dates

    def _asked(self, symbol: str, wanted: str, question: Callable[[yfinance.Ticker], T]) -> T:
        with self._lock:
            self._session.wanted = wanted
            ticker = yfinance.Ticker(symbol, session=self._session)
            ticker._data = self._data  # noqa: SLF001  # it offers no other way to an own one
            ticker._tz = calendar.TIMEZONE  # noqa: SLF001  # else one more request a symbol, kept on the disk
            try:
                return question(ticker)
            except FablineError:
                raise
            except YFPricesMissingError as missing:
                raise _in_words(missing, symbol, wanted) from None
            except Exception as error:
                raise SourceUnavailableError(
                    f"yahoo's answer for {wanted} cannot be read ({type(error).__name__}); try again later, and "
                    f"look for a newer yfinance if that does not help"
                ) from error


def _in_words(missing: YFPricesMissingError, symbol: str, wanted: str) -> FablineError | _NoBarsError:
    """What Yahoo gave as its reason: it has nothing, or it does not work."""
    reason = missing.yahoo_reason
    if reason is None:
        return _NoBarsError()
    if any(words in reason.lower() for words in UNKNOWN):
        return MissingBarsError(f"yahoo has no {wanted}: {reason} (it calls the symbol {symbol})")
    return SourceUnavailableError(f"yahoo gives no {wanted}: {reason}; try again later")


def _is_chart(answer: requests.Response) -> bool:
    """Whether an answer is a whole chart, or Yahoo's own word on why there is none."""
    try:
        chart = json.loads(answer.content)["chart"]
        if chart.get("error"):
            return True
        result = chart["result"][0]
        lengths = {len(column) for column in result["indicators"]["quote"][0].values()}
        return bool(result["meta"]) and lengths <= {len(result.get("timestamp", ()))}
    except (ValueError, LookupError, TypeError, AttributeError):
        return False
