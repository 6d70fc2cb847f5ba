"""Takes the files of a store away while a process has it open.

    Tests/chaos/replaced_file.py

Nothing is acknowledged from that moment on. A process that does nothing notices within some five seconds:
the log says so, and calls and waits end with an error that names the file. What stands in its place stays as
it is.
"""

from __future__ import annotations

import argparse
import logging
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import perdure
import victims
from judge import Verdicts

NOTICE_LIMIT_S = 6.0


def put_copy(path: Path) -> None:
    shutil.copy(path, path.with_suffix(".copy"))
    os.replace(path.with_suffix(".copy"), path)


def put_stranger(path: Path) -> None:
    path.unlink()
    path.write_text("another's")


def move_folder(path: Path) -> None:
    path.parent.rename(path.parent.with_suffix(".moved"))


def log_of(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


DEEDS: dict[str, Callable[[Path], object]] = {
    "deleted": lambda path: path.unlink(),
    "renamed": lambda path: path.rename(path.with_suffix(".old")),
    "replaced by a copy": put_copy,
    "replaced by another file": put_stranger,
    "emptied": lambda path: os.truncate(path, 0),
    "without its log": lambda path: log_of(path).unlink(),
    "in a folder that was moved": move_folder,
    "in a folder that was deleted": lambda path: shutil.rmtree(path.parent),
}


class Heard(logging.Handler):
    """When the log first named each store."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[tuple[float, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append((time.monotonic(), record.getMessage()))

    def first(self, path: Path) -> float | None:
        return next((at for at, line in self.lines if str(path) in line), None)


def refusal(call: Callable[[], object], path: Path) -> list[str]:
    """What is wrong with how the call ends."""
    try:
        answer = call()
    except perdure.errors.StoreReplaced as error:
        return [] if str(path) in str(error) else [f"the error does not name the file: {error}"]
    except perdure.PerdureError as error:
        return [f"{type(error).__name__}: {error}"]
    return [f"it answered {answer}"]


def judge(name: str, path: Path, heard: Heard, is_busy: bool, verdicts: Verdicts) -> None:
    path.parent.mkdir()
    store = perdure.Store(f"sqlite:{path}")
    with store, perdure.Runtime(store, victims.DEFINITIONS), perdure.Client(store) as client:
        client.start(victims.asks, 1, instance="waiting-1")
        client.result(client.start(victims.twice, 1), timeout=30)
        DEEDS[name](path)
        begin = time.monotonic()
        wrong: list[str] = []
        if is_busy:
            wrong += refusal(lambda: client.start(victims.twice, 2), path)
            wrong += refusal(lambda: client.raise_event("waiting-1", "go"), path)
        # Ends when the process notices.
        wrong += refusal(lambda: client.wait("waiting-1", timeout=2 * NOTICE_LIMIT_S), path)
        took = time.monotonic() - begin
        victims.until(lambda: heard.first(path) is not None, NOTICE_LIMIT_S)
        at = heard.first(path)
        if at is None:
            wrong.append("the log does not name it")
        if took > NOTICE_LIMIT_S:
            wrong.append(f"it took {took:.1f} s")
        wrong += refusal(lambda: client.describe("waiting-1"), path)
        wrong += refusal(lambda: client.start(victims.twice, 2), path)
    if name == "replaced by another file" and path.read_text() != "another's":
        wrong.append("the other file was changed")
    state = "busy" if is_busy else "idle"
    verdicts.check(f"a store {name}, {state}: noticed after {took:.1f} s, nothing acknowledged", wrong)


def main() -> int:
    argparse.ArgumentParser(description="Takes the files of an open store away.").parse_args()
    heard = Heard()
    logger = logging.getLogger("replaced")
    logger.addHandler(heard)
    logger.propagate = False
    perdure.log_to(logger, "error")
    verdicts = Verdicts()
    with tempfile.TemporaryDirectory(prefix="perdure-replaced-") as folder:
        threads = [
            threading.Thread(
                target=judge,
                args=(name, Path(folder) / f"{number}" / "store.sqlite", heard, is_busy, verdicts),
            )
            for number, (name, is_busy) in enumerate((name, busy) for name in DEEDS for busy in (False, True))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    if verdicts.passed + verdicts.failed != len(threads):
        verdicts.check("each case came to a verdict", [f"{len(threads)} began"])
    return verdicts.end()


if __name__ == "__main__":
    sys.exit(main())
