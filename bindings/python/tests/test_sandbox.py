"""Calls that no replay could repeat: found when orchestration code makes them, and nowhere else."""

from __future__ import annotations

import asyncio
import datetime as dt
import functools
import logging
import logging.handlers
import os
import random
import secrets
import site
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.request
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from pathlib import Path
from time import time as seconds
from typing import Any, Callable

import pytest
from script import Script

import perdure
from perdure._forbidden import is_own_code
from perdure._sandbox import watched

Context = perdure.OrchestrationContext
READ = Path(__file__)


def helper() -> float:
    return time.monotonic()


class Clock:
    def read(self) -> Any:
        return datetime.now()


def inside(value: Any) -> Any:
    return time.time() if value == "now" else value


CALLS = {
    "time.time": lambda: time.time(),
    "an alias": lambda: seconds(),
    "a helper": lambda: helper(),
    "a method": lambda: Clock().read(),
    "sleep": lambda: time.sleep(0.001),
    "datetime.now": lambda: datetime.now(),
    "datetime.now of a zone": lambda: dt.datetime.now(dt.timezone.utc),
    "date.today": lambda: date.today(),
    "random": lambda: random.random(),
    "choice": lambda: random.choice([1]),
    "an unseeded generator": lambda: random.Random().random(),
    "the generator of the system": lambda: random.SystemRandom().random(),
    "uuid4": lambda: uuid.uuid4(),
    "urandom": lambda: os.urandom(1),
    "secrets": lambda: secrets.token_hex(1),
    "getenv": lambda: os.getenv("HOME"),
    "open": lambda: open(os.devnull),  # noqa: SIM115
    "io.open": lambda: open(os.devnull),  # noqa: SIM115
    "a path": lambda: READ.read_text(),
    "a folder": lambda: os.listdir("."),
    "a socket": lambda: socket.socket(),
    "a connection": lambda: socket.create_connection(("localhost", 9)),
    "a web page": lambda: urllib.request.urlopen("http://localhost:9"),
    "a process": lambda: subprocess.run(["true"]),
    "a database": lambda: sqlite3.connect(":memory:"),
    "a thread": lambda: threading.Thread(target=helper).start(),
    "a pool": lambda: ThreadPoolExecutor().submit(helper),
    "a loop": lambda: asyncio.new_event_loop(),
    "input": lambda: input("name?"),
}
INSTEAD = {
    "time.time": "calls time.time in <lambda> (test_sandbox.py:", "sleep": "asyncio.sleep",
    "datetime.now": "calls datetime.now", "random": "ctx.random()", "uuid4": "ctx.new_guid()",
    "open": "calls open in <lambda>", "a path": "do it in an activity", "a process": "calls subprocess",
    "a thread": "asyncio.create_task", "a helper": "in helper (test_sandbox.py", "date.today": "ctx.now()",
}  # fmt: skip


@pytest.mark.parametrize("sandbox", [True, "strict"])
@pytest.mark.parametrize("name", CALLS)
def test_a_call_that_no_replay_could_repeat_is_refused(name: str, sandbox: Any) -> None:
    call = CALLS[name]

    async def code(ctx: Context) -> None:
        await asyncio.sleep(1)
        # As users write it: by its name, here that of a variable of the function around.
        call()

    script = Script(code, sandbox=sandbox)
    script.start()
    assert script.end is None
    script.fire(1)
    assert script.failure["type"] == "ForbiddenCall"
    assert script.failure["nonRetryable"] is True
    assert INSTEAD.get(name, "a replay could not repeat it") in script.failure["message"]
    assert sys.getprofile() is None


@pytest.mark.parametrize("sandbox", [True, "strict"])
def test_what_is_the_same_in_each_replay_is_let_pass(sandbox: Any, tmp_path: Path) -> None:
    logger = logging.getLogger("test-sandbox")
    logger.propagate = False
    logger.addHandler(logging.handlers.RotatingFileHandler(tmp_path / "log", maxBytes=10, delay=True))

    async def code(ctx: Context) -> Any:
        logger.warning("a record has a time, and its handler a file")
        numbers = random.Random(ctx.new_guid().int)
        numbers.shuffle([1, 2, 3])
        dt.datetime(2026, 1, 2).isoformat()
        await asyncio.gather(asyncio.sleep(0), ctx.activity("a", str(ctx.now())))
        ctx.log.info("%s", ctx.random())
        time.strptime("12:00", "%H:%M")
        with perdure.unsandboxed():
            time.perf_counter()
            await asyncio.sleep(0)
            time.perf_counter()
        return uuid.uuid5(uuid.NAMESPACE_DNS, "a").hex

    script = Script(code, sandbox=sandbox)
    script.start()
    script.complete(1, None)
    assert script.output == uuid.uuid5(uuid.NAMESPACE_DNS, "a").hex
    logger.handlers[0].close()


def test_strict_finds_what_no_search_does() -> None:
    hidden: dict[str, Callable[[], float]] = {"clock": time.time}

    async def code(ctx: Context) -> Any:
        return await ctx.activity("a", hidden["clock"]() > 0)

    Script(code, sandbox=True).start()
    script = Script(code, sandbox="strict")
    script.start()
    assert script.failure["type"] == "ForbiddenCall"


def test_a_refusal_can_be_caught_and_the_next_turn_is_watched_again() -> None:
    async def code(ctx: Context) -> Any:
        seen = []
        for _ in range(2):
            try:
                time.time()
            except perdure.ForbiddenCall as error:
                seen.append(error.message.partition(":")[0])
            await ctx.timer(1)
        return len(seen)

    script = Script(code, sandbox=True)
    script.start()
    script.fire(1)
    script.fire(2)
    assert script.output == 2


@pytest.mark.parametrize(
    ("file", "is_own"),
    [
        (f"{sys.prefix}/shop/orders.py", True),
        (f"{sys.base_prefix}/shop/orders.py", True),
        ("/srv/shop/orders.py", True),
        (os.path.__file__, False),
        (asyncio.tasks.__file__, False),
        (pytest.__file__, False),
        ("<frozen runpy>", False),
        *((f"{folder}/some/library.py", False) for folder in site.getsitepackages()),
    ],
)
def test_libraries_are_told_from_programs_by_their_folder(file: str, is_own: bool) -> None:
    assert is_own_code(file, "of_no_package") is is_own


@pytest.mark.library
def test_code_that_names_nothing_forbidden_is_not_watched() -> None:
    @perdure.orchestration
    async def plain(ctx: Context, value: int) -> Any:
        return await asyncio.gather(*(ctx.activity("a", item) for item in range(value)))

    @perdure.orchestration
    async def suspect(ctx: Context) -> Any:
        return inside(await ctx.activity("a"))

    @perdure.orchestration
    async def importing(ctx: Context) -> Any:
        import requests  # type: ignore[import-untyped]

        return requests.get("http://localhost")

    @perdure.orchestration(sandbox=False)
    async def unwatched(ctx: Context) -> float:
        return time.time()

    assert not watched(True, plain)
    assert watched("strict", plain)
    assert watched(True, suspect)
    assert watched(True, importing)
    assert not watched("strict", unwatched)
    assert not watched(False, suspect)
    with pytest.raises(perdure.InvalidArgument, match="sandbox is True, False"):
        perdure.Runtime.__init__(object.__new__(perdure.Runtime), None, sandbox="yes")  # type: ignore[arg-type]


class Proxy:
    """What works only in a context that is not there."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(f"working outside of a context: {name}")

    @property
    def __class__(self) -> Any:
        raise RuntimeError("working outside of a context")


proxy = Proxy()


def test_to_search_code_does_no_harm() -> None:
    async def code(ctx: Context, value: int = 1) -> Any:
        return value or proxy.something or time.time()

    script = Script(code, sandbox=True)
    script.start()
    assert script.output == 1
    assert script.definition.is_suspect, "the search went on"


@functools.lru_cache
def cached() -> float:
    return time.time()


def passed_on(function: Any) -> Any:
    @functools.wraps(function)
    def call(*arguments: Any) -> Any:
        return function(*arguments)

    return call


@passed_on
def wrapped() -> float:
    return time.time()


@pytest.mark.parametrize("function", [cached, wrapped])
def test_functions_are_found_under_their_wrappers(function: Any) -> None:
    async def code(ctx: Context) -> Any:
        return function()

    script = Script(code, sandbox=True)
    script.start()
    assert script.failure["type"] == "ForbiddenCall"


def test_modules_may_be_imported_and_time_zones_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "with_a_clock.py").write_text("import time, os\nBEGUN = time.time()\nos.listdir('.')\n")
    monkeypatch.syspath_prepend(tmp_path)

    async def code(ctx: Context) -> Any:
        import zoneinfo

        import with_a_clock  # type: ignore[import-not-found]

        assert with_a_clock.BEGUN > 0
        return str(ctx.now().astimezone(zoneinfo.ZoneInfo("Europe/Berlin")).tzinfo)

    script = Script(code, sandbox="strict")
    script.start()
    assert script.output == "Europe/Berlin"


def test_an_activity_is_not_called_as_a_function() -> None:
    @perdure.activity
    async def fetch(ctx: perdure.ActivityContext, page: int) -> int:
        return page

    async def code(ctx: Context) -> Any:
        return await fetch(ctx, 7)

    script = Script(code)
    script.start()
    assert script.failure["type"] == "ForbiddenCall"
    assert "Write ctx.activity(fetch, input)" in script.failure["message"]


def test_a_profiler_of_the_user_is_left_alone() -> None:
    async def code(ctx: Context) -> float:
        return time.time()

    def profiler(*_: Any) -> None: ...

    sys.setprofile(profiler)
    try:
        Script(code, sandbox=True).start()
        assert sys.getprofile() is profiler
    finally:
        sys.setprofile(None)


@pytest.mark.library
def test_a_runtime_refuses_unless_told_otherwise(rig: Any) -> None:
    @perdure.activity
    def clock(ctx: perdure.ActivityContext) -> float:
        return time.time()

    @perdure.orchestration
    async def wrong(ctx: Context) -> float:
        await ctx.activity(clock)
        return time.time()

    with pytest.raises(perdure.OrchestrationFailed, match=r"calls time\.time in wrong .*ctx\.now\(\)"):
        rig(wrong, clock).run(wrong)
    assert rig(wrong, clock, sandbox=False).run(wrong) > 0


@pytest.mark.library
def test_a_client_belongs_into_activities(rig: Any) -> None:
    clients = []

    @perdure.orchestration
    async def wrong(ctx: Context) -> str:
        return str(clients[0].start(wrong))

    world = rig(wrong, sandbox="strict")
    clients.append(world.client)
    with pytest.raises(perdure.OrchestrationFailed, match="start_detached"):
        world.run(wrong)
