from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines import settings
from pipelines.settings import Settings
from trading.digest import digest
from trading.errors import UsageError


def test_every_setting_has_a_default_and_an_origin(tmp_path: Path) -> None:
    loaded = settings.load(tmp_path)
    assert loaded.values["trading.limits.soft_drawdown"] == (0.1, "default")
    assert loaded.values["intervals.target"] == (0.25, "default")
    assert set(loaded.values) == set(Settings().flat())


def test_the_file_overlays_defaults_and_the_command_line_the_file(tmp_path: Path) -> None:
    settings.set_value(tmp_path, "source.seed", "11")
    settings.set_value(tmp_path, "burn_in_sessions", "100")
    loaded = settings.load(tmp_path, {"source.seed": 13})
    assert loaded.values["source.seed"] == (13, "command line")
    assert loaded.values["burn_in_sessions"] == (100, str(tmp_path / "fabline.toml"))
    assert loaded.settings.source.seed == 13


def test_a_section_of_the_file_reads_like_its_dotted_names(tmp_path: Path) -> None:
    (tmp_path / "fabline.toml").write_text("[trading.limits]\nhard_drawdown = 0.2\n", encoding="utf-8")
    assert settings.load(tmp_path).settings.trading.limits.hard_drawdown == 0.2


def test_a_multiplier_inside_a_mapping_is_a_setting_too(tmp_path: Path) -> None:
    settings.set_value(tmp_path, "regime_rules.multipliers.Bear", "0.4")
    multipliers = settings.load(tmp_path).settings.regime_rules.multipliers
    assert multipliers["Bear"] == 0.4
    assert multipliers["Bull"] == 1.0


def test_a_list_is_written_with_commas(tmp_path: Path) -> None:
    settings.set_value(tmp_path, "models", "random_walk, ar1")
    assert settings.load(tmp_path).settings.models == ("random_walk", "ar1")


def test_one_word_for_several_models_is_kept_as_their_names(tmp_path: Path) -> None:
    settings.set_value(tmp_path, "models", "roadmap")
    assert settings.load(tmp_path).settings.models == ("random_walk", "ar1", "timesfm", "tsmamba", "samba")
    assert "roadmap" not in (tmp_path / settings.FILE_NAME).read_text()


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("trading.mood", "1", "no setting 'trading.mood'"),
        ("source.seed", "seven", "source.seed wants int, and 'seven' is none"),
        ("source.seed", "1.5", "source.seed wants int"),
        ("trading.limits.soft_drawdown", "a bit", "wants float"),
        ("trading.filter", "roadmpa", "trading.filter is continuous or roadmap, not 'roadmpa'"),
        ("source.edge", "yes", "source.edge is none or planted, not 'yes'"),
        ("regime_rules.refit", "week", "regime_rules.refit is month or quarter"),
        ("burn_in_sessions", "-5", "burn_in_sessions must be at least 0, not -5"),
        ("trading.limits.volatility_target", "-1", "setting trading.limits.volatility_target: .* above 0"),
        ("regime_rules.multipliers.Bear", "-1", "multiplier of Bear must be at least 0"),
        ("intervals.target", "0.1", "must be 0.25, not 0.1: every table holds the quantiles q125"),
        ("trading.limits.soft_drawdown", "0.2", r"soft_drawdown \(0.2\) must not be above .*hard_drawdown"),
    ],
)
def test_what_is_no_setting_is_refused_and_nothing_is_written(
    tmp_path: Path, name: str, text: str, words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        settings.set_value(tmp_path, name, text)
    assert not (tmp_path / "fabline.toml").exists()


def test_an_unknown_name_in_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "fabline.toml").write_text("sead = 7\n", encoding="utf-8")
    with pytest.raises(UsageError, match="no setting 'sead'"):
        settings.load(tmp_path)


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "fabline.toml").write_text("source = [", encoding="utf-8")
    with pytest.raises(UsageError, match=r"fabline\.toml is not valid TOML"):
        settings.load(tmp_path)


FIXED = "intervals.target"


@given(
    name=st.sampled_from(
        sorted(n for n, v in Settings().flat().items() if isinstance(v, float) and v and n != FIXED)
    )
)
def test_every_number_moves_the_digest_but_those_whose_effects_are_logged(name: str) -> None:
    changed = Settings().with_value(name, Settings().flat()[name] * 0.97)
    assert (changed.digest() == Settings().digest()) is name.startswith("triggers.")


def test_the_digest_does_not_depend_on_where_a_value_came_from(tmp_path: Path) -> None:
    settings.set_value(tmp_path, "source.seed", str(Settings().source.seed))
    assert settings.load(tmp_path).settings.digest() == Settings().digest()


def test_the_digest_is_of_the_changes_alone_so_that_a_new_setting_keeps_old_homes() -> None:
    changed = Settings().with_value("burn_in_sessions", 100)
    assert Settings().digest() == digest({})
    assert changed.digest() == digest({"burn_in_sessions": 100})


def test_the_folder_of_the_data_is_no_part_of_the_digest() -> None:
    assert Settings().with_value("source.data", "/elsewhere").digest() == Settings().digest()


def test_limits_that_must_not_cross_are_judged_together(tmp_path: Path) -> None:
    text = "trading.limits.hard_drawdown = 0.03\ntrading.limits.soft_drawdown = 0.02\n"
    (tmp_path / "fabline.toml").write_text(text + "trading.limits.recovery_drawdown = 0.01\n")
    assert settings.load(tmp_path).settings.trading.limits.hard_drawdown == 0.03


def test_a_mandate_that_sells_short_asks_for_a_margin_account(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"set trading\.margin\.account to margin"):
        settings.set_value(tmp_path, "trading.optimizer.mandate", "market_neutral")

    settings.set_value(tmp_path, "trading.margin.account", "margin")
    settings.set_value(tmp_path, "trading.optimizer.mandate", "market_neutral")

    assert settings.load(tmp_path).settings.trading.is_neutral


def test_nonsense_in_the_file_is_refused_and_can_be_set_right(tmp_path: Path) -> None:
    (tmp_path / "fabline.toml").write_text('trading.filter = "roadmpa"\n')
    with pytest.raises(UsageError, match="roadmpa"):
        settings.load(tmp_path)
    settings.set_value(tmp_path, "trading.filter", "roadmap")
    assert settings.load(tmp_path).settings.trading.filter == "roadmap"


@pytest.mark.parametrize("name", sorted(Settings().flat()))
def test_every_default_is_accepted(name: str) -> None:
    assert Settings().with_value(name, Settings().flat()[name]) == Settings()


def test_timeframes_are_daily_and_others() -> None:
    assert Settings().with_value("timeframes", "1D,5min").timeframes == ("1D", "5min")
    for wrong in ("5min", "1D,1h", ""):
        with pytest.raises(UsageError, match="timeframes are 1D and any of 5min, 1W"):
            Settings().with_value("timeframes", wrong)
