"""Frozen figures: what each model of the catalogue is worth on one fixed SIMULATED market.

`python -m tests.models.frozen [MODEL ...]` measures (all models if none is named) and writes them to
frozen_figures.json. Do that when a model was changed on purpose, and say in the commit why they moved.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

from models.forecasters.catalogue import CATALOGUE
from tests.models.planted import spec_named
from trading.evaluation.comparison import ALL, compare
from trading.evaluation.walk_forward import walk_forward
from trading.testing.planted_market import PlantedMarket

FILE = Path(__file__).parent / "frozen_figures.json"
MARKET = PlantedMarket("momentum", strength=0.2, sessions_count=1330)
SESSIONS = 40
METRICS = ("pinball", "rmse", "ic", "direction")


def figures(model: str) -> dict[str, float | None]:
    """`metric@horizon` over the last 40 sessions of the market, trained once before; None where there is none."""
    walk = walk_forward(spec_named(model), MARKET.features(), MARKET.sessions[-SESSIONS:], cadence="yearly")
    table = compare(walk.cases.assign(contaminated=False))  # no weights have seen a SIMULATED market
    chosen = table[(table["slice"] == ALL) & table["metric"].isin(METRICS)]
    return {
        f"{row.metric}@{row.horizon}": None if math.isnan(row.value) else round(row.value, 10)
        for row in chosen.itertuples()
    }


def frozen() -> dict[str, dict[str, float | None]]:
    """The figures of the file."""
    return json.loads(FILE.read_text()) if FILE.exists() else {}


def main(models: list[str]) -> None:
    """Measure `models` anew and keep the others' figures."""
    kept = frozen()
    for model in models or [spec.name for spec in CATALOGUE]:
        kept[model] = figures(model)
        FILE.write_text(json.dumps(kept, indent=2, sort_keys=True) + "\n")
        sys.stdout.write(f"{model}: {kept[model]}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
