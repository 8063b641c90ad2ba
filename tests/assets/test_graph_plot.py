"""The picture of the correlation graph: who is on it, how links are drawn, and what became of them."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from assets import plots
from assets.graph_plot import NEGATIVE, POSITIVE, correlation_graph
from trading.universe import SYMBOLS

SESSIONS = pd.bdate_range("2024-03-01", periods=25)


def edges(*pairs: tuple[str, str, float]) -> pd.DataFrame:
    """The same links in every session, from both ends."""
    both = [*pairs, *((other, one, value) for one, other, value in pairs)]
    rows = pd.DataFrame(both, columns=["symbol", "neighbour", "correlation"])
    return pd.concat([rows.assign(session=session) for session in SESSIONS], ignore_index=True)


def drawn(*pairs: tuple[str, str, float]) -> Figure:
    return correlation_graph(edges(*pairs))


def names_of(figure: Figure) -> set[str]:
    return {text.get_text() for text in figure.axes[0].texts}


def test_it_draws_a_node_for_each_linked_name_and_a_line_for_each_pair() -> None:
    figure = drawn(("NVDA", "AMD", 0.8), ("AMD", "MU", 0.4))

    assert names_of(figure) == {"NVDA", "AMD", "MU"}
    assert len(figure.axes[0].lines) == 2


def test_a_stronger_link_is_a_thicker_line_and_a_negative_one_has_another_colour() -> None:
    weak, strong, negative = (drawn(("NVDA", "AMD", value)).axes[0].lines[0] for value in (0.35, 0.9, -0.9))

    assert strong.get_linewidth() > 2 * weak.get_linewidth()
    assert negative.get_linewidth() == strong.get_linewidth()
    assert (strong.get_color(), negative.get_color()) == (POSITIVE, NEGATIVE)


def test_two_communities_have_two_colours() -> None:
    figure = drawn(("NVDA", "AMD", 0.8), ("ARM", "MU", 0.8))
    colours = {tuple(dots.get_facecolor()[0]) for dots in figure.axes[0].collections}
    assert len(colours) == 2


def test_names_lie_apart_on_a_circle() -> None:
    figure = drawn(*((SYMBOLS[0], other, 0.5) for other in SYMBOLS[1:]))
    places = np.array([dots.get_offsets()[0] for dots in figure.axes[0].collections])

    assert np.hypot(*places.T) == pytest.approx(1.0)
    apart = np.hypot(*(places[:, None] - places).transpose(2, 0, 1))
    assert apart[np.triu_indices(len(places), 1)].min() > 0.6


def test_its_history_counts_each_pair_once() -> None:
    line = drawn(("NVDA", "AMD", 0.8), ("AMD", "MU", 0.4)).axes[1].lines[0]
    assert line.get_ydata().tolist() == [2.0] * len(SESSIONS)


def test_a_simulated_market_is_said_on_the_picture() -> None:
    figure = drawn(("NVDA", "AMD", 0.8))
    assert plots.png(figure, simulated=True).startswith(b"\x89PNG")
    assert figure.axes[0].get_title(loc="right") == "SIMULATED"
