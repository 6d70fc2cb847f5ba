"""Processes that serve orders, and what an order comes to."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCES = HERE.parent.parent / "bindings" / "python" / "src"


class Shop:
    """A process that serves orders."""

    def __init__(self, url: str, *, forks: bool = False) -> None:
        path = os.pathsep.join([str(SOURCES), str(HERE)])
        command = [sys.executable, str(HERE / "shop.py"), url, *(["fork"] if forks else [])]
        self.process = subprocess.Popen(
            command, env=os.environ | {"PYTHONPATH": path},
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        #: The forked child, which outlives it.
        self.child = int(self.process.stdout.readline()) if forks else None
        assert self.process.stdout.readline() == "ready\n"

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


def finished(order: str) -> list[str]:
    return [f"paid {order}", "yes", f"packed {order}"]
