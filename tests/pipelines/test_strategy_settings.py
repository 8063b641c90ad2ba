"""Challengers in a home's file: what they may differ in, and that a home without one is what it was."""

from pathlib import Path

import pytest

from pipelines.settings import FILE_NAME, Settings, load, set_value
from pipelines.wiring import limits_of, plan_of
from trading.errors import UsageError


def written(home: Path, *lines: str) -> Path:
    (home / FILE_NAME).write_text("\n".join(lines) + "\n")
    return home


def test_a_table_of_the_file_is_a_challenger(tmp_path: Path) -> None:
    home = written(
        tmp_path, "[strategies.b]", 'signals.selection = "tilt"', "trading.limits.volatility_target = 0.3"
    )
    loaded = load(home)
    main, challenger = loaded.settings.books
    assert (main.main, main.trading.limits.volatility_target, main.signals.selection) == (
        "swing",
        0.15,
        "off",
    )
    assert (challenger.main, challenger.signals.strategy) == ("b", "b")
    assert (challenger.trading.limits.volatility_target, challenger.signals.selection) == (0.3, "tilt")
    assert loaded.origins["strategies.b.signals.selection"] == str(home / FILE_NAME)


def test_what_the_main_strategy_is_told_later_holds_for_its_challengers_too(tmp_path: Path) -> None:
    home = written(tmp_path, "[strategies.b]", "trading.limits.volatility_target = 0.3")
    set_value(home, "trading.filter", "roadmap")
    set_value(home, "strategies.b.trading.sizer.position_limit", "0.25")
    settings = load(home).settings
    assert [book.trading.filter for book in settings.books] == ["roadmap", "roadmap"]
    assert [book.trading.sizer.position_limit for book in settings.books] == [0.2, 0.25]
    assert limits_of(settings).position == 0.25  # the loosest


def test_a_home_without_a_challenger_is_the_home_that_it_was() -> None:
    one = Settings()
    assert one.books == (one,)
    assert not [name for name in one.flat() if name.startswith("strategies")]
    assert one.digest() != one.with_value("strategies.b.trading.filter", "roadmap").digest()
    assert [stage.name for stage in plan_of(one).stages] == [
        stage.name for stage in plan_of(one.with_value("strategies.b.trading.filter", "roadmap")).stages
    ]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        (
            "strategies.swing.trading.filter",
            "roadmap",
            "and not 'swing', which is the strategy that it challenges",
        ),
        ("strategies.b b.trading.filter", "roadmap", "use letters, digits and _"),
        ("strategies.b.models", "ar1", "no setting 'models' of its own"),
        ("strategies.b.trading.strategy", "c", "no setting 'trading.strategy' of its own"),
        ("strategies.b.trading.nothing", "1", "no setting 'trading.nothing' of its own"),
        ("strategies.b.trading.filter", "none", "setting trading.filter is continuous or roadmap"),
        (
            "strategies.b.trading.limits.hard_drawdown",
            "0.01",
            "must not be above trading.limits.hard_drawdown",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_where_it_is_set(
    tmp_path: Path, name: str, value: str, said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        set_value(tmp_path, name, value)
    assert not (tmp_path / FILE_NAME).exists()


def test_a_challenger_and_the_strategy_it_challenges_cannot_be_called_the_same(tmp_path: Path) -> None:
    home = written(tmp_path, "[strategies.b]", 'trading.filter = "roadmap"')
    with pytest.raises(UsageError, match="two strategies are called 'b'"):
        set_value(home, "trading.strategy", "b")
