"""What happens to the process: killed in the middle, forked, ended while work is open, without a library."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Dict

import pytest

import perdure

WORKER = """
    import asyncio, os, sys, time
    import perdure

    @perdure.activity
    def step(ctx: perdure.ActivityContext, number: int) -> int:
        with open(sys.argv[2], "a") as log:
            log.write(f"{ctx.instance_id} {number}\\n")
        time.sleep(0.01)
        return number

    @perdure.orchestration
    async def steps(ctx: perdure.OrchestrationContext, count: int) -> list:
        done = []
        for number in range(count):
            done.append(await ctx.activity(step, number))
            if number % 5 == 4:
                await asyncio.sleep(0.02)
        return done

    with perdure.Store(sys.argv[1]) as store, perdure.Runtime(store, [step, steps]):
        print("ready", flush=True)
        time.sleep(600)
"""


def script(tmp_path: Path, code: str) -> str:
    path = tmp_path / "program.py"
    path.write_text(textwrap.dedent(code))
    return str(path)


def run(
    tmp_path: Path, environment: Dict[str, str], code: str, **extra: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-W", "ignore::DeprecationWarning", script(tmp_path, code)],
        env={**environment, **extra},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.library
@pytest.mark.parametrize("kills", [1, 4])
def test_instances_go_on_after_the_process_is_killed(
    tmp_path: Path, environment: Dict[str, str], kills: int
) -> None:
    url, log, count, instances = f"sqlite:{tmp_path / 'app.sqlite'}", tmp_path / "log", 40, 6
    command = [sys.executable, script(tmp_path, WORKER), url, str(log)]

    def worker() -> subprocess.Popen[str]:
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    with perdure.Store(url) as store, perdure.Client(store) as client:
        ids = [client.start("steps", count, instance=f"i-{item}") for item in range(instances)]
        for _ in range(kills):
            process = worker()
            begun = len(log.read_text().splitlines()) if log.exists() else 0
            while not log.exists() or len(log.read_text().splitlines()) < begun + 20:
                time.sleep(0.005)
            os.kill(process.pid, signal.SIGKILL)
            assert process.wait() == -signal.SIGKILL
            process.stdout.close()  # type: ignore[union-attr]
        assert "Completed" not in {client.status(each) for each in ids}, "killed too late to show anything"
        process = worker()
        try:
            for each in ids:
                assert client.result(each, 60) == list(range(count))
        finally:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            process.stdout.close()  # type: ignore[union-attr]
        ran = log.read_text().splitlines()
        assert len(set(ran)) == instances * count, "every step ran"
        assert len(ran) - len(set(ran)) <= kills * 8, (
            "at most what the killed process had in its slots ran again"
        )
        for each in ids:
            completed = [event for event in client.history(each) if event["kind"] == "ActivityCompleted"]
            assert [event["result"] for event in completed] == list(range(count))


@pytest.mark.library
def test_a_handle_is_refused_in_a_forked_child(tmp_path: Path, environment: Dict[str, str]) -> None:
    code = """
        import os, sys
        import perdure
        store = perdure.Store("sqlite:fork.sqlite")
        client = perdure.Client(store)
        instance = client.start("nothing")
        child = os.fork()
        if child == 0:
            try:
                client.describe(instance)
            except perdure.Forked as error:
                print("refused:", error, flush=True)
            with perdure.Store("sqlite:fork.sqlite") as opened, perdure.Client(opened) as own:
                own.start("nothing", instance="mine")
                print("own:", own.describe(instance).status, flush=True)
            sys.exit(0)  # runs what is registered for the end of the process
        assert os.waitpid(child, 0)[1] == 0
        print("parent:", client.describe(instance).status, client.describe("mine").status)
    """
    done = run(tmp_path, environment, code)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("refused: ")
    assert lines[1:] == ["own: Pending", "parent: Pending Pending"]


@pytest.mark.library
def test_forked_children_run_beside_a_busy_parent(tmp_path: Path, environment: Dict[str, str]) -> None:
    code = """
        import logging, os, signal, threading
        import perdure

        class Records(logging.Handler):
            def emit(self, record):
                if getattr(record, "perdure_instance", None):
                    seen.add(record.perdure_orchestration)
                    if "childs" in seen:
                        told.set()

        seen, told = set(), threading.Event()
        logging.getLogger("perdure").addHandler(Records())
        logging.getLogger("perdure").setLevel("DEBUG")
        perdure.log_to(level="debug")

        @perdure.activity
        def echo(ctx, value: int) -> int:
            return value

        @perdure.orchestration
        async def parents(ctx, value: int) -> int:
            return await ctx.activity(echo, value)

        @perdure.orchestration
        async def childs(ctx, value: int) -> int:
            await ctx.timer(0.05)
            return await ctx.activity(echo, value)

        def as_child(number: int) -> None:
            signal.alarm(60)
            with perdure.Store("sqlite:fork.sqlite") as store, perdure.Runtime(store, [childs, echo]):
                own = perdure.Client(store)
                assert own.result(own.start(childs, number), 30) == number
                assert told.wait(30)

        def load(client: perdure.Client) -> None:
            while not stop.is_set():
                client.result(client.start(parents, 1), 30)
                done.release()

        stop, done = threading.Event(), threading.Semaphore(0)
        with perdure.Store("sqlite:fork.sqlite") as store, perdure.Runtime(store, [parents, echo]):
            client = perdure.Client(store)
            threads = [threading.Thread(target=load, args=(client,)) for _ in range(4)]
            for thread in threads:
                thread.start()
            # What is made once has been made: a child would wait for a thread that is in the middle of it.
            for _ in range(40):
                done.acquire(timeout=30)
            ended = []
            for number in range(8):
                child = os.fork()
                if child == 0:
                    as_child(number)
                    os._exit(0)
                ended.append(os.waitpid(child, 0)[1])
            stop.set()
            for thread in threads:
                thread.join()
            assert ended == 8 * [0], ended
            print(len(list(client.list(orchestration="childs"))))
    """
    done = run(tmp_path, environment, code)
    assert (done.returncode, done.stdout, done.stderr) == (0, "8\n", "")


@pytest.mark.library
@pytest.mark.parametrize("end", ["pass", "sys.exit(0)", "raise SystemExit(0)"])
def test_a_process_ends_cleanly_with_everything_open(
    tmp_path: Path, environment: Dict[str, str], end: str
) -> None:
    code = f"""
        import asyncio, sys, threading, time
        import perdure

        @perdure.activity
        def slow(ctx):
            time.sleep(30)

        @perdure.activity
        async def slow_too(ctx):
            await asyncio.sleep(30)

        @perdure.orchestration
        async def waits(ctx):
            try:
                await asyncio.gather(ctx.activity(slow), ctx.activity(slow_too), ctx.wait_for_event("never"))
            finally:
                await ctx.activity(slow)

        perdure.log_to(level="debug")
        store = perdure.Store("sqlite:open.sqlite")
        runtime = perdure.Runtime(store, [slow, slow_too, waits]).start()
        client = perdure.Client(store)
        instances = [client.start(waits) for _ in range(20)]

        def wait(instance):
            try:
                client.wait(instance)
            except perdure.Closed:
                pass

        for instance in instances:
            threading.Thread(target=wait, args=(instance,), daemon=True).start()
        time.sleep(0.3)
        print("end", flush=True)
        {end}
    """
    begin = time.monotonic()
    done = run(tmp_path, environment, code)
    assert (done.returncode, done.stdout, done.stderr) == (0, "end\n", "")
    assert time.monotonic() - begin < 10


@pytest.mark.library
def test_an_interrupt_ends_a_wait(tmp_path: Path, environment: Dict[str, str]) -> None:
    code = """
        import os, signal, threading
        import perdure
        # Background jobs of a shell begin with interrupts ignored.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        store = perdure.Store("memory:")
        client = perdure.Client(store)
        instance = client.start("nothing")
        threading.Timer(0.2, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
        try:
            client.wait(instance)
        except KeyboardInterrupt:
            print("interrupted")
    """
    done = run(tmp_path, environment, code)
    assert (done.returncode, done.stdout, done.stderr) == (0, "interrupted\n", "")


# ---- Without a library ---------------------------------------------------------------------------

OPEN = """
    import perdure
    try:
        perdure.Store("memory:")
    except perdure.LibraryNotLoaded as error:
        print(error)
"""


def test_a_missing_library_is_named(tmp_path: Path, environment: Dict[str, str]) -> None:
    done = run(tmp_path, environment, OPEN, PERDURE_LIBRARY="/nowhere/libdx.so")
    assert "/nowhere/libdx.so" in done.stdout
    assert "or set PERDURE_LIBRARY" in done.stdout


def test_another_library_is_refused(tmp_path: Path, environment: Dict[str, str]) -> None:
    done = run(tmp_path, environment, OPEN, PERDURE_LIBRARY="libc.so.6")
    assert "is not a Perdure library" in done.stdout


def test_a_library_of_another_abi_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from perdure import _abi, _library

    class Older(_library.Library):
        def __init__(self, version: int) -> None:
            class Functions:
                @staticmethod
                def dx_abi_version() -> int:
                    return version

            self.path, self.dx = "old.so", Functions()

    monkeypatch.setattr(_abi, "ABI_MINOR", 3)
    Older(1 << 16 | 3)._check_abi()
    Older(1 << 16 | 4)._check_abi()
    for version, named in [(2 << 16, "ABI 2.0"), (1 << 16 | 2, "ABI 1.2"), (0, "ABI 0.0")]:
        with pytest.raises(perdure.LibraryNotLoaded, match=named):
            Older(version)._check_abi()


def test_the_declarations_are_those_of_the_header() -> None:
    import re

    from conftest import ROOT

    from perdure import _abi

    header = (ROOT / "include" / "dx.h").read_text()
    functions = re.findall(r"^DX_API [^;]*?\b(dx_\w+)\(", header, re.MULTILINE)
    assert [name for name, _, _ in _abi.DECLARATIONS] == functions
    codes = {int(code) for code in re.findall(r"\bDX_[A-Z_]+ = (\d+)", header)} - {0}
    from perdure.errors import BY_CODE

    assert set(BY_CODE) == codes
