"""A halt holds whatever runs by itself, because nothing that runs by itself can send an order."""

import grimp
import pytest

SENDING = ("pipelines.brokerage", "resources.brokers.desk", "resources.brokers.alpaca", "pipelines.cli.trade")


@pytest.mark.parametrize("sender", SENDING)
def test_no_schedule_sensor_or_job_can_reach_what_sends_orders(sender: str) -> None:
    rooms = grimp.build_graph("pipelines", "assets", "resources")
    assert sender not in rooms.find_upstream_modules("pipelines.definitions")


def test_the_one_command_that_sends_looks_at_the_switch_first() -> None:
    rooms = grimp.build_graph("pipelines", "assets", "resources")
    reached = rooms.find_upstream_modules("pipelines.cli.trade")
    assert {"resources.halt", "resources.brokers.desk"} <= reached
