"""Starts a PostgreSQL server of our own for as long as another program runs.

    Tests/postgres/server.py COMMAND ...    runs it with PERDURE_POSTGRES set (and PERDURE_PGBOUNCER, the same
                                            through a proxy that shares sessions), and ends as it does
    Tests/postgres/server.py                prints the URL, and runs until standard input ends

The URL has no schema: `URL?schema=NAME` is a store.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "chaos"))

import postgres

# Nobody needs what a test leaves behind, should the machine lose its power.
postgres.SETTINGS |= {"fsync": "off", "full_page_writes": "off", "max_connections": "300"}


def main(command: list[str]) -> int:
    with postgres.server() as server:
        url = server.url("").removesuffix("?schema=")
        if command:
            with postgres.pgbouncer(server) as proxy:
                urls = {"PERDURE_POSTGRES": url, "PERDURE_PGBOUNCER": proxy.url("").removesuffix("?schema=")}
                return subprocess.run(command, env=os.environ | urls).returncode
        print(url, flush=True)
        sys.stdin.read()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
