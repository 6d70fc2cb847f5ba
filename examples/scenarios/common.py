"""What the scenarios share: a store of their own, runtimes that come and go, processes that are killed.

A scenario ends with `common.play(story, DEFINITIONS)`; its story is a function that is given a `Scene`.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import perdure

Definition = perdure.Activity[Any, Any] | perdure.Orchestration[Any, Any]
Definitions = Sequence[Definition]

#: Seconds after which something that should have happened has not.
PATIENCE = 15.0

_journal = Path(os.devnull)


# ---- The journal: what activities did to the world outside, one line each, from whatever process --------


def note(*words: object) -> None:
    """Appends a line, in one write, so that processes do not mix theirs."""
    line = " ".join(map(str, words)) + "\n"
    descriptor = os.open(_journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)


def notes(*beginning: object) -> list[list[str]]:
    """The lines that begin with these words, as lists of words."""
    words = [str(word) for word in beginning]
    lines = [line.split() for line in _journal.read_text().splitlines()] if _journal.exists() else []
    return [line for line in lines if line[: len(words)] == words]


def wait_for_note(*beginning: object, count: int = 1) -> list[list[str]]:
    """Blocks until there are `count` such lines."""
    deadline = time.monotonic() + PATIENCE
    while len(found := notes(*beginning)) < count:
        assert time.monotonic() < deadline, f"{count} of {beginning} were expected, there are {found}"
        time.sleep(0.003)
    return found


# ---- The scene ------------------------------------------------------------------------------------------


class Worker:
    """A process that runs the scenario's definitions on its store until it is killed or the story ends."""

    def __init__(self, script: str, url: str) -> None:
        command = [sys.executable, script, "--store", url, "--worker"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE)
        self.pid = self._process.pid

    def kill(self) -> None:
        """SIGKILL: it can do nothing more, not even say so."""
        assert self._process.poll() is None, f"worker {self.pid} had ended before it could be killed"
        self._process.kill()
        self._process.wait()

    def end(self) -> None:
        """It stops when its standard input ends, also if this process dies."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Scene:
    def __init__(self, url: str, definitions: Definitions, options: dict[str, Any]) -> None:
        self.url = url
        self.definitions = definitions
        self.options = options
        self.store = perdure.Store(url)
        self.client = perdure.Client(self.store)
        self.workers: list[Worker] = []

    def runtime(self, definitions: Definitions | None = None) -> perdure.Runtime:
        """For a `with` statement. Its end is a shutdown, the next one on the same store a restart."""
        given = self.definitions if definitions is None else definitions
        return perdure.Runtime(self.store, given, **self.options)

    def worker(self) -> Worker:
        """Another process, which is at work when this returns."""
        worker = Worker(sys.argv[0], self.url)
        self.workers.append(worker)
        wait_for_note("worker", worker.pid)
        return worker

    def status(self, instance: str, wanted: Any) -> perdure.Description:
        """Blocks until the custom status is `wanted`, a value or a function that says whether it is the one.

        For a status at which the instance stays: one that is soon replaced may be missed. An instance that
        ends without it is an error.
        """
        fits = wanted if callable(wanted) else lambda status: status == wanted
        version = 0
        while True:
            seen = self.client.wait_for_status(instance, version, PATIENCE)
            if fits(seen.custom_status):
                return seen
            assert not seen.is_ended, (
                f"{instance} is {seen.status} at {seen.custom_status!r}, not {wanted}: {seen.failure}"
            )
            version = seen.custom_status_version

    def result(self, instance: str) -> Any:
        return self.client.result(instance, PATIENCE)

    def failure(self, instance: str) -> perdure.Failure:
        """Of an instance that must fail."""
        ended = self.client.wait(instance, PATIENCE)
        assert ended.status == "Failed" and ended.failure is not None, f"{instance} is {ended.status}"
        return ended.failure

    def events(self, instance: str, *kinds: str, execution: int | None = None) -> list[dict[str, Any]]:
        """The history, or only the events of these kinds."""
        history = self.client.history(instance, execution)
        return [event for event in history if not kinds or event["kind"] in kinds]

    def close(self) -> None:
        for worker in self.workers:
            worker.end()
        self.client.close()
        self.store.close()


def say(words: str) -> None:
    print(words, flush=True)


def play(story: Callable[[Scene], None], definitions: Definitions, **runtime_options: Any) -> None:
    """The command line of a scenario. Ends with `ok NAME`, or with the assertion that did not hold."""
    global _journal
    name = Path(sys.argv[0]).stem
    parser = argparse.ArgumentParser(description=f"The scenario {name}.")
    parser.add_argument("--store", help="such as sqlite:PATH of a file that is not there yet")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = options.store or f"sqlite:{folder}/{name}.sqlite"
        path = url.removeprefix("sqlite:")
        _journal = Path(f"{path}.journal")
        if options.worker:
            with perdure.Runtime(url, definitions, **runtime_options):
                note("worker", os.getpid())
                sys.stdin.read()
            return
        if path == url or Path(path).exists() or _journal.exists():
            parser.error("the store must be sqlite:PATH, and nothing may be there yet")
        scene = Scene(url, definitions, runtime_options)
        try:
            story(scene)
        finally:
            scene.close()
    say(f"ok {name}")
