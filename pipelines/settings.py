"""The settings of a home: the domain's own defaults, overlaid by `fabline.toml` and the command line.

Every default lives once, in the frozen dataclass of the domain object. A setting is named by its
path through them, such as `trading.limits.soft_drawdown`.
"""

from __future__ import annotations

import dataclasses
import json
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from models.ensembles.softmax import SoftmaxWeighting
from models.forecasters.catalogue import default_models
from models.intervals.adaptive import AdaptiveConformal
from models.regimes.gaussian_hmm import GaussianRegimes
from trading.digest import digest
from trading.errors import UsageError
from trading.plan import BURN_IN_SESSIONS
from trading.signals.rules import SignalRules
from trading.stages.regimes import RegimeRules
from trading.stages.trading_rules import TradingRules

FILE_NAME = "fabline.toml"
DATA = "source.data"


@dataclass(frozen=True)
class SourceSettings:
    """Where bars come from: `name`, the folder of `files`, and what the simulated market is made of."""

    name: str = "simulated"
    data: str = ""
    basis: str = "fully_adjusted"
    seed: int = 7
    edge: Literal["none", "planted"] = "none"


@dataclass(frozen=True)
class Settings:
    """Everything that changes numbers.

    `timesfm_checkpoint` is a folder or a hub name in place of the shipped weights, and
    `timesfm_data_through` the last date (YYYY-MM-DD) that those weights may have seen; without it
    every forecast of theirs counts as CONTAMINATED.
    """

    source: SourceSettings = field(default_factory=SourceSettings)
    burn_in_sessions: int = BURN_IN_SESSIONS
    models: tuple[str, ...] = field(default_factory=default_models)
    timesfm_checkpoint: str = ""
    timesfm_data_through: str = ""
    intervals: AdaptiveConformal = field(default_factory=AdaptiveConformal)
    ensemble: SoftmaxWeighting = field(default_factory=SoftmaxWeighting)
    regimes: GaussianRegimes = field(default_factory=GaussianRegimes)
    regime_rules: RegimeRules = field(default_factory=RegimeRules)
    signals: SignalRules = field(default_factory=SignalRules)
    trading: TradingRules = field(default_factory=TradingRules)

    def flat(self) -> dict[str, Any]:
        """Every setting by its dotted name."""
        return dict(_leaves(self, ""))

    def digest(self) -> str:
        """A digest that changes with any setting but the folder of the data, which the home's source binds.

        Of the settings that are not at their default, so that one more setting in a later version
        leaves the homes of this one as they are.
        """
        usual = Settings().flat()
        return digest({name: v for name, v in self.flat().items() if name != DATA and v != usual.get(name)})

    def with_value(self, name: str, value: object) -> Settings:
        """A copy with one setting changed.

        Raises
        ------
        UsageError
            If there is no such setting, or the value is of another type.
        """
        known = self.flat()
        if name not in known:
            raise UsageError(f"there is no setting {name!r}; `fabline config show` lists them")
        return _replaced(self, name.split("."), _converted(name, value, known[name]))


@dataclass(frozen=True)
class LoadedSettings:
    """Settings, and where each value comes from: `default`, the file's path, or `command line`."""

    settings: Settings
    origins: Mapping[str, str]

    @property
    def values(self) -> dict[str, tuple[Any, str]]:
        """Each setting's value and origin."""
        return {name: (value, self.origins[name]) for name, value in self.settings.flat().items()}


def load(home: Path, overrides: Mapping[str, object] | None = None) -> LoadedSettings:
    """The settings of the home in folder `home`.

    Raises
    ------
    UsageError
        If the file is no TOML, or names an unknown setting.
    """
    path = home / FILE_NAME
    settings = Settings()
    origins = dict.fromkeys(settings.flat(), "default")
    layers = ((_read(path), str(path)), (dict(overrides or {}), "command line"))
    for layer, origin in layers:
        for name, value in layer.items():
            settings = settings.with_value(name, value)
            origins[name] = origin
    return LoadedSettings(settings, origins)


def set_value(home: Path, name: str, text: str) -> None:
    """Write one setting into the home's file, given as text.

    Raises
    ------
    UsageError
        If there is no such setting, or the text does not read as its type.
    """
    set_values(home, {name: Settings().with_value(name, text).flat()[name]})


def set_values(home: Path, values: Mapping[str, object]) -> None:
    """Write settings into the home's file, beside those already there; the file is replaced whole."""
    home.mkdir(parents=True, exist_ok=True)
    path = home / FILE_NAME
    merged = {**_read(path), **values}
    lines = [f"{name} = {_toml(value)}" for name, value in sorted(merged.items())]
    draft = path.with_suffix(".draft")
    draft.write_text("\n".join(lines) + "\n", encoding="utf-8")
    os.replace(draft, path)  # noqa: PTH105  # atomic on one file system


def _read(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not valid TOML: {error}") from None
    return dict(_branches(content, ""))


def _branches(content: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in content.items():
        if isinstance(value, dict):
            yield from _branches(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _leaves(value: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    for name in (f.name for f in dataclasses.fields(value) if f.init and not f.name.endswith("_")):
        inner = getattr(value, name)
        if dataclasses.is_dataclass(inner):
            yield from _leaves(inner, f"{prefix}{name}.")
        elif isinstance(inner, Mapping):
            yield from ((f"{prefix}{name}.{key}", item) for key, item in inner.items())
        else:
            yield f"{prefix}{name}", inner


def _replaced(value: Any, path: list[str], leaf: object) -> Any:
    name, *rest = path
    if isinstance(value, Mapping):
        return {**value, name: leaf}
    inner = _replaced(getattr(value, name), rest, leaf) if rest else leaf
    return dataclasses.replace(value, **{name: inner})


def _converted(name: str, value: object, current: object) -> object:
    """`value` as the type of `current`; text is read as people write it."""
    try:
        if isinstance(current, bool):
            return _as_bool(value)
        if isinstance(current, tuple):
            parts = value.split(",") if isinstance(value, str) else list(value)  # type: ignore[call-overload]
            return tuple(part.strip() if isinstance(part, str) else part for part in parts)
        if isinstance(current, int):
            return _as_int(value)
        return float(value) if isinstance(current, float) else str(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise UsageError(f"setting {name} wants {type(current).__name__}, and {value!r} is none") from None


def _as_bool(value: object) -> bool:
    words = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
    if isinstance(value, bool):
        return value
    if str(value).lower() not in words:
        raise ValueError(value)
    return words[str(value).lower()]


def _as_int(value: object) -> int:
    if isinstance(value, bool) or (isinstance(value, float) and value != int(value)):
        raise ValueError(value)
    return int(value)  # type: ignore[call-overload]


def _toml(value: object) -> str:
    return json.dumps(list(value) if isinstance(value, tuple) else value)
