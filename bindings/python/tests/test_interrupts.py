"""Signals: Ctrl-C ends at once whatever the main thread waits for; SIGTERM ends `Runtime.run` in order."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any, Dict

import pytest

pytestmark = pytest.mark.library

HEAD = """
    import asyncio, os, signal, sys, threading, time
    import perdure
    # Background jobs of a shell begin with interrupts ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)

    @perdure.activity
    def slow(ctx: perdure.ActivityContext) -> str:
        print("working", flush=True)
        if ctx.wait_cancelled(60):
            print("told to end", flush=True)
        return "done"

    @perdure.activity
    def short(ctx: perdure.ActivityContext) -> None:
        print("working", flush=True)
        time.sleep(0.3)
        print("finished", flush=True)

    @perdure.activity
    def stubborn(ctx: perdure.ActivityContext) -> None:
        print("working", flush=True)
        time.sleep(60)

    @perdure.orchestration
    async def waits(ctx: perdure.OrchestrationContext, name: str) -> str:
        print("working", flush=True) if name == "never" else None
        return await (ctx.wait_for_event("never") if name == "never" else ctx.activity(name))

    DEFINITIONS = [slow, short, stubborn, waits]
    try:
"""
TAIL = """
    except KeyboardInterrupt:
        print("interrupted", flush=True)
"""
PLACES = {
    "Client.result": """
        with perdure.Store("memory:") as store, perdure.Runtime(store, DEFINITIONS):
            client = perdure.Client(store)
            client.result(client.start(waits, "never"))
    """,
    "Client.result beside an activity": """
        with perdure.Store("memory:") as store, perdure.Runtime(store, DEFINITIONS):
            client = perdure.Client(store)
            client.result(client.start(waits, "slow"))
    """,
    "Client.call": """
        with perdure.Store("memory:") as store, perdure.Runtime(store, DEFINITIONS):
            client = perdure.Client(store)
            client.call(client.start(waits, "never"), "nobody answers")
    """,
    "Client.follow": """
        with perdure.Store("memory:") as store, perdure.Runtime(store, DEFINITIONS):
            client = perdure.Client(store)
            for event in client.follow(client.start(waits, "never")):
                pass
    """,
    "a sleep": """
        with perdure.Store("memory:") as store, perdure.Runtime(store, DEFINITIONS):
            client = perdure.Client(store)
            client.start(waits, "slow")
            time.sleep(60)
    """,
    "asyncio.run": """
        async def main():
            with perdure.Store("memory:") as store:
                async with perdure.Runtime(store, DEFINITIONS), perdure.AsyncClient(store) as client:
                    await client.result(await client.start(waits, "slow"))
        asyncio.run(main())
    """,
}


def begin(tmp_path: Path, environment: Dict[str, str], place: str) -> subprocess.Popen[str]:
    path = tmp_path / "program.py"
    path.write_text(
        textwrap.dedent(HEAD) + textwrap.indent(textwrap.dedent(place), "    ") + textwrap.dedent(TAIL)
    )
    process = subprocess.Popen(
        [sys.executable, "-W", "error", str(path)],
        env=environment, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "working\n"
    return process


def end(process: subprocess.Popen[str], how: Any) -> Any:
    """Its status, what it said after that, and how long it took."""
    begun = time.monotonic()
    process.send_signal(how)
    out, error = process.communicate(timeout=30)
    assert error == ""
    return process.returncode, out.splitlines(), time.monotonic() - begun


@pytest.mark.parametrize("place", PLACES)
def test_an_interrupt_ends_at_once(tmp_path: Path, environment: Dict[str, str], place: str) -> None:
    status, said, took = end(begin(tmp_path, environment, PLACES[place]), signal.SIGINT)
    assert (status, said[-1]) == (0, "interrupted")
    assert took < 8


RUN = """
        store = perdure.Store("sqlite:app.sqlite")
        client = perdure.Client(store)
        client.start(waits, "short", instance="i")
        perdure.Runtime(store, DEFINITIONS).run(grace=10)
        print(client.status("i"), flush=True)
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_runtime_that_is_run_ends_in_order(tmp_path: Path, environment: Dict[str, str], how: Any) -> None:
    status, said, took = end(begin(tmp_path, environment, RUN), how)
    assert (status, said[0]) == (0, "finished")
    assert said[-1] in ("Completed", "Running")
    assert took < 8


def test_a_second_interrupt_does_not_wait_for_the_grace(tmp_path: Path, environment: Dict[str, str]) -> None:
    tells = """
        stop = perdure.Runtime.stop
        perdure.Runtime.stop = lambda self, grace: (print("stopping", flush=True), stop(self, grace))
    """
    stubborn = RUN.replace('"short"', '"stubborn"').replace("grace=10", "grace=60")
    process = begin(tmp_path, environment, tells.rstrip(" ") + stubborn)
    assert process.stdout is not None
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "stopping\n"
    status, said, took = end(process, signal.SIGINT)
    assert status == 0
    assert "interrupted" in said
    assert took < 15


def test_another_thread_ends_a_run(tmp_path: Path, environment: Dict[str, str]) -> None:
    stopped = RUN.replace(
        "perdure.Runtime(store, DEFINITIONS).run(grace=10)",
        "runtime = perdure.Runtime(store, DEFINITIONS)\n"
        "        threading.Timer(0.1, runtime.stop).start()\n        runtime.run()",
    )
    process = begin(tmp_path, environment, stopped)
    out, error = process.communicate(timeout=30)
    assert (process.returncode, error) == (0, "")
    assert out.splitlines()[-1] in ("Completed", "Running")
