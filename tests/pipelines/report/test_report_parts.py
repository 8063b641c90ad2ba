"""The parts of a page: escaped markup, figures, axes, charts."""

from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.report import axes, figures
from pipelines.report.charts import Panel, Series, Span, chart, stacked
from pipelines.report.dots import Dot, dot_plot
from pipelines.report.markup import Html, el, joined, table
from trading import calendar

SESSIONS = calendar.sessions_between(pd.Timestamp("2024-01-02"), pd.Timestamp("2024-01-08"))  # five of them


def test_text_and_attributes_are_escaped_and_markup_is_not() -> None:
    page = el("p", "<b>", Html("<i>x</i>"), title='say "a & b"', class_="note", hidden=None)

    assert page == '<p title="say &quot;a &amp; b&quot;" class="note">&lt;b&gt;<i>x</i></p>'


@given(st.text(alphabet="<>&\"' abc%"))
def test_no_text_becomes_a_tag(text: str) -> None:
    assert not re.search(r"<(?!/?p>)", joined([el("p", text)]))


def test_a_figure_stays_with_its_per_cent_sign() -> None:
    assert el("b", "5 %") == "<b>5\u00a0%</b>"


def test_the_columns_of_a_table_that_hold_words_are_not_figures() -> None:
    page = table(["Name", "Size", "Why"], [["a", "1", "x"]], words=(0, 2))

    assert re.findall(r"<td( class=\"n\")?>", page) == ["", ' class="n"', ""]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (figures.percent(0.1234), "12.3 %"),
        (figures.percent(float("nan")), "–"),
        (figures.percent(-0.05, 0, signed=True), "−5 %"),
        (figures.dollars(-1), "−$0"),
        (figures.short_dollars(1_250_000), "$1.25M"),
        (figures.short_dollars(-97_500), "−$97.5k"),
        (figures.span(-1.0, 2.0), "−1.00 to 2.00"),
        (figures.span(float("nan"), 2.0), "–"),
        (figures.chance(1e-9), "< 0.001"),
        (figures.day(None), "–"),
    ],
)
def test_figures_read_as_people_write_them(text: str, expected: str) -> None:
    assert text == expected


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_ticks_lie_inside_their_axis_and_are_few(low: float, width: float) -> None:
    ticks = axes.nice_values(low, low + width)

    assert ((ticks >= low - 1e-6 * width) & (ticks <= low + width * (1 + 1e-6))).all()
    assert 1 <= len(ticks) <= 6


def test_ticks_have_the_decimals_that_tell_them_apart() -> None:
    labels = [tick.label for tick in axes.value_ticks(0.984, 1.016, figures.plain, 4)]

    assert labels == ["0.99", "1.00", "1.01"]


def test_sessions_are_ticked_where_a_month_begins_and_years_are_named_once() -> None:
    sessions = calendar.sessions_between(pd.Timestamp("2023-11-15"), pd.Timestamp("2024-05-15"))

    assert [tick.label for tick in axes.session_ticks(sessions)] == [
        "Dec 2023",
        "Jan 2024",
        "Feb",
        "Mar",
        "Apr",
        "May",
    ]


def test_one_session_has_one_tick() -> None:
    assert [tick.label for tick in axes.session_ticks(SESSIONS[:1])] == ["2024-01-02"]


def test_a_few_sessions_are_ticked_at_their_ends() -> None:
    assert [tick.label for tick in axes.session_ticks(SESSIONS[:3])] == ["2 Jan 2024", "4 Jan"]


def drawn(series: Series, **panel: object) -> str:
    page = chart("Title", SESSIONS, [Panel([series], limits=(0.0, 4.0), **panel)])
    return re.findall(r'<path d="([^"]*)" class="(?:line|area)[^"]*"', page)[-1]


def test_a_line_is_drawn_where_it_belongs() -> None:
    path = drawn(Series("x", np.array([0.0, 1.0, 2.0, 3.0, 4.0]), "--ink"))

    assert path == "M0.0 1000.0h.01L250.0 750.0L500.0 500.0L750.0 250.0L1000.0 0.0"


def test_a_gap_breaks_a_line_and_a_lone_value_is_a_dot() -> None:
    path = drawn(Series("x", np.array([4.0, np.nan, 2.0, np.nan, np.nan]), "--ink"))

    assert path == "M0.0 0.0h.01M500.0 500.0h.01"


def test_an_area_goes_there_and_back() -> None:
    values = np.array([4.0, 4.0, np.nan, np.nan, np.nan])

    assert (
        drawn(Series("x", values, "--ink", lower=np.zeros(5)))
        == "M0.0 0.0L250.0 0.0L250.0 1000.0L0.0 1000.0Z"
    )


def test_sticks_stand_on_zero_and_zero_has_none() -> None:
    assert (
        drawn(Series("x", np.array([0.0, 2.0, 0, 0, 4.0]), "--ink", bars=True))
        == "M250.0 1000.0V500.0M1000.0 1000.0V0.0"
    )


def test_stacked_areas_add_up_and_tell_their_own_values() -> None:
    low, high = stacked(["a", "b"], np.array([[1.0, 2.0], [3.0, np.nan]]), ["--k-1", "--k-2"])

    assert (low.values.tolist(), high.lower.tolist(), high.values.tolist()) == ([1, 3], [1, 3], [3, 3])
    assert high.shown[0] == 2.0


def test_a_tooltip_cannot_be_broken_out_of() -> None:
    page = chart("t", SESSIONS, [Panel([Series("</script><b>", np.arange(5.0), "--ink")])])
    payload = re.search(r'<script type="application/json">(.*?)</script>', page)

    assert payload
    assert json.loads(payload[1])["s"][0][0] == "</script><b>"
    assert "</script><b>" not in page


def test_a_stay_is_tinted_to_the_middle_of_its_neighbours() -> None:
    page = chart(
        "t", SESSIONS, [Panel([Series("x", np.arange(5.0), "--ink")], spans=[Span(1, 2, "--r-bull")])]
    )

    assert 'd="M125.0 0H625.0V1000H125.0Z" class="span"' in page


def test_dots_stand_on_a_shared_axis_with_their_target() -> None:
    dots = [
        Dot("a", 0.5, 0.25, 0.75, "--ink", "n = 3"),
        Dot("b", float("nan"), float("nan"), float("nan"), "--ink", "–"),
    ]
    page = dot_plot("t", dots, target=0.5, label=figures.plain)

    assert page.count('class="target" style="left:50.00%"') == 2
    assert page.count('class="dot"') == page.count('class="whisker"') == 1
