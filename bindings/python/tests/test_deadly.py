"""A turn that ends its process: the others go on, and in the end it is found out."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Dict

import perdure

PROGRAM = """
import os, signal, sys, time
import perdure

url, cure = sys.argv[1:]

@perdure.orchestration
async def deadly(ctx: perdure.OrchestrationContext) -> str:
    if not os.path.exists(cure):
        os.kill(os.getpid(), signal.SIGKILL)
    return "cured"

@perdure.activity
def step(ctx: perdure.ActivityContext) -> None:
    time.sleep(0.01)

@perdure.orchestration
async def other(ctx: perdure.OrchestrationContext) -> None:
    for _ in range(3):
        await ctx.activity(step)

with perdure.Store(url) as store, perdure.Runtime(store, [deadly, other, step], activity_slots=4):
    client = perdure.Client(store)
    while client.status("deadly") != ("Completed" if os.path.exists(cure) else "Quarantined"):
        time.sleep(0.005)
"""


def test_a_turn_that_kills_its_process_stops_no_other(tmp_path: Path, environment: Dict[str, str]) -> None:
    program, cure, url = tmp_path / "deadly.py", tmp_path / "cure", f"sqlite:{tmp_path / 'test.sqlite'}"
    program.write_text(textwrap.dedent(PROGRAM))
    command = [sys.executable, str(program), url, str(cure)]
    others = [f"other-{number}" for number in range(10)]
    with perdure.Store(url) as store, perdure.Client(store) as client:
        client.start("deadly", instance="deadly")
        for name in others:
            client.start("other", instance=name)
        codes = []
        while 0 not in codes and len(codes) < 20:
            codes.append(subprocess.run(command, env=environment, timeout=60).returncode)
        assert codes == [-9] * 10 + [0]
        assert {client.status(name) for name in others} == {"Completed"}
        failure = client.describe("deadly").failure
        assert failure is not None
        assert failure.type == "perdure.Poison"
        assert failure.message == (
            "the process of instance 'deadly' died 10 times in a row while a turn of it was due"
        )
        cure.touch()
        assert client.retry("deadly") == "Pending"
        assert subprocess.run(command, env=environment, timeout=60).returncode == 0
        assert client.describe("deadly").output == "cured"
