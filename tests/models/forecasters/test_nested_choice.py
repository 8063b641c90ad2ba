"""The inner split on which a model chooses its hyper-parameters: purged like the splits of an evaluation."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from models.forecasters.tabular import Rows
from trading.evaluation.splits import Purging, purged
from trading.frames import HORIZONS


@settings(max_examples=40, deadline=None)
@given(sessions=st.integers(60, 400), horizon=st.sampled_from(HORIZONS))
def test_a_hyper_parameter_is_chosen_on_sessions_whose_labels_training_has_not_seen(
    sessions: int, horizon: int
) -> None:
    place = np.arange(sessions).repeat(3)
    rows = Rows(np.zeros((len(place), 1)), np.zeros((len(place), 1)), place)

    earlier, later = rows.split(horizon)

    tested = np.isin(np.arange(sessions), later.session)
    assert np.unique(earlier.session).tolist() == purged(tested, Purging(horizon)).tolist()
    assert earlier.session.max() + horizon < later.session.min()
