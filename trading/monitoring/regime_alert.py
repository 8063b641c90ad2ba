"""The alert of a market that has changed: what a person should know before the next open."""

from __future__ import annotations

import pandas as pd

from trading.monitoring.table_rules import Finding

_SHOWN = ["session", "regime", "p_bull", "p_bear", "p_volatile", "p_range"]


def regime_change(rows: pd.DataFrame) -> Finding:
    """Whether the regime is the same at the newest session of `rows` (of `regimes`) as at the one before it."""
    if rows.empty:
        return Finding(passed=True, summary="no regime has been told yet")
    ordered = rows.sort_values("session")
    newest = ordered.iloc[-1]
    facts: dict[str, float | str] = {
        "regime": str(newest["regime"]),
        "dwell": int(newest["dwell"]),
        "changes": int(ordered["changed"].sum()),
    }
    if not newest["changed"]:
        summary = f"the regime is {newest['regime']} for {newest['dwell']} sessions"
        return Finding(passed=True, summary=summary, facts=facts)
    summary = f"the regime changed to {newest['regime']} at {newest['session']:%Y-%m-%d}"
    return Finding(passed=False, summary=summary, facts=facts, failures=ordered.tail(1)[_SHOWN])
