"""Homes that several end-to-end tests look at; none of them changes one."""

from collections.abc import Iterator

import pyarrow as pa
import pytest

from pipelines.wiring import Workshop
from tests.e2e.homes import FIRST, LAST, arrow_tables, materialise, workshop_at


@pytest.fixture(scope="session")
def made_in_one_run(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """A home whose range was made by one run."""
    workshop = workshop_at(tmp_path_factory.mktemp("range") / "home")
    materialise(workshop, FIRST, LAST)
    return workshop


@pytest.fixture
def tables_of_range(made_in_one_run: Workshop) -> Iterator[dict[str, pa.Table]]:
    opened = made_in_one_run.open()
    yield arrow_tables(opened.store, made_in_one_run.plan.tables)
    opened.store.close()
