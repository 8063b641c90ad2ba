"""The shocks of the simulated market: known before they happen in size, never in sign."""

import numpy as np

from trading.testing.market_model import (
    ARCH,
    COMMON_MULTIPLIER,
    GARCH,
    MARKET,
    OVERNIGHT_SHARE,
    OWN_MULTIPLIER,
    exposed,
    instruments,
    regime_path,
    shocks,
)


def test_the_scale_of_a_session_follows_from_the_shocks_before_it_alone() -> None:
    """The GARCH recursion of the market factor, written out for four sessions."""
    regimes = np.array([0, 1, 1, 2])
    made = shocks(5, regimes)
    # What is stored is already weighted by the share of the night and of the day in the variance.
    night, day = (part[:, MARKET] for part in (made.overnight, made.intraday))
    night, day = night / np.sqrt(OVERNIGHT_SHARE), day / np.sqrt(1 - OVERNIGHT_SHARE)

    variance, expected = 1.0, []
    for t, state in enumerate(regimes):
        expected.append(COMMON_MULTIPLIER[state] * np.sqrt(variance))
        energy = OVERNIGHT_SHARE * night[t] ** 2 + (1 - OVERNIGHT_SHARE) * day[t] ** 2
        variance = 1 - ARCH - GARCH + (ARCH * energy + GARCH) * variance

    np.testing.assert_allclose(made.scale[:, MARKET], expected, rtol=1e-12)
    assert made.scale[0, -1] == OWN_MULTIPLIER[0]


def test_exposure_is_the_matrix_product_whatever_the_number_of_rows() -> None:
    loadings = instruments().loadings
    scaled = np.random.default_rng(0).normal(size=(300, len(loadings)))

    whole = exposed(scaled, loadings)

    np.testing.assert_allclose(whole, scaled @ loadings / np.sqrt(252), rtol=1e-10, atol=1e-14)
    assert exposed(scaled[:7], loadings).tobytes() == whole[:7].tobytes()


def test_a_longer_path_of_regimes_begins_like_a_shorter_one() -> None:
    np.testing.assert_array_equal(regime_path(3, 2000)[:700], regime_path(3, 700))
