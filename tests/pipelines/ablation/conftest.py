"""One line that is made once: four seconds of processor, which every test here shares."""

import pytest

from pipelines.ablation.sharing import Line, made_line
from pipelines.in_memory import Market, market_of
from tests.pipelines.ablation.lines import FIRST, LAST, SMALL


@pytest.fixture(scope="package")
def market() -> Market:
    return market_of(SMALL, FIRST, LAST)


@pytest.fixture(scope="package")
def base(market: Market) -> Line:
    return made_line(SMALL, market, FIRST, LAST)
