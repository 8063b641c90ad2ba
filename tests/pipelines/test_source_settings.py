"""What a home says of its vendor: where it is asked, and how often."""

from pathlib import Path

import pytest

from pipelines import settings
from pipelines.settings import Settings
from pipelines.wiring import source_of
from resources import sources
from resources.sources import YahooSource
from resources.sources.transport import Policy, Transport
from trading.errors import UsageError


def test_yahoo_is_asked_where_and_as_often_as_the_settings_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[tuple[str, Policy]] = []

    def transport_of(vendor: str, policy: Policy) -> Transport:
        made.append((vendor, policy))
        return Transport(vendor, policy)

    monkeypatch.setattr(sources, "transport_of", transport_of)
    settings.set_values(tmp_path, {"source.name": "yahoo", "source.url": "http://127.0.0.1:1"})
    settings.set_value(tmp_path, "source.requests_per_hour", "600")

    source = source_of(settings.load(tmp_path).settings)

    assert isinstance(source, YahooSource)
    assert made == [("yahoo", Policy(per_hour=600, burst=60))]


def test_another_address_makes_another_home_and_another_limit_does_not() -> None:
    usual = Settings()

    assert usual.with_value("source.requests_per_hour", 100).digest() == usual.digest()
    assert usual.with_value("source.url", "http://127.0.0.1:1").digest() != usual.digest()


@pytest.mark.parametrize("value", [1, 0, -5])
def test_a_limit_that_stops_everything_is_refused(value: int) -> None:
    with pytest.raises(UsageError, match="requests_per_hour must be at least 2"):
        Settings().with_value("source.requests_per_hour", value)
