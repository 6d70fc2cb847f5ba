"""The life of runtimes and stores with the real library: slots, stopping, registration, settings, logs."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
import weakref
from pathlib import Path
from typing import Any, List

import pytest
from programs import ACTIVITIES, ORCHESTRATIONS, async_double, call, double, numbers
from rig import WAIT

import perdure

pytestmark = pytest.mark.library


@pytest.mark.parametrize("options", [{"cache": False}, {"cached_instances": 1}, {"activity_slots": 1}])
def test_every_setting_gives_the_same_results(store: perdure.Store, options: Any) -> None:
    with perdure.Runtime(store, [*ACTIVITIES, *ORCHESTRATIONS], **options), perdure.Client(store) as client:
        ids = [client.start(numbers, item) for item in range(10)]
        assert [client.result(each, WAIT) for each in ids] == [item * (item - 1) for item in range(10)]


def test_a_runtime_that_was_not_started_closes_when_nobody_has_it(store: perdure.Store) -> None:
    gc.disable()
    try:
        runtime = weakref.ref(perdure.Runtime(store, [*ACTIVITIES, *ORCHESTRATIONS]))
        assert runtime() is None, "only the garbage collector finds it, and the store stays open"
    finally:
        gc.enable()


def test_slots_bound_the_activities_that_run_at_once(store: perdure.Store) -> None:
    running, most, lock = 0, 0, threading.Lock()

    @perdure.activity
    def work(ctx: perdure.ActivityContext) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.02)
        with lock:
            running -= 1

    @perdure.orchestration
    async def many(ctx: perdure.OrchestrationContext) -> None:
        await asyncio.gather(*(ctx.activity(work) for _ in range(12)))

    with perdure.Runtime(store, [work, many], activity_slots=3), perdure.Client(store) as client:
        client.result(client.start(many), WAIT)
    assert most == 3


def test_a_slow_activity_holds_up_nobody_else(store: perdure.Store) -> None:
    release = threading.Event()

    @perdure.activity
    def slow(ctx: perdure.ActivityContext) -> str:
        release.wait(WAIT)
        return "slow"

    @perdure.orchestration
    async def two(ctx: perdure.OrchestrationContext) -> Any:
        waiting = ctx.activity(slow)
        quick = [await ctx.activity(double, item) for item in range(3)]
        release.set()
        return [quick, await waiting]

    with perdure.Runtime(store, [slow, double, two], activity_slots=2), perdure.Client(store) as client:
        assert client.result(client.start(two), WAIT) == [[0, 2, 4], "slow"]


def test_stopping_waits_for_running_activities(store: perdure.Store) -> None:
    began, ended = threading.Event(), []

    @perdure.activity
    def slow(ctx: perdure.ActivityContext) -> str:
        began.set()
        time.sleep(0.3)
        ended.append(True)
        return "done"

    @perdure.orchestration
    async def one(ctx: perdure.OrchestrationContext) -> str:
        return await ctx.activity(slow)

    with perdure.Client(store) as client:
        with perdure.Runtime(store, [slow, one]):
            instance = client.start(one)
            assert began.wait(WAIT)
        assert ended == [True]
        with perdure.Runtime(store, [slow, one]):
            assert client.result(instance, WAIT) == "done"
        assert ended == [True], "the result was on disk: it need not run again"


def test_a_tag_is_not_taken_for_a_list_of_letters(store: perdure.Store) -> None:
    with pytest.raises(perdure.InvalidArgument, match="not 'gpu'"):
        perdure.Runtime(store, activity_tags="gpu")  # type: ignore[arg-type]


def test_many_writers_on_one_file_never_find_it_locked(tmp_path: Path) -> None:
    stores = [perdure.Store(f"sqlite:{tmp_path / 'shared.sqlite'}") for _ in range(4)]
    errors: List[Exception] = []

    def write(number: int, store: perdure.Store) -> None:
        try:
            with perdure.Client(store) as client:
                ids = [client.start(numbers, 3, instance=f"{number}-{item}") for item in range(40)]
                for each in ids:
                    assert client.result(each, WAIT) == 6
        except Exception as error:
            errors.append(error)

    with perdure.Runtime(stores[0], [numbers, double, async_double]):
        threads = [threading.Thread(target=write, args=pair) for pair in enumerate(stores)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    for store in stores:
        store.close()
    assert errors == []


def test_a_wide_fan_out_is_not_quadratic(store: perdure.Store) -> None:
    with perdure.Runtime(store, [numbers, double, async_double]), perdure.Client(store) as client:
        seconds = {}
        for count in (500, 2000):
            begin = time.monotonic()
            assert client.result(client.start(numbers, count), 60) == count * (count - 1)
            seconds[count] = time.monotonic() - begin
    # Four times the work; sixteen times the time would be quadratic.
    assert seconds[2000] < 10 * seconds[500]


def test_a_runtime_that_is_gone_stays_quiet(store: perdure.Store) -> None:
    runtime = perdure.Runtime(store, [double, numbers]).start()
    runtime.stop()
    runtime.stop()
    with pytest.raises(perdure.WrongStatus, match="before the runtime is started"):
        runtime.register(call)
    with pytest.raises(perdure.WrongStatus):
        runtime.start()


def test_names_are_registered_once(store: perdure.Store) -> None:
    @perdure.activity(name="double")
    def other(ctx: perdure.ActivityContext) -> None: ...

    with perdure.Runtime(store, [double]) as runtime:
        assert runtime is not None
    with pytest.raises(perdure.InvalidArgument, match="'double' is registered already"):
        perdure.Runtime(store, [double, other])
    with pytest.raises(perdure.InvalidArgument, match="not decorated"):
        perdure.Runtime(store, [len])  # type: ignore[list-item]


def test_a_store_that_cannot_be_opened_says_why(tmp_path: Path) -> None:
    with pytest.raises(perdure.StoreError, match="no-such-folder"):
        perdure.Store(f"sqlite:{tmp_path}/no-such-folder/x.sqlite")
    with pytest.raises(perdure.PerdureError, match="oracle"):
        perdure.Store("oracle:x")
    foreign = tmp_path / "foreign.sqlite"
    foreign.write_bytes(b"not a database at all" * 100)
    with pytest.raises(perdure.StoreError):
        perdure.Store(f"sqlite:{foreign}")
    assert foreign.read_bytes() == b"not a database at all" * 100


def test_nondeterminism_sets_the_instance_aside(store: perdure.Store) -> None:
    @perdure.orchestration(name="fickle")
    async def after(ctx: perdure.OrchestrationContext) -> Any:
        return await ctx.activity(double, 1)

    @perdure.orchestration(name="fickle")
    async def before(ctx: perdure.OrchestrationContext) -> Any:
        await ctx.wait_for_event("go")

    with perdure.Client(store) as client:
        with perdure.Runtime(store, [before]):
            instance = client.start("fickle")
            while len(client.history(instance)) < 2:
                time.sleep(0.01)
        with perdure.Runtime(store, [after, *ACTIVITIES]):
            client.raise_event(instance, "go")
            deadline = time.monotonic() + WAIT
            while client.status(instance) != "Quarantined" and time.monotonic() < deadline:
                time.sleep(0.01)
            description = client.describe(instance)
    assert description.status == "Quarantined"
    assert description.failure is not None
    assert description.failure.type == "perdure.Nondeterminism"


def test_the_log_of_orchestrations_goes_where_it_is_sent(
    store: perdure.Store, caplog: pytest.LogCaptureFixture
) -> None:
    @perdure.orchestration
    async def talks(ctx: perdure.OrchestrationContext) -> None:
        ctx.log.info("before")
        await ctx.activity(double, 1)
        ctx.log.warning("after %d", 1)

    with caplog.at_level("INFO", "perdure"):
        perdure.log_to()
        with perdure.Runtime(store, [double, talks], cache=False), perdure.Client(store) as client:
            client.result(client.start(talks, instance="talker"), WAIT)
        # Log records travel by themselves: the result may be faster.
        lines: List[str] = []
        deadline = time.monotonic() + WAIT
        while len(lines) < 2 and time.monotonic() < deadline:
            lines = [record.message for record in caplog.records if "talker" in record.message]
            time.sleep(0.01)
    assert lines == ["talker: before", "talker: after 1"]


def test_the_level_of_the_log_is_kept(store: perdure.Store, caplog: pytest.LogCaptureFixture) -> None:
    @perdure.orchestration
    async def talks(ctx: perdure.OrchestrationContext) -> None:
        for level in ("debug", "info", "warning", "error"):
            getattr(ctx.log, level)("a line of level %s", level)

    with caplog.at_level("DEBUG", "perdure"):
        perdure.log_to(level="error")
        with perdure.Runtime(store, [talks]), perdure.Client(store) as client:
            client.result(client.start(talks), WAIT)
        deadline = time.monotonic() + WAIT
        while not caplog.records and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.05)
        perdure.log_to()
    assert [record.message.split(": ")[1] for record in caplog.records] == ["a line of level error"]


def test_memory_stores() -> None:
    definitions = [double, async_double, numbers]
    with (
        perdure.Store("memory:") as store,
        perdure.Runtime(store, definitions),
        perdure.Client(store) as client,
    ):
        assert client.result(client.start(numbers, 10), WAIT) == 90
