"""Hostile calls: wrong options, forged tokens, many threads at once, calls in the wrong moment."""

from __future__ import annotations

import ctypes
import json
import threading
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timezone
from functools import partial
from typing import Any

import perdure
from abuse_world import ATTACKS, DEEDS, DEFINITIONS, Case, World, is_same
from perdure import _abi
from perdure._library import library

YEAR_ONE = datetime(1, 1, 1, tzinfo=timezone.utc)
Call = Callable[[World], Any]


def doing(call: Call) -> Callable[[World], str]:
    def run(world: World) -> str:
        call(world)
        return "taken"

    return run


def runtime(**options: Any) -> Callable[[World], str]:
    return doing(lambda world: perdure.Runtime(world.store, [], **options).close())


def limits(**options: int) -> Callable[[World], str]:
    return doing(lambda world: perdure.Store("memory:", limits=perdure.Limits(**options)).close())


def retry(**options: Any) -> Callable[[World], str]:
    return doing(lambda world: perdure.ActivityOptions(retry=perdure.RetryPolicy(**options)).to_json())


def timeouts(**options: Any) -> Callable[[World], str]:
    return doing(lambda world: perdure.ActivityOptions(**options).to_json())


OPTIONS: list[tuple[str, Callable[[World], str]]] = [
    ("concurrency 0", runtime(activity_slots=0)), ("concurrency -1", runtime(activity_slots=-1)),
    ("concurrency 2^40", runtime(activity_slots=2**40)),
    ("concurrency NaN", runtime(activity_slots=float("nan"))),
    ("concurrency as text", runtime(activity_slots="4")),
    ("cached instances -1", runtime(cached_instances=-1)),
    ("sessions -1", runtime(sessions=-1)), ("session idle 0", runtime(session_idle=0)),
    ("activity grace -1", runtime(activity_grace=-1)), ("an unknown mode", runtime(nondeterminism="ignore")),
    ("tags as text", runtime(activity_tags="gpu")),
    ("attempts -1", retry(max_attempts=-1)), ("an interval of -1 s", retry(initial_interval=-1)),
    ("an interval of NaN", retry(initial_interval=float("nan"))), ("coefficient 0", retry(coefficient=0)),
    ("coefficient -1", retry(coefficient=-1)), ("jitter 2", retry(jitter=2)),
    ("an unknown back-off", retry(backoff="sometimes")), ("a time limit of 0", timeouts(start_to_close=0)),
    ("a time limit of -1 s", timeouts(schedule_to_start=-1)),
    ("a time limit of inf", timeouts(heartbeat=float("inf"))),
    ("a time limit of 2^63 ms", timeouts(schedule_to_close=2**63 / 1000)),
    ("priority 1,001", timeouts(priority=1_001)),
    ("a payload limit of 0", limits(payload_bytes=0)), ("an inbox limit of -1", limits(inbox_messages=-1)),
    ("a history limit of 2^63", limits(history_events=2**63)),
    ("activity concurrency 0", doing(lambda w: perdure.activity(concurrency=0)(print))),
    ("activity rate 0", doing(lambda w: perdure.activity(rate=(0, 1))(print))),
    ("activity rate over 0 s", doing(lambda w: perdure.activity(rate=(1, 0))(print))),
    ("a busy time limit of -1 s", doing(lambda w: perdure.Store("memory:", busy_timeout=-1))),
    ("a priority of 2^63", doing(lambda w: w.client.start("echo", 1, priority=2**63))),
    ("a policy that is none", doing(lambda w: w.client.start("echo", 1, policy="perhaps"))),  # type: ignore[call-overload]
    ("a start in the year 1", doing(lambda w: w.client.start("echo", start_at=YEAR_ONE))),
    ("a page of 0", doing(lambda w: list(w.client.list(page_size=0)))),
    ("a page of 2^40", doing(lambda w: list(w.client.list(page_size=2**40)))),
    ("a grace of -1 s", doing(lambda w: w.client.cancel("x", grace=-1))),
    ("a version of status 2^63", doing(lambda w: w.client.wait_for_status("x", 2**63, timeout=0))),
    ("a version of status 2^64", doing(lambda w: w.client.wait_for_status("x", 2**64, timeout=0))),
    ("a version of status as text", doing(lambda w: w.client.wait_for_status("x", "1", timeout=0))),  # type: ignore[arg-type]
    ("a wait of NaN seconds", doing(lambda w: w.client.wait("x", timeout=float("nan")))),
    ("a wait of text", doing(lambda w: w.client.wait("x", timeout="1"))),  # type: ignore[arg-type]
    ("an execution of 2^63", doing(lambda w: w.client.history("x", execution=2**63))),
]  # fmt: skip

#: Each of the requests that are JSON, with a member that nobody knows.
UNKNOWN_MEMBER: list[tuple[str, str]] = [
    ("dx_client_start", '{"orchestration":"echo","colour":1}'),
    ("dx_client_send", '{"instance":"x","channel":"event","name":"n","colour":1}'),
    ("dx_client_control", '{"instance":"x","operation":"cancel","colour":1}'),
    ("dx_client_history", '{"instance":"x","colour":1}'), ("dx_client_list", '{"colour":1}'),
    ("dx_client_delete", '{"instance":"x","colour":1}'), ("dx_client_kv", '{"instance":"x","colour":1}'),
    ("dx_client_manage", '{"operation":"nodes","colour":1}'), ("dx_client_manage", '{"operation":"list"}'),
    ("dx_client_manage", '{"operation":"retention","colour":1}'),
]  # fmt: skip


def new_runtime_raw(config: str) -> Callable[[World], str]:
    def run(world: World) -> str:
        lib = library()
        data = config.encode()
        options = _abi.RuntimeOptions(ctypes.sizeof(_abi.RuntimeOptions), _abi.Text(data, len(data)))
        out = ctypes.c_void_p()
        lib.check(lib.dx.dx_runtime_new(world.store._handle.value, ctypes.byref(options), ctypes.byref(out)))
        lib.dx.dx_runtime_free(out)
        return "taken"

    return run


# ---- Unknown and finished ------------------------------------------------------------------------------


def unknown_instance(world: World) -> str:
    """Each call on an id that nobody has; the store goes on."""
    client = world.client
    calls: list[Callable[[], Any]] = [
        lambda: client.raise_event("nobody", "e"), lambda: client.enqueue("nobody", "q"),
        lambda: client.cancel("nobody"), lambda: client.suspend("nobody"), lambda: client.resume("nobody"),
        lambda: client.terminate("nobody"), lambda: client.retry("nobody"), lambda: client.describe("nobody"),
        lambda: client.history("nobody"), lambda: client.kv("nobody"),
        lambda: client.wait("nobody", timeout=1),
        lambda: client.delete("nobody"), lambda: client.call("nobody", "c", timeout=1),
        lambda: client.query("nobody", "q", timeout=1), lambda: client.management().why("nobody"),
        lambda: client.management().inspect("nobody"), lambda: client.management().tree("nobody"),
        lambda: client.wait_for_status("nobody", timeout=1),
    ]  # fmt: skip
    ends = Counter(caught(call) for call in calls for _ in range(20))
    return ", ".join(sorted(ends))


def finished_instance(world: World) -> str:
    instance = world.client.start("echo", 1)
    world.client.result(instance, timeout=10)
    client = world.client
    calls = [
        lambda: client.raise_event(instance, "e"), lambda: client.enqueue(instance, "q"),
        lambda: client.cancel(instance), lambda: client.suspend(instance), lambda: client.resume(instance),
        lambda: client.terminate(instance), lambda: client.retry(instance),
        lambda: client.call(instance, "c", timeout=1),
    ]  # fmt: skip
    return ", ".join(sorted({caught(call) for call in calls}))


def caught(call: Callable[[], Any]) -> str:
    try:
        call()
        return "taken"
    except perdure.PerdureError as error:
        return type(error).__name__


def start_finished(world: World) -> str:
    instance = world.client.start("echo", 1)
    world.client.result(instance, timeout=10)
    return caught(lambda: world.client.start("echo", 2, instance=instance))


def same_id(world: World) -> str:
    """8 threads start the same id 20 times: one of 160 is told that it did."""
    given = world.id("same")
    ends: Counter[str] = Counter()
    lock = threading.Lock()

    def run() -> None:
        for number in range(20):
            end = caught(lambda n=number: world.client.start("echo", n, instance=given))  # type: ignore[misc]
            with lock:
                ends[end] += 1

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    world.client.result(given, timeout=10)
    executions = len(world.client.management().executions(given))
    return f"{dict(sorted(ends.items()))}, {executions} execution"


def waits_for_code(world: World) -> str:
    """Unknown names are no failure: they wait, say why, and go on when somebody knows them."""

    @perdure.orchestration(name="later")
    async def later(context: perdure.OrchestrationContext) -> str:
        return await context.activity("later-work", None)  # type: ignore[no-any-return]

    @perdure.activity(name="later-work")
    def work(context: perdure.ActivityContext) -> str:
        return "done"

    instance = world.client.start("later")
    reason = world.client.describe(instance).pending_reason or "no reason"
    with perdure.Runtime(world.store, [later]):
        why = ""

        def is_unserved() -> bool:
            nonlocal why
            causes = world.client.management().why(instance).waiting_for
            why = causes[0].kind if causes else ""
            return why == "activityUnserved"

        world.wait_until("the reason", is_unserved)
        with perdure.Runtime(world.store, [work]):
            output = world.client.result(instance, timeout=10)
    return f"{'later' in reason}, {why}, {output}"


# ---- Tokens --------------------------------------------------------------------------------------------

TOKENS: list[str] = []


def defers(context: perdure.ActivityContext, value: Any) -> Any:
    TOKENS.append(context.token)
    return context.defer()


DEEDS["defers"] = defers


def double_completion(world: World) -> str:
    TOKENS.clear()
    instance = world.client.start("perform", {"name": "defers"})
    world.wait_until("the token", lambda: bool(TOKENS))
    token = TOKENS[0]
    ends = [caught(lambda n=number: world.client.complete_activity(token, n)) for number in range(3)]  # type: ignore[misc]
    ends += [caught(lambda: world.client.fail_activity(token, ValueError("x"))),
             caught(lambda: world.client.heartbeat_activity(token, 1))]  # fmt: skip
    return f"{', '.join(ends)}: {world.client.result(instance, timeout=10)}"


def forged_tokens(world: World) -> str:
    """Each byte of a real token changed, and texts that are none."""
    TOKENS.clear()
    instance = world.client.start("perform", {"name": "defers"})
    world.wait_until("the token", lambda: bool(TOKENS))
    token = TOKENS[0]
    forged = [token[:at] + chr((ord(token[at]) + 1) % 128 or 1) + token[at + 1 :] for at in range(len(token))]
    forged += [
        "",
        "x",
        "\0",
        "{}",
        "[]",
        "9" * 400,
        token + "x",
        token[:-1],
        token * 1_000,
        "x" * 1_000_000,
        "\ud800",
    ]
    ends = {caught(lambda t=each: world.client.complete_activity(t, 1)) for each in forged}  # type: ignore[misc]
    world.client.complete_activity(token, "real")
    result = world.client.result(instance, timeout=10)
    allowed = {"InvalidArgument", "Stale", "NotFound", "LimitExceeded"}
    return f"{'refused' if ends <= allowed else ends}: {result}"


def raw_tokens(world: World) -> str:
    """Numbers that stand for no turn and no activity."""
    lib = library()
    ends = set()
    for number in [0, 1, 2, 3, 7, 8, 24, 255, 2**31, 2**32 + 1, 2**63, 2**64 - 1]:
        empty = _abi.Text(b"{}", 2)
        for function in ("dx_turn_complete", "dx_turn_fail", "dx_activity_complete", "dx_activity_fail"):
            call = partial(getattr(lib.dx, function), number, empty)
            ends.add(caught(lambda c=call: lib.check(c())))  # type: ignore[misc]
    return ", ".join(sorted(ends))


# ---- Imports -------------------------------------------------------------------------------------------


def bad_imports(world: World) -> str:
    """A file of an exported instance with each of its lines left out, doubled, cut, or of another kind."""
    management = world.client.management()
    instance = world.client.start("echo", {"a": 1})
    world.client.result(instance, timeout=10)
    lines = management.export_instance(instance).splitlines()
    world.client.delete(instance)
    variants = ["", "x", "[]", "{}", "\n" * 1_000, json.dumps({"line": "header"}), "[" * 100_000]
    for at, line in enumerate(lines):
        before, after = lines[:at], lines[at + 1 :]
        variants += ["\n".join([*before, *after]), "\n".join([*before, line, line, *after])]
        for change in (line[: len(line) // 2], line.replace('"line":', '"lin":'),
                       line.replace(":1", ":-1", 1),
                       line.replace(":1", ":9223372036854775808", 1)):  # fmt: skip
            variants.append("\n".join([*before, change, *after]))
    ends: Counter[str] = Counter()
    for variant in variants:
        ends[caught(lambda v=variant: management.import_instances(v))] += 1  # type: ignore[misc]
        for each in list(world.client.list(prefix=instance)):
            world.client.delete(each.instance, force=True)
    wrong = set(ends) - {"InvalidArgument", "LimitExceeded", "taken"}
    return f"{wrong}" if wrong else "refused or taken whole"


# ---- Wrong moments -------------------------------------------------------------------------------------


def closed_under_waits(world: World) -> str:
    """A client that is closed while 8 threads wait in it: all come back."""
    client = perdure.Client(world.store)
    instance = client.start("wait_for", ["never"])
    ends: list[str] = []
    threads = [
        threading.Thread(target=lambda: ends.append(caught(lambda: client.wait(instance)))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    world.wait_until("the waits", lambda: all(thread.is_alive() for thread in threads))
    client.close()
    for thread in threads:
        thread.join(10)
    world.end(instance)
    alive = sum(thread.is_alive() for thread in threads)
    wrong = set(ends) - {"Closed", "InvalidHandle"}
    return f"{alive} hang, {wrong}" if alive or wrong else "all come back"


def queries_at_shutdown(world: World) -> str:
    """Queries, waits, calls and polls from 6 threads while the runtime and the store go."""
    store = perdure.Store("memory:")
    client = perdure.Client(store)
    second = perdure.Runtime(store, DEFINITIONS).start()
    instance = client.start("wait_for", ["never"])
    ends: Counter[str] = Counter()
    begun = threading.Barrier(7)

    def ask(call: Callable[[], Any]) -> None:
        begun.wait()
        while True:
            end = caught(call)
            ends[end] += 1
            if end in ("Closed", "InvalidHandle"):
                return

    calls = [
        lambda: client.query(instance, "none", timeout=1), lambda: client.describe(instance),
        lambda: client.wait(instance, timeout=0.01), lambda: client.call(instance, "c", timeout=0.01),
        lambda: client.start("healthy", 1), lambda: client.management().why(instance),
    ]  # fmt: skip
    threads = [threading.Thread(target=ask, args=(call,), daemon=True) for call in calls]
    for thread in threads:
        thread.start()
    begun.wait()
    world.wait_until("some answers", lambda: sum(ends.values()) > 50)
    second.stop(0)
    store.close()
    client.close()
    for thread in threads:
        thread.join(10)
    alive = sum(thread.is_alive() for thread in threads)
    known = {"taken", "QueryFailed", "Unsupported", "TimedOut", "Closed", "InvalidHandle", "WrongStatus"}
    wrong = set(ends) - known
    return f"{alive} hang, {wrong}" if alive or wrong else "all come back"


def after_the_end(world: World) -> str:
    store = perdure.Store("memory:")
    client, late = perdure.Client(store), perdure.Runtime(store, DEFINITIONS).start()
    late.close()
    client.close()
    store.close()
    calls = [
        lambda: client.start("echo", 1), lambda: client.wait("x"), lambda: client.management().nodes(),
        lambda: late.start(), lambda: perdure.Client(store), lambda: perdure.Runtime(store),
        lambda: store.metrics(), lambda: list(client.list()),
    ]  # fmt: skip
    ends = {caught(call) for call in calls}
    for each in (late, client, store):
        each.close()
    return ", ".join(sorted(ends - {"WrongStatus"}))


async def many_slow(context: perdure.OrchestrationContext, count: int) -> Any:
    return [await context.activity("identity", number) for number in range(count)]


ATTACKS["many_slow"] = many_slow


def cases() -> list[Case]:
    found = [Case(f"options: {name}", run, "InvalidArgument") for name, run in OPTIONS]
    found += [Case(f"an unknown member: {function[10:]} {json_text[:30]}",
                   doing(lambda w, f=function, j=json_text: w.call(f, j.encode())),  # type: ignore[misc]
                   "InvalidArgument") for function, json_text in UNKNOWN_MEMBER]  # fmt: skip
    found += [
        Case(f"runtime options {text}", new_runtime_raw(text), "InvalidArgument")
        for text in ('{"colour":1}', "[]", "{", '{"activitySlots":1.5}', '{"activitySlots":1e2}')
    ]
    return [
        *found,
        Case("calls to an unknown id", unknown_instance, "NotFound"),
        Case("calls to a finished id", finished_instance, "WrongStatus"),
        Case("a start of a finished id", start_finished, "AlreadyExists"),
        Case("8 threads x 20 starts of one id", same_id, "{'AlreadyExists': 159, 'taken': 1}, 1 execution"),
        Case("names that nobody knows", waits_for_code, "True, activityUnserved, done"),
        Case("a token used again", double_completion, "taken, Stale, Stale, Stale, Stale: 0"),
        Case("forged tokens", forged_tokens, "refused: real"),
        Case("numbers as tokens", raw_tokens, "InvalidArgument, InvalidHandle"),
        Case("damaged imports", bad_imports, "refused or taken whole"),
        Case("a client closed under 8 waits", closed_under_waits, "all come back"),
        Case("queries during shutdown", queries_at_shutdown, "all come back"),
        Case("calls after the end", after_the_end, "InvalidHandle"),
        Case("kept: an event for an id that is yet to come", kept_event, "kept"),
    ]


def kept_event(world: World) -> str:
    given = world.id("kept")
    world.client.raise_event(given, "e", 1, keep=True)
    world.client.start("wait_for", ["e"], instance=given)
    return is_same(world.client.result(given, timeout=10), [1])
