"""A process of a fleet, for tests: a runtime that serves what its role says until SIGTERM, then drains.

    fleet_member.py URL ROLE [TRACE]

ROLE is a JSON object: `serves`, names of what stands below; `flows`, versions of the orchestration "flow";
`tags`, `untagged`, `slots`, as the runtime has them. Activities answer with the process that ran them; `slow`
leaves a line in TRACE, and takes its time in seconds, or until there is the file that it is given. At the end
it adds what it has committed to the file `counts`, if the role names one.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from typing import Any, Dict, List, Union

import perdure

TRACE = sys.argv[3] if len(sys.argv) > 3 else os.devnull


def _leave(line: str) -> None:
    descriptor = os.open(TRACE, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.write(descriptor, f"{line}\n".encode())
    os.close(descriptor)


@perdure.activity
def where(ctx: perdure.ActivityContext) -> int:
    return os.getpid()


@perdure.activity
def slow(ctx: perdure.ActivityContext, until: Union[float, str]) -> int:
    _leave(f"{ctx.instance_id} {os.getpid()} {time.monotonic()}")
    if isinstance(until, str):
        while not os.path.exists(until):
            time.sleep(0.01)
    else:
        time.sleep(until)
    return os.getpid()


def flow(version: str) -> Any:
    """Code of one version: its answer says which it was all the way, and where its activities ran."""

    @perdure.orchestration(name="flow", version=version)
    async def run(ctx: perdure.OrchestrationContext) -> Dict[str, Any]:
        pids = [await ctx.activity(where)]
        await ctx.wait_for_event("go")
        pids.append(await ctx.activity(where))
        return {"version": version, "pids": pids}

    return run


@perdure.orchestration
async def routed(ctx: perdure.OrchestrationContext, tags: List[str]) -> List[int]:
    """Where an activity of each tag ran; "" is none."""
    return [await ctx.activity("where", tag=tag or None) for tag in tags]


@perdure.orchestration
async def waits(ctx: perdure.OrchestrationContext) -> str:
    await ctx.wait_for_event("go")
    return "went"


@perdure.orchestration
async def work(ctx: perdure.OrchestrationContext, until: Union[float, str]) -> int:
    return await ctx.activity("slow", until)


DEFINITIONS = {each.name: each for each in (where, slow, routed, waits, work)}


def main() -> None:
    role = json.loads(sys.argv[2])
    definitions = [DEFINITIONS[name] for name in role.get("serves", [])]
    definitions += [flow(version) for version in role.get("flows", [])]
    with perdure.Store(sys.argv[1]) as store:
        perdure.Runtime(
            store, definitions, activity_slots=role.get("slots", 8), activity_tags=role.get("tags", ()),
            untagged_activities=role.get("untagged", True),
        ).run(grace=30)  # fmt: skip
        if "counts" in role:
            with open(role["counts"], "a") as file:
                file.write(json.dumps({each: _total(store, each) for each in ("commits", "commit_entries")}))
                file.write("\n")


def _total(store: perdure.Store, name: str) -> int:
    """Of a counter, as it is in the end."""
    found = re.search(rf"^perdure_{name}_total (\d+)$", store.open_metrics(), re.MULTILINE)
    assert found is not None
    return int(found[1])


if __name__ == "__main__":
    main()
