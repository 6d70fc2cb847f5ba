"""Hostile texts: as ids of instances, and as each kind of name."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import perdure
from abuse_world import ATTACKS, Case, World, is_same

#: Text, and what an id of it is answered with: "kept" is taken and comes back byte for byte.
TEXTS: list[tuple[str, str, str]] = [
    ("empty", "", "InvalidArgument"),
    ("255 bytes", "a" * 255, "kept"),
    ("256 bytes", "a" * 256, "kept"),
    ("512 bytes", "é" * 256, "kept"),
    ("513 bytes", "é" * 256 + "a", "LimitExceeded"),
    ("1 MB", "a" * 1_000_000, "LimitExceeded"),
    ("NUL", "a\0b", "InvalidArgument"),
    ("control characters", "a\x01\t\r\n\x1b[31m\x7f", "kept"),
    ("half a surrogate pair", "a\ud800b", "InvalidArgument"),
    ("SQL", "x'; DROP TABLE instances; --", "kept"),
    ("SQL wildcards", "%_%", "kept"),
    ("a path", "../../../etc/passwd", "kept"),
    ("a format", "%s%n{0}${HOME}$(id)`id`", "kept"),
    ("HTML", "<script>alert(1)</script>", "kept"),
    ("emoji", "\U0001f469\u200d\U0001f680\U0001f3f3\ufe0f", "kept"),
    ("right to left", "\u202eabc\u202c", "kept"),
    ("a byte order mark", "\ufeffa", "kept"),
    ("noncharacters", "\ufffe\uffff\U0010ffff", "kept"),
    ("blanks", "   ", "kept"),
    ("a JSON object", '{"a":"b\\"}', "kept"),
    ("of the engine", "perdure.schedule/x", "InvalidArgument"),
]

#: Texts that look alike, and are two.
PAIRS = [
    ("composed and decomposed", "caf\u00e9", "cafe\u0301"),
    ("upper and lower case", "Order-1", "order-1"),
    ("a blank at the end", "order-1", "order-1 "),
    ("a zero-width space", "order-1", "order-1\u200b"),
    ("full width", "order-1", "order-\uff11"),
]

BAD_BYTES = [
    ("a stray byte", b"a\xffb"),
    ("a cut sequence", b"a\xe2\x82"),
    ("an overlong slash", b"a\xc0\xafb"),
    ("an encoded surrogate", b"a\xed\xa0\x80b"),
    ("beyond Unicode", b"a\xf5\x80\x80\x80b"),
    ("NUL", b"a\0b"),
]


def start_with_id(world: World, given: str) -> str:
    started = world.client.start("echo", 1, instance=given)
    world.client.wait(given, timeout=10)
    shown = world.client.describe(given).instance
    listed = any(each.instance == given for each in world.client.list(prefix=given))
    history = world.client.history(given)
    seen = world.client.management().inspect(given).description.instance
    world.client.delete(given)
    if started != given or seen != given or not listed or not history:
        return f"it is not found as it is: {started!r}, {seen!r}, {listed}, {len(history)}"
    return is_same(shown, given)


def pair(world: World, one: str, other: str) -> str:
    world.client.start("echo", 1, instance=one)
    world.client.start("echo", 2, instance=other)
    results = [world.client.result(each, timeout=10) for each in (one, other)]
    for each in (one, other):
        world.client.delete(each)
    return is_same(results, [1, 2], "two")


STRANGE = [
    ("SQL", "x'; DROP TABLE history; --"), ("a path", "../a/../../b"), ("HTML", "<img src=x onerror=y>"),
    ("emoji", "\U0001f680"), ("decomposed", "cafe\u0301"), ("control characters", "a\x01\n\x1b"),
]  # fmt: skip
WRONG = [("empty", ""), ("too long", "n" * 600), ("1 MB", "n" * 1_000_000), ("NUL", "a\0b"),
         ("half a surrogate pair", "a\ud800")]  # fmt: skip
#: Names by what stands for them in an input.
HANDED: dict[str, str] = {}


# ---- Names ---------------------------------------------------------------------------------------------


async def wait_event(context: perdure.OrchestrationContext, name: str) -> Any:
    return await context.wait_for_event(name)


async def dequeue(context: perdure.OrchestrationContext, name: str) -> Any:
    return await context.dequeue(name)


async def listen(context: perdure.OrchestrationContext, name: str) -> Any:
    context.subscribe(name)
    context.set_custom_status("listens")
    return await context.wait_for_topic(name)


async def keep_value(context: perdure.OrchestrationContext, key: str) -> Any:
    context.kv.set(key, "v")
    return context.kv.get(key)


async def call_activity(context: perdure.OrchestrationContext, name: str) -> Any:
    return await context.activity(name, "v", schedule_to_start=0.05)


async def tagged(context: perdure.OrchestrationContext, tag: str) -> Any:
    return await context.activity("identity", "v", tag=tag, schedule_to_start=0.05)


async def in_session(context: perdure.OrchestrationContext, session: str) -> Any:
    return await context.activity("identity", "v", session=session)


async def child_named(context: perdure.OrchestrationContext, given: str) -> Any:
    return await context.sub_orchestration("echo", "v", instance=given)


async def patch(context: perdure.OrchestrationContext, name: str) -> Any:
    return "v" if context.patched(name) else "not taken"


ATTACKS.update(
    wait_event=wait_event, dequeue=dequeue, listen=listen, keep_value=keep_value, call_activity=call_activity,
    tagged=tagged, in_session=in_session, child_named=child_named, patch=patch,
)  # fmt: skip


def send(kind: str, attacked: str) -> Callable[[World, str], str]:
    def run(world: World, name: str) -> str:
        instance = world.client.start("attack", {"name": attacked, "value": name})
        try:
            if kind == "event":
                world.client.raise_event(instance, name, "v")
            elif kind == "queue":
                world.client.enqueue(instance, name, "v")
            else:
                world.client.wait_for_status(instance, timeout=10)
                world.client.publish(name, "v")
            return is_same(world.client.result(instance, timeout=10), "v")
        finally:
            world.end(instance)

    return run


def in_code(attacked: str) -> Callable[[World, str], str]:
    """The code itself makes the name: as an input it would be refused before."""
    HANDED.update({ascii(name): name for _, name in [*STRANGE, *WRONG]})

    async def use(context: perdure.OrchestrationContext, name: str) -> Any:
        return await ATTACKS[attacked](context, HANDED[name])

    ATTACKS[f"{attacked} of its own"] = use
    return lambda world, name: is_same(world.attack(f"{attacked} of its own", ascii(name)), "v")


def orchestration(world: World, name: str) -> str:
    instance = world.client.start(name, 1)
    row = world.client.describe(instance)
    listed = [each.instance for each in world.client.list(orchestration=name)]
    world.client.terminate(instance)
    if row.orchestration != name or listed != [instance]:
        return f"it is not found as it is: {row.orchestration!r}, {listed}"
    return "waits" if row.status == "Pending" and row.pending_reason else f"{row.status} without a reason"


def attribute(world: World, name: str) -> str:
    instance = world.client.start("echo", 1, attributes={name: name})
    found = [each.instance for each in world.client.list(attributes={name: name})]
    return is_same(found, [instance])


def call_name(world: World, name: str) -> str:
    instance = world.client.start("wait_for", ["end"])
    try:
        world.client.call(instance, name, 1, timeout=0.05)
    except perdure.TimedOut:
        return "waits"
    finally:
        world.client.terminate(instance)
    return "answered"


#: What takes a name, how it is used, what an unknown or strange name comes to, and what a wrong one comes to
#: where the code of an orchestration meets it.
NAMES: list[tuple[str, Callable[[World, str], str], str, bool]] = [
    ("orchestration", orchestration, "waits", False),
    ("event", send("event", "wait_event"), "kept", False),
    ("queue", send("queue", "dequeue"), "kept", False),
    ("topic", send("topic", "listen"), "kept", False),
    ("key", in_code("keep_value"), "kept", True),
    ("activity", in_code("call_activity"), "Failed perdure.Timeout", True),
    ("tag", in_code("tagged"), "Failed perdure.Timeout", True),
    ("session", in_code("in_session"), "kept", True),
    ("child id", in_code("child_named"), "kept", True),
    ("patch", in_code("patch"), "kept", True),
    ("attribute", attribute, "kept", False),
    ("call", call_name, "waits", False),
]


def each(use: Callable[[World, str], str], texts: list[tuple[str, str]]) -> Callable[[World], str]:
    """Runs a use with each of the texts: the outcomes, each once."""
    from abuse_world import outcome

    def run(world: World) -> str:
        seen = {}
        for name, given in texts:
            seen.setdefault(outcome(Case(name, lambda w, g=given: use(w, g), ""), world), name)  # type: ignore[misc]
        return ", ".join(sorted(seen))

    return run


def raw_id(world: World, function: str, bad: bytes) -> str:
    if function == "dx_client_start":
        world.call(function, b'{"orchestration":"echo","instance":"' + bad + b'"}')
    elif function == "dx_client_cancel":
        world.call(function, bad, b"")
    else:
        world.call(function, bad)
    return "taken"


def raw_cases() -> list[Case]:
    functions = ("dx_client_start", "dx_client_describe", "dx_client_cancel")
    return [
        Case(f"{function[10:]}: an id with {name}", lambda w, f=function, b=bad: raw_id(w, f, b),  # type: ignore[misc]
             "InvalidArgument")
        for function in functions for name, bad in BAD_BYTES
    ]  # fmt: skip


def version(world: World, given: str) -> str:
    instance = world.client.start("echo", 1, version=given)
    row = world.client.describe(instance)
    world.client.terminate(instance)
    return "waits" if row.pending_reason else f"{row.status} without a reason"


def escaped_id(world: World) -> str:
    """An id in JSON escapes is the id that they mean."""
    given = 'a"\\/\u00e9\U0001f680'
    world.start_raw(orchestration='"echo"', instance=json.dumps(given), input="1")
    result = world.client.result(given, timeout=10)
    world.client.delete(given)
    return is_same(result, 1)


def cases() -> list[Case]:
    found = [Case(f"an id: {name}", lambda w, g=given: start_with_id(w, g), expect)  # type: ignore[misc]
             for name, given, expect in TEXTS]  # fmt: skip
    found += [Case(f"two ids: {name}", lambda w, a=one, b=other: pair(w, a, b), "two")  # type: ignore[misc]
              for name, one, other in PAIRS]  # fmt: skip
    found += raw_cases()
    for name, use, strange, is_code in NAMES:
        wrong = ["InvalidArgument", "LimitExceeded"]
        if is_code:
            wrong = ["Failed InvalidArgument", "Failed perdure.LimitExceeded"]
        found.append(Case(f"strange names: {name}", each(use, STRANGE), strange))
        found.append(Case(f"wrong names: {name}", each(use, WRONG), ", ".join(wrong)))
    found += [
        Case("an id in escapes", escaped_id, "kept"),
        Case("a version that is none", lambda w: version(w, "one"), "InvalidArgument"),
        Case("a version that nobody has", lambda w: version(w, "99.0.0"), "waits"),
        Case("a version of 2^64", lambda w: version(w, f"{2**64}.0.0"), "InvalidArgument"),
        Case("a version of 1 MB", lambda w: version(w, "1." * 500_000), "InvalidArgument"),
    ]
    return found
