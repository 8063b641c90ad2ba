"""A home that Dagster's code server, webserver and daemon serve, and how to ask the webserver."""

import json
import os
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

import pyarrow as pa

from pipelines import environment, settings
from pipelines.cli import up
from pipelines.services import HOST, Supervisor, free_port
from pipelines.wiring import Workshop
from resources.home import Home
from tests.e2e.homes import SMALL, arrow_tables

PATIENCE_SECONDS = 180
OVER = {"COMPLETED_SUCCESS", "COMPLETED_FAILED", "CANCELED", "FAILED", "SUCCESS", "FAILURE"}
# Coverage would slow every process down; without bytecode imports take twice as long.
SLOW = ("PYTHONDONTWRITEBYTECODE", "COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START")

LAUNCH_BACKFILL = """mutation ($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message }}}"""
BACKFILL = """query ($id: String!) { partitionBackfillOrError(backfillId: $id) {
  ... on PartitionBackfill { status runs(limit: 10) { id status } }}}"""
LAUNCH_RUN = """mutation ($params: ExecutionParams!) { launchPipelineExecution(executionParams: $params) {
    ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }}}"""
RUN = "query ($id: ID!) { runOrError(runId: $id) { ... on Run { status } }}"
ASSETS = "{ assetNodes { assetKey { path } isPartitioned } }"
REPOSITORY = {"repositoryLocationName": up.DEFINITIONS, "repositoryName": "__repository__"}


def settled(path: Path) -> Workshop:
    """A new home with the small settings written down, for processes that open it by themselves."""
    home = environment.open_or_create(path)
    values = {"models": list(SMALL.models), "burn_in_sessions": SMALL.burn_in_sessions}
    settings.set_values(home.path, {**values, "regimes.hmm.starts": SMALL.regimes.hmm.starts})
    return Workshop.of(home, settings.load(home.path).settings)


def tables_of(workshop: Workshop) -> dict[str, pa.Table]:
    """Every table of the line."""
    opened = workshop.open()
    try:
        return arrow_tables(opened.store, workshop.plan.tables)
    finally:
        opened.store.close()


@dataclass(frozen=True)
class Ui:
    """A webserver that answers at `url`."""

    url: str

    def ask(self, query: str, **variables: object) -> Any:
        body = json.dumps({"query": query, "variables": variables}).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}/graphql", data=body, headers=headers)
        with urllib.request.urlopen(request, timeout=60) as response:
            answer = json.load(response)
        assert "errors" not in answer, answer
        return next(iter(answer["data"].values()))

    def session_assets(self) -> list[dict[str, Any]]:
        """Every asset with sessions, as a person would select them in the graph."""
        return [{"path": node["assetKey"]["path"]} for node in self.ask(ASSETS) if node["isPartitioned"]]

    def backfill(self, sessions: list[str]) -> dict[str, Any]:
        """Launch a back-fill of all session assets and wait for its end."""
        params = {"assetSelection": self.session_assets(), "partitionNames": sessions}
        launched = self.ask(LAUNCH_BACKFILL, params=params)
        return self._ended(BACKFILL, launched["backfillId"])

    def run(self, job: str, session: str) -> dict[str, Any]:
        """Launch one session of a job and wait for its end."""
        tags = [{"key": "dagster/partition", "value": session}]
        selector = {**REPOSITORY, "pipelineName": job}
        params = {"selector": selector, "mode": "default", "executionMetadata": {"tags": tags}}
        launched = self.ask(LAUNCH_RUN, params=params)
        return self._ended(RUN, launched["run"]["runId"])

    def _ended(self, query: str, launched: str) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (state := self.ask(query, id=launched))["status"] not in OVER:
            assert time.monotonic() < deadline, state
            time.sleep(0.5)
        return state


@contextmanager
def served(workshop: Workshop) -> Iterator[Ui]:
    """The home's UI with its daemon; both are gone afterwards, whatever happens."""
    home = workshop.home
    # Other ports than `fabline up` takes: its own test may run at the same time.
    ports = up.Addresses(dagster=free_port(3400), mlflow=0, code=free_port(4400))
    workspace = up._write_workspace(home, ports)
    supervisor = Supervisor(home.logs, variables_of(home))
    try:
        for service in (up.code_server(ports), up.webserver(workspace, ports), up.daemon(workspace)):
            supervisor.start([service])
            supervisor.wait_until_ready([service], Event())
        yield Ui(f"http://{HOST}:{ports.dagster}")
    finally:
        supervisor.stop()


def variables_of(home: Home) -> Mapping[str, str]:
    """The environment of a Dagster process of `home`."""
    kept = {name: value for name, value in os.environ.items() if name not in SLOW}
    return {**kept, "FABLINE_HOME": str(home.path), "DAGSTER_HOME": str(home.dagster)}
