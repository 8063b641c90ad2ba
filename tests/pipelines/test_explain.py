"""The chain behind a fill, worked by hand on the tables of a small home."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from pipelines.cli.explain import Explanation, text
from trading import calendar, frames
from trading.errors import UsageError
from trading.monitoring.explain import Step, explain_fill, find_fill
from trading.plan import Plan
from trading.stages.stage import Inputs, Moment, Outputs, Read, Stage
from trading.testing.finished_home import MODELS, finished_home
from trading.testing.memory_store import MemoryStore

TABLES = finished_home(30)
FIRST, LAST = TABLES["performance"]["session"].iloc[[0, -1]]
SESSIONS = calendar.sessions_between(FIRST, LAST)
FEATURE_WINDOW, BAR_WINDOW = 5, 10


def nothing(_moment: Moment, _inputs: Inputs) -> Outputs:
    return {}


PLAN = Plan.of(
    [
        Stage("features", (Read("bars", lookback=BAR_WINDOW),), ("features",), nothing, starts="window"),
        *(
            Stage(f"forecast_{m}", (Read("features", lookback=FEATURE_WINDOW),), (f"forecast_{m}",), nothing)
            for m in MODELS
        ),
    ],
    burn_in_sessions=20,
)


def store_of(tables: dict[str, pd.DataFrame]) -> MemoryStore:
    store = MemoryStore()
    store.write(tables, FIRST, LAST, commit={})
    return store


STORE = store_of(TABLES)


def walk(step: Step) -> list[Step]:
    return [step, *(found for cause in step.because for found in walk(cause))]


def tables_of(step: Step) -> list[str]:
    return [found.table for found in walk(step)]


@pytest.fixture(scope="module")
def chain() -> Step:
    # Session 12 fills what session 11 decided; the mix is of session 10, the start of its block of five.
    fill = TABLES["fills"].iloc[11]["fill_id"]
    return explain_fill(STORE, PLAN, fill)


def one(chain: Step, table: str) -> Step:
    return next(step for step in walk(chain) if step.table == table)


def test_the_chain_goes_from_the_fill_to_the_bars_in_order(chain: Step) -> None:
    models = ["forecasts", "features"] * len(MODELS)

    assert tables_of(chain) == [
        "fills", "orders", "target_portfolio", "risk", "regimes", "signals", "ensemble_forecast", *models,
        "features", "bars", "ensemble_intervals", "ensemble_skill", "ledger", "ledger",
    ]  # fmt: skip


def test_each_step_stands_at_the_session_that_made_it(chain: Step) -> None:
    filled, decided, solved = (f"{SESSIONS[k]:%Y-%m-%d}" for k in (12, 11, 10))

    assert [one(chain, t).session for t in ("fills", "ledger")] == [filled] * 2
    assert [one(chain, t).session for t in ("orders", "target_portfolio", "risk", "regimes")] == [decided] * 4
    assert {one(chain, t).session for t in ("signals", "ensemble_forecast", "forecasts", "bars")} == {solved}
    assert f"the mix solved at {solved}" in one(chain, "target_portfolio").title


def test_values_are_the_rows_of_the_tables(chain: Step) -> None:
    fill = TABLES["fills"].iloc[11]
    case = (SESSIONS[10], fill["symbol"])
    bar, signal = (TABLES[t].set_index(["session", "symbol"]).loc[case] for t in ("bars", "signals"))

    assert chain.values["price"] == fill["price"]
    assert one(chain, "orders").values["order_id"] == fill["order_id"]
    assert one(chain, "signals").values["probability"] == signal["probability"]
    assert one(chain, "bars").values["close"] == bar["close"]
    assert one(chain, "bars").values["known_at"] == f"{calendar.as_of(SESSIONS[10]):%Y-%m-%dT%H:%M:%SZ}"


def test_models_come_with_version_training_and_weight(chain: Step) -> None:
    steps = {str(step.values["model"]): step for step in walk(chain) if step.table == "forecasts"}
    weights = TABLES["ensemble_weights"]
    weight = weights[(weights["session"] == SESSIONS[10]) & (weights["model"] == "ar1")]["weight"].iloc[0]

    assert sorted(steps) == list(MODELS)
    assert (steps["ar1"].values["version"], steps["ar1"].values["trained_through"]) == (
        "ar1-v1",
        "2023-12-29",
    )
    assert steps["ar1"].values["weight"] == weight
    assert "trained through 2023-12-29" in steps["ar1"].title
    assert "zero-shot" in steps["timesfm"].title


def test_windows_reach_as_far_back_as_the_stages_declare(chain: Step) -> None:
    window = next(step for step in walk(chain) if "sessions" in step.values)

    assert window.values["first_features"] == f"{SESSIONS[10 - FEATURE_WINDOW]:%Y-%m-%d}"
    reached = calendar.shift(SESSIONS[10], -FEATURE_WINDOW - BAR_WINDOW)
    assert window.values["first_bars"] == f"{reached:%Y-%m-%d}"


def test_bookings_of_this_fill_alone_are_shown(chain: Step) -> None:
    booked = [step.values for step in walk(chain) if step.table == "ledger"]

    assert [row["kind"] for row in booked] == ["fill", "commission"]
    assert {row["reference"] for row in booked} == {chain.values["fill_id"]}


def test_a_bar_that_was_revised_later_is_shown_as_it_was_known(chain: Step) -> None:
    known = one(chain, "bars").values
    rows = TABLES["bars"]
    bar = rows[(rows["session"] == SESSIONS[10]) & (rows["symbol"] == chain.values["symbol"])]
    late = bar.assign(close=bar["close"] + 0.01, known_at=calendar.as_of(SESSIONS[20]))
    revised = store_of(TABLES)
    revised.write({"bars": frames.validated("bars", late)}, SESSIONS[10], SESSIONS[10], commit={})

    again = explain_fill(revised, PLAN, str(chain.values["fill_id"]))

    assert one(again, "bars").values["close"] == known["close"]


def test_contaminated_models_are_marked() -> None:
    rows = TABLES["forecasts"]
    spoilt = store_of({**TABLES, "forecasts": rows.assign(contaminated=rows["model"] == "timesfm")})
    titles = [step.title for step in walk(explain_fill(spoilt, PLAN, "last")) if step.table == "forecasts"]

    assert ["CONTAMINATED" in title for title in titles] == [False, False, True]


def test_a_missing_row_is_said_and_the_rest_is_told() -> None:
    partial = store_of({name: rows for name, rows in TABLES.items() if name not in ("signals", "risk")})
    steps = walk(explain_fill(partial, PLAN, "last"))

    assert [step.title for step in steps if step.title.startswith("no row of")] == [
        f"no row of risk at {SESSIONS[-2]:%Y-%m-%d}", f"no row of signals at {SESSIONS[25]:%Y-%m-%d}",
    ]  # fmt: skip


def test_the_chain_is_json_without_loss(chain: Step) -> None:
    payload = json.loads(json.dumps(chain.as_dict(), allow_nan=False))

    assert payload["table"] == "fills"
    assert payload["values"]["notional_cents"] == 100_000
    assert payload["because"][0]["table"] == "orders"


def test_the_tree_names_every_step(chain: Step) -> None:
    tree = str(Explanation(chain))

    assert all(step.title.split(",")[0] in tree for step in walk(chain))
    assert "commission_cents  1.00 USD" in tree


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("cash_cents", -12345, "-123.45 USD"),
        ("target_weight", 0.05, "5.00 %"),
        ("q500", -0.0123, "-1.230 %"),
        ("gap", 1.5e-9, "1.5e-09"),
        ("quantity", 12000, "12,000"),
        ("contaminated", False, "False"),
        ("limit_price", None, "–"),
        ("reason", "", "–"),
    ],
)
def test_values_read_as_people_write_them(name: str, value: object, expected: str) -> None:
    assert text(name, value) == expected


FILLS = TABLES["fills"]


def test_a_fill_is_found_by_id_start_symbol_or_as_the_last() -> None:
    wanted = FILLS.iloc[-1]
    names = (
        wanted["fill_id"],
        wanted["fill_id"][:9],
        "last",
        f"{wanted['symbol']}@{wanted['session']:%Y-%m-%d}",
    )

    assert {find_fill(FILLS, name)["fill_id"] for name in names} == {wanted["fill_id"]}


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ("f20240103AMX", "the nearest are f20240103AMD"),
        ("f202401", "fills begin with 'f202401'"),
        ("f", "there is no fill 'f'"),
        ("AMD@2024-01-10", "the nearest are AMD@2024-01-04"),
        ("IBM@2024-01-10", "no fill of 'IBM'; there are fills of AMD, ARM"),
        ("AMD@2024-01-06", "is not a session"),
        ("AMD@soon", "not a date"),
    ],
)
def test_an_unknown_fill_is_wrong_use_and_names_the_nearest(wanted: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        find_fill(FILLS, wanted)

    assert said in str(caught.value)


def test_a_home_without_fills_says_so() -> None:
    with pytest.raises(UsageError, match="no fills yet"):
        find_fill(frames.empty("fills"), "last")


def test_an_exact_id_wins_over_longer_ones_that_begin_with_it() -> None:
    longer = pd.concat([FILLS.iloc[:1], FILLS.iloc[:1].assign(fill_id=FILLS.iloc[0]["fill_id"] + "x")])

    assert find_fill(longer, FILLS.iloc[0]["fill_id"])["fill_id"] == FILLS.iloc[0]["fill_id"]


def test_unknown_numbers_are_none_not_nan(chain: Step) -> None:
    assert one(chain, "orders").values["limit_price"] is None
    assert not [
        v for step in walk(chain) for v in step.values.values() if isinstance(v, float) and np.isnan(v)
    ]


def test_where_a_selection_tilts_the_signals_it_is_among_their_causes(chain: Step) -> None:
    tilted = Stage("signals", (Read("selection"),), ("signals",), nothing, starts="inception")
    selecting = Stage("selection", (Read("features"),), ("selection",), nothing, starts="inception")
    plan = Plan.of([*PLAN.stages, selecting, tilted], burn_in_sessions=20)

    explained = explain_fill(STORE, plan, TABLES["fills"].iloc[11]["fill_id"])

    signal, asked = one(explained, "signals"), one(explained, "selection")
    assert asked in signal.because
    assert asked.session == signal.session
    assert asked.values["held_weight"] == 0.1
    assert "selection" not in tables_of(chain)


def test_a_revision_is_told_beside_what_was_known_and_a_bar_told_once_has_none(chain: Step) -> None:
    assert not one(chain, "bars").because
    rows = TABLES["bars"]
    bar = rows[(rows["session"] == SESSIONS[10]) & (rows["symbol"] == chain.values["symbol"])]
    late = bar.assign(close=bar["close"] + 0.01, known_at=calendar.as_of(SESSIONS[20]))
    revised = store_of(TABLES)
    revised.write({"bars": frames.validated("bars", late)}, SESSIONS[10], SESSIONS[10], commit={})

    first, second = one(explain_fill(revised, PLAN, str(chain.values["fill_id"])), "bars").because

    assert first.title.endswith("known then")
    assert second.title.endswith("known only later, and not used")
    assert second.values["close"] == first.values["close"] + 0.01


def test_what_the_checks_of_the_data_found_of_the_bar_is_told(chain: Step) -> None:
    known = {
        "session": SESSIONS[10],
        "known_at": calendar.as_of(SESSIONS[10]),
        "symbol": chain.values["symbol"],
    }
    finding = known | {"rule": "jump", "severity": "warning", "detail": "8 % in a minute", "table": "bars"}
    finding |= {"timeframe": "1D", "ts": calendar.session_open(SESSIONS[10])}
    checked = store_of(TABLES)
    rows = pd.DataFrame([finding]).astype(frames.table_of("findings").dtypes)
    checked.write(
        {"findings": rows[list(frames.table_of("findings").dtypes)]}, SESSIONS[10], SESSIONS[10], commit={}
    )

    (step,) = one(explain_fill(checked, PLAN, str(chain.values["fill_id"])), "bars").because

    assert (step.table, step.title) == ("findings", "found odd")
    assert (step.values["rule"], step.values["detail"]) == ("jump", "8 % in a minute")


@pytest.mark.parametrize(
    ("kind", "moment", "words"),
    [
        ("limit", "within", "in the course of"),
        ("stop", "within", "in the course of"),
        ("on_close", "close", "at the close of"),
        ("market", "open", "at the open of"),
    ],
)
def test_each_kind_of_order_is_explained_down_to_the_bars(kind: str, moment: str, words: str) -> None:
    price = 101.5
    fills, orders = (TABLES[name].copy() for name in ("fills", "orders"))
    mine = orders["order_id"] == fills.iloc[11]["order_id"]
    fills.loc[fills.index[11], "moment"] = moment
    orders.loc[mine, "kind"] = kind
    column = {"limit": "limit_price", "stop": "stop_price"}.get(kind)
    if column:
        orders.loc[mine, column] = price
    store = store_of({**TABLES, "fills": fills, "orders": orders})

    explained = explain_fill(store, PLAN, str(fills.iloc[11]["fill_id"]))

    assert words in explained.title
    ordered = one(explained, "orders")
    assert f"ordered {kind} after the close" in ordered.title
    assert not column or ordered.values[column] == price
    assert tables_of(explained)[-3:] == ["ensemble_skill", "ledger", "ledger"]
    assert one(explained, "bars").values["close"] is not None
