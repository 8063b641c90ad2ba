"""A local Yahoo Finance over a SIMULATED market: charts, cookie, crumb, consent, and the page of earnings dates.

    with YahooPeer(now=lambda: moment) as peer:                       # engine=FaultEngine.evenly(0.2)
        YahooSource(base_url=peer.url, clock=lambda: moment, transport=impatient("yahoo"))

As Yahoo does, it divides the past by every split up to now, sends 32-bit prices, shows the bar in progress,
keeps five-minute bars for 60 days, and wants a crumb that fits the cookie.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Self

import numpy as np
import pandas as pd

from tests.peers.faults import SPLIT, Fault, FaultEngine, reshaped
from tests.peers.http_peer import Answer, Asked, HttpPeer
from trading import calendar
from trading.testing.market import ALL_SYMBOLS, SimulatedMarket
from trading.universe import instrument

CHART = "/v8/finance/chart/"
CRUMB = "Simulated.1"
COOKIE = "A3=d=simulated"
SPELLED = {"^VIX": "VIX"}
PRICES = ("open", "high", "low", "close")
FIVE_MINUTES = pd.Timedelta(minutes=5)
REACH = pd.Timedelta(days=60)
KINDS = {"stock": "EQUITY", "benchmark": "ETF", "index": "INDEX"}
REVISION = 1e-3  # relative, how much higher a revised bar closes

Row = dict[str, float]


@dataclass(frozen=True)
class Span:
    """What a chart is asked for: a symbol of ours, and the seconds between which its bars begin."""

    symbol: str
    begins: float
    ends: float

    @property
    def sessions(self) -> tuple[pd.Timestamp, pd.Timestamp]:
        first, last = (
            pd.Timestamp(at, unit="s", tz=calendar.TIMEZONE).tz_localize(None).normalize()
            for at in (self.begins, self.ends)
        )
        return first.as_unit("us"), last.as_unit("us")


class YahooPeer:
    """The server; `with YahooPeer(...) as peer: peer.url`.

    Parameters
    ----------
    now : the present of the market that it shows
    market : whose bars, splits, dividends and earnings
    engine : which answers are harmed
    raw_dividends : list dividends as they were paid, as Yahoo did at times, and not divided as the prices are
    """

    def __init__(
        self,
        now: Callable[[], pd.Timestamp],
        market: SimulatedMarket | None = None,
        engine: FaultEngine | None = None,
        *,
        raw_dividends: bool = False,
    ) -> None:
        self.raw_dividends = raw_dividends
        self.now, self.market = now, market or SimulatedMarket()
        self.engine = engine or FaultEngine()
        self.http = HttpPeer(self.respond, self.engine)
        self._made: dict[tuple[str, pd.Timestamp], list[Row]] = {}

    def __enter__(self) -> Self:
        self.http.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.http.__exit__()

    @property
    def url(self) -> str:
        return self.http.url

    @property
    def asked(self) -> list[Asked]:
        return self.http.asked

    def respond(self, asked: Asked, fault: Fault | None) -> Answer:
        """What Yahoo says; its hosts have no path in common, so the path is enough."""
        if asked.path in ("", "/"):  # fc.yahoo.com: nothing there but the cookie
            return Answer(b"<html>Not Found</html>", 404, "text/html", (("Set-Cookie", f"{COOKIE}; Path=/"),))
        if asked.path == "/v1/test/getcrumb":
            known = COOKIE in asked.headers.get("cookie", "")
            return Answer(CRUMB.encode() if known else b"", 200 if known else 401, "text/plain")
        if asked.path == "/calendar/earnings":
            return self._earnings(asked.query["symbol"])
        if asked.path.startswith(CHART):
            return self._chart(asked, fault)
        return Answer(CONSENT, content_type="text/html")

    def _chart(self, asked: Asked, fault: Fault | None) -> Answer:
        spelled = asked.path.removeprefix(CHART)
        if asked.query.get("crumb") != CRUMB:
            return _refusal(401, "Unauthorized", "Invalid Crumb")
        symbol = SPELLED.get(spelled, spelled)
        if symbol not in ALL_SYMBOLS:
            return _refusal(404, "Not Found", "No data found, symbol may be delisted")
        now = self.now().timestamp()
        newest = calendar.session_open(calendar.last_closed(self.now()))
        begins = float(asked.query.get("period1", newest.timestamp()))
        span = Span(symbol, begins, min(float(asked.query.get("period2", now)), now))
        interval = asked.query["interval"]
        if interval == "5m" and begins < now - REACH.total_seconds():
            return _refusal(422, "Unprocessable Entity", TOO_FAR)
        rows = self._daily(span) if interval == "1d" else self._five_minutes(span)
        return Answer(json.dumps(self._told(spelled, span, interval, rows, fault)).encode())

    def _told(
        self, spelled: str, span: Span, interval: str, rows: list[Row], fault: Fault | None
    ) -> dict[str, Any]:
        splits = self._splits(span.symbol)
        late = splits.index[-1:] if fault is not None and fault.kind == SPLIT else splits.index[:0]
        dividends = self._dividends(span, splits)
        divided = _lowered(_divided(rows, splits.drop(late)), dividends)
        shaped = reshaped(divided, fault, _revised)
        result: dict[str, Any] = {"meta": self._meta(spelled, span, interval), "indicators": {"quote": [{}]}}
        events = {"dividends": self._listed(dividends, splits), "splits": _split_events(span, splits)}
        if any(events.values()):
            result["events"] = {name: listed for name, listed in events.items() if listed}
        if shaped:
            columns = {name: [_number(row[name]) for row in shaped] for name in (*PRICES, "volume")}
            result["timestamp"] = [int(row["at"]) for row in shaped]
            result["indicators"] = {
                "quote": [columns],
                "adjclose": [{"adjclose": [row["lowered"] for row in shaped]}],
            }
        return {"chart": {"result": [result], "error": None}}

    def _daily(self, span: Span) -> list[Row]:
        """Raw daily bars that began in the span; that of a session in progress as far as it has come."""
        now, (first, last) = self.now(), span.sessions
        if not len(sessions := self._sessions(first, last)):
            return []
        bars = self.market.bars((span.symbol,), sessions[0], sessions[-1])
        rows = [_row(bar, bar.ts) for bar in bars.itertuples() if bar.ts <= now]
        if rows and now < calendar.session_close(sessions[-1]) and len(rows) == len(bars):
            rows[-1] = _progress(self._five_minutes(Span(span.symbol, rows[-1]["at"], now.timestamp())))
        return [row for row in rows if span.begins <= row["at"] < span.ends]

    def _five_minutes(self, span: Span) -> list[Row]:
        sessions = self._sessions(*span.sessions)
        rows = [row for session in sessions for row in self._of_session(span.symbol, session)]
        return [row for row in rows if span.begins <= row["at"] < span.ends]

    def _of_session(self, symbol: str, session: pd.Timestamp) -> list[Row]:
        """Raw five-minute bars of a session; made once."""
        if (symbol, session) not in self._made:
            bars = self.market.bars((symbol,), session, session, "5min")
            self._made[symbol, session] = [_row(bar, bar.ts) for bar in bars.itertuples()]
        return self._made[symbol, session]

    def _sessions(self, first: pd.Timestamp, last: pd.Timestamp) -> pd.DatetimeIndex:
        return calendar.sessions_between(max(first, self.market.sessions[0]), last)

    def _splits(self, symbol: str) -> pd.Series:
        """Ratios of all splits in effect by session."""
        actions = self._actions(symbol)
        return actions[actions["kind"] == "split"].set_index("session")["ratio"]

    def _actions(self, symbol: str) -> pd.DataFrame:
        today = self.now().tz_convert(calendar.TIMEZONE).tz_localize(None).normalize()
        listed = self.market.actions((symbol,), self.market.sessions[0], today)
        return listed[calendar.open_each(pd.DatetimeIndex(listed["session"])) <= self.now()]

    def _listed(self, dividends: dict[str, Any], splits: pd.Series) -> dict[str, Any]:
        if not self.raw_dividends:
            return dividends
        days = {at: pd.Timestamp(int(at), unit="s").normalize() for at in dividends}
        later = {at: splits[splits.index >= day].prod() for at, day in days.items()}
        return {at: told | {"amount": round(told["amount"] * later[at], 6)} for at, told in dividends.items()}

    def _dividends(self, span: Span, splits: pd.Series) -> dict[str, Any]:
        actions = self._actions(span.symbol)
        paid = actions[actions["kind"] == "dividend"].set_index("session")["amount"]
        events = {}
        for session, amount in paid.items():
            at = int(calendar.session_open(session).timestamp())
            if span.begins <= at < span.ends:
                later = splits[splits.index >= session].prod()
                events[str(at)] = {"amount": round(amount / later, 6), "date": at}
        return events

    def _meta(self, spelled: str, span: Span, interval: str) -> dict[str, Any]:
        role = instrument(span.symbol).role
        sessions = self._sessions(*span.sessions)
        # The market's own first bar of the symbol: none is older than the market.
        began = max(self.market.sessions[0], pd.Timestamp(instrument(span.symbol).listed).as_unit("us"))
        zone = "America/Chicago" if role == "index" else calendar.TIMEZONE
        meta = {
            "currency": "USD",
            "symbol": spelled,
            "instrumentType": KINDS[role],
            "firstTradeDate": int(calendar.session_open(began).timestamp()),
            "regularMarketTime": int(self.now().timestamp()),
            "exchangeTimezoneName": zone,
            "priceHint": 2,
            "dataGranularity": interval,
            "validRanges": ["1d", "5d", "1mo", "max"],
        }
        if interval == "5m":
            meta["tradingPeriods"] = [[_period(session)] for session in sessions]
        return meta

    def _earnings(self, symbol: str) -> Answer:
        today = self.now().tz_convert(calendar.TIMEZONE).tz_localize(None).normalize()
        past = self.market.earnings((symbol,), self.market.sessions[0], today).tail(99)
        rows = [
            f"<tr><td>{symbol}</td><td>Simulated</td><td>{_spelled(row.session)}</td><td>1.00</td>"
            f"<td>{1 + row.surprise:.2f}</td><td>{100 * row.surprise:+.2f}</td></tr>"
            for row in past.iloc[::-1].itertuples()
        ]
        return Answer(PAGE.replace("ROWS", "".join(rows)).encode(), content_type="text/html")


TOO_FAR = "5m data not available for that range. The requested range must be within the last 60 days."
CONSENT = (
    b'<html><form><input name="csrfToken" value="token"/><input name="sessionId" value="1"/></form></html>'
)
PAGE = (
    "<html><body><table><thead><tr><th>Symbol</th><th>Company</th><th>Earnings Date</th><th>EPS Estimate</th>"
    "<th>Reported EPS</th><th>Surprise (%)</th></tr></thead><tbody>ROWS</tbody></table></body></html>"
)


def _spelled(session: pd.Timestamp) -> str:
    at = session.tz_localize(calendar.TIMEZONE) + pd.Timedelta(hours=16)
    return f"{at:%B} {at.day}, {at.year} at 4 PM {at:%Z}"


def _refusal(status: int, code: str, words: str) -> Answer:
    error = {"chart": {"result": None, "error": {"code": code, "description": words}}}
    return Answer(json.dumps(error).encode(), status)


def _row(bar: Any, at: pd.Timestamp) -> Row:
    values = {name: float(getattr(bar, name)) for name in (*PRICES, "volume")}
    return {"at": at.timestamp(), "day": bar.session.timestamp(), **values}


def _progress(parts: Sequence[Row]) -> Row:
    """The bar of a session as far as its five-minute bars go; Yahoo dates it by its last trade."""
    return {
        "at": parts[-1]["at"],
        "day": parts[-1]["day"],
        "open": parts[0]["open"],
        "high": max(part["high"] for part in parts),
        "low": min(part["low"] for part in parts),
        "close": parts[-1]["close"],
        "volume": sum(part["volume"] for part in parts),
    }


def _divided(rows: Sequence[Row], splits: pd.Series) -> list[Row]:
    """Raw rows in the scale of now."""
    days = {row["day"]: pd.Timestamp(row["day"], unit="s") for row in rows}
    later = {day: float(splits[splits.index > label].prod()) for day, label in days.items()}
    return [
        row
        | {name: float(np.float32(row[name] / later[row["day"]])) for name in PRICES}
        | {"volume": row["volume"] * later[row["day"]]}
        for row in rows
    ]


def _lowered(rows: Sequence[Row], dividends: Mapping[str, Any]) -> list[Row]:
    """The rows with their closes lowered by all later dividends, as Yahoo's adjusted close is."""
    lowered, share = [], 1.0
    for row, before in zip(reversed(rows), [*reversed(rows[:-1]), None], strict=False):
        lowered.append(row | {"lowered": row["close"] * share})
        if before is not None and (paid := dividends.get(str(int(row["at"])))):
            share *= 1 - paid["amount"] / before["close"]
    return lowered[::-1]


def _revised(row: Row, random: Random) -> Row:
    """The row with another close, within its range."""
    del random
    close = min(row["close"] * (1 + REVISION), row["high"])
    return row | {"close": close}


def _number(value: float) -> float | int:
    return int(value) if value == int(value) else value


def _split_events(span: Span, splits: pd.Series) -> dict[str, Any]:
    events = {}
    for session, ratio in splits.items():
        at = int(calendar.session_open(session).timestamp())
        if span.begins <= at < span.ends:
            top, bottom = float(ratio).as_integer_ratio()
            events[str(at)] = {
                "date": at,
                "numerator": top,
                "denominator": bottom,
                "splitRatio": f"{top}:{bottom}",
            }
    return events


def _period(session: pd.Timestamp) -> Mapping[str, Any]:
    opened, closed = calendar.session_open(session), calendar.session_close(session)
    return {
        "timezone": "EST",
        "start": int(opened.timestamp()),
        "end": int(closed.timestamp()),
        "gmtoffset": -18000,
    }
