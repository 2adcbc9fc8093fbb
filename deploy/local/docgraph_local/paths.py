"""Where the local stack keeps things: everything of one stack lies under its home folder.

Names places only; creates nothing except the folders in `create()`.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from docgraph.settings import project_root
from docgraph.stores.blobs.local import write_file

NEO4J_VERSION = "5.26.30"

# `sun_path` holds 108 bytes with its terminator, and supervisord binds a temporary name with `.<pid>` appended first.
_LONGEST_SOCKET_PATH = 96


@dataclass(frozen=True, slots=True)
class Paths:
    """The folders and files of the stack whose data lie under `home`."""

    home: Path

    @property
    def logs(self) -> Path:
        """One log file a process, rotated by supervisord."""
        return self.home / "logs"

    @property
    def run(self) -> Path:
        """What only means something while the stack runs."""
        return self.home / "run"

    @property
    def env_file(self) -> Path:
        """Addresses and passwords as `docgraph.settings` reads them; mode 0600."""
        return self.home / ".env"

    @property
    def secrets_file(self) -> Path:
        """What was generated once for this home; losing it loses the access to Neo4j's data; mode 0600."""
        return self.home / "secrets.json"

    @property
    def supervisor_config(self) -> Path:
        """What supervisord starts; holds no secrets."""
        return self.run / "supervisord.conf"

    @property
    def supervisor_pid(self) -> Path:
        """The process id of supervisord."""
        return self.run / "supervisord.pid"

    @property
    def lock(self) -> Path:
        """Held by the one `up`, `down` or `clean` that may change this stack."""
        return self.run / "stack.lock"

    @property
    def record(self) -> Path:
        """What the last `up` started: services, external servers, process ids."""
        return self.run / "stack.json"

    @property
    def preload_record(self) -> Path:
        """Written by the scheduler once the modules that tasks share are loaded."""
        return self.run / "preload.json"

    @property
    def airflow_home(self) -> Path:
        """AIRFLOW_HOME: database, task logs and the password file."""
        return self.home / "airflow"

    @property
    def own_dags(self) -> Path:
        """DAGs of the stack's owner; Airflow reads them beside those of the repository."""
        return self.home / "dags"

    @property
    def airflow_passwords(self) -> Path:
        """The password file of Airflow's simple auth manager; mode 0600."""
        return self.airflow_home / "passwords.json"

    @property
    def socket(self) -> Path:
        """The control socket of supervisord, in a short place when the home's own path is too long for a socket."""
        inside = self.run / "supervisor.sock"
        if len(os.fsencode(inside)) <= _LONGEST_SOCKET_PATH:
            return inside
        digest = hashlib.sha256(os.fsencode(self.home)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"docgraph-{os.getuid()}-{digest}" / "supervisor.sock"

    def data(self, service: str) -> Path:
        """Return the data folder of one service."""
        return self.home / "data" / service

    def log(self, program: str) -> Path:
        """Return the log file of one program."""
        return self.logs / f"{program}.log"

    def launch_file(self, program: str) -> Path:
        """Return the file with the exact command and environment of one program; mode 0600."""
        return self.run / "programs" / f"{program}.json"

    def create(self) -> None:
        """Create the folders; those with passwords or a control socket are for their owner only."""
        self.own_dags.mkdir(parents=True, exist_ok=True)
        for folder in (self.logs, self.home / "data", self.airflow_home):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in (self.run, self.run / "programs", self.socket.parent):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)


def neo4j_libraries() -> Path:
    """Return the folder of Neo4j's jars; it belongs to the virtual environment, like everything that `make setup` installs."""
    return Path(sys.prefix) / "share" / f"neo4j-{NEO4J_VERSION}"


def repository() -> Path:
    """Return the checkout that holds `dags/`, `plugins/` and `config/`."""
    return project_root()


def write_private(path: Path, text: str) -> None:
    """Write `text` so that nobody but the owner ever can read it, and so that a crash leaves the old or the new file."""
    write_file(path, text.encode(), mode=0o600)
