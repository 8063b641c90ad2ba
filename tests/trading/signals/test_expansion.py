"""Which peers the strongest sub-industries would bring."""

import numpy as np
import pandas as pd

from trading.signals.expansion import PEER_GROUPS, ExpansionRules, expansion
from trading.universe import groups

NAMED = {"A": "memory", "B": "memory", "C": "ip", "D": "ip", "E": "servers", "F": "foundry"}
RULES = ExpansionRules(strongest_groups=2)


def closes(**drift: float) -> pd.DataFrame:
    days = np.arange(260)
    return pd.DataFrame({name: np.exp(each * days) for name, each in drift.items()})


def test_peers_of_the_strongest_groups_come_in_if_they_are_strong_themselves() -> None:
    drift = {"A": 0.006, "B": 0.005, "C": 0.004, "D": -0.001, "E": 0.002, "F": 0.001}
    table = expansion(closes(**drift), NAMED, frozenset({"A"}), RULES).set_index("symbol")
    # ranks 1, 0.8, 0.6, 0, 0.4, 0.2: memory has 0.9 in the mean, servers 0.4, ip 0.3, foundry 0.2
    assert table["group_place"].to_dict() == {"A": 1, "B": 1, "E": 2, "C": 3, "D": 3, "F": 4}
    # A is held, E ranks below a half, C is strong in a group that is not
    assert table.index[table["added"]].tolist() == ["B"]


def test_a_name_without_a_year_of_closes_is_left_out() -> None:
    frame = closes(A=0.001, B=0.002)
    frame.loc[:10, "B"] = np.nan
    assert expansion(frame, NAMED, frozenset(), RULES)["symbol"].tolist() == ["A"]


def test_what_comes_after_the_decision_is_not_asked() -> None:
    frame = closes(A=0.001, B=0.002, C=-0.01)
    later = pd.concat([frame, frame.iloc[-1:] * 9], ignore_index=True)
    pd.testing.assert_frame_equal(
        expansion(later.iloc[:-1], NAMED, frozenset()), expansion(frame, NAMED, frozenset())
    )


def test_peers_are_no_names_of_the_universe() -> None:
    assert not set(PEER_GROUPS) & set(groups())
