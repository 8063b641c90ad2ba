"""Every error that Fabline raises on purpose, as one tree.

FablineError
├── UsageError                 the person asked for something that cannot be (exit status 2)
├── DataError
│   ├── SchemaError            a frame or file lacks a column, or a column has another type
│   ├── MissingBarsError       a window needs sessions that the store or the source does not have
│   ├── LookAheadError         something would be read before it was known
│   ├── StaleDataError         a source answers, but with old rows
│   └── MissingStateError      a stage's own previous session is absent after inception
├── SourceUnavailableError     a vendor, file or database cannot be reached now; trying again may help
├── HomeError                  the home is busy, newer than this program, or configured otherwise
├── ModelError
│   ├── NotFittedError         predict before fit
│   ├── CheckpointError        weights are missing, of another shape, or not safetensors
│   ├── ShortHistoryError      there is too little history to learn from
│   └── VersionMissingError    the calendar asks for a version that nobody trained
├── CalibrationError           an interval was asked of a calibrator that cannot give one
├── PortfolioError
│   ├── InfeasibleError        constraints contradict each other
│   └── SolverError            the solver stopped without a certificate
└── ExecutionError
    ├── OrderRejectedError     an order breaks a rule of the venue or the account
    ├── InsufficientCashError  a booking would make cash negative
    ├── ReconciliationError    two books that must agree do not
    └── TradingHaltedError     the kill switch is on: nothing is sent

A message says what happened, with which symbol and session, and what to do about it.
"""


class FablineError(Exception):
    """Root of the tree; `transient` says whether the same call may succeed later."""

    transient = False


class UsageError(FablineError):
    """The request itself is wrong: an unknown name, a reversed range, a date that is no session."""


class DataError(FablineError):
    """The data are not what the line needs."""


class SchemaError(DataError):
    """A frame or file lacks a column, holds an unknown one, or has one of the wrong type."""


class MissingBarsError(DataError):
    """A window reaches sessions for which there are no bars."""


class LookAheadError(DataError):
    """A value would be used before it was known."""


class StaleDataError(DataError):
    """A source answered with rows that are older than it promises."""


class MissingStateError(DataError):
    """A stage's own rows of the previous session are absent although the home is past its start."""


class SourceUnavailableError(FablineError):
    """A vendor, file or database cannot be reached at the moment."""

    transient = True


class HomeError(FablineError):
    """The home cannot be used: busy, written by a newer Fabline, or with other settings."""


class ModelError(FablineError):
    """A model cannot do its work."""


class NotFittedError(ModelError):
    """A prediction was asked of a model that has not been fitted."""


class CheckpointError(ModelError):
    """Weights are missing, incomplete, of another shape, or not in safetensors."""


class ShortHistoryError(ModelError):
    """There is too little history to learn from."""


class VersionMissingError(ModelError):
    """The training calendar asks for a model version that is not in the registry."""


class CalibrationError(FablineError):
    """An interval calibrator was used out of order or with impossible values."""


class PortfolioError(FablineError):
    """The target portfolio cannot be built."""


class InfeasibleError(PortfolioError):
    """The constraints contradict each other."""


class SolverError(PortfolioError):
    """The solver stopped without a solution that can be certified."""


class ExecutionError(FablineError):
    """Orders, fills and the ledger do not fit together."""


class OrderRejectedError(ExecutionError):
    """An order breaks a rule of the venue or of the account."""


class InsufficientCashError(ExecutionError):
    """A booking would make cash negative."""


class ReconciliationError(ExecutionError):
    """Two books that must agree do not."""


class TradingHaltedError(ExecutionError):
    """The kill switch of the home is on, so nothing goes to a broker."""
