"""Runtimes in asyncio programs: async activities on the loop of the program."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import Any, Awaitable, Callable, Dict, List

import pytest
from rig import WAIT

import perdure

pytestmark = pytest.mark.library


class Pool:
    """What belongs to a loop, such as a pool of connections."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.free = asyncio.Semaphore(1)
        self.seen: List[bool] = []


pools: List[Pool] = []


@perdure.activity
async def use_pool(ctx: perdure.ActivityContext) -> bool:
    pool = pools[-1]
    async with pool.free:
        await asyncio.sleep(0)
        return asyncio.get_running_loop() is pool.loop


@perdure.activity
def use_thread(ctx: perdure.ActivityContext) -> bool:
    return threading.current_thread() is not threading.main_thread()


@perdure.orchestration
async def both(ctx: perdure.OrchestrationContext) -> List[bool]:
    return [*await asyncio.gather(ctx.activity(use_pool), ctx.activity(use_pool), ctx.activity(use_thread))]


def running(program: Callable[[perdure.Store], Awaitable[Any]], url: str = "memory:") -> Any:
    async def main() -> Any:
        pools.append(Pool())
        with perdure.Store(url) as store:
            return await asyncio.wait_for(program(store), WAIT)

    return asyncio.run(main())


def test_async_activities_run_on_the_loop_of_the_program() -> None:
    async def program(store: perdure.Store) -> Any:
        async with perdure.Runtime(store, [both, use_pool, use_thread]), perdure.AsyncClient(store) as client:
            return await client.result(await client.start(both))

    assert running(program) == [True, True, True]


def test_an_activity_may_end_within_the_grace_of_a_stop() -> None:
    begun: List[asyncio.Event] = []
    ended: List[str] = []

    @perdure.activity
    async def slow(ctx: perdure.ActivityContext) -> None:
        begun[0].set()
        await asyncio.sleep(0.05)
        ended.append("ended")

    @perdure.orchestration
    async def one(ctx: perdure.OrchestrationContext) -> None:
        await ctx.activity(slow)

    async def program(store: perdure.Store) -> None:
        begun.append(asyncio.Event())
        async with perdure.Runtime(store, [one, slow]), perdure.AsyncClient(store) as client:
            await client.start(one)
            await begun[0].wait()

    running(program)
    assert ended == ["ended"]


def test_a_cancellation_reaches_the_task() -> None:
    seen: List[str] = []
    begun: List[asyncio.Event] = []

    @perdure.activity
    async def hangs(ctx: perdure.ActivityContext) -> None:
        begun[0].set()
        try:
            await asyncio.sleep(WAIT)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    @perdure.orchestration
    async def one(ctx: perdure.OrchestrationContext) -> None:
        await ctx.activity(hangs)

    async def program(store: perdure.Store) -> str:
        begun.append(asyncio.Event())
        async with perdure.Runtime(store, [one, hangs]), perdure.AsyncClient(store) as client:
            instance = await client.start(one)
            await begun[0].wait()
            await client.cancel(instance)
            return (await client.wait(instance)).status

    assert running(program) == "Cancelled"
    assert seen == ["cancelled"]


def test_an_activity_that_cancels_itself_has_failed() -> None:
    @perdure.activity
    async def gives_up(ctx: perdure.ActivityContext) -> None:
        raise asyncio.CancelledError

    @perdure.orchestration
    async def one(ctx: perdure.OrchestrationContext) -> str:
        try:
            await ctx.activity(gives_up)
        except perdure.ActivityFailed as error:
            return error.type
        return "it went on"

    async def program(store: perdure.Store) -> Any:
        async with perdure.Runtime(store, [one, gives_up]), perdure.AsyncClient(store) as client:
            return await client.result(await client.start(one))

    assert running(program) == "CancelledError"


def test_a_runtime_is_run_by_the_main_thread() -> None:
    async def program(store: perdure.Store) -> None:
        with pytest.raises(perdure.WrongStatus, match="on the main thread"):
            await asyncio.get_running_loop().run_in_executor(None, perdure.Runtime(store).run)

    running(program)


def test_a_loop_that_is_closed_fails_its_activities() -> None:
    with perdure.Store("memory:") as store:

        async def begin() -> perdure.Runtime:
            return await perdure.Runtime(store, [both, use_pool, use_thread]).__aenter__()

        runtime = asyncio.run(begin())
        client = perdure.Client(store)
        with pytest.raises(perdure.OrchestrationFailed, match=r"event loop .* is closed"):
            client.result(client.start(both), WAIT)
        runtime.stop(0)


@pytest.mark.parametrize("stop", ["os.kill(os.getpid(), signal.SIGINT)", "raise KeyboardInterrupt"])
def test_an_interrupted_program_ends_and_its_activities_are_taken_up_again(
    tmp_path: Path, environment: Dict[str, str], stop: str
) -> None:
    code = f"""
        import asyncio, os, signal, sys
        import perdure
        signal.signal(signal.SIGINT, signal.default_int_handler)

        @perdure.activity
        async def work(ctx: perdure.ActivityContext) -> int:
            if "first" in sys.argv:
                asyncio.get_running_loop().call_soon(interrupt)
                await asyncio.sleep(60)
            return ctx.attempt

        def interrupt():
            {stop}

        @perdure.orchestration
        async def one(ctx: perdure.OrchestrationContext) -> int:
            return await ctx.activity(work)

        async def main():
            with perdure.Store("sqlite:app.sqlite") as store:
                async with perdure.Runtime(store, [one, work]), perdure.AsyncClient(store) as client:
                    await client.start(one, instance="i", policy="use_existing")
                    print(await client.result("i", 30))

        try:
            asyncio.run(main())
        except KeyboardInterrupt:
            print("interrupted")
    """
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(code))

    def run(*arguments: str) -> Any:
        return subprocess.run(
            [sys.executable, "-W", "error", str(program), *arguments],
            env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=30,
        )  # fmt: skip

    done = run("first")
    assert (done.stdout, done.stderr) == ("interrupted\n", "")
    done = run()
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout in ("1\n", "2\n")
