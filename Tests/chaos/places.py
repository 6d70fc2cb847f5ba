"""Where the chaos programs and benchmarks keep their stores: a SQLite file, a PostgreSQL server of their own,
or whatever a URL names."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from postgres import Postgres, server


@dataclass
class Place:
    # What it is called in tables.
    kind: str
    # For what lies beside the stores.
    folder: Path
    # Ours to restart; None: not PostgreSQL, or somebody else's.
    postgres: Postgres | None = None
    fixed: str | None = None
    made: int = field(default=0)

    def url(self) -> str:
        """Of a new store; of a place that was named by its URL, always the same."""
        if self.fixed is not None:
            return self.fixed
        self.made += 1
        if self.postgres is not None:
            return self.postgres.url(f"perdure_{self.made}")
        return f"sqlite:{self.folder / f'work-{self.made}.sqlite'}"


@contextlib.contextmanager
def place(kind: str) -> Iterator[Place]:
    """kind: sqlite, postgres, or the URL of a store that is empty."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="perdure-place-")))
        if kind == "sqlite":
            yield Place(kind, folder)
        elif kind == "postgres":
            yield Place(kind, folder, stack.enter_context(server()))
        else:
            yield Place(kind.partition(":")[0], folder, fixed=kind)
