"""Activities that run in processes of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List

import pytest
from rig import WAIT

import perdure
from perdure._processes import _Process

pytestmark = pytest.mark.library


@dataclass
class Range:
    begin: int
    end: int


class Odd(Exception):
    non_retryable = True

    def __init__(self, number: int) -> None:
        super().__init__(f"{number} is odd")
        self.details = {"number": number}


@perdure.activity(process=True)
def total(ctx: perdure.ActivityContext, numbers: Range) -> List[int]:
    return [os.getpid(), sum(range(numbers.begin, numbers.end))]


@perdure.activity(process=True)
def even(ctx: perdure.ActivityContext, number: int) -> None:
    if number % 2:
        raise Odd(number)


@perdure.activity(process=True, retry=perdure.RetryPolicy(max_attempts=2, initial_interval=0.01))
def crash_once(ctx: perdure.ActivityContext, how: str) -> Any:
    if ctx.last_heartbeat == "alive":
        return ctx.attempt
    ctx.heartbeat("alive")
    if how == "exit":
        os._exit(3)
    os.kill(os.getpid(), signal.SIGKILL)


@perdure.activity(process=True)
def crash(ctx: perdure.ActivityContext) -> None:
    os.abort()


@perdure.activity(process=True)
def polite(ctx: perdure.ActivityContext, path: str) -> None:
    Path(path).write_text("begun")
    assert ctx.wait_cancelled(WAIT)
    Path(path).write_text("told")


@perdure.activity(process=True)
def stubborn(ctx: perdure.ActivityContext, path: str) -> None:
    Path(path).write_text(str(os.getpid()))
    while True:
        pass


@perdure.activity(process=True)
def later(ctx: perdure.ActivityContext, path: str) -> Any:
    Path(path).write_text(ctx.token)
    return ctx.defer()


@perdure.activity(process=True)
def unfit(ctx: perdure.ActivityContext) -> Any:
    return object()


@perdure.orchestration
async def one(ctx: perdure.OrchestrationContext, work: List[Any]) -> Any:
    return await ctx.activity(*work)


@perdure.orchestration
async def failing(ctx: perdure.OrchestrationContext, work: List[Any]) -> Any:
    try:
        await ctx.activity(*work)
    except perdure.ActivityFailed as error:
        return [error.type, error.failure.message, error.failure.details]


@perdure.orchestration
async def retrying(ctx: perdure.OrchestrationContext, how: str) -> Any:
    return await ctx.activity(crash_once, how)


@perdure.orchestration
async def cancelling(ctx: perdure.OrchestrationContext, work: List[Any]) -> None:
    handle = ctx.activity(*work)
    await ctx.wait_for_event("stop")
    handle.cancel()


DEFINITIONS = [
    total,
    even,
    crash_once,
    crash,
    polite,
    stubborn,
    later,
    unfit,
    one,
    failing,
    retrying,
    cancelling,
]


def test_it_computes_in_another_process_which_is_kept(rig: Any) -> None:
    world = rig(*DEFINITIONS, processes=1)
    first = world.run(one, ["total", Range(0, 10)])
    assert first[1] == 45
    assert first[0] != os.getpid()
    assert world.run(one, ["total", Range(0, 5)]) == [first[0], 10]


def test_failures_and_values_that_do_not_fit_are_told(rig: Any) -> None:
    world = rig(*DEFINITIONS, processes=1)
    assert world.run(failing, ["even", 3]) == ["Odd", "3 is odd", {"number": 3}]
    assert "numbers.end: Range needs it" in world.run(failing, ["total", {"begin": 1}])[1]
    assert world.run(failing, ["unfit"])[:2] == [
        "InvalidArgument",
        "The result of activity 'unfit' is of type object, which cannot be encoded as JSON.",
    ]


@pytest.mark.parametrize("how", ["exit", "kill"])
def test_a_process_that_dies_is_a_failed_attempt(rig: Any, how: str) -> None:
    assert rig(*DEFINITIONS, processes=1).run(retrying, how) == 2


def test_a_crash_is_a_typed_failure_and_others_go_on(rig: Any) -> None:
    world = rig(*DEFINITIONS, processes=1)
    kind, message, details = world.run(failing, ["crash"])
    assert (kind, details) == ("perdure.ProcessDied", {"exitcode": -signal.SIGABRT})
    assert message == "The process that ran activity 'crash' was ended by SIGABRT before it answered."
    assert world.run(one, ["total", Range(0, 3)])[1] == 3


def test_it_hears_of_a_cancellation(rig: Any, tmp_path: Path) -> None:
    world, path = rig(*DEFINITIONS), tmp_path / "file"
    instance = world.client.start(cancelling, ["polite", str(path)])
    world.until(lambda: path.exists() and path.read_text() == "begun")
    world.client.raise_event(instance, "stop")
    world.until(lambda: path.read_text() == "told")


def test_one_that_does_not_listen_is_killed_after_its_grace(rig: Any, tmp_path: Path) -> None:
    world, path = rig(*DEFINITIONS, activity_grace=0.1, processes=1), tmp_path / "file"
    instance = world.client.start(cancelling, ["stubborn", str(path)])
    world.until(lambda: path.exists() and path.read_text())
    world.client.raise_event(instance, "stop")
    world.client.result(instance, WAIT)
    world.until(lambda: not alive(int(path.read_text())))
    assert world.run(one, ["total", Range(0, 3)])[1] == 3


def test_a_runtime_that_stops_ends_its_processes(rig: Any, tmp_path: Path) -> None:
    world, path = rig(*DEFINITIONS), tmp_path / "file"
    world.client.start(cancelling, ["stubborn", str(path)])
    world.until(lambda: path.exists() and path.read_text())
    begin = time.monotonic()
    world.runtime.stop(0)
    assert not alive(int(path.read_text()))
    assert time.monotonic() - begin < 10


def test_an_end_that_two_threads_ask_for_is_one() -> None:
    for process in [_Process() for _ in range(12)]:
        asking = threading.Thread(target=lambda each=process: all(iter(lambda: each.is_alive, False)))
        asking.start()
        process.close()
        asking.join()
        assert not process.is_alive


def test_it_may_defer_its_end(rig: Any, tmp_path: Path) -> None:
    world, path = rig(*DEFINITIONS), tmp_path / "token"
    instance = world.client.start(one, ["later", str(path)])
    world.until(lambda: path.exists() and path.read_text())
    world.client.complete_activity(path.read_text(), "done")
    assert world.client.result(instance, WAIT) == "done"


def test_what_no_process_could_find_is_refused(rig: Any) -> None:
    @perdure.activity(process=True)
    def local(ctx: perdure.ActivityContext) -> None: ...

    with pytest.raises(perdure.InvalidArgument, match="at the top level of its module"):
        rig(local)
    with pytest.raises(perdure.InvalidArgument, match="make it a plain def"):

        @perdure.activity(process=True)
        async def waiting(ctx: perdure.ActivityContext) -> None: ...


PROGRAM = """
    import os, sys, threading, time
    import perdure

    @perdure.activity(process=True)
    def work(ctx: perdure.ActivityContext) -> int:
        if len(sys.argv) > 1:
            print(os.getpid(), flush=True)
            while True:
                pass
        return os.getpid()

    @perdure.orchestration
    async def one(ctx: perdure.OrchestrationContext) -> int:
        return await ctx.activity(work)

    {guard}
        with perdure.Store("memory:") as store, perdure.Runtime(store, [one, work], processes=1):
            client = perdure.Client(store)
            print(client.result(client.start(one), 30) != os.getpid())
"""


def program(tmp_path: Path, guard: str) -> List[str]:
    path = tmp_path / "program.py"
    path.write_text(textwrap.dedent(PROGRAM).replace("{guard}", guard))
    return [sys.executable, "-W", "error", str(path)]


def test_it_works_in_the_main_program(tmp_path: Path, environment: Dict[str, str]) -> None:
    command = program(tmp_path, 'if __name__ == "__main__":')
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "True\n", "")


def test_a_program_without_a_guard_is_told(tmp_path: Path, environment: Dict[str, str]) -> None:
    command = program(tmp_path, "if True:")
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert 'under `if __name__ == "__main__":`' in done.stderr
    assert "perdure.ProcessDied" in done.stderr


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_no_process_outlives_its_parent(tmp_path: Path, environment: Dict[str, str], end: Any) -> None:
    command = [*program(tmp_path, 'if __name__ == "__main__":'), "forever"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        timer = threading.Timer(WAIT, process.kill)
        timer.start()
        child = int(process.stdout.readline())
        process.send_signal(end)
        process.wait()
        timer.cancel()
    deadline = time.monotonic() + WAIT
    while alive(child) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not alive(child)


def alive(process: int) -> bool:
    """It runs; what is ended and not asked for does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
