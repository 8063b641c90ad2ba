"""What a trader is told of one session's market."""

from dataclasses import replace

import numpy as np

from trading.calendar import session_of
from trading.history import History
from trading.stages.stage import Inputs, Moment, Outputs
from trading.stages.trading_market import Market, read_market
from trading.stages.trading_session import trading_session_stage
from trading.testing.stage_rows import made_by
from trading.testing.tiny_market import Tables, edited, tiny_market, without
from trading.universe import SYMBOLS

MONDAY, TUESDAY, WEDNESDAY = "2024-06-03", "2024-06-04", "2024-06-05"
TSM = SYMBOLS.index("TSM")


def read(tables: Tables, session: str) -> Market:
    """The market of `session` as the stage's declaration lets it be seen."""
    seen: list[Market] = []

    def look(moment: Moment, inputs: Inputs) -> Outputs:
        seen.append(read_market(moment, inputs, "swing"))
        return {}

    histories = {name: History.from_frame(name, frame) for name, frame in tables.items()}
    made_by(replace(trading_session_stage(), make=look), session_of(session), histories, is_first=True)
    return seen[0]


def test_a_holder_made_nothing_without_a_bar_and_the_gap_when_bars_resume() -> None:
    market = without(tiny_market(MONDAY, 3), "features", "TSM", TUESDAY)
    market = edited(market, "features", "TSM", WEDNESDAY, log_return=np.nan, held_return=-0.03)

    assert read(market, TUESDAY).holder_returns[TSM] == 0.0
    assert read(market, WEDNESDAY).holder_returns[TSM] == -0.03
    assert np.isnan(read(market, WEDNESDAY).log_returns[-1, TSM])


def test_a_name_takes_part_from_its_second_close() -> None:
    market = edited(tiny_market(MONDAY, 3), "features", "TSM", log_return=np.nan, held_return=np.nan)
    market = edited(market, "features", "TSM", WEDNESDAY, log_return=0.01, held_return=0.01)

    assert np.isnan(read(market, TUESDAY).holder_returns[TSM])
    assert read(market, WEDNESDAY).holder_returns[TSM] == 0.01
