"""The quotes of `test_bench_order_book.py` in hftbacktest; runs in an environment of its own.

PYTHON benchmarks/peer_hftbacktest.py FEED.npz: prints one line of JSON, shares filled and sent. One share an order, which
is either filled or not: its partial fills end in an error (status 14) when what is left is cancelled.
"""

# ruff: noqa: ANN001, ANN201, FBT003, SIM113 - hftbacktest's own calling convention, compiled

import json
import sys

import hftbacktest as hbt
import numpy as np
from numba import njit


def events(feed) -> np.ndarray:
    rows = np.zeros(len(feed["time"]), dtype=hbt.event_dtype)
    kinds = np.where(feed["trade"], hbt.TRADE_EVENT, hbt.DEPTH_EVENT)
    buys = feed["bid"] != feed["trade"]  # a trade is named after who takes
    sides = np.where(buys, hbt.BUY_EVENT, hbt.SELL_EVENT)
    rows["ev"] = kinds | sides | hbt.EXCH_EVENT | hbt.LOCAL_EVENT
    rows["exch_ts"], rows["local_ts"] = feed["time"], feed["time"] + int(feed["feed"])
    rows["px"], rows["qty"] = feed["tick"] * 1.0, feed["size"]
    return rows


@njit
def quote(market, moments, size):
    mine, sent = 0, 0
    for k in range(len(moments)):
        wait = moments[k] - market.current_timestamp
        if wait > 0:
            code = market.elapse(wait)
            if code != 0:
                raise RuntimeError("hftbacktest stopped with an error code")
        market.clear_inactive_orders(0)
        if mine in market.orders(0):
            market.cancel(0, mine, False)
        mine += 1
        price = market.depth(0).best_bid
        market.submit_buy_order(0, mine, price, size, hbt.GTC, hbt.LIMIT, False)
        sent += 1
    return sent


def main() -> None:
    feed = np.load(sys.argv[1])
    data = events(feed)
    asset = hbt.BacktestAsset().data(data).linear_asset(1.0).tick_size(1.0).lot_size(1.0)
    order = int(feed["order"])
    latency = getattr(asset, "constant_order_latency", None) or asset.constant_latency
    asset = latency(order, int(feed["feed"]))
    asset = (
        asset.risk_adverse_queue_model()
        if feed["power"] == 0
        else asset.power_prob_queue_model(float(feed["power"]))
    )
    asset = asset.no_partial_fill_exchange().trading_value_fee_model(0, 0)
    market = hbt.HashMapMarketDepthBacktest([asset])
    market.elapse(1)
    sent = quote(market, feed["moments"], 1.0)
    filled = market.state_values(0).trading_volume
    print(json.dumps({"filled": float(filled), "sent": int(sent), "events": len(data)}))


main()
