"""An invoice waits for its payment, and reminds now and then - and a payment that comes in just then is
forgotten: the time limit is around the wait AND around what follows it.
"""

from __future__ import annotations

import asyncio

import perdure
from perdure.testing import Simulation, simulate


async def paid(ctx: perdure.OrchestrationContext) -> str:
    payment: str = await ctx.wait_for_event("payment")
    await ctx.activity("record", payment)
    return payment


@perdure.orchestration(name="invoice")
async def wrong(ctx: perdure.OrchestrationContext) -> str:
    for _ in range(3):
        try:
            # The limit may end it when the payment is taken and not recorded yet.
            return await asyncio.wait_for(paid(ctx), 10)
        except asyncio.TimeoutError:
            await ctx.activity("remind")
    return await paid(ctx)


@perdure.orchestration(name="invoice")
async def right(ctx: perdure.OrchestrationContext) -> str:
    payment: str | None = None
    for _ in range(3):
        try:
            payment = await asyncio.wait_for(ctx.wait_for_event("payment"), 10)
            break
        except asyncio.TimeoutError:
            await ctx.activity("remind")
    taken: str = await ctx.wait_for_event("payment") if payment is None else payment
    await ctx.activity("record", taken)
    return taken


def scenario(invoice: perdure.Orchestration[None, str], run: Simulation) -> None:
    ledger: list[str] = []
    run.register(invoice)
    run.activity("record", lambda payment: ledger.append(payment) if payment not in ledger else None)
    run.activity("remind", None)
    run.start(invoice, instance="invoice-1")
    run.event("invoice-1", "payment", "p-1", after=5)
    run.check("the payment is recorded", lambda end: ledger == ["p-1"])


def main() -> None:
    report = simulate(lambda run: scenario(wrong, run))
    print(f"wrong: {report}")
    assert report.failure is not None
    assert report.failure.invariant == "every instance ends"
    report = simulate(lambda run: scenario(right, run))
    print(f"right: {report}")
    report.raise_if_failed()


if __name__ == "__main__":
    main()
