"""The way to a vendor, by a clock of our own: how often, how patiently, and when it is left alone."""

import re
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from email.utils import format_datetime

import pandas as pd
import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from resources.sources.sessions import Polite
from resources.sources.timing import HOUR_SECONDS, Circuit, RateLimit
from resources.sources.transport import Policy, Transport, transport_of
from tests.peers.http_peer import Answer, HttpPeer
from tests.peers.patience import Patience, impatient
from trading.errors import SourceUnavailableError, UsageError

NOON = pd.Timestamp("2024-07-01 12:00", tz="UTC").timestamp()
WANTED = "1D bars of NVDA, 2024-07-01 to 2024-07-31"


@dataclass
class Said:
    """An answer."""

    status_code: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    text: str = "good"


class DNSError(OSError):  # as curl_cffi names it
    """No such name."""


class Vendor:
    """Says one thing after another, the last one for ever; an error is raised."""

    def __init__(self, says: Sequence[Said | Exception]) -> None:
        self.left, self.asked = deque(says), 0

    def __call__(self) -> Said:
        self.asked += 1
        said = self.left.popleft() if len(self.left) > 1 else self.left[0]
        if isinstance(said, Exception):
            raise said
        return said


def transport(clock: Patience, chance: Callable[[], float] = lambda: 1.0, **policy: float) -> Transport:
    return Transport("yahoo", Policy(**policy), timer=clock.timer, chance=chance)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "trouble",
    [Said(429), Said(500), Said(502), Said(503), Said(408), ConnectionError(), TimeoutError(), DNSError()],
    ids=str,
)
def test_trouble_that_may_pass_is_waited_out(trouble: Said | Exception) -> None:
    clock, vendor = Patience(NOON), Vendor([trouble, trouble, Said(text="at last")])

    answer = transport(clock).send(vendor, wanted=WANTED)

    assert answer.text == "at last"
    assert vendor.asked == 3
    assert clock.sleeps == [0.5, 1.0]


@pytest.mark.parametrize("status", [200, 301, 400, 401, 403, 404])
def test_the_vendors_own_word_comes_back_at_once(status: int) -> None:
    clock, vendor = Patience(NOON), Vendor([Said(status)])

    assert transport(clock).send(vendor, wanted=WANTED).status_code == status
    assert (vendor.asked, clock.sleeps) == (1, [])


def test_an_answer_with_a_flaw_is_asked_for_again() -> None:
    vendor = Vendor([Said(text="{ cut"), Said(text="{}")])

    answer = transport(Patience(NOON)).send(
        vendor, wanted=WANTED, flaw=lambda a: "cut" if "cut" in a.text else ""
    )

    assert answer.text == "{}"


@given(draws=st.lists(st.floats(0, 1, exclude_max=True), min_size=6, max_size=6))
def test_waits_are_a_share_of_a_doubling_bound(draws: list[float]) -> None:
    clock, left = Patience(NOON), iter(draws)
    way = transport(clock, lambda: next(left), attempts=6, longest_seconds=3.0)

    with pytest.raises(SourceUnavailableError):
        way.send(Vendor([Said(500)]), wanted=WANTED)

    wanted = [share * bound for share, bound in zip(draws, [0.5, 1.0, 2.0, 3.0, 3.0], strict=False)]
    assert clock.sleeps == [wait for wait in wanted if wait > 0]  # the sixth failure is the last


def test_retry_after_is_honoured_in_seconds_and_as_a_date() -> None:
    clock = Patience(NOON)
    when = pd.Timestamp(NOON + 30, unit="s", tz="UTC").to_pydatetime()
    later = Said(429, {"Retry-After": format_datetime(when, usegmt=True)})

    transport(clock, lambda: 0.0).send(
        Vendor([Said(429, {"Retry-After": "7"}), later, Said()]), wanted=WANTED
    )

    assert clock.sleeps == [7.0, 23.0]  # 30 seconds after noon, 7 of which have passed


@pytest.mark.parametrize("words", ["soon", "", "-3", "Thu, 99 Foo"])
def test_a_retry_after_that_says_nothing_is_passed_over(words: str) -> None:
    clock = Patience(NOON)

    transport(clock, lambda: 0.0).send(Vendor([Said(503, {"Retry-After": words}), Said()]), wanted=WANTED)

    assert clock.sleeps == []


def test_a_vendor_that_wants_an_hour_is_left_alone_for_an_hour() -> None:
    clock, vendor = Patience(NOON), Vendor([Said(429, {"Retry-After": "3600"}), Said()])
    way = transport(clock)

    with pytest.raises(SourceUnavailableError, match=r"tried again in 3600 s, at 13:00:00 UTC"):
        way.send(vendor, wanted=WANTED)
    clock.elapsed += 3599
    with pytest.raises(SourceUnavailableError, match="tried again in 1 s"):
        way.send(vendor, wanted=WANTED)
    clock.elapsed += 1

    assert way.send(vendor, wanted=WANTED).status_code == 200
    assert (vendor.asked, clock.sleeps) == (2, [])


def test_the_error_names_vendor_symbols_range_cause_and_remedy() -> None:
    with pytest.raises(SourceUnavailableError) as raised:
        transport(Patience(NOON), attempts=3).send(
            Vendor([DNSError("https://x/?crumb=SECRET")]), wanted=WANTED
        )

    assert str(raised.value) == (
        f"yahoo gives no {WANTED}: the name of its server is not found, 3 times in a row; "
        f"check the network, or run the same again later"
    )
    assert raised.value.__suppress_context__  # or a trace would show the address after all
    assert raised.value.transient


def test_an_error_of_our_own_is_not_taken_for_the_vendors() -> None:
    class InvalidURL(OSError, ValueError):  # noqa: N818  # as requests names it
        pass

    vendor = Vendor([InvalidURL("nonsense")])

    with pytest.raises(InvalidURL):
        transport(Patience(NOON)).send(vendor, wanted=WANTED)
    assert vendor.asked == 1


def test_the_circuit_opens_after_failures_in_a_row_and_closes_after_a_trial() -> None:
    clock, vendor = Patience(NOON), Vendor([Said(500)] * 4 + [Said()])
    way = transport(clock, lambda: 0.0, attempts=2, failures=4, pause_seconds=60)
    for _ in range(2):
        with pytest.raises(SourceUnavailableError, match="HTTP 500, 2 times in a row"):
            way.send(vendor, wanted=WANTED)

    with pytest.raises(
        SourceUnavailableError, match=r"failed 4 times in a row \(last: HTTP 500\); it will be tri"
    ):
        way.send(vendor, wanted=WANTED)
    assert vendor.asked == 4
    clock.elapsed += 60

    assert way.send(vendor, wanted=WANTED).status_code == 200
    assert way.send(vendor, wanted=WANTED).status_code == 200


def test_a_trial_that_fails_opens_the_circuit_for_another_pause() -> None:
    clock, vendor = Patience(NOON), Vendor([Said(500)])
    way = transport(clock, lambda: 0.0, attempts=1, failures=2, pause_seconds=60)
    for _ in range(2):
        with pytest.raises(SourceUnavailableError):
            way.send(vendor, wanted=WANTED)
    clock.elapsed += 60
    with pytest.raises(SourceUnavailableError, match="1 times in a row"):
        way.send(vendor, wanted=WANTED)

    with pytest.raises(SourceUnavailableError, match="tried again in 60 s"):
        way.send(vendor, wanted=WANTED)
    assert vendor.asked == 3


def test_only_one_trial_goes_out_at_a_time_and_an_interrupted_one_gives_way() -> None:
    clock = Patience(NOON)
    circuit = Circuit(1, 60, clock.timer)
    circuit.fail()
    clock.elapsed += 60

    assert circuit.admit() == 0.0
    assert circuit.admit() > 0.0
    circuit.abandon()
    assert circuit.admit() == 0.0


def test_a_success_between_failures_keeps_the_circuit_closed() -> None:
    circuit = Circuit(2, 60, Patience(NOON).timer)

    for _ in range(5):
        circuit.fail()
        circuit.succeed()

    assert circuit.admit() == 0.0


@given(
    gaps=st.lists(st.floats(0, 900), min_size=1, max_size=200),
    per_hour=st.integers(2, 60),
    data=st.data(),
)
def test_no_hour_holds_more_requests_than_the_limit(
    gaps: list[float], per_hour: int, data: st.DataObject
) -> None:
    burst = data.draw(st.integers(1, per_hour - 1))
    clock = Patience(NOON)
    limit, sent = RateLimit(per_hour, burst, clock.timer), []
    for gap in gaps:
        clock.elapsed += gap
        clock.elapsed += limit.reserve()
        sent.append(clock.elapsed)

    for start in range(len(sent) - per_hour):
        # A millionth of a second for sums of floating-point numbers.
        assert sent[start + per_hour] - sent[start] >= HOUR_SECONDS - 1e-6


def test_the_limit_lets_a_burst_through_and_then_a_steady_trickle() -> None:
    clock = Patience(NOON)
    limit = RateLimit(2000, 200, clock.timer)

    waits = [limit.reserve() for _ in range(202)]

    assert waits[:200] == [0.0] * 200
    assert waits[200:] == pytest.approx([2.0, 4.0])  # 1,800 an hour beyond the burst


def test_retries_count_against_the_limit() -> None:
    clock = Patience(NOON)
    way = transport(clock, lambda: 0.0, per_hour=3, burst=1)

    way.send(Vendor([Said(500), Said()]), wanted=WANTED)

    assert clock.sleeps == [HOUR_SECONDS / 2]
    assert (way.traffic.requests, way.traffic.failed) == (2, 1)
    assert way.traffic.waited_seconds == HOUR_SECONDS / 2


def test_all_of_a_process_share_the_transport_of_a_vendor() -> None:
    assert transport_of("yahoo") is transport_of("yahoo")
    assert transport_of("yahoo") is not transport_of("alpaca")


@pytest.mark.parametrize("wrong", [{"per_hour": 100, "burst": 100}, {"attempts": 0}, {"read_seconds": -1}])
def test_a_policy_that_makes_no_sense_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(UsageError, match=re.escape(next(iter(wrong)))):
        Policy(**wrong)  # type: ignore[arg-type]


def test_a_libraries_own_session_is_made_polite() -> None:
    class Session(Polite, requests.Session):
        def flaw(self, url: str, answer: Said) -> str:  # type: ignore[override]
            return "cut" if url.endswith("/data") and not answer.text.endswith("}") else ""

    bodies = deque([b'{"cut": ', b'{"whole": 1}'])
    with HttpPeer(lambda *_: Answer(bodies.popleft())) as peer, Session() as session:
        session.transport, session.peer, session.wanted = impatient("vendor"), peer.url + "/there", WANTED

        answer = session.get("https://vendor.example/data", params={"key": "SECRET"})

    assert answer.json() == {"whole": 1}
    assert [asked.path for asked in peer.asked] == ["/there/data"] * 2
    assert session.place("https://vendor.example/data?a=1") == f"{peer.url}/there/data?a=1"
