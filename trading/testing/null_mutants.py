"""Lines with one mistake, on which a gate of null markets must fire: a gate that never fires is worth nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from trading.plan import Plan
from trading.stages.stage import Inputs, Moment, Outputs, Stage

LEAKING = "overnight_return"


@dataclass(frozen=True)
class NullMutant:
    """What is wrong: with the settings, or with the stages that see `market`."""

    settings: Callable[[Any], Any] = lambda settings: settings
    plan: Callable[[Plan, Mapping[str, pd.DataFrame]], Plan] = lambda plan, _market: plan


def _leaking(plan: Plan, market: Mapping[str, pd.DataFrame]) -> Plan:
    """Among the features stands a hint of each name's next return: a fifth of it is signal."""
    closes = market["bars"].pivot_table(index="session", columns="symbol", values="close", aggfunc="last")
    ahead = np.log(closes).diff().shift(-1).clip(-0.2, 0.2).fillna(0.0)
    honest = plan.stage("features")

    def make(moment: Moment, inputs: Inputs) -> Outputs:
        made = dict(honest.make(moment, inputs)["features"])
        made[LEAKING] = ahead.loc[moment.session].reindex(made["symbol"]).to_numpy(dtype=float)
        return {"features": made}

    return _with(plan, replace(honest, make=make))


def _with(plan: Plan, spoilt: Stage) -> Plan:
    stages = [spoilt if stage.name == spoilt.name else stage for stage in plan.stages]
    return Plan.of(stages, plan.burn_in_sessions)


def _impatient(settings: Any) -> Any:
    """Champions go as soon as a challenger has doubled its dollar, which luck does every second time."""
    return settings.with_value("promotion.error", 0.5)


@dataclass(frozen=True)
class _UpsideDown:
    """Rows of `version_losses` in which who lost more lost less."""

    rows: Any

    def __getitem__(self, column: str) -> Any:
        values = self.rows[column]
        return 1 / np.maximum(values, 1e-9) if column == "pinball" else values


def _mistaken_sign(plan: Plan, _market: Mapping[str, pd.DataFrame]) -> Plan:
    """The duel is decided for whoever lost more."""
    honest = plan.stage("champions")

    def make(moment: Moment, inputs: Inputs) -> Outputs:
        turned: Any = _UpsideDown(inputs["version_losses"])
        return honest.make(moment, {**inputs, "version_losses": turned})

    return _with(plan, replace(honest, make=make))


MUTANTS: Mapping[str, NullMutant] = {
    "": NullMutant(),
    "leaking_feature": NullMutant(plan=_leaking),
    "impatient_promotion": NullMutant(settings=_impatient),
    "promotes_the_worse": NullMutant(settings=_impatient, plan=_mistaken_sign),
}
