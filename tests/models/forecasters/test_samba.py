"""SAMBA: who takes part, newcomers, one graph of fixed size, and a training that goes on to the byte. SIMULATED."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

from models.forecasters.samba import NEWCOMER, GraphLearning, Samba, pack_samba, unpack_samba
from models.forecasters.samba_network import FULL, SMALL, SambaNetwork
from trading import calendar
from trading.errors import CheckpointError, ModelError, NotFittedError
from trading.stages.graph import graph_stage
from trading.testing.feature_history import feature_history, window_of
from trading.testing.stage_rows import made_by
from trading.universe import SYMBOLS

BRIEF = Samba(learning=GraphLearning(epochs=2, batch=8, learning_rate=1e-2))
ARM = SYMBOLS.index("ARM")
NAMES = len(SYMBOLS)


def returns(seed: int = 3, sessions: int = 230) -> np.ndarray:
    """The last five names repeat most of what the first five did a session before: quickly learned."""
    rng = np.random.default_rng(seed)
    own = rng.standard_t(5, (sessions, 1)) + rng.standard_t(5, (sessions, NAMES))
    own[1:, 5:] = own[:-1, :5] + 0.3 * own[1:, 5:]
    return 0.014 * own


@cache
def fitted() -> Samba:
    return BRIEF.fit(window_of(returns()))


@cache
def opinionated(symbols: tuple[str, ...] = SYMBOLS) -> Samba:
    """A network that says something of everything: random weights, those of the head too."""
    torch.manual_seed(5)
    network = SambaNetwork(SMALL, len(symbols))
    torch.nn.init.normal_(network.head.weight, std=0.3)
    return Samba().from_bytes(pack_samba(network, symbols))


def quantiles(model: Samba, values: np.ndarray) -> np.ndarray:
    return model.predict(window_of(values)).quantiles


class Journal:
    """Keeps the state of one epoch, as a killed training would have left it."""

    def __init__(self, left: bytes | None = None) -> None:
        self.left, self.kept, self.told = left, b"", []

    def resume(self) -> bytes | None:
        return self.left

    def epoch(self, number: int, of: int, metrics: Mapping[str, float], state: Callable[[], bytes]) -> None:
        self.told.append((number, of, sorted(metrics)))
        self.kept = self.kept or state()


def test_the_full_profile_is_the_roadmap_s() -> None:
    assert (FULL.hidden, FULL.graph_layers, FULL.mamba_blocks) == (128, 4, 2)
    assert (Samba().correlation_sessions, Samba().threshold) == (30, 0.3)


def test_before_it_learns_it_refuses_to_speak() -> None:
    with pytest.raises(NotFittedError, match="samba was asked to predict before fit"):
        Samba().predict(window_of(returns()))


def test_a_horizon_that_was_not_trained_and_more_names_than_the_graph_holds_are_refused() -> None:
    with pytest.raises(ModelError, match="not for 7"):
        opinionated().predict(window_of(returns()), horizons=(7,))
    with pytest.raises(ModelError, match="forecasts 4 symbols at once and was given 10"):
        replace(opinionated(), batch=4).predict(window_of(returns()))


def test_too_short_a_history_to_learn_from_says_so() -> None:
    with pytest.raises(ModelError, match="samba cannot be trained"):
        BRIEF.fit(window_of(returns(sessions=100)))


def test_the_same_training_gives_the_same_bytes_and_another_seed_others() -> None:
    again = BRIEF.fit(window_of(returns()))

    assert unpack_samba(again.to_bytes())[0].head.weight.any()  # it did learn
    assert again.to_bytes() == fitted().to_bytes()
    assert replace(BRIEF, seed=1).fit(window_of(returns())).to_bytes() != fitted().to_bytes()


def test_a_killed_training_goes_on_to_the_same_bytes() -> None:
    first = Journal()
    BRIEF.fit(window_of(returns()), journal=first)

    resumed = Journal(left=first.kept)
    model = BRIEF.fit(window_of(returns()), journal=resumed)

    assert first.told == [(number, 2, ["training_loss", "validation_loss"]) for number in (1, 2)]
    assert [number for number, _, _ in resumed.told] == [2]
    assert model.to_bytes() == fitted().to_bytes()


def test_the_padding_of_the_graph_changes_no_forecast_but_its_last_digits() -> None:
    wide = replace(opinionated(), batch=64)
    # Sums over a padded batch round differently in single precision.
    assert quantiles(wide, returns()) == pytest.approx(
        quantiles(opinionated(), returns()), rel=1e-4, abs=1e-7
    )


def test_what_another_name_did_matters_through_the_graph_and_a_masked_one_is_out_of_it() -> None:
    changed = returns()
    changed[-1, 0] = -0.15

    assert not np.array_equal(quantiles(opinionated(), changed)[1:], quantiles(opinionated(), returns())[1:])

    mask = [place != 0 for place in range(NAMES)]
    one, other = (opinionated().predict(window_of(of, mask=mask)).quantiles for of in (changed, returns()))
    assert np.isnan(one[0]).all()
    assert one[1:].tobytes() == other[1:].tobytes()


def test_a_single_name_alone_has_a_forecast() -> None:
    alone = opinionated().predict(window_of(returns(), mask=[place == 3 for place in range(NAMES)])).quantiles

    assert np.isfinite(alone[3]).all()
    assert np.isnan(np.delete(alone, 3, axis=0)).all()


def test_the_mirror_image_of_the_market_has_the_mirror_image_s_forecast() -> None:
    mirrored = quantiles(opinionated(), -returns())
    assert mirrored == pytest.approx(-quantiles(opinionated(), returns())[..., ::-1], rel=1e-4, abs=1e-7)


def test_a_name_that_lists_after_the_training_is_forecast_and_is_not_taken_for_another() -> None:
    later = opinionated(tuple(symbol for symbol in SYMBOLS if symbol != "ARM"))

    forecast = quantiles(later, returns())

    assert np.isfinite(forecast).all()
    assert (np.diff(forecast, axis=-1) > 0).all()
    assert not np.allclose(forecast[ARM], quantiles(opinionated(), returns())[ARM])


def test_a_name_that_was_not_listed_in_the_training_has_no_embedding() -> None:
    values = returns()
    values[:, ARM] = np.nan
    mask = [place != ARM for place in range(NAMES)]

    model = replace(BRIEF, learning=GraphLearning(epochs=1)).fit(window_of(values, mask=mask))

    assert unpack_samba(model.to_bytes())[1] == tuple(symbol for symbol in SYMBOLS if symbol != "ARM")


def network(names: int = 3) -> SambaNetwork:
    torch.manual_seed(0)
    return SambaNetwork(SMALL, names)


def embedded(places: list[int], given: torch.Tensor, present: list[bool] | None = None) -> torch.Tensor:
    there = torch.tensor([present or [True] * len(places)])
    return network().embeddings(torch.tensor([places]), given[None], there)[0]


def test_a_newcomer_s_embedding_is_the_mean_of_its_linked_names_weighted_by_their_links() -> None:
    given = torch.zeros(3, 3)
    given[2, 0], given[2, 1] = 0.9, 0.3

    found = embedded([0, 1, NEWCOMER], given)

    table = network().embedding
    torch.testing.assert_close(found[:2], table[:2])
    torch.testing.assert_close(found[2], (0.9 * table[0] + 0.3 * table[1]) / 1.2)


def test_a_newcomer_without_links_has_the_mean_of_who_is_there_or_else_of_all() -> None:
    table, nothing = network().embedding, torch.zeros(3, 3)

    there = embedded([0, 1, NEWCOMER], nothing, [True, False, True])
    nobody = embedded([NEWCOMER] * 3, nothing)

    torch.testing.assert_close(there[2], table[0])
    torch.testing.assert_close(nobody, table.mean(0).expand(3, -1))


def test_an_update_begins_at_the_weights_before_and_gives_new_names_the_mean() -> None:
    earlier = opinionated(tuple(reversed(SYMBOLS[:5])))
    before, _ = unpack_samba(earlier.to_bytes())

    after = earlier._beginning(SYMBOLS)

    assert torch.equal(after.head.weight, before.head.weight)
    assert torch.equal(after.embedding[0], before.embedding[4])
    torch.testing.assert_close(after.embedding[ARM], before.embedding.mean(0))


def test_weights_of_another_profile_or_damaged_ones_are_refused() -> None:
    with pytest.raises(CheckpointError, match="the profile 'full' is"):
        Samba(profile="full").from_bytes(opinionated().to_bytes())
    spoiled, symbols = unpack_samba(opinionated().to_bytes())
    torch.nn.init.constant_(spoiled.head.bias, float("nan"))
    with pytest.raises(CheckpointError, match="not finite"):
        Samba().from_bytes(pack_samba(spoiled, symbols))


def test_the_links_that_it_is_given_are_the_rows_of_the_graph_stage() -> None:
    session, values = calendar.session_of("2024-06-28"), returns()[-300:]
    values[-40:, 2] = np.nan  # not listed any more: in neither graph
    made = made_by(graph_stage(), session, {"features": feature_history(values, "2024-06-28")})

    given = Samba().inputs(values[None, -128:], np.isfinite(values[None, -1])).given[0]

    edges = made["graph_edges"]
    rows = np.zeros((NAMES, NAMES))
    one, other = ([SYMBOLS.index(name) for name in edges[end]] for end in ("symbol", "neighbour"))
    rows[one, other] = edges["correlation"]
    assert 0 < (rows != 0).sum() < NAMES * (NAMES - 1)
    assert np.array_equal(
        given, np.abs(rows).astype(np.float32)
    )  # one computation: the same to the last digit
