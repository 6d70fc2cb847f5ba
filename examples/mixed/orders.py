"""The order, in Python: its prices come from Node, its parcels from Swift.

    examples/mixed/orders.py sqlite:orders.sqlite

Serves until it is killed.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from typing import Any

import perdure


@perdure.orchestration
async def order(ctx: perdure.OrchestrationContext, items: list[str]) -> dict[str, Any]:
    # Activities and children are known by their names; who runs them, and in which language, is not said.
    prices = await asyncio.gather(*(ctx.activity("price", item) for item in items))
    total = sum(prices)
    ctx.set_custom_status({"to pay": total})
    paid = await asyncio.wait_for(ctx.wait_for_event("paid"), timeout=24 * 3600)
    if paid < total:
        return {"refused": f"{paid} of {total}"}
    parcels = await ctx.sub_orchestration("ship", items)
    return {"total": total, "parcels": parcels}


if __name__ == "__main__":
    with perdure.Runtime(sys.argv[1], [order]):
        print("python serves", flush=True)
        threading.Event().wait()
