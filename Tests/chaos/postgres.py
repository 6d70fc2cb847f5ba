"""A PostgreSQL server of our own in a temporary folder, and what may happen to it."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# Durable, as it comes; only what a small machine lacks is turned down.
SETTINGS = {"fsync": "on", "synchronous_commit": "on", "max_connections": "100", "shared_buffers": "64MB"}


def programs() -> Path | None:
    """The folder with initdb and pg_ctl: on the PATH, or the newest that Debian installed; None: not here."""
    found = shutil.which("pg_ctl")
    if found is not None:
        return Path(found).resolve().parent
    folders = [each for each in Path("/usr/lib/postgresql").glob("*/bin") if (each / "pg_ctl").exists()]
    return max(folders, key=lambda each: float(each.parent.name), default=None)


def _account() -> str | None:
    """PostgreSQL refuses to run as root; Debian made this user for it."""
    return "postgres" if os.geteuid() == 0 else None


@dataclass
class Postgres:
    """One server with one database."""

    bin: Path
    folder: Path
    port: int
    account: str | None

    def url(self, schema: str) -> str:
        """Of a store in a schema of its own."""
        return f"postgresql://perdure@127.0.0.1:{self.port}/postgres?schema={schema}"

    def _run(self, *command: str, timeout: float = 60) -> str:
        # Those of a client may lie elsewhere.
        program = self.bin / command[0]
        found = str(program) if program.exists() else command[0]
        done = subprocess.run(
            [found, *command[1:]], user=self.account, group=self.account, cwd="/",
            capture_output=True, text=True, timeout=timeout,
        )  # fmt: skip
        if done.returncode != 0:
            raise RuntimeError(f"{command[0]} failed: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout.strip()

    def create(self) -> None:
        self._run("initdb", "-D", str(self.folder / "data"), "-U", "perdure", "-A", "trust", "-E", "UTF8")
        settings = "".join(f"{name} = {value}\n" for name, value in SETTINGS.items())
        settings += f"listen_addresses = '127.0.0.1'\nport = {self.port}\n"
        settings += f"unix_socket_directories = '{self.folder}'\n"
        with (self.folder / "data" / "postgresql.conf").open("a") as file:
            file.write(settings)
        self.start()

    def start(self) -> None:
        log = str(self.folder / "log")
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-l", log, "-w", "-t", "60", "start")

    def stop(self, mode: str = "fast") -> None:
        """immediate: as if the machine had lost its power, but for what the disk holds."""
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-m", mode, "-w", "-t", "60", "stop")

    def restart(self, mode: str = "immediate") -> None:
        self.stop(mode)
        self.start()

    def ask(self, sql: str) -> list[str]:
        """The rows that a statement answers. Raises RuntimeError while the server is down."""
        where = ["-h", "127.0.0.1", "-p", str(self.port), "-U", "perdure", "-d", "postgres"]
        return self._run("psql", *where, "-X", "-A", "-t", "-q", "-c", sql).splitlines()

    def terminate_backend(self) -> bool:
        """Ends the server's side of one connection, any but our own; false: there is none."""
        return self.ask(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' "
            "AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1"
        ) == ["t"]


@contextlib.contextmanager
def standby(primary: Postgres) -> Iterator[Postgres]:
    """A server that follows another, and can only be read."""
    with tempfile.TemporaryDirectory(prefix="perdure-standby-") as name:
        folder = Path(name)
        if primary.account is not None:
            shutil.chown(folder, primary.account, primary.account)
        made = Postgres(primary.bin, folder, _free_port(), primary.account)
        data = folder / "data"
        made._run(
            "pg_basebackup", "-D", str(data), "-R", "-c", "fast", "-h", "127.0.0.1", "-p", str(primary.port),
            "-U", "perdure",
        )  # fmt: skip
        with (data / "postgresql.conf").open("a") as file:
            file.write(f"port = {made.port}\nunix_socket_directories = '{folder}'\nhot_standby = on\n")
        made.start()
        try:
            yield made
        finally:
            with contextlib.suppress(RuntimeError):
                made.stop("immediate")


@dataclass
class Pgbouncer:
    """A proxy before a server."""

    port: int

    def url(self, schema: str, options: str = "") -> str:
        return f"postgresql://perdure@127.0.0.1:{self.port}/postgres?schema={schema}{options}"


@contextlib.contextmanager
def pgbouncer(server: Postgres, mode: str = "transaction", sessions: int = 4) -> Iterator[Pgbouncer]:
    """A pgbouncer that has so many sessions of the server for everybody together."""
    port, folder = _free_port(), server.folder / f"pgbouncer-{mode}"
    folder.mkdir()
    settings = folder / "pgbouncer.ini"
    settings.write_text(
        f"[databases]\npostgres = host=127.0.0.1 port={server.port} user=perdure\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nauth_type = any\n"
        f"pool_mode = {mode}\ndefault_pool_size = {sessions}\nmax_client_conn = 1000\n"
        f"server_login_retry = 1\nunix_socket_dir =\nlogfile = {folder / 'log'}\n"
    )
    if server.account is not None:
        shutil.chown(folder, server.account, server.account)
    program = shutil.which("pgbouncer", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if program is None:
        raise SystemExit("There is no pgbouncer here: install 'pgbouncer'.")
    process = subprocess.Popen(
        [program, "-q", str(settings)], user=server.account, group=server.account, cwd="/",
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 20
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"pgbouncer did not start: {(folder / 'log').read_text()}")
            time.sleep(0.01)
        yield Pgbouncer(port)
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def server() -> Iterator[Postgres]:
    """A server that is gone afterwards, with all that it held. SystemExit: PostgreSQL is not installed."""
    found = programs()
    if found is None:
        raise SystemExit("There is no PostgreSQL server here (initdb, pg_ctl): install 'postgresql'.")
    with tempfile.TemporaryDirectory(prefix="perdure-postgres-") as name:
        folder, account = Path(name), _account()
        if account is not None:
            shutil.chown(folder, account, account)
        postgres = Postgres(found, folder, _free_port(), account)
        postgres.create()
        try:
            yield postgres
        finally:
            with contextlib.suppress(RuntimeError):
                postgres.stop("immediate")
