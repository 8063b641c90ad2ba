"""The models that Fabline knows, as data: adding one is a file and a line here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import pandas as pd

from models.training.choice import TrainingChoice
from trading.errors import ShortHistoryError, UsageError
from trading.features import daily
from trading.history import History
from trading.interfaces import Forecaster, ModelVersion, TrainingTrigger
from trading.stages.forecast import forecast_stage
from trading.stages.layout import DAILY, FIVE_MINUTES, WEEKLY
from trading.stages.models_book import MemoryModelBook
from trading.stages.stage import Stage
from trading.stages.timeframe_training import dues_of, timeframe_window, weekly_look_back
from trading.stages.training import (
    CHANNELS,
    Cadence,
    Due,
    Journals,
    Start,
    Trained,
    Update,
    View,
    look_back,
    silently,
    train_version,
    training_window,
)

SHIPPED_CHECKPOINT = "timesfm_small"
SYNTHETIC_CHECKPOINTS = (
    SHIPPED_CHECKPOINT,
    "timesfm_2p5_small",
)  # shipped; they have seen SIMULATED data only
# What a holder made over a gap is no feature: it repeats the return wherever there was no gap.
TABULAR_CHANNELS = tuple(name for name in daily.COLUMNS if name != "held_return")
# Two years of weeks and eight weeks of five-minute bars where two numbers are learned. A regression of many inputs
# says more of weeks with what days taught it than with what four years of weeks do (docs/results/timeframes.md).
TABULAR_BARS = {FIVE_MINUTES: 3120}
LINE_BARS = {WEEKLY: 104, FIVE_MINUTES: 3120}
# Weights of which nobody says what they have seen may have seen everything.
UNKNOWN_DATA = pd.Timestamp("2040-12-31").as_unit("us")


@dataclass(frozen=True)
class ModelSpec:
    """One line of the catalogue.

    Attributes
    ----------
    prototype : makes the unfitted forecaster; heavy libraries load only when it predicts
    cadence : `zero_shot`, or `weekly`, `quarterly` or `yearly` training
    min_history : finite returns that a symbol needs in the window to be forecast
    code_version : raise it when a library gives other numbers; a home adds a digest of the model's own code
    seed : of everything random in training
    training_sessions : fixed length of the training window; 0 for zero-shot
    training_bars : the same in bars of each other timeframe from which a version of its own learns; on bars of
        one that is not named the daily version speaks
    data_through : last session that pretrained weights may have seen; None if they saw no market
    channels : feature columns that the model's windows hold; `log_return` is among them
    context : whether its windows also hold what stands beside the names (SPY, QQQ, SMH, VIX)
    update : `full` learns each version from nothing, `incremental` from the weights of the one before
    slow : a forecast takes longer than to look it up, so that a home keeps it
    joint : a name's forecast rests on the other names' bars as well
    resumable : its training can go on from the weights of an earlier version
    """

    name: str
    prototype: Callable[[], Forecaster]
    cadence: Cadence
    enabled: bool
    min_history: int
    code_version: str = "1"
    seed: int = 0
    training_sessions: int = 0
    training_bars: Mapping[str, int] = field(default_factory=dict)
    data_through: pd.Timestamp | None = None
    channels: tuple[str, ...] = CHANNELS
    context: bool = False
    update: Update = "full"
    slow: bool = False
    joint: bool = False
    resumable: bool = False

    @property
    def view(self) -> View:
        """What of the features the model looks at."""
        return View(self.channels, self.context, self.min_history)

    @property
    def stage(self) -> Stage:
        """The stage of this model on daily bars."""
        return self.stage_of((DAILY,))

    def stage_of(self, timeframes: Sequence[str]) -> Stage:
        """The stage of this model on bars of `timeframes`."""
        context = self.prototype().context_sessions
        depth = look_back(self, context)
        weekly = weekly_look_back(self)
        return forecast_stage(
            self.name,
            context,
            self.view,
            depth,
            timeframes,
            weekly_look_back=weekly,
            stand_in=_random_walk,
        )


def _random_walk() -> Forecaster:
    from models.forecasters.random_walk import RandomWalk

    return RandomWalk()


def _ar1() -> Forecaster:
    from models.forecasters.ar1 import PooledAR1

    return PooledAR1()


def _ridge() -> Forecaster:
    from models.forecasters.ridge import Ridge

    return Ridge()


def _gradient_boosting() -> Forecaster:
    from models.forecasters.gradient_boosting import GradientBoosting

    return GradientBoosting()


def _samba() -> Forecaster:
    from models.forecasters.samba import Samba

    return Samba()


def _timesfm(checkpoint: str = SHIPPED_CHECKPOINT) -> Forecaster:
    from models.forecasters.timesfm import TimesFM

    return TimesFM(checkpoint=checkpoint)


def _timesfm_tuned() -> Forecaster:
    from models.forecasters.timesfm_tuned import TunedTimesFM

    return TunedTimesFM(covariates=("vix", "volume"))


def _tsmamba() -> Forecaster:
    from models.forecasters.tsmamba import TSMamba

    return TSMamba()


def _fracast() -> Forecaster:
    from models.forecasters.fracast import Fracast

    return Fracast()


CATALOGUE: tuple[ModelSpec, ...] = (
    ModelSpec("random_walk", _random_walk, "zero_shot", enabled=True, min_history=21),
    ModelSpec(
        "ar1",
        _ar1,
        "quarterly",
        enabled=True,
        min_history=22,
        training_sessions=378,
        training_bars=LINE_BARS,
    ),
    ModelSpec(
        "ridge",
        _ridge,
        "quarterly",
        enabled=False,
        min_history=22,
        training_sessions=756,
        training_bars=TABULAR_BARS,
        channels=TABULAR_CHANNELS,
    ),
    ModelSpec(
        "gradient_boosting",
        _gradient_boosting,
        "quarterly",
        enabled=False,
        min_history=22,
        training_sessions=756,
        training_bars=TABULAR_BARS,
        channels=TABULAR_CHANNELS,
    ),
    ModelSpec("timesfm", _timesfm, "zero_shot", enabled=True, min_history=64, slow=True),
    ModelSpec(
        "timesfm_tuned",
        _timesfm_tuned,
        "quarterly",
        enabled=False,
        min_history=64,
        training_sessions=1008,
        channels=(*CHANNELS, "log_volume_zscore_63"),
        context=True,
        slow=True,
        resumable=True,
    ),
    ModelSpec(
        "tsmamba",
        _tsmamba,
        "quarterly",
        enabled=False,
        min_history=64,
        training_sessions=1008,
        slow=True,
        resumable=True,
    ),
    ModelSpec(
        "samba",
        _samba,
        "quarterly",
        enabled=False,
        min_history=64,
        training_sessions=1008,
        slow=True,
        joint=True,
        resumable=True,
    ),
    ModelSpec(
        "fracast",
        _fracast,
        "zero_shot",
        enabled=False,
        min_history=64,
        data_through=UNKNOWN_DATA,
        slow=True,
    ),
)


def default_models() -> tuple[str, ...]:
    """Names of the models that a home uses unless told otherwise."""
    return tuple(spec.name for spec in CATALOGUE if spec.enabled)


ROADMAP_MODELS = ("timesfm", "tsmamba", "samba")


def expanded(names: Iterable[str]) -> tuple[str, ...]:
    """`names` with the words for several models spelled out, each once, in the order of the catalogue.

    `default` are those that a home uses unless told otherwise, `roadmap` these and the roadmap's three, `all`
    every model that learns here or whose weights have seen no market. A name that is unknown is kept.
    """
    usual = default_models()
    words = {
        "default": usual,
        "roadmap": (*usual, *ROADMAP_MODELS),
        "all": tuple(spec.name for spec in CATALOGUE if spec.data_through is None),
    }
    wanted = dict.fromkeys(name for word in names for name in words.get(word, (word,)))
    known = [spec.name for spec in CATALOGUE if spec.name in wanted]
    return (*known, *(name for name in wanted if name not in known))


def model_specs(
    names: Iterable[str] | None = None,
    *,
    timesfm_checkpoint: str = "",
    timesfm_data_through: pd.Timestamp | None = None,
    device: str = "cpu",
    training: TrainingChoice | None = None,
) -> tuple[ModelSpec, ...]:
    """The catalogue's entries of `names` (None: the default ones), in the order of the catalogue.

    Parameters
    ----------
    timesfm_checkpoint : a folder or a cached hub name in place of the shipped checkpoint
    timesfm_data_through : the last session those weights may have seen; not given, all are CONTAMINATED
    device : `cpu` or `cuda`, for the models that can run on either
    training : how those that learn are trained; None leaves it to the catalogue

    Raises
    ------
    UsageError
        If a name is unknown, or none is given.
    """
    wanted = set(default_models() if names is None else names)
    unknown = sorted(wanted - {spec.name for spec in CATALOGUE})
    if unknown or not wanted:
        known = ", ".join(spec.name for spec in CATALOGUE)
        asked = f"unknown model {unknown[0]!r}" if unknown else "no model is named"
        raise UsageError(f"{asked}; the catalogue holds {known}")
    chosen = (spec for spec in CATALOGUE if spec.name in wanted)
    named = (_configured(spec, timesfm_checkpoint, timesfm_data_through) for spec in chosen)
    chosen_training = training or TrainingChoice()
    return tuple(on_device(_trained_as(spec, chosen_training), device) for spec in named)


def model_spec(name: str) -> ModelSpec:
    """The catalogue's entry of one model; UsageError if there is none."""
    return model_specs((name,))[0]


def _configured(spec: ModelSpec, checkpoint: str, through: pd.Timestamp | None) -> ModelSpec:
    if spec.name != "timesfm" or checkpoint in ("", SHIPPED_CHECKPOINT):
        return spec
    seen = None if checkpoint in SYNTHETIC_CHECKPOINTS else through or UNKNOWN_DATA
    return replace(spec, prototype=lambda: _timesfm(checkpoint), data_through=seen)


def _trained_as(spec: ModelSpec, choice: TrainingChoice) -> ModelSpec:
    if spec.cadence == "zero_shot":
        return spec
    often = spec.cadence if choice.cadence == "default" else choice.cadence
    return replace(spec, cadence=often, update=choice.update if spec.resumable else spec.update)


def on_device(spec: ModelSpec, device: str) -> ModelSpec:
    """The same model with its forecasters on a device; a model without a `device` runs where it always does."""
    prototype = spec.prototype()
    if getattr(prototype, "device", device) == device:
        return spec
    placed = replace(prototype, device=device)  # type: ignore[type-var]  # forecasters are dataclasses
    return replace(spec, prototype=lambda: placed)


def train(
    spec: ModelSpec,
    features: History,
    due: Due,
    *,
    start: Start | None = None,
    journals: Journals = silently,
) -> Trained:
    """The version that `due` asks for, trained on the features up to its last session.

    Parameters
    ----------
    start : the version before, at which an incremental update begins; of no account to a full one
    journals : gives the journal in which the training of a version is kept
    """
    if due.trained_through is None:
        return train_version(spec, due, None)
    if due.timeframe == DAILY:
        window = training_window(features, spec, due.trained_through)
    else:
        window = timeframe_window(features, spec, due.trained_through, due.timeframe)
    begin = start if spec.update == "incremental" else None
    return train_version(spec, due, window, start=begin, journals=journals)


def train_book(
    specs: Iterable[ModelSpec],
    features: History | Mapping[str, History],
    first: pd.Timestamp,
    last: pd.Timestamp,
    triggers: Sequence[TrainingTrigger] = (),
) -> MemoryModelBook:
    """All versions that the sessions `first` to `last` need, trained and held in memory.

    Parameters
    ----------
    features : daily ones, or those of each timeframe
    triggers : what asked for challengers
    """
    chosen = tuple(specs)
    by_bars = features if isinstance(features, Mapping) else {DAILY: features}
    trained: list[Trained] = []
    for spec in chosen:
        regular: list[Trained] = []
        asked = [one for one in triggers if one.model == spec.name]
        for due in dues_of(spec, tuple(by_bars), first, last, asked):
            bars = due.timeframe
            before = earlier([one.version for one in regular], due)
            begin = next((one for one in regular if one.version is before), None)
            start = None if begin is None else start_of(spec, begin.version, begin.forecaster)
            try:
                trained.append(train(spec, by_bars[bars], due, start=start))
            except ShortHistoryError:
                if bars == DAILY:
                    raise
                continue
            regular += trained[-1:] if due.is_regular else []
    return MemoryModelBook(
        {spec.name: spec.cadence for spec in chosen}, tuple(trained), triggers=tuple(triggers)
    )


def earlier(regular: Iterable[ModelVersion], due: Due) -> ModelVersion | None:
    """Of the calendar's versions the last that learned from the same bars before `due` does.

    Challengers are nobody's beginning, so that the calendar's versions are the same with and without them.
    """
    through = due.trained_through
    before = [
        one
        for one in regular
        if one.timeframe == due.timeframe
        and through
        and one.trained_through
        and one.trained_through < through
    ]
    return max(before, key=lambda one: one.trained_through or UNKNOWN_DATA, default=None)


def start_of(spec: ModelSpec, version: ModelVersion, forecaster: Forecaster) -> Start | None:
    """Where the version after `version` begins; None unless the model is updated incrementally."""
    return Start(version.version, forecaster.to_bytes()) if spec.update == "incremental" else None
