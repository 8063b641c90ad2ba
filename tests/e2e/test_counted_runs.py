"""A run of the graph is a trial, however it was started."""

from contextlib import closing

from pipelines.wiring import Workshop
from resources.trial_mirror import BEHIND, EXPERIMENT, VARIANT


def test_a_run_of_the_graph_has_entered_itself_into_the_book_and_mlflow_shows_it(
    made_in_one_run: Workshop,
) -> None:
    opened = made_in_one_run.open()
    with closing(opened.store) as store:
        trial, variants = store.read("trials").iloc[-1], set(store.read("trials")["variant"])
        returns = len(store.read("performance")) - 1
    with opened.registry.connected() as client:
        shown = client.search_runs([client.get_experiment_by_name(EXPERIMENT).experiment_id])

    assert (trial["command"], trial["settings"], trial["n"]) == ("run", opened.settings_digest, returns)
    assert [run.data.tags[VARIANT] for run in shown] == [trial["variant"]] == list(variants)
    assert not (opened.registry.root / BEHIND).exists()
