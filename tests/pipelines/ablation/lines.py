"""The small SIMULATED line that these tests vary."""

from pipelines.settings import Settings
from trading import calendar

FIRST, LAST = calendar.session_of("2024-03-25"), calendar.session_of("2024-04-03")  # a quarter ends within
SMALL = Settings(models=("random_walk", "ar1"), burn_in_sessions=45, timeframes=("1D", "1W")).with_value(
    "regimes.hmm.starts", 1
)
