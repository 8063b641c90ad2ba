"""Which peers a wider universe would take in: those of the strongest sub-industries.

Nothing here changes what is traded: that is the universe's file, in which a name more is a row more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from trading.bounds import COUNT, FRACTION, check_bounds
from trading.signals.criteria import momentum_score

# Sub-industries of the names in the file of peers, as `universe.csv` groups the ten.
PEER_GROUPS: Mapping[str, str] = {
    "ADI": "analog_and_rf",
    "TXN": "analog_and_rf",
    "MCHP": "analog_and_rf",
    "NXPI": "analog_and_rf",
    "ON": "analog_and_rf",
    "AMAT": "equipment",
    "KLAC": "equipment",
    "LRCX": "equipment",
    "MRVL": "networking",
    "AAPL": "devices",
    "MSFT": "software",
}
WINDOWS: tuple[int, ...] = (252, 63, 21)


@dataclass(frozen=True)
class ExpansionRules:
    """Hyper-parameters of the expansion.

    Parameters
    ----------
    strongest_groups : sub-industries from which peers are taken
    least_rank : momentum that a peer must have itself, as a rank among all names
    """

    strongest_groups: int = 3
    least_rank: float = 0.5

    def __post_init__(self) -> None:
        check_bounds(self, strongest_groups=COUNT, least_rank=FRACTION)


def expansion(
    closes: pd.DataFrame, groups: Mapping[str, str], held: frozenset[str], rules: ExpansionRules | None = None
) -> pd.DataFrame:
    """One row a name with its group, ranks and whether it would be added, the strongest group first.

    The strength of a sub-industry is the mean momentum rank of all its names, those held among them; a name without
    253 closes has none and is left out.

    Parameters
    ----------
    closes : (w, s) adjusted, by session, up to the session of the decision
    groups : sub-industry of each symbol
    held : symbols that are in the universe already
    """
    chosen = rules or ExpansionRules()
    known = closes.columns[closes.iloc[[-1 - WINDOWS[0], -1]].notna().all().to_numpy()]
    momenta = np.log(
        closes[known].iloc[-1].to_numpy() / closes[known].iloc[[-1 - w for w in WINDOWS]].to_numpy()
    )
    table = pd.DataFrame({"symbol": known.astype("str"), "momentum_rank": momentum_score(momenta.T)})
    table = table.assign(
        group=[groups[symbol] for symbol in known], held=[symbol in held for symbol in known]
    )
    table["strength"] = table.groupby("group")["momentum_rank"].transform("mean")
    order = table.drop_duplicates("group").sort_values(["strength", "group"], ascending=[False, True])[
        "group"
    ]
    table["group_place"] = table["group"].map({group: place for place, group in enumerate(order, start=1)})
    strong = table["group_place"] <= chosen.strongest_groups
    table["added"] = strong & ~table["held"] & (table["momentum_rank"] >= chosen.least_rank)
    return table.sort_values(
        ["group_place", "momentum_rank", "symbol"], ascending=[True, False, True]
    ).reset_index(drop=True)
