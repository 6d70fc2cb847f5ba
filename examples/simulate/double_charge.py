"""An order charges a card - twice, when the process dies between the charge and its record."""

from __future__ import annotations

import perdure
from perdure.testing import Simulation, simulate


@perdure.orchestration
async def order(ctx: perdure.OrchestrationContext, price: int) -> str:
    receipt: str = await ctx.activity("charge", price)
    await ctx.activity("ship", receipt)
    return receipt


class Gateway:
    """Charges again what comes again, unless it comes with a key that it knows."""

    def __init__(self) -> None:
        self.charges: list[int] = []
        self.receipts: dict[str, str] = {}

    def charge(self, price: int, key: str | None = None) -> str:
        if key is not None and key in self.receipts:
            return self.receipts[key]
        self.charges.append(price)
        receipt = f"receipt {len(self.charges)}"
        if key is not None:
            self.receipts[key] = receipt
        return receipt


def wrong(gateway: Gateway, ctx: perdure.ActivityContext, price: int) -> str:
    return gateway.charge(price)


def right(gateway: Gateway, ctx: perdure.ActivityContext, price: int) -> str:
    return gateway.charge(price, key=ctx.idempotency_key)


def scenario(charge, run: Simulation) -> None:  # type: ignore[no-untyped-def]
    gateway = Gateway()
    run.register(order)
    run.activity("charge", lambda ctx, price: charge(gateway, ctx, price))
    run.activity("ship", "on its way")
    run.start(order, 42, instance="order-1")
    run.always("nobody pays twice", lambda world: len(gateway.charges) <= 1)
    run.check("the order is paid", lambda end: gateway.charges == [42])


def main() -> None:
    report = simulate(lambda run: scenario(wrong, run))
    print(f"wrong: {report}")
    assert report.failure is not None
    assert report.failure.invariant == "nobody pays twice"
    assert len(report.failure.schedule) == 1
    report = simulate(lambda run: scenario(right, run))
    print(f"right: {report}")
    report.raise_if_failed()


if __name__ == "__main__":
    main()
