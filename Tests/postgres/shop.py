"""A process that serves orders on a store: shop.py URL [fork]. It says `ready`, and runs until it is killed;
with `fork` it says the number of a forked child first, which stays.
"""

from __future__ import annotations

import os
import sys
import time

import perdure


@perdure.activity
def charge(context: perdure.ActivityContext, order: str) -> str:
    time.sleep(0.05)
    return f"paid {order}"


@perdure.orchestration
async def pack(context: perdure.OrchestrationContext, order: str) -> str:
    await context.timer(0.1)
    return f"packed {order}"


@perdure.orchestration
async def order(context: perdure.OrchestrationContext, order: str) -> list[str]:
    steps = [await context.activity(charge, order)]
    context.set_custom_status("charged")
    await context.timer(0.5)
    steps.append(await context.wait_for_event("approved"))
    steps.append(await context.sub_orchestration(pack, order))
    return steps


if __name__ == "__main__":
    with perdure.Store(sys.argv[1]) as store, perdure.Runtime(store, [order, pack, charge]):
        if "fork" in sys.argv:
            child = os.fork()
            if child == 0:
                time.sleep(600)
            print(child, flush=True)
        print("ready", flush=True)
        time.sleep(600)
