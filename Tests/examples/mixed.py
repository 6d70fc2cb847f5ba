"""Runs examples/mixed: an order in Python, prices in Node, parcels in Swift, a customer in C, on one file.

Each of the four processes is killed once in the middle and started again.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent.parent.parent
HERE = ROOT / "examples" / "mixed"
OUT = ROOT / ".build" / "mixed"
ORDERS = 40
# Orders that were shipped when the kill comes: all four have had something to do by then.
SHIPPED_BEFORE = 3
# Seconds until all orders have ended, whatever was killed.
LIMIT = 90


class Process:
    """One of the four, which can be killed and started again. Its lines are kept, those of the last run."""

    def __init__(self, command: list[str], log: IO[str]) -> None:
        self.command = command
        self.log = log
        self.start()

    def start(self) -> None:
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            self.command, cwd=ROOT, env=environment(), text=True, stdout=subprocess.PIPE, stderr=self.log
        )
        self.reader = threading.Thread(target=self._read, args=(self.process, self.lines), daemon=True)
        self.reader.start()

    @staticmethod
    def _read(process: subprocess.Popen[str], lines: list[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line.rstrip("\n"))

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.reader.join(10)

    def until(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + LIMIT
        while not condition():
            assert self.process.poll() in (None, 0), f"{self.command[-2:]} ended: {self.process.returncode}"
            assert time.monotonic() < deadline, f"{what} did not come true: {self.lines[-3:]}"
            time.sleep(0.002)


def environment() -> dict[str, str]:
    library = os.environ.get("PERDURE_LIBRARY", str(ROOT / ".build" / "release" / "libdx.so"))
    return {
        **os.environ,
        "PERDURE_LIBRARY": library,
        "PYTHONPATH": str(ROOT / "bindings" / "python" / "src"),
    }


def commands(programs: Path, url: str) -> dict[str, list[str]]:
    """What each of the four is started with; builds what has to be built."""
    addon = ROOT / ".build" / "node" / "perdure.node"
    if not addon.exists():
        subprocess.run(["sh", str(ROOT / "bindings" / "node" / "build.sh"), str(addon)], check=True)
    library = Path(environment()["PERDURE_LIBRARY"])
    place = OUT / "place"
    if not place.exists():
        OUT.mkdir(parents=True, exist_ok=True)
        flags = ["-Wall", "-Wextra", "-Werror", "-Iinclude", "-Ibindings/c/include"]
        sources = [str(HERE / "place.c"), "bindings/c/src/json.c", "bindings/c/src/json_check.c"]
        links = [str(library), f"-Wl,-rpath,{library.parent}", "-lpthread"]
        subprocess.run(["gcc", *flags, *sources, *links, "-o", str(place)], cwd=ROOT, check=True)
    return {
        "python": [sys.executable, str(HERE / "orders.py"), url],
        "node": [shutil.which("node") or "node", str(HERE / "prices.mjs"), url],
        "swift": [str(programs / "example-mixed"), url],
        "c": [str(place), url, str(ORDERS)],
    }


def shipped(lines: list[str]) -> int:
    return sum('"parcels"' in line for line in lines)


def judge(lines: list[str]) -> None:
    """Each order has one end, and the right one."""
    assert lines[-1] == f"takings: {30 * ORDERS // 2}", lines[-1]
    for number in range(1, ORDERS + 1):
        found = [line for line in lines if line.startswith(f'"order-{number}" ')]
        assert len(found) == 1, f"order {number} has {len(found)} ends"
        _, status, output = found[0].split(" ", 2)
        assert status == '"Completed"', found[0]
        end = json.loads(output)
        if number % 2 == 0:
            assert end == {"refused": "30 of 140"}, found[0]
            continue
        assert end["total"] == 30, found[0]
        parcels = [
            rf"parcel order-{number}\.1\.\d+/1/{at}: {item}" for at, item in ((1, "lamp"), (2, "book"))
        ]
        assert len(end["parcels"]) == 2, found[0]
        assert all(map(re.fullmatch, parcels, end["parcels"])), found[0]


def killing(victim: str) -> Callable[[Path], str]:
    def play(programs: Path) -> str:
        with tempfile.TemporaryDirectory() as folder, (Path(folder) / "log").open("w+") as log:
            everybody: dict[str, Process] = {}
            try:
                for name, command in commands(programs, f"sqlite:{folder}/orders.sqlite").items():
                    everybody[name] = Process(command, log)
                customer = everybody["c"]
                customer.until(lambda: shipped(customer.lines) >= SHIPPED_BEFORE, "some are shipped")
                everybody[victim].kill()
                seen = sum(line.startswith('"order-') for line in customer.lines)
                assert seen < ORDERS, "there was nothing left to do when it was killed"
                everybody[victim].start()
                customer.until(lambda: customer.process.poll() == 0, "all orders end")
                customer.reader.join(10)
                judge(customer.lines)
            except AssertionError as error:
                log.seek(0)
                raise AssertionError(f"{error}\n{log.read()[-2_000:]}") from error
            finally:
                for process in everybody.values():
                    process.kill()
        return f"killed after {seen} of {ORDERS} orders, all {ORDERS} ended once and right"

    play.__name__ = f"mixed_{victim}"
    return play


def tests() -> list[Callable[[Path], str]]:
    return [killing(victim) for victim in ("python", "node", "swift", "c")]
