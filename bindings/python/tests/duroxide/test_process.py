"""Processes that are killed in the middle."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Dict

PROGRAM = """
import sys
from perdure.duroxide import Client, Runtime, SqliteProvider

def step(ctx, number):
    with open("steps.txt", "a") as steps:
        steps.write(f"{number}\\n")
    if number == 3 and len(sys.argv) > 1:
        print("in the middle", flush=True)
        sys.stdin.read()
    return number

def order(ctx, count):
    done = []
    for number in range(count):
        done.append((yield ctx.schedule_activity("Step", number)))
        ctx.set_kv_value("done", len(done))
    event = yield ctx.wait_for_event("approve")
    return [done, event]

provider = SqliteProvider.open("order.db")
runtime = Runtime(provider)
runtime.register_activity("Step", step)
runtime.register_orchestration("Order", order)
runtime.start()
client = Client(provider)
client.start_orchestration("order-1", "Order", 6)
if len(sys.argv) > 1:
    client.raise_event("order-1", "approve", "early")
print(client.wait_for_orchestration("order-1").output, client.get_kv_value("order-1", "done"))
runtime.shutdown()
"""


def test_a_killed_process_is_gone_on_with_by_the_next(tmp_path: Path, environment: Dict[str, str]) -> None:
    command = [sys.executable, "-c", PROGRAM]
    with subprocess.Popen(
        [*command, "first"], cwd=tmp_path, env=environment, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as first:  # fmt: skip
        assert first.stdout is not None
        assert first.stdout.readline() == "in the middle\n"
        first.kill()
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "[[0, 1, 2, 3, 4, 5], 'early'] 6\n"), done.stderr
    steps = [int(line) for line in (tmp_path / "steps.txt").read_text().split()]
    assert steps == [0, 1, 2, 3, 3, 4, 5]
