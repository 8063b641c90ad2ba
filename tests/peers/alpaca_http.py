"""Alpaca's history over HTTP, for `HttpPeer`: keys in the headers, pages with tokens, errors with a message."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from tests.peers.alpaca_stream import KEY, SECRET
from tests.peers.faults import Fault, reshaped
from tests.peers.http_peer import Answer, Asked

Row = dict[str, Any]
LETTERS = {"open": "o", "high": "h", "low": "l", "close": "c", "volume": "v"}
BARS, ACTIONS = "/v2/stocks/bars", "/v1/corporate-actions"


@dataclass
class AlpacaHistory:
    """What Alpaca knows; call it with a request.

    Attributes
    ----------
    bars : by timeframe (`5Min`, `1Day`, `1Min`): rows with S, t (aware), o, h, l, c, v
    actions : by kind (`forward_splits`, `cash_dividends`): rows with symbol, ex_date, process_date ...
    page_rows : at most so many rows a page, whatever is asked for
    recent : what the free plan may not see of the feed `sip`: bars after this moment
    """

    bars: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    actions: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    page_rows: int = 10_000
    recent: pd.Timestamp | None = None

    def __call__(self, asked: Asked, fault: Fault | None) -> Answer:
        keys = asked.headers.get("apca-api-key-id"), asked.headers.get("apca-api-secret-key")
        if keys != (KEY, SECRET):
            return _refused(401, f"unauthorized: key {keys[0]} with {keys[1]}")  # a vendor that echoes them
        if asked.path == BARS:
            return self._bars(asked, fault)
        if asked.path == ACTIONS:
            return self._actions(asked)
        return _refused(404, "endpoint not found.")

    def _bars(self, asked: Asked, fault: Fault | None) -> Answer:
        query = asked.query
        start, end = pd.Timestamp(query["start"]), pd.Timestamp(query["end"])
        symbols = query["symbols"].split(",")
        if self.recent is not None and query["feed"] == "sip" and end > self.recent:
            return _refused(403, "subscription does not permit querying recent SIP data")
        if unknown := [symbol for symbol in symbols if not symbol.isupper()]:
            return _refused(422, f"invalid symbol: {unknown[0]}")
        rows = [
            row
            for symbol in sorted(symbols)
            for row in self.bars.get(query["timeframe"], ())
            if row["S"] == symbol and start <= row["t"] <= end
        ]
        page, token = self._page(rows, query)
        grouped: dict[str, list[Row]] = {}
        for row in reshaped(page, fault, lambda row, _: {**row, "c": row["l"]}):
            written = {**row, "t": row["t"].strftime("%Y-%m-%dT%H:%M:%SZ")}
            grouped.setdefault(written.pop("S"), []).append(written)
        return _said({"bars": grouped, "currency": "USD", "next_page_token": token})

    def _actions(self, asked: Asked) -> Answer:
        query = asked.query
        symbols, kinds = query["symbols"].split(","), query["types"].split(",")
        rows = [
            (kind, row)
            for kind, listed in self.actions.items()
            for row in listed
            if row["symbol"] in symbols
            and kind.removesuffix("s") in kinds
            and query["start"] <= row["process_date"] <= query["end"]
        ]
        page, token = self._page(rows, query)
        grouped: dict[str, list[Row]] = {}
        for kind, row in page:
            grouped.setdefault(kind, []).append(row)
        return _said({"corporate_actions": grouped, "next_page_token": token})

    def _page(self, rows: list[Any], query: Mapping[str, str]) -> tuple[list[Any], str | None]:
        begin = int(query.get("page_token", "0"))
        end = begin + min(self.page_rows, int(query["limit"]))
        return rows[begin:end], str(end) if end < len(rows) else None


def bars_as_written(bars: pd.DataFrame) -> list[Row]:
    """Rows of `bars` as Alpaca writes them: a daily one begins at midnight in New York."""
    rows = []
    for bar in bars.itertuples():
        midnight = bar.session.tz_localize("America/New_York").tz_convert("UTC")
        values = {letter: getattr(bar, name) for name, letter in LETTERS.items()}
        rows.append({"S": bar.symbol, "t": bar.ts if bar.timeframe == "5min" else midnight, "n": 1, **values})
    return rows


def actions_as_written(actions: pd.DataFrame) -> dict[str, list[Row]]:
    """Rows of `corporate_actions` as Alpaca writes them: processed on the day on which they are paid."""
    told: dict[str, list[Row]] = {"forward_splits": [], "cash_dividends": []}
    for one in actions.itertuples():
        dates = {"ex_date": f"{one.session:%Y-%m-%d}", "process_date": f"{one.pay_session:%Y-%m-%d}"}
        if one.kind == "split":
            told["forward_splits"].append(
                {"symbol": one.symbol, "new_rate": one.ratio, "old_rate": 1, **dates}
            )
        else:
            paid = {"payable_date": dates["process_date"], "rate": one.amount}
            told["cash_dividends"].append({"symbol": one.symbol, **paid, **dates})
    return told


def _said(page: object) -> Answer:
    return Answer(json.dumps(page).encode())


def _refused(status: int, message: str) -> Answer:
    return Answer(json.dumps({"message": message}).encode(), status)
