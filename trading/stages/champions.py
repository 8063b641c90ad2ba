"""Who speaks for each model. So far the only rule is the calendar of training."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from trading.history import Rows
from trading.interfaces import ModelVersion
from trading.stages.layout import DAILY, labelled
from trading.stages.stage import Inputs, Moment, Outputs, Read, Stage

_Role = tuple[str, str, str]
_LONG_AGO = pd.Timestamp("1900-01-01")


def champions_stage(models: Sequence[str]) -> Stage:
    """The stage that writes down the champion and the challengers of each of `models`.

    Losses are read because promotions will follow from them; by the calendar alone, the version
    whose championship began last is champion and every other live one challenges.
    """

    def make(moment: Moment, inputs: Inputs) -> Outputs:
        began = _since(inputs["champions"])
        records = [
            (model, record) for model in models for record in moment.models.records(model, moment.session)
        ]
        champions = {model: newest_champion(moment, model) for model in models}
        roles = [_role(model, record, champions) for model, record in records]
        since = [began.get(role, moment.session) for role in roles]
        return {"champions": _columns(roles, since, [record for _, record in records])}

    return Stage(
        name="champions",
        reads=(Read("version_losses", timeframe=DAILY),),
        makes=("champions",),
        make=make,
        keeps=(Read("champions", offset=1),),
        uses_models=tuple(models),
    )


def newest_champion(moment: Moment, model: str) -> str | None:
    """The version of `model` whose championship, by the calendar, began last; None if there is none."""
    records = [r for r in moment.models.records(model, moment.session) if r.is_champion(moment.session)]
    return max(records, key=_seniority).version if records else None


def champions_in(rows: Rows) -> dict[str, str]:
    """Champion of each model in the rows of one session of the table `champions`."""
    crowned = rows["role"] == "champion"
    return dict(zip(rows["model"][crowned], rows["version"][crowned], strict=True))


def _seniority(record: ModelVersion) -> tuple[pd.Timestamp, pd.Timestamp, str]:
    return record.champion_from or _LONG_AGO, record.trained_through or _LONG_AGO, record.version


def _since(rows: Rows) -> dict[_Role, pd.Timestamp]:
    keys = zip(rows["model"], rows["version"], rows["role"], strict=True)
    return dict(zip(keys, (pd.Timestamp(began) for began in rows["since"]), strict=True))


def _role(model: str, record: ModelVersion, champions: Mapping[str, str | None]) -> _Role:
    return model, record.version, "champion" if record.version == champions[model] else "challenger"


def _columns(
    roles: Sequence[_Role], since: Sequence[pd.Timestamp], records: Sequence[ModelVersion]
) -> dict[str, np.ndarray]:
    names, versions, titles = zip(*roles, strict=True) if roles else ((), (), ())
    return {
        "model": labelled(names).astype(object),
        "version": labelled(versions).astype(object),
        "role": labelled(titles).astype(object),
        "since": _sessions(since),
        "trained_through": _sessions(record.trained_through for record in records),
        "reason": np.array([_reason(record) for record in records], dtype=object),
    }


def _sessions(labels: Iterable[pd.Timestamp | None]) -> np.ndarray:
    return np.array(
        [np.datetime64("NaT") if x is None else x.to_datetime64() for x in labels], "datetime64[us]"
    )


def _reason(record: ModelVersion) -> str:
    if record.trained_through is None:
        return "calendar: zero-shot"
    return f"calendar: trained through {record.trained_through:%Y-%m-%d}"
