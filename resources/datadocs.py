"""Data Docs: the pages that Great Expectations writes about its results, kept in one folder.

    index.html expectations/ validations/    the site
    results/ suites/                         what it is made from

The library's own pages fetch their style and tables from seven other servers and stay empty without
them; the views here carry both themselves. Each file is replaced in one step, and writers take turns.
Importing this module imports the library.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import great_expectations as gx
from great_expectations.core.run_identifier import RunIdentifier
from great_expectations.data_context.store.tuple_store_backend import TupleFilesystemStoreBackend
from great_expectations.data_context.types.base import DataContextConfig
from great_expectations.data_context.types.resource_identifiers import (
    ExpectationSuiteIdentifier,
    ValidationResultIdentifier,
)
from great_expectations.render.view import DefaultJinjaIndexPageView, DefaultJinjaPageView

from resources.files import write_atomically
from trading.errors import HomeError

KEPT_RESULTS = 30  # of each suite
_VIEWS = str(Path(__file__).parent / "datadocs_views")
_SITE = "Fabline"


def publish(results: Sequence[Any], folder: Path, run: str, *, simulated: bool = False) -> Path:
    """Add validation results to the site in `folder`, drop the oldest, and give its first page.

    Every page that is written says so where the market is `simulated`.

    Raises
    ------
    HomeError
        If the folder cannot be written.
    """
    try:
        with _alone(folder):
            context = _context(folder.absolute(), simulated=simulated)
            keys = [_store(context, result, run) for result in results]
            _forget(context)
            context.build_data_docs(resource_identifiers=[key for pair in keys for key in pair])
    except OSError as error:
        raise HomeError(
            f"Data Docs cannot be written to {folder}: {error.strerror}; make room there"
        ) from error
    return folder / "index.html"


class WholeFiles(TupleFilesystemStoreBackend):
    """Files that are whole or absent; what is there already is not written again."""

    def _set(self, key: Any, value: str | bytes, **_kwargs: Any) -> str:
        names = key if isinstance(key, tuple) else key.to_tuple()
        path = Path(self.full_base_directory) / self._convert_key_to_filepath(names)
        raw = value.encode() if isinstance(value, str) else value
        if names[:1] != ("static",) and not (path.is_file() and path.read_bytes() == raw):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, raw)
        return str(path)


class PageView(DefaultJinjaPageView):
    """The page of a suite or a result, with our templates before the library's of the same name."""

    def __init__(
        self,
        custom_styles_directory: object = None,
        custom_views_directory: object = None,
        *,
        simulated: bool = False,
    ) -> None:
        del custom_styles_directory, custom_views_directory
        super().__init__(custom_views_directory=_VIEWS)
        self.env.loader.loaders.reverse()
        self.env.globals["simulated"] = simulated


class IndexView(PageView, DefaultJinjaIndexPageView):
    """The first page, likewise."""


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)  # a child that was forked meanwhile keeps the file open


def _context(folder: Path, *, simulated: bool) -> Any:
    def files(name: str = "") -> dict[str, Any]:
        place = {"module_name": __name__, "class_name": "WholeFiles", "base_directory": str(folder / name)}
        return {**place, "suppress_store_backend_id": True}

    def section(view: str) -> dict[str, Any]:
        return {"view": {"module_name": __name__, "class_name": view, "simulated": simulated}}

    site = {
        "class_name": "SiteBuilder",
        "show_how_to_buttons": False,
        "store_backend": files(),
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder", **section("IndexView")},
        "site_section_builders": {
            "expectations": section("PageView"), "validations": section("PageView"), "profiling": "None",
        },
    }  # fmt: skip
    stores = {
        "suites": {"class_name": "ExpectationsStore", "store_backend": files("suites")},
        "results": {"class_name": "ValidationResultsStore", "store_backend": files("results")},
        "checkpoints": {"class_name": "CheckpointStore", "store_backend": files("checkpoints")},
        "validation_definition_store": {
            "class_name": "ValidationDefinitionStore",
            "store_backend": files("definitions"),
        },
    }
    config = DataContextConfig(
        stores=stores,
        expectations_store_name="suites",
        validation_results_store_name="results",
        checkpoint_store_name="checkpoints",
        data_docs_sites={_SITE: site},
        analytics_enabled=False,
        progress_bars={"globally": False},
    )
    return gx.get_context(mode="ephemeral", project_config=config)


def _store(context: Any, result: Any, run: str) -> tuple[Any, Any]:
    """Keep a result and the suite that it comes from; their keys."""
    suite = ExpectationSuiteIdentifier(result.suite_name)
    expectations = [one.expectation_config for one in result.results]
    context.suites.add_or_update(gx.ExpectationSuite(name=result.suite_name, expectations=expectations))
    moment = RunIdentifier(run_name=run, run_time=result.meta["validation_time"])
    result.meta["run_id"] = moment
    key = ValidationResultIdentifier(suite, moment, "batch")
    context.validation_results_store.set(key, result)
    return suite, key


def _forget(context: Any) -> None:
    """Remove all but the newest results of each suite; their pages go with the next index."""
    store = context.validation_results_store
    by_suite: dict[str, list[Any]] = {}
    for key in sorted(store.list_keys(), key=lambda key: key.run_id.run_time, reverse=True):
        by_suite.setdefault(key.expectation_suite_identifier.name, []).append(key)
    for keys in by_suite.values():
        for key in keys[KEPT_RESULTS:]:
            store.remove_key(key)
