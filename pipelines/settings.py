"""The settings of a home: the domain's own defaults, overlaid by `fabline.toml` and the command line.

Every default lives once, in the frozen dataclass of the domain object. A setting is named by its
path through them, such as `trading.limits.soft_drawdown`.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from models.ensembles.choice import EnsembleChoice
from models.forecasters.catalogue import default_models, expanded, model_specs
from models.intervals.choice import IntervalChoice
from models.regimes.choice import RegimeChoice
from models.training.choice import TrainingChoice
from resources.sources.transport import Policy
from trading.bounds import COUNT, NOT_NEGATIVE, check_bounds
from trading.digest import digest
from trading.errors import UsageError
from trading.frames import TIMEFRAMES
from trading.monitoring.degradation import DegradationRules
from trading.monitoring.training_triggers import TriggerRules
from trading.plan import BURN_IN_SESSIONS
from trading.signals.rules import SignalRules
from trading.signals.selection import SelectionRules
from trading.stages.layout import DAILY
from trading.stages.regimes import RegimeRules
from trading.stages.succession import PromotionRules
from trading.stages.trading_rules import TradingRules

FILE_NAME = "fabline.toml"
DATA, MODELS, STRATEGIES = "source.data", "models", "strategies."
OF_STRATEGIES = ("signals.", "trading.")  # what two strategies of one home may differ in
# Whatever these are, the tables are the same.
# What triggers ask for is in a log that a replay reads.
SAME_NUMBERS = (
    DATA,
    "inference.cache",
    "source.requests_per_hour",
    "source.against_url",
    "broker.",
    "triggers.",
)
MISCOVERAGE = 0.25
ORDERED = (
    ("trading.limits.recovery_drawdown", "trading.limits.soft_drawdown"),
    ("trading.limits.soft_drawdown", "trading.limits.hard_drawdown"),
    ("intervals.lowest", "intervals.target"),
    ("intervals.target", "intervals.highest"),
)


@dataclass(frozen=True)
class SourceSettings:
    """Where bars come from: `name`, the folder of `files`, and what the simulated market is made of.

    `url` is that of a peer that answers instead of a vendor, `stream_url` of one that streams instead, and
    `requests_per_hour` how often a vendor is asked at most. `feed` is Alpaca's. `against_url` is that of a peer
    that answers `fabline reconcile` instead of the second vendor. `indices` is a folder of files whose indices
    stand in for those that a vendor lacks: Alpaca has no VIX.
    """

    name: Literal["simulated", "files", "yahoo", "alpaca"] = "simulated"
    data: str = ""
    basis: Literal["fully_adjusted", "raw"] = "fully_adjusted"
    seed: int = 7
    edge: Literal["none", "planted"] = "none"
    feed: Literal["iex", "sip"] = "iex"
    url: str = ""
    stream_url: str = ""
    against_url: str = ""
    indices: str = ""
    requests_per_hour: int = Policy.per_hour

    def __post_init__(self) -> None:
        check_bounds(self, seed=NOT_NEGATIVE, requests_per_hour=(2, math.inf))


@dataclass(frozen=True)
class InferenceSettings:
    """How models are run: `device`, where `auto` takes CUDA if torch sees it, and what is kept of forecasts.

    With `cache` a forecast that a version has made of the same window before is read and not made again;
    it is the same bytes. The files of it take `cache_megabytes` at most.
    """

    device: Literal["cpu", "cuda", "auto"] = "cpu"
    cache: bool = True
    cache_megabytes: int = 256

    def __post_init__(self) -> None:
        check_bounds(self, cache_megabytes=COUNT)


@dataclass(frozen=True)
class BrokerSettings:
    """Where `fabline trade` sends orders; `url` is that of a peer that answers instead of Alpaca.

    `stream_url` is that of one that tells what happens to them, instead of Alpaca's updates.
    The keys of an account are read from the environment and stand nowhere else.
    """

    name: Literal["simulated", "alpaca", "dry_run"] = "simulated"
    url: str = ""
    stream_url: str = ""


@dataclass(frozen=True)
class Settings:
    """Everything that changes numbers.

    `timesfm_checkpoint` is a folder or a hub name in place of the shipped weights, and
    `timesfm_data_through` the last date (YYYY-MM-DD) that those weights may have seen; without it
    every forecast of theirs counts as CONTAMINATED. `timeframes` are those of features and forecasts: 1D,
    and if wanted 1W and 5min. `models` are names, or `default`, `roadmap` and `all` for several of them.
    `strategies` are challengers on paper by name, beside the strategy that `trading.strategy` names: for each
    the settings of signals and trading in which it differs.
    """

    source: SourceSettings = field(default_factory=SourceSettings)
    burn_in_sessions: int = BURN_IN_SESSIONS
    models: tuple[str, ...] = field(default_factory=default_models)
    timeframes: tuple[str, ...] = (DAILY,)
    timesfm_checkpoint: str = ""
    timesfm_data_through: str = ""
    inference: InferenceSettings = field(default_factory=InferenceSettings)
    training: TrainingChoice = field(default_factory=TrainingChoice)
    triggers: TriggerRules = field(default_factory=TriggerRules)
    promotion: PromotionRules = field(default_factory=PromotionRules)
    intervals: IntervalChoice = field(default_factory=IntervalChoice)
    ensemble: EnsembleChoice = field(default_factory=EnsembleChoice)
    degradation: DegradationRules = field(default_factory=DegradationRules)
    regimes: RegimeChoice = field(default_factory=RegimeChoice)
    regime_rules: RegimeRules = field(default_factory=RegimeRules)
    selection: SelectionRules = field(default_factory=SelectionRules)
    signals: SignalRules = field(default_factory=SignalRules)
    trading: TradingRules = field(default_factory=TradingRules)
    broker: BrokerSettings = field(default_factory=BrokerSettings)
    strategies: Mapping[str, Mapping[str, object]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_bounds(self, burn_in_sessions=NOT_NEGATIVE)
        model_specs(self.models)
        _check_timeframes(self.timeframes)
        if self.intervals.target != MISCOVERAGE:
            raise UsageError(
                f"intervals.target must be {MISCOVERAGE}, not {self.intervals.target}: every table holds the "
                f"quantiles q125 and q875, which bound that interval and no other"
            )

    @property
    def main(self) -> str:
        """Name of the strategy that alone is ever sent to a broker; the others are on paper."""
        return self.trading.strategy

    @property
    def books(self) -> tuple[Settings, ...]:
        """Settings of each strategy, as if it were alone: the main one first, then its challengers by name.

        Raises
        ------
        UsageError
            If the settings of a challenger make no sense beside the others.
        """
        alone = dataclasses.replace(self, strategies={})
        return (
            alone,
            *(_of_strategy(alone, name, self.strategies[name]) for name in sorted(self.strategies)),
        )

    def flat(self) -> dict[str, Any]:
        """Every setting by its dotted name."""
        return dict(_leaves(self, ""))

    def digest(self) -> str:
        """A digest that changes with any setting that changes numbers; the home's source binds its folder.

        Of the settings that are not at their default, so that one more setting in a later version
        leaves the homes of this one as they are.
        """
        usual = Settings().flat()
        return digest(
            {
                name: v
                for name, v in self.flat().items()
                if not name.startswith(SAME_NUMBERS) and v != usual.get(name)
            }
        )

    def with_value(self, name: str, value: object) -> Settings:
        """A copy with one setting changed.

        Raises
        ------
        UsageError
            If there is no such setting, or the value is of another type or outside of its range.
        """
        if name.startswith(STRATEGIES):
            return _with_challenger(self, name, value)
        known = self.flat()
        if name not in known:
            raise UsageError(f"there is no setting {name!r}; `fabline config show` lists them")
        path = name.split(".")
        leaf = _converted(name, value, known[name])
        if name == MODELS:
            leaf = expanded(leaf)  # type: ignore[arg-type]  # of names, as the default is
        _check_choice(self, path, leaf)
        try:
            return _replaced(self, path, leaf)
        except UsageError as error:
            raise UsageError(f"setting {name}: {error}") from None


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
        If the file is no TOML, names an unknown setting, or gives one a value that makes no sense.
    """
    path = home / FILE_NAME
    given = {name: (value, str(path)) for name, value in _read(path).items()}
    given |= {name: (value, "command line") for name, value in (overrides or {}).items()}
    settings = Settings()
    for name, (value, _) in given.items():
        settings = settings.with_value(name, value)
    for book in settings.books:
        _check_order(book.flat())
    origins = {name: given[name][1] if name in given else "default" for name in settings.flat()}
    return LoadedSettings(settings, origins)


def set_value(home: Path, name: str, text: str) -> None:
    """Write one setting into the home's file, given as text.

    Raises
    ------
    UsageError
        If there is no such setting, or the text makes no sense for it, or not with those of the file.
    """
    set_values(home, {name: load(home, {name: text}).settings.flat()[name]})


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
        if isinstance(value, Mapping):
            yield from _branches(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _leaves(value: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    for name in (f.name for f in dataclasses.fields(value) if f.init and not f.name.endswith("_")):
        inner = getattr(value, name)
        if dataclasses.is_dataclass(inner):
            yield from _leaves(inner, f"{prefix}{name}.")
        elif isinstance(inner, Mapping):
            yield from _branches(inner, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", inner


def _with_challenger(settings: Settings, name: str, value: object) -> Settings:
    """The settings with one setting of a challenger, such as `strategies.b.trading.limits.soft_drawdown`.

    Raises
    ------
    UsageError
        If it is no setting of a strategy, or the strategy cannot be called so.
    """
    strategy, _, inner = name.removeprefix(STRATEGIES).partition(".")
    known = settings.flat()
    if not strategy.isidentifier() or strategy == settings.main:
        raise UsageError(
            f"a challenger cannot be called {strategy!r}: use letters, digits and _, and not {settings.main!r}, "
            "which is the strategy that it challenges"
        )
    if not inner.startswith(OF_STRATEGIES) or inner.endswith(".strategy") or inner not in known:
        raise UsageError(
            f"a challenger has no setting {inner!r} of its own; it may differ in those of signals and trading: "
            f"strategies.{strategy}.trading.limits.volatility_target"
        )
    alone = dataclasses.replace(settings, strategies={}).with_value(inner, value)
    own = {**settings.strategies.get(strategy, {}), inner: alone.flat()[inner]}
    return dataclasses.replace(settings, strategies={**settings.strategies, strategy: own})


def _of_strategy(alone: Settings, name: str, overrides: Mapping[str, object]) -> Settings:
    changed = alone
    for setting, value in overrides.items():
        changed = changed.with_value(setting, value)
    if name == alone.main:
        raise UsageError(f"two strategies are called {name!r}; rename the one in [strategies.{name}]")
    return changed.with_value("signals.strategy", name).with_value("trading.strategy", name)


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


def _check_choice(settings: Settings, path: list[str], leaf: object) -> None:
    """UsageError if a setting that is one of a few words is none of them."""
    owner: Any = settings
    for name in path[:-1]:
        owner = owner[name] if isinstance(owner, Mapping) else getattr(owner, name)
    wanted = None if isinstance(owner, Mapping) else get_type_hints(type(owner))[path[-1]]
    if get_origin(wanted) is Literal and leaf not in get_args(wanted):
        choices = " or ".join(map(str, get_args(wanted)))
        raise UsageError(f"setting {'.'.join(path)} is {choices}, not {leaf!r}")


def _as_bool(value: object) -> bool:
    words = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
    if isinstance(value, bool):
        return value
    if str(value).lower() not in words:
        raise ValueError(value)
    return words[str(value).lower()]


def _check_timeframes(timeframes: tuple[str, ...]) -> None:
    if DAILY not in timeframes or not set(timeframes) <= set(TIMEFRAMES):
        raise UsageError(
            f"timeframes are {DAILY} and any of {', '.join(t for t in TIMEFRAMES if t != DAILY)}, not "
            f"{', '.join(timeframes)}: the book is traded on daily forecasts, so they are always made"
        )


def _check_order(flat: Mapping[str, Any]) -> None:
    """UsageError if two settings that must not cross do; only all of them together can be judged."""
    for low, high in ORDERED:
        if flat[low] > flat[high]:
            raise UsageError(f"setting {low} ({flat[low]}) must not be above {high} ({flat[high]})")
    mandate = flat["trading.optimizer.mandate"]
    if mandate != "long_only" and flat["trading.margin.account"] == "cash":
        raise UsageError(
            f"the mandate {mandate} sells short, which a cash account cannot: set trading.margin.account to margin "
            "first, or trading.optimizer.mandate back to long_only"
        )


def _as_int(value: object) -> int:
    if isinstance(value, bool) or (isinstance(value, float) and value != int(value)):
        raise ValueError(value)
    return int(value)  # type: ignore[call-overload]


def _toml(value: object) -> str:
    return json.dumps(list(value) if isinstance(value, tuple) else value)
