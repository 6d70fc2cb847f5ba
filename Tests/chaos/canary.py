"""A secret in every payload and error text: nothing of it comes out where people look.

    Tests/chaos/canary.py

Runs one of everything with payloads and failures that hold a secret, with logs at the finest level, and then
looks for the secret in the log of the engine, in that of the Python side (with tracebacks), in what the
process printed, in the errors of calls that were refused, and in the metrics. Where it belongs (results,
failures, histories) it must be found, or the program would prove nothing. Verdicts are lines of `ok` and
`FAIL`; the last line gives the sums.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ctypes
import io
import logging
import os
import sys
import tempfile
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import perdure
from judge import Verdicts
from perdure import _abi
from perdure._library import library

SECRET = f"S3CR3T-{uuid.uuid4()}"


@dataclass
class Card:
    number: int
    name: str


class Declined(Exception):
    def __init__(self) -> None:
        super().__init__(f"declined: {SECRET}")
        self.details = {"card": SECRET}


@perdure.activity
def same(context: perdure.ActivityContext, value: Any) -> Any:
    context.heartbeat({"at": value})
    return value


@perdure.activity(retry=perdure.RetryPolicy(max_attempts=3, initial_interval=0.001))
def declines(context: perdure.ActivityContext, value: Any) -> Any:
    raise Declined from ValueError(SECRET)


@perdure.activity
def strange(context: perdure.ActivityContext, value: Any) -> Any:
    return {"a": {SECRET}}


@perdure.activity
async def later(context: perdure.ActivityContext, value: Any) -> Any:
    raise Declined


@perdure.activity
def typed(context: perdure.ActivityContext, card: Card) -> str:
    return card.name


@perdure.orchestration
async def everything(context: perdure.OrchestrationContext, value: Any) -> Any:
    context.set_custom_status({"s": value})
    context.kv.set("k", value)
    context.on_call("add", lambda given: given, validator=refuse)
    context.on_query("show", explode)
    found = [
        await context.activity(same, value),
        await context.wait_for_event("e"),
        await context.dequeue("q"),
    ]
    for wrong in (declines, strange, later, typed):
        try:
            await context.activity(wrong, value)
        except perdure.ActivityFailed as error:
            found.append(str(error))
    try:
        await context.sub_orchestration("fails", value)
    except perdure.SubOrchestrationFailed as error:
        found.append(str(error))
    forgotten = asyncio.create_task(explode_later())
    await context.timer(0.01)
    del forgotten
    return found


async def explode_later() -> None:
    raise Declined


def refuse(value: Any) -> None:
    raise ValueError(f"refused: {value}")


def explode(value: Any) -> Any:
    raise Declined


@perdure.orchestration
async def fails(context: perdure.OrchestrationContext, value: Any) -> Any:
    raise Declined


CHANGED = False


@perdure.orchestration
async def fickle(context: perdure.OrchestrationContext, value: Any) -> Any:
    await context.activity(same, {"new": value} if CHANGED else value)
    await context.wait_for_event("e")


def exercise(client: perdure.Client, store: perdure.Store) -> str:
    """One of everything. What was found where it belongs."""
    instance = client.start("everything", {"v": SECRET}, memo={"m": SECRET})
    client.wait_for_status(instance, timeout=10)
    client.raise_event(instance, "e", SECRET)
    for call in (
        lambda: client.call(instance, "add", SECRET, timeout=5),
        lambda: client.query(instance, "show", SECRET),
    ):
        with contextlib.suppress(perdure.CallFailed, perdure.QueryFailed):
            call()
    client.enqueue(instance, "q", SECRET)
    output = client.result(instance, timeout=20)
    failed = client.start("fails", SECRET)
    client.wait(failed, timeout=10)
    changed = client.start("fickle", SECRET)
    client.management().why(changed)
    while len(client.history(changed)) < 4:
        client.describe(changed)
    global CHANGED
    CHANGED = True
    client.raise_event(changed, "e", SECRET)
    # The code is built anew: another runtime would do so.
    with perdure.Runtime(store, [everything, fails, fickle, same]):
        client.raise_event(changed, "e", SECRET)
    return f"{output} {client.describe(failed).failure} {client.history(instance)}"


def refusals(client: perdure.Client, store: perdure.Store) -> str:
    """The texts of the errors of calls that cannot be taken, with a secret in what they were given."""
    said = io.StringIO()

    def take(call: Callable[[], Any]) -> None:
        try:
            call()
        except perdure.PerdureError as error:
            said.write(f"{error} {error.details}\n")

    lib, handle = library(), client._handle.value
    instance = client.start("everything", 1)
    for bad in (f'"{SECRET}', f'{{"a":"{SECRET}",}}', f'"{SECRET}\\u0000"', f'"{SECRET}\\ud800"', 
                f'["{SECRET}" 1]',
                '"' + SECRET * 60_000 + '"'):  # fmt: skip
        data = bad.encode()
        text = _abi.Text(data, len(data))
        name = _abi.Text(b"e", 1)
        given = instance.encode()
        target = _abi.Text(given, len(given))
        take(lambda o=target, n=name, t=text: lib.check(lib.dx.dx_client_raise_event(handle, o, n, t)))  # type: ignore[misc]
        for start in (
            f'{{"orchestration":"everything","input":{bad}}}',
            f'{{"orchestration":"everything","memo":{bad}}}',
        ):
            raw = start.encode()
            out = _abi.Buffer()
            given = partial(lib.dx.dx_client_start, handle, _abi.Text(raw, len(raw)), ctypes.byref(out))
            take(lambda g=given: lib.check(g()))
    for value in (
        {"a": SECRET + "\0"},
        {"a": [SECRET, float("nan")]},
        {1: {SECRET}},
        SECRET + "\ud800",
        SECRET * 60_000,
    ):
        take(lambda v=value: client.start("everything", v))  # type: ignore[misc]
        take(lambda v=value: client.raise_event(instance, "e", v))  # type: ignore[misc]
    for start in (lambda: client.start("everything", SECRET, instance=instance),
                  lambda: client.raise_event("nobody", "e", SECRET),
                  lambda: client.complete_activity("none", SECRET)):  # fmt: skip
        take(start)
    client.terminate(instance)
    return said.getvalue()


def run(url: str) -> tuple[str, str, str]:
    """What was kept, what refused calls said, the metrics."""
    with perdure.Store(url) as store, perdure.Client(store) as client:
        definitions = [everything, fails, fickle, same, declines, strange, later, typed]
        with perdure.Runtime(store, definitions, cache=False):
            kept = exercise(client, store)
            said = refusals(client, store)
        return kept, said, f"{store.metrics()!r} {store.open_metrics()}"


def main() -> int:
    argparse.ArgumentParser(description="Looks for a secret where it must not be.").parse_args()
    verdicts = Verdicts()
    engine, python = io.StringIO(), io.StringIO()
    logger = logging.Logger("engine", logging.DEBUG)
    logger.addHandler(logging.StreamHandler(engine))
    side = logging.getLogger("perdure")
    side.setLevel(logging.DEBUG)
    side.addHandler(logging.StreamHandler(python))
    side.propagate = False
    printed = tempfile.TemporaryFile()  # noqa: SIM115 (stands in for stderr until the end)
    before = os.dup(2)
    os.dup2(printed.fileno(), 2)
    try:
        perdure.log_to(logger, "debug")
        with tempfile.TemporaryDirectory(prefix="perdure-canary-") as folder:
            kept, said, metrics = run(f"sqlite:{Path(folder) / 'canary.sqlite'}")
    finally:
        os.dup2(before, 2)
    printed.seek(0)
    places = {
        "the engine's log at debug": engine.getvalue(), "the Python log at debug": python.getvalue(),
        "what the process printed": printed.read().decode(errors="replace"), "errors of refused calls": said,
        "the metrics": metrics,
    }  # fmt: skip
    for place, content in places.items():
        lines = [line[:160] for line in content.splitlines() if SECRET in line]
        verdicts.check(f"no secret in {place} ({len(content)} characters)", lines)
    verdicts.check(
        f"the secret is where it belongs ({kept.count(SECRET)} times)",
        [] if SECRET in kept else ["it is not"],
    )
    silent = [
        name
        for name in ("the engine's log at debug", "errors of refused calls", "the metrics")
        if not places[name]
    ]
    verdicts.check("the places are not empty", silent)
    return verdicts.end()


if __name__ == "__main__":
    sys.exit(main())
