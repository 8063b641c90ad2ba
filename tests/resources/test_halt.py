"""The kill switch is a file: it stays, it is seen by everybody at once, and it fails towards halted."""

from pathlib import Path

import pandas as pd
import pytest

from resources.halt import FILE_NAME, HaltSwitch
from trading.errors import TradingHaltedError

NOW = pd.Timestamp("2024-06-06 20:15", tz="UTC")


def test_a_home_trades_until_it_is_halted_and_again_when_it_is_resumed(tmp_path: Path) -> None:
    switch = HaltSwitch(tmp_path)
    switch.check()

    switch.halt("news of TSM", "a person", NOW)
    with pytest.raises(TradingHaltedError, match="by a person: news of TSM"):
        HaltSwitch(tmp_path).check()

    before = HaltSwitch(tmp_path).resume()
    switch.check()
    assert before is not None
    assert before.since == NOW.isoformat()


def test_the_first_reason_stays(tmp_path: Path) -> None:
    switch = HaltSwitch(tmp_path)
    switch.halt("an unknown fill", "reconciliation", NOW)

    assert switch.halt("again", "a person", NOW).reason == "an unknown fill"


@pytest.mark.parametrize("content", ["", "{", "[]", '{"why": 1}'])
def test_a_switch_that_cannot_be_read_is_off(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE_NAME).write_text(content)

    with pytest.raises(TradingHaltedError, match="cannot be read"):
        HaltSwitch(tmp_path).check()
