"""Processes that end in the wrong moment, or are two: kill -9 in a call, fork after the library is in use."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import perdure
from abuse_world import DEFINITIONS, Case, World

HERE = str(Path(__file__).resolve().parent)

CLIENT = f"""
import os, sys, threading
sys.path[:0] = [{HERE!r}]
import perdure
client = perdure.Client(sys.argv[1])
def start():
    number = 0
    while True:
        number += 1
        given = f"{{sys.argv[2]}}-{{threading.get_ident()}}-{{number}}"
        client.start("healthy", 1, instance=given)
        os.write(1, f"{{given}}\\n".encode())
def wait():
    client.wait(client.start("nobody-runs-it"))
for call in (start, start, wait, wait):
    threading.Thread(target=call, daemon=True).start()
threading.Event().wait()
"""

FORKER = f"""
import os, sys
sys.path[:0] = [{HERE!r}]
import perdure
from abuse_world import DEFINITIONS
store = perdure.Store(sys.argv[1])
client = perdure.Client(store)
runtime = perdure.Runtime(store, DEFINITIONS).start()
client.result(client.start("healthy", 1), timeout=10)
child = os.fork()
if child == 0:
    ends = set()
    for call in (lambda: client.start("healthy", 1), lambda: client.wait("x"), lambda: store.metrics(),
                 lambda: list(client.list()), lambda: perdure.Runtime(store, []),
                 lambda: perdure.Client(store)):
        try:
            call()
            ends.add("taken")
        except perdure.PerdureError as error:
            ends.add(type(error).__name__)
    runtime.stop()
    client.close()
    print(",".join(sorted(ends)), flush=True)
    # A store of its own, in the child, where the library says that this works.
    try:
        with perdure.Store(sys.argv[1] + ".child") as mine, perdure.Client(mine) as own:
            with perdure.Runtime(mine, DEFINITIONS):
                print(own.result(own.start("healthy", 2), timeout=10), flush=True)
    except perdure.PerdureError as error:
        print(type(error).__name__, flush=True)
    sys.exit(0)
_, status = os.waitpid(child, 0)
print("child", status, client.result(client.start("healthy", 3), timeout=10), flush=True)
runtime.close()
"""


def killed_in_calls(world: World) -> str:
    """Clients that are killed in the middle of starts and waits: what was acknowledged is there, and runs."""
    url = f"{world.url}.killed"
    rounds = 3 if world.is_quick else 20
    lost = torn = 0
    with perdure.Store(url) as store, perdure.Client(store) as client:
        for number in range(rounds):
            command = [sys.executable, "-c", CLIENT, url, f"k{number}"]
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
                assert process.stdout is not None
                acknowledged = [process.stdout.readline().strip() for _ in range(5 + number)]
                process.send_signal(signal.SIGKILL)
                acknowledged += [line.strip() for line in process.stdout if line.endswith("\n")]
            there = {each.instance for each in client.list(prefix=f"k{number}-")}
            lost += sum(each not in there for each in acknowledged)
        with perdure.Runtime(store, DEFINITIONS):
            for each in list(client.list(prefix="k")):
                torn += client.result(each.instance, timeout=10) != 2
    return f"{lost} lost, {torn} torn"


def forked(world: World) -> str:
    """The child is refused whatever was the parent's, ends by itself, and leaves the store alone."""
    url = f"{world.url}.forked"
    begin = time.monotonic()
    done = subprocess.run([sys.executable, "-c", FORKER, url], capture_output=True, text=True, timeout=60)
    lines = done.stdout.splitlines()
    if done.returncode != 0 or len(lines) != 3:
        return f"status {done.returncode}: {lines} {done.stderr[-300:]}"
    with perdure.Store(url) as store, perdure.Client(store) as client:
        count = len(list(client.list()))
    slow = "" if time.monotonic() - begin < 20 else ", slow"
    return f"{lines[0]}; {lines[1]}; {lines[2]}; {count} instances{slow}"


def interrupted(world: World) -> str:
    """SIGINT and SIGTERM to a process that waits in the library end it at once."""
    url = f"{world.url}.interrupted"
    # A parent that was started in the background passes on that interrupts are ignored.
    code = "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
    code += f"import perdure\nc = perdure.Client({url!r})\ni = c.start('nobody')\n"
    code += "print(i, flush=True)\nc.wait(i)"
    for number in (signal.SIGINT, signal.SIGTERM):
        with subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as child:
            assert child.stdout is not None
            child.stdout.readline()
            child.send_signal(number)
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()
                return f"it goes on after {number.name}"
    return "ended"


def on_disk(run: Callable[[World], str], expect: str) -> Callable[[World], str]:
    """The memory store lives in one process: there is nothing to share."""
    return lambda world: run(world) if world.kind == "sqlite" else expect


def cases() -> list[Case]:
    found = [
        ("clients killed in a call", killed_in_calls, "0 lost, 0 torn"),
        ("fork after use", forked, "Forked; 4; child 0 6; 2 instances"),
        ("signals in a wait", interrupted, "ended"),
    ]
    return [Case(name, on_disk(run, expect), expect) for name, run, expect in found]
