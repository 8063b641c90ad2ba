"""Alpaca's history through alpaca-py, made polite: through our transport, page by page, and mute about keys.

Loads in 0.8 s: imported only when Alpaca is asked.
"""

from __future__ import annotations

import json
import threading
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit

import pandas as pd
import requests

from resources.sources.alpaca_keys import REMEDY, AlpacaKeys
from resources.sources.sessions import Polite
from resources.sources.transport import Answer, Transport
from trading.errors import FablineError, MissingBarsError, SourceUnavailableError

with warnings.catch_warnings():
    # alpaca-py 0.44 still uses the old client of websockets, which says so on import.
    warnings.filterwarnings("ignore", "websockets.legacy is deprecated", DeprecationWarning)
    from alpaca.common.enums import Sort
    from alpaca.common.exceptions import APIError
    from alpaca.common.rest import RESTClient
    from alpaca.data.enums import Adjustment, CorporateActionsType, DataFeed
    from alpaca.data.historical.corporate_actions import CorporateActionsClient
    from alpaca.data.historical.stock import StockHistoricalDataClient
    from alpaca.data.requests import CorporateActionsRequest, StockBarsRequest
    from alpaca.data.timeframe import TimeFrame, TimeFrameUnit

Feed = Literal["iex", "sip"]
Rows = dict[str, list[dict[str, Any]]]
R = TypeVar("R")

TIMEFRAMES: Mapping[str, TimeFrame] = {
    "1min": TimeFrame(1, TimeFrameUnit.Minute),
    "5min": TimeFrame(5, TimeFrameUnit.Minute),
    "1D": TimeFrame(1, TimeFrameUnit.Day),
}
SPLITS = (CorporateActionsType.FORWARD_SPLIT, CorporateActionsType.REVERSE_SPLIT)
DIVIDENDS = (CorporateActionsType.CASH_DIVIDEND, CorporateActionsType.STOCK_DIVIDEND)
OK, UNAUTHORIZED, FORBIDDEN, NOT_FOUND, UNPROCESSABLE = 200, 401, 403, 404, 422
MOST_PAGES = 1000  # of 10,000 bars each: a vendor that goes on for ever does not say so


def answered(wanted: str, question: Callable[[], R], in_words: Callable[[APIError, str], Exception]) -> R:
    """What a question to alpaca-py brings; a refusal as the error that `in_words` makes of it.

    Raises
    ------
    SourceUnavailableError
        If the answer cannot be read.
    """
    try:
        return question()
    except FablineError:
        raise
    except APIError as refusal:
        raise in_words(refusal, wanted) from None
    except Exception as error:
        raise SourceUnavailableError(
            f"alpaca's answer for {wanted} cannot be read ({type(error).__name__}); try again later, and "
            f"look for a newer alpaca-py if that does not help"
        ) from error


class AlpacaClient:
    """Bars and corporate actions in Alpaca's own words; one question at a time.

    Parameters
    ----------
    keys : from the environment
    transport : the way to Alpaca
    base_url : of a peer that answers instead of Alpaca
    """

    def __init__(self, keys: AlpacaKeys, transport: Transport, base_url: str = "") -> None:
        self._keys = keys
        self._session = _Session(transport)
        self._lock = threading.Lock()
        options = {"raw_data": True, "url_override": base_url or None}
        self._stocks = StockHistoricalDataClient(keys.key, keys.secret, **options)  # type: ignore[arg-type]
        self._events = CorporateActionsClient(keys.key, keys.secret, **options)  # type: ignore[arg-type]
        for client in (self._stocks, self._events):
            self._tame(client)

    def __repr__(self) -> str:
        return "AlpacaClient(***)"

    def bars(
        self, symbols: Sequence[str], timeframe: str, start: pd.Timestamp, end: pd.Timestamp, feed: Feed
    ) -> Rows:
        """Raw bars by symbol that begin from `start` to `end`, all pages: t, o, h, l, c, v and more.

        Raises
        ------
        MissingBarsError
            If Alpaca does not know a symbol.
        SourceUnavailableError
            If it refuses, or does not answer so that it can be read.
        """
        wanted = f"{timeframe} bars of {','.join(symbols)}, {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M}"
        request = StockBarsRequest(
            symbol_or_symbols=list(symbols),
            timeframe=TIMEFRAMES[timeframe],
            start=start.to_pydatetime(),
            end=end.to_pydatetime(),
            adjustment=Adjustment.RAW,
            feed=DataFeed(feed),
            sort=Sort.ASC,
        )
        return self._asked(wanted, lambda: dict(self._stocks.get_stock_bars(request)))

    def actions(self, symbols: Sequence[str], first: pd.Timestamp, last: pd.Timestamp) -> Rows:
        """Splits and dividends by kind (`forward_splits`, `cash_dividends` ...) processed from `first` to `last`."""
        wanted = f"corporate actions of {','.join(symbols)}, {first:%Y-%m-%d} to {last:%Y-%m-%d}"
        request = CorporateActionsRequest(
            symbols=list(symbols),
            types=[*SPLITS, *DIVIDENDS],
            start=first.date(),
            end=last.date(),
            limit=None,
        )
        return self._asked(wanted, lambda: dict(self._events.get_corporate_actions(request)))

    def _tame(self, client: RESTClient) -> None:
        client._session = self._session  # noqa: SLF001  # it offers no other way to an own one
        client._retry = 0  # noqa: SLF001  # the transport asks again, and knows when to stop

    def _asked(self, wanted: str, question: Callable[[], R]) -> R:
        with self._lock:
            self._session.begin(wanted)
            return answered(wanted, question, self._in_words)

    def _in_words(self, refusal: APIError, wanted: str) -> FablineError:
        said = self._keys.hidden_in(message_of(str(refusal)))
        if refusal.status_code in (UNAUTHORIZED, FORBIDDEN):
            return SourceUnavailableError(
                f"alpaca refuses {wanted}: {said or 'no reason given'}; {REMEDY}, or take a feed that your "
                f"subscription holds"
            )
        if refusal.status_code in (NOT_FOUND, UNPROCESSABLE):
            return MissingBarsError(f"alpaca has no {wanted}: {said or f'HTTP {refusal.status_code}'}")
        return SourceUnavailableError(f"alpaca gives no {wanted}: {said or f'HTTP {refusal.status_code}'}")


class _Session(Polite, requests.Session):
    """The session of alpaca-py's clients, which counts pages."""

    def __init__(self, transport: Transport) -> None:
        super().__init__()
        self.transport = transport
        self._pages = 0

    def __repr__(self) -> str:
        return "_Session(***)"

    def begin(self, wanted: str) -> None:
        """Say what is asked for next."""
        self.wanted, self._pages = wanted, 0

    def request(self, method: str, url: str, **options: Any) -> Any:  # type: ignore[override]  # fewer words
        """One page."""
        self._pages += 1
        if self._pages > MOST_PAGES:
            raise SourceUnavailableError(
                f"alpaca's answer for {self.wanted} has more than {MOST_PAGES} pages; ask for a shorter range"
            )
        return super().request(method, url, **options)

    def flaw(self, url: str, answer: Answer) -> str:
        """A page that Alpaca itself would not give: cut off, or from somebody in between."""
        if answer.status_code == NOT_FOUND and not message_of(answer.text):  # type: ignore[attr-defined]
            return f"HTTP {NOT_FOUND} that is not Alpaca's"
        if answer.status_code != OK:
            return ""
        name = "bars" if urlsplit(url).path.endswith("/bars") else "corporate_actions"
        return "" if _is_page(answer.content, name) else "not a whole page"  # type: ignore[attr-defined]


def _is_page(content: bytes, name: str) -> bool:
    try:
        page = json.loads(content)
        return isinstance(page[name], dict) and "next_page_token" in page
    except (ValueError, LookupError, TypeError):
        return False


def message_of(text: str) -> str:
    """What Alpaca says of an error; empty if it is not Alpaca that speaks."""
    try:
        return str(json.loads(text)["message"])
    except (ValueError, LookupError, TypeError):
        return ""
