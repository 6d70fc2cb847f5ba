"""Runtimes, providers, metrics, tracing, and what the module offers."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Callable, Dict

import pytest

import perdure.duroxide as module
from perdure.duroxide import (
    Client,
    NotSupported,
    PostgresEntraOptions,
    PostgresProvider,
    Runtime,
    RuntimeOptions,
    SqliteProvider,
    TagFilter,
)

from .world import World

Make = Callable[..., World]


def echo(ctx: Any, value: Any) -> Any:
    return value


def call(ctx: Any, value: Any) -> Any:
    return (yield ctx.schedule_activity("Echo", value))


# ---- Life ----------------------------------------------------------------------------------------


def test_an_idle_runtime_shuts_down_at_once_and_twice(world: Make) -> None:
    made = world({"Call": call}, {"Echo": echo})
    assert made.output("Call", 1) == 1
    begin = time.monotonic()
    made.runtime.shutdown(10_000)
    made.runtime.shutdown()
    assert time.monotonic() - begin < 5
    with pytest.raises(RuntimeError, match="make a new one"):
        made.runtime.start()


def test_a_runtime_starts_once(world: Make) -> None:
    with pytest.raises(RuntimeError, match="started before"):
        world({"Call": call}).runtime.start()


def test_a_runtime_that_was_never_started_can_be_shut_down() -> None:
    Runtime(SqliteProvider.in_memory()).shutdown()


def test_work_in_flight_is_picked_up_by_the_next_runtime(world: Make) -> None:
    began, may_end = threading.Event(), threading.Event()

    def slow(ctx: Any, _: Any) -> Any:
        began.set()
        may_end.wait(20)
        return "done"

    made = world({"Call": call}, {"Echo": slow})
    instance = made.start("Call")
    assert began.wait(10)
    begin = time.monotonic()
    made.runtime.shutdown(50)
    assert time.monotonic() - begin < 8
    may_end.set()
    made.restart()
    assert made.wait(instance).output == "done"


def test_runtimes_and_clients_share_a_provider(world: Make) -> None:
    made = world({"Call": call}, {"Echo": echo})
    second = made.make_runtime({"Call": call}, {"Echo": echo})
    second.start()
    instances = [made.start("Call", item) for item in range(20)]
    assert [Client(made.provider).wait_for_orchestration(each).output for each in instances] == list(
        range(20)
    )
    second.shutdown()
    assert made.output("Call", "still") == "still"


def test_a_runtime_may_leave_orchestrations_or_activities_to_others(world: Make) -> None:
    made = world({"Call": call}, {"Echo": echo}, options=RuntimeOptions(worker_concurrency=0))
    instance = made.start("Call", 5)
    with pytest.raises(RuntimeError, match="timed out"):
        made.client.wait_for_orchestration(instance, 50)
    options = RuntimeOptions(orchestration_concurrency=0, worker_node_id="n", worker_concurrency=3)
    worker = made.make_runtime({"Call": call}, {"Echo": lambda ctx, _: ctx.worker_id}, options)
    worker.start()
    assert made.wait(instance).output in ("work-0-n", "work-1-n", "work-2-n")
    worker.shutdown()


def test_so_many_activities_run_at_once(world: Make) -> None:
    lock, running, most = threading.Lock(), [0], [0]

    def busy(ctx: Any, _: Any) -> Any:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        time.sleep(0.02)
        with lock:
            running[0] -= 1

    def wide(ctx: Any, _: Any) -> Any:
        yield ctx.all([ctx.schedule_activity("Busy") for _ in range(8)])

    world({"Wide": wide}, {"Busy": busy}, options=RuntimeOptions(worker_concurrency=2)).output("Wide")
    assert most[0] == 2


# ---- Options -------------------------------------------------------------------------------------

OPTIONS = (
    "orchestration_concurrency", "worker_concurrency", "dispatcher_poll_interval_ms",
    "worker_lock_timeout_ms", "log_format", "log_level", "service_name", "service_version",
    "max_sessions_per_runtime", "session_idle_timeout_ms", "worker_node_id", "worker_tag_filter",
    "orchestrator_lock_timeout_ms", "orchestrator_lock_renewal_buffer_ms", "max_attempts",
    "worker_lock_renewal_buffer_ms", "session_lock_timeout_ms", "session_lock_renewal_buffer_ms",
)  # fmt: skip


def test_options_are_read_in_order_and_not_written() -> None:
    given = RuntimeOptions(*range(len(OPTIONS)))  # type: ignore[arg-type]
    assert [getattr(given, name) for name in OPTIONS] == list(range(len(OPTIONS)))
    assert {getattr(RuntimeOptions(), name) for name in OPTIONS} == {None}
    with pytest.raises(AttributeError):
        given.log_level = "info"  # type: ignore[misc]
    with pytest.raises(TypeError):
        RuntimeOptions(worker_concurency=2)  # type: ignore[call-arg]


def test_a_runtime_takes_every_option(world: Make) -> None:
    options = RuntimeOptions(
        4, 8, 50, 1000, "json", "error", "s", "1", 3, 60_000, "node", "any", 1, 1, 5, 1, 1, 1
    )
    assert world({"Call": call}, {"Echo": echo}, options=options).output("Call", 1) == 1


def test_options_that_cannot_be_are_refused() -> None:
    for options in (RuntimeOptions(max_sessions_per_runtime=-1), RuntimeOptions(worker_concurrency=10**6)):
        with pytest.raises(RuntimeError):
            Runtime(SqliteProvider.in_memory(), options)


def test_tag_filters_are_text() -> None:
    assert (TagFilter.DEFAULT_ONLY, TagFilter.ANY, TagFilter.NONE) == ("default_only", "any", "none")
    assert TagFilter.tags(["a", "b"]) == '{"tags": ["a", "b"]}'
    assert TagFilter.default_and(["a"]) == '{"default_and": ["a"]}'


# ---- Providers -----------------------------------------------------------------------------------


def test_a_path_or_a_url_makes_the_file_and_its_folders(tmp_path: Path) -> None:
    plain, url, slashes = (tmp_path / name / "deep" / "x.db" for name in ("plain", "url", "slashes"))
    for path, given in (
        (plain, str(plain)),
        (url, f"sqlite:{url}"),
        (slashes, f"sqlite://{slashes}?mode=rwc"),
    ):
        provider = SqliteProvider.open(given)
        Client(provider).start_orchestration("i", "Any")
        assert path.exists()
        provider.store.close()


def test_each_store_in_memory_is_a_store_of_its_own() -> None:
    one, other = SqliteProvider.in_memory(), SqliteProvider.open("sqlite::memory:")
    Client(one).start_orchestration("i", "Any")
    assert Client(one).list_all_instances() == ["i"]
    assert Client(other).list_all_instances() == []


def test_what_cannot_be_opened_is_a_runtime_error(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=str(tmp_path)):
        SqliteProvider.open(str(tmp_path))
    (tmp_path / "file").write_text("not a store, but longer than a header" * 100)
    with pytest.raises(RuntimeError):
        SqliteProvider.open(str(tmp_path / "file"))
    with pytest.raises(RuntimeError, match="folder"):
        SqliteProvider.open(str(tmp_path / "file" / "x.db"))


def test_postgres_with_entra_says_what_to_use_in_its_place() -> None:
    options = PostgresEntraOptions(
        audience="a", max_connections=1, acquire_timeout_ms=2, refresh_interval_ms=3
    )
    for make in (
        lambda: PostgresProvider.connect_with_entra("h", 5432, "d", "u", options),
        lambda: PostgresProvider.connect_with_schema_and_entra("h", 5432, "d", "u", "s", options),
    ):
        with pytest.raises(NotSupported, match=r"azure-identity, or .*token_provider"):
            make()
    with pytest.raises(RuntimeError, match="Failed to connect to PostgreSQL: Invalid schema_name"):
        PostgresProvider.connect_with_schema("postgres://h/d", "no-good")


def test_postgres_that_is_not_there_is_an_error_without_the_password() -> None:
    for make in (
        lambda: PostgresProvider.connect("postgres://me:secret@127.0.0.1:1/d"),
        lambda: PostgresProvider.connect_with_schema("postgres://me:secret@127.0.0.1:1/d?a=1", "my_schema"),
    ):
        with pytest.raises(RuntimeError, match=r"127\.0\.0\.1:1/d") as caught:
            make()
        assert "secret" not in str(caught.value)


# ---- Metrics and tracing -------------------------------------------------------------------------


def test_a_snapshot_counts_what_happened_since_the_start(world: Make) -> None:
    def fail(ctx: Any, _: Any) -> Any:
        raise ValueError

    def rounds(ctx: Any, left: Any) -> Any:
        try:
            yield ctx.schedule_activity("Fail")
        except Exception:
            pass
        yield ctx.schedule_sub_orchestration("Call", 1)
        if left:
            yield ctx.continue_as_new(left - 1)
        raise ValueError

    made = world({"Call": call, "Rounds": rounds}, {"Echo": echo, "Fail": fail}, start=False)
    assert made.runtime.metrics_snapshot() is None
    made.runtime.start()
    made.output("Call", 1)
    first = made.runtime.metrics_snapshot()
    assert first is not None
    assert (first.orch_starts, first.orch_completions, first.activity_success) == (1, 1, 1)
    assert made.run("Rounds", 1).status == "Failed"
    seen = made.runtime.metrics_snapshot()
    assert seen is not None
    counts = (seen.orch_starts, seen.orch_completions, seen.orch_failures, seen.orch_application_errors)
    assert counts == (4, 3, 1, 1)
    assert (seen.activity_success, seen.activity_app_errors, seen.orch_continue_as_new) == (3, 2, 1)
    assert seen.suborchestration_calls == 2
    assert seen.orch_dispatcher_items_fetched >= 4
    assert seen.worker_dispatcher_items_fetched == 5
    none = (
        seen.orch_infrastructure_errors, seen.orch_configuration_errors, seen.orch_poison,
        seen.activity_infra_errors, seen.activity_config_errors, seen.activity_poison, seen.provider_errors,
    )  # fmt: skip
    assert none == (0,) * 7
    made.runtime.shutdown()
    assert made.runtime.metrics_snapshot() is None


TRACING = """
import json, sys
from perdure.duroxide import Client, Runtime, SqliteProvider, init_tracing

log, format = sys.argv[1:]
try:
    init_tracing(log + "/no/such/folder.log")
except RuntimeError as error:
    assert "Failed to open log file" in str(error), error
try:
    init_tracing(log, "loud")
except RuntimeError as error:
    assert "Failed to init tracing" in str(error), error
init_tracing(log, "debug", format)
try:
    init_tracing(log)
except RuntimeError as error:
    assert "Failed to init tracing" in str(error), error

def work(ctx, value):
    ctx.trace_warn("from the activity")

def order(ctx, value):
    for level in ("debug", "info", "warn", "error"):
        getattr(ctx, "trace_" + level)("one " + level)
    yield ctx.schedule_activity("Work")
    ctx.set_custom_status("waiting")
    yield ctx.wait_for_event("go")

provider = SqliteProvider.in_memory()
client = Client(provider)
client.start_orchestration("i", "Order")
for event in (None, "go"):
    runtime = Runtime(provider)
    runtime.register_activity("Work", work)
    runtime.register_orchestration("Order", order)
    runtime.start()
    if event:
        client.raise_event("i", event)
        assert client.wait_for_orchestration("i").status == "Completed"
    else:
        client.wait_for_status_change("i")
    runtime.shutdown()
"""


@pytest.mark.parametrize("format", ["compact", "json"])
def test_tracing_goes_to_a_file_once_for_each_line(
    tmp_path: Path, environment: Dict[str, str], format: str
) -> None:
    log = tmp_path / "log"
    done = subprocess.run(
        [sys.executable, "-c", TRACING, str(log), format], env=environment, capture_output=True, text=True,
        timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    lines = log.read_text().splitlines()
    for text in ("one debug", "one info", "one warn", "one error", "from the activity"):
        assert len([line for line in lines if text in line]) == 1, text
    assert all(line.startswith("{") == (format == "json") for line in lines)


def test_tracing_cannot_be_set_after_a_runtime_was_started(
    tmp_path: Path, environment: Dict[str, str]
) -> None:
    program = (
        "from perdure.duroxide import *\n"
        "runtime = Runtime(SqliteProvider.in_memory())\n"
        "runtime.start()\n"
        "try:\n"
        f"    init_tracing({str(tmp_path / 'log')!r})\n"
        "except RuntimeError as error:\n"
        "    print(error)\n"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "Failed to init tracing" in done.stdout


# ---- The module ----------------------------------------------------------------------------------


def test_the_module_has_every_name() -> None:
    for name in (
        "SqliteProvider", "PostgresProvider", "Client", "Runtime", "RuntimeOptions", "PruneOptions",
        "InstanceFilter", "TagFilter", "init_tracing", "OrchestrationResult", "ActivityContext",
        "OrchestrationStatus", "SystemMetrics", "SystemStats", "QueueDepths", "InstanceInfo", "ExecutionInfo",
        "InstanceTree", "DeleteInstanceResult", "PruneResult", "Event", "MetricsSnapshot",
        "PostgresEntraOptions", "parse_result", "OrchestrationContext", "ScheduledTask",
    ):  # fmt: skip
        assert callable(getattr(module, name)), name
    limits = (
        module.MAX_WORKER_TAGS,
        module.MAX_TAG_NAME_BYTES,
        module.MAX_KV_KEYS,
        module.MAX_KV_VALUE_BYTES,
    )
    assert limits == (5, 256, 150, 65_536)
    assert module.PyEvent is module.Event
    assert module.PySystemMetrics is module.SystemMetrics
    with pytest.raises(AttributeError):
        _ = module.PyNothing


def test_a_wait_lets_other_threads_run_and_can_be_interrupted(environment: Dict[str, str]) -> None:
    program = (
        "import _thread, signal, threading\n"
        # Background jobs of a shell ignore it.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from perdure.duroxide import *\n"
        "threading.Timer(0.1, _thread.interrupt_main).start()\n"
        "try:\n"
        "    Client(SqliteProvider.in_memory()).wait_for_orchestration('nobody', 60_000)\n"
        "except KeyboardInterrupt:\n"
        "    print('interrupted')\n"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=20)
    assert done.stdout == "interrupted\n", done.stderr
