"""Hostile values: payloads, numbers, JSON, times, limits, options."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import perdure
from abuse_world import ATTACKS, Case, World, is_same

MIB = 1 << 20
LIMIT = 2 * MIB
OVER = "Failed perdure.LimitExceeded"
#: Nesting that a payload may have.
DEPTH = 512


# ---- Sizes ---------------------------------------------------------------------------------------------


def echo_of(size: int) -> Callable[[World], str]:
    """An input of that many bytes of JSON, through an activity and back."""

    def run(world: World) -> str:
        value = "x" * (size - 2)
        return is_same(world.run("echo", value), value)

    return run


def event_of(size: int) -> Callable[[World], str]:
    def run(world: World) -> str:
        instance = world.client.start("attack", {"name": "wait_event", "value": "e"})
        value = "x" * (size - 2)
        try:
            world.client.raise_event(instance, "e", value)
            return is_same(world.client.result(instance, timeout=30), value)
        finally:
            world.end(instance)

    return run


async def many_times(context: perdure.OrchestrationContext, size: int) -> Any:
    return "x" * (size - 2)


async def large_work(context: perdure.OrchestrationContext, size: int) -> Any:
    return await context.activity("identity", "x" * (size - 2))


async def large_status(context: perdure.OrchestrationContext, size: int) -> Any:
    context.set_custom_status("x" * size)


async def large_state(context: perdure.OrchestrationContext, size: int) -> Any:
    context.kv.set("k", "x" * size)


async def large_state_key(context: perdure.OrchestrationContext, size: int) -> Any:
    context.kv.set("k" * size, 1)


async def many_keys(context: perdure.OrchestrationContext, count: int) -> Any:
    for number in range(count):
        context.kv.set(f"k{number}", 1)


async def large_fan_out(context: perdure.OrchestrationContext, count: int) -> Any:
    for _ in range(count):
        context.timer(60)


async def endless_actions(context: perdure.OrchestrationContext, count: int) -> Any:
    """Actions that leave nothing open have no limit but that of the history."""
    for number in range(count):
        context.set_custom_status(number)
    await context.timer(0.01)


async def timer(context: perdure.OrchestrationContext, seconds: float) -> Any:
    await context.timer(seconds)
    return "fired"


async def moment(context: perdure.OrchestrationContext, year: int) -> Any:
    await context.sleep_until(datetime(year, 1, 1, tzinfo=timezone.utc))
    return "fired"


async def odd_timer(context: perdure.OrchestrationContext, which: str) -> Any:
    odd: Any = {
        "nan": math.nan,
        "inf": math.inf,
        "-inf": -math.inf,
        "text": "1",
        "none": None,
        "1e308": 1e308,
    }
    await context.timer(odd[which])
    return "fired"


async def odd_sleep(context: perdure.OrchestrationContext, which: str) -> Any:
    import asyncio

    await asyncio.sleep({"nan": math.nan, "inf": math.inf, "-1": -1, "1e308": 1e308}[which])
    return "fired"


ATTACKS.update(
    many_times=many_times, large_work=large_work, large_status=large_status, large_state=large_state,
    large_state_key=large_state_key, many_keys=many_keys, large_fan_out=large_fan_out,
    endless_actions=endless_actions, timer=timer, moment=moment, odd_timer=odd_timer, odd_sleep=odd_sleep,
)  # fmt: skip


def attacked(name: str, value: Any) -> Callable[[World], str]:
    return lambda world: str(world.attack(name, value))


def sleeping(name: str, value: Any) -> Callable[[World], str]:
    """It waits, and does not fire at once."""

    def run(world: World) -> str:
        instance = world.client.start("attack", {"name": name, "value": value})
        management = world.client.management()
        world.wait_until("the timer", lambda: bool(management.inspect(instance).timers)
                         or world.client.status(instance) != "Running", 10)  # fmt: skip
        try:
            world.client.wait(instance, timeout=0.02)
        except perdure.TimedOut:
            return "sleeps"
        finally:
            world.end(instance)
        return f"ended: {world.client.describe(instance).output!r}"

    return run


def beyond_any_limit(size: int) -> Callable[[World], str]:
    """Sizes by which others hang: the answer comes within seconds."""

    def run(world: World) -> str:
        value = "x" * ((10 * MIB if world.is_quick else size) - 2)
        world.client.start("echo", value)
        return "taken"

    return run


# ---- JSON ----------------------------------------------------------------------------------------------


def nested(depth: int, inner: str = "1") -> str:
    return "[" * depth + inner + "]" * depth


def start_json(text: str, timeout: float = 10.0) -> Callable[[World], str]:
    """The input as JSON text, past the checks of the Python side; what comes back, byte for byte."""

    def run(world: World) -> str:
        instance = world.start_raw(orchestration='"echo"', input=text)
        world.client.result(instance, timeout=timeout)
        events = world.call("dx_client_history", json.dumps({"instance": instance}).encode())
        return "kept" if f'"input":{text}'.encode() in events else f"changed: {events[:200]!r}"

    return run


def event_json(text: str) -> Callable[[World], str]:
    def run(world: World) -> str:
        instance = world.client.start("attack", {"name": "wait_event", "value": "e"})
        try:
            world.call("dx_client_raise_event", instance.encode(), b"e", text.encode())
            world.client.wait(instance, timeout=10)
            return "taken"
        finally:
            world.end(instance)

    return run


KEPT_JSON = [
    ("-0", "-0"), ("-0.0", "-0.0"), ("2^63", str(2**63)), ("2^64 - 1", str(2**64 - 1)), ("1e-400", "1e-400"),
    ("17 digits", "0.1000000000000000055511151231257827"), ("1E+2", "1E+2"), ("an empty key", '{"":1}'),
    ("a key twice", '{"a":1,"a":2}'), ("a prototype", '{"__proto__":{"a":1},"constructor":1}'),
    ("escapes", '"\\u00e9\\/\\b\\f"'), ("a pair of surrogates", '"\\ud83d\\ude80"'),
    ("4,300 digits", "1" * 4_300),
]  # fmt: skip

REFUSED_JSON = [
    ("NaN", "NaN"), ("Infinity", "-Infinity"), ("half a pair", '"\\ud800"'), 
    ("a pair the wrong way", '"\\ude80\\ud83d"'),
    ("NUL in escapes", '"a\\u0000"'), ("NUL in a key", '{"a\\u0000":1}'), 
    ("a leading zero", "01"), ("1.", "1."),
    ("a comment", "1//x"), ("a trailing comma", "[1,]"), ("single quotes", "'a'"), ("hexadecimal", "0x10"),
    ("a raw line feed", '"a\nb"'), ("two values", "1 2"), ("an open bracket", "[1"), ("an open text", '"a'),
    ("nesting over the limit", nested(DEPTH + 1)), ("100,000 brackets", nested(100_000)),
    ("100,000 open brackets", "[" * 100_000), ("100,000 open objects", '{"a":' * 100_000),
]  # fmt: skip

#: JSON that is right, and that Python cannot hold: its instance fails, and nobody else.
FOREIGN_JSON = [("1e400", "1e400"), ("5,000 digits", "7" * 5_000), ("1 MB of digits", "7" * MIB)]


def poison(text: str) -> Callable[[World], str]:
    """As the input of orchestrations that come in one batch with others."""

    def run(world: World) -> str:
        bad = [world.start_raw(orchestration='"echo"', input=text) for _ in range(20)]
        good = [world.client.start("healthy", number) for number in range(20)]
        for _number, each in enumerate(good):
            world.client.result(each, timeout=10)
        ends = {world.client.wait(each, timeout=10).status for each in bad}
        for each in bad:
            world.client.describe(each)
            world.client.history(each)
        return ", ".join(sorted(ends))

    return run


def native(value: Any) -> Callable[[World], str]:
    def run(world: World) -> str:
        world.client.start("echo", value)
        return "taken"

    return run


def recursive() -> Any:
    value: list[Any] = []
    value.append(value)
    return value


def deep(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


# ---- Many ----------------------------------------------------------------------------------------------


def flood(world: World) -> str:
    """Events to one instance until its inbox is full, from 8 threads."""
    wanted = 300 if world.is_quick else 50_000
    limits = perdure.Limits(inbox_messages=wanted)
    url = world.url if world.kind == "memory" else f"{world.url}.flood"
    with perdure.Store(url, limits=limits) as store, perdure.Client(store) as client:
        instance = client.start("nobody-runs-it")
        errors: list[str] = []

        def raise_all(count: int) -> None:
            for number in range(count):
                client.raise_event(instance, "e", number)

        threads = [threading.Thread(target=raise_all, args=(wanted // 8,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for _ in range(wanted - wanted // 8 * 8):
            client.raise_event(instance, "e")
        for send in (client.raise_event, client.enqueue):
            try:
                send(instance, "e")
                errors.append("taken")
            except perdure.PerdureError as error:
                errors.append(type(error).__name__)
        # The way out is open.
        client.terminate(instance)
        client.delete(instance)
        return ", ".join(errors)


def many_events(world: World) -> str:
    """They are all taken in by a running instance, which ends."""
    count = 200 if world.is_quick else 3_000
    instance = world.client.start("wait_for", ["e"] * count)
    for number in range(count):
        world.client.raise_event(instance, "e", number)
    return is_same(world.client.result(instance, timeout=120), list(range(count)))


def batch(count: int) -> Callable[[World], str]:
    def run(world: World) -> str:
        world.client.start_many([perdure.StartRequest("echo", 1)] * count)
        return "taken"

    return run


def cases() -> list[Case]:
    found = [
        Case("an input at the limit", echo_of(LIMIT), "kept"),
        Case("an input over the limit", echo_of(LIMIT + 1), "LimitExceeded"),
        Case("an input of 10 MB", echo_of(10 * MIB), "LimitExceeded"),
        Case("an input of 100 MB", beyond_any_limit(100 * MIB), "LimitExceeded"),
        Case("an event at the limit", event_of(LIMIT), "kept"),
        Case("an event over the limit", event_of(LIMIT + 1), "LimitExceeded"),
        Case("an output over the limit", attacked("many_times", LIMIT + 1), OVER),
        Case("an output of 100 MB", attacked("many_times", 100 * MIB), OVER),
        Case("an activity's input of 100 MB", attacked("large_work", 100 * MIB), OVER),
        Case("a custom status over the limit", attacked("large_status", 300_000), OVER),
        Case("a value over the limit", attacked("large_state", 300_000), OVER),
        Case("a key over the limit", attacked("large_state_key", 257), OVER),
        Case("1,001 keys", attacked("many_keys", 1_001), OVER),
        Case("a fan-out over the limit", attacked("large_fan_out", 10_001), OVER),
        Case("60,000 actions in a turn", attacked("endless_actions", 60_000), OVER),
        Case("a timer of 0", attacked("timer", 0), "fired"),
        Case("a timer of -1 hour", attacked("timer", -3600), "fired"),
        Case("a timer of -10^300 s", attacked("timer", -1e300), "fired"),
        Case("a timer of 2^63 ms", sleeping("timer", 2**63 / 1000), "sleeps"),
        Case("a timer of 10^300 s", sleeping("timer", 1e300), "sleeps"),
        Case("a timer of 200 years", sleeping("timer", 200 * 365 * 86_400), "sleeps"),
        Case("a timer in the year 9999", sleeping("moment", 9999), "sleeps"),
        Case("a timer in the year 1", attacked("moment", 1), "fired"),
        Case("asyncio.sleep(-1)", attacked("odd_sleep", "-1"), "fired"),
        Case("asyncio.sleep(1e308)", sleeping("odd_sleep", "1e308"), "sleeps"),
        Case("JSON at the depth limit", start_json(nested(DEPTH)), "kept"),
        Case("an event at the depth limit", event_json(nested(DEPTH)), "taken"),
        Case("50,000 events to one instance", flood, "LimitExceeded, LimitExceeded"),
        Case("events to a running instance", many_events, "kept"),
        Case("a batch over the limit", batch(10_001), "InvalidArgument"),
    ]  # fmt: skip
    for which in ("nan", "inf", "-inf"):
        found.append(Case(f"a timer of {which}", attacked("odd_timer", which), "Failed ValueError"))
    found += [Case(f"a timer of {which}", attacked("odd_timer", which), "Failed TypeError")
              for which in ("text", "none")]  # fmt: skip
    found += [Case(f"JSON {name}", start_json(text), "kept") for name, text in KEPT_JSON]
    found += [Case(f"JSON {name}", start_json(text), "InvalidArgument") for name, text in REFUSED_JSON]
    found += [
        Case(f"an event of {name}", event_json(text), "InvalidArgument") for name, text in REFUSED_JSON[:6]
    ]
    found += [Case(f"JSON {name}", poison(text), "Failed") for name, text in FOREIGN_JSON]
    found += [
        Case("a value that contains itself", native(recursive()), "InvalidArgument"),
        Case("a value nested 513 deep", native(deep(DEPTH + 1)), "InvalidArgument"),
        Case("a value nested 100,000 deep", native(deep(100_000)), "InvalidArgument"),
        Case("a float NaN", native({"a": [math.nan]}), "InvalidArgument"),
        Case("a set of objects", native({object()}), "InvalidArgument"),
        Case("an integer of 10,000 digits", native(10**10_000), "InvalidArgument"),
        Case("a start delayed by -1 s", lambda w: w.client.start("echo", 1, delay=-1), "InvalidArgument"),
        Case("a start delayed by NaN", lambda w: w.client.start("echo", delay=math.nan), "InvalidArgument"),
        Case("a start delayed by 200 years",
             lambda w: w.client.start("echo", 1, delay=timedelta(days=73_000)), "InvalidArgument"),
    ]  # fmt: skip
    return found
