"""A transfer takes back what it booked when a step fails - and forgets that it may be cancelled, too."""

from __future__ import annotations

import asyncio

import perdure
from perdure.testing import Simulation, World, simulate


@perdure.orchestration(name="transfer")
async def wrong(ctx: perdure.OrchestrationContext, order: str) -> str:
    try:
        await ctx.activity("debit", order)
        await ctx.activity("credit", order)
    except perdure.ActivityFailed:
        await ctx.activity("takeBack", order, retry=perdure.RetryPolicy(max_attempts=30))
        raise
    return "done"


@perdure.orchestration(name="transfer")
async def right(ctx: perdure.OrchestrationContext, order: str) -> str:
    try:
        await ctx.activity("debit", order)
        await ctx.activity("credit", order)
    except (perdure.ActivityFailed, asyncio.CancelledError):
        undo = ctx.activity("takeBack", order, retry=perdure.RetryPolicy(max_attempts=30))
        try:
            await asyncio.shield(undo)
        except asyncio.CancelledError:
            # Cancelled while it takes back: that comes to its end first.
            await undo
            raise
        raise
    return "done"


class Bank:
    """Books what has a key once, and takes back whatever was booked for an order."""

    def __init__(self) -> None:
        self.accounts = {"ada": 100, "ben": 0}
        self.booked: dict[str, tuple[str, int]] = {}

    def book(self, key: str, account: str, amount: int) -> None:
        if key not in self.booked:
            self.booked[key] = (account, amount)
            self.accounts[account] += amount

    def take_back(self, order: str) -> None:
        for key in [f"{order}/debit", f"{order}/credit"]:
            account, amount = self.booked.pop(key, ("ada", 0))
            self.accounts[account] -= amount


def scenario(transfer: perdure.Orchestration[str, str], run: Simulation) -> None:
    bank = Bank()
    run.register(transfer)
    run.activity("debit", lambda order: bank.book(f"{order}/debit", "ada", -10))
    run.activity("credit", lambda order: bank.book(f"{order}/credit", "ben", 10))
    run.activity("takeBack", bank.take_back)
    run.start(transfer, "o-1", instance="transfer-1")
    run.cancel("transfer-1", after=5)

    def all_or_nothing(end: World) -> bool:
        completed = end.instance("transfer-1").status == "Completed"
        return bank.accounts == ({"ada": 90, "ben": 10} if completed else {"ada": 100, "ben": 0})

    run.check("all or nothing is booked", all_or_nothing)


def main() -> None:
    report = simulate(lambda run: scenario(wrong, run), fail_activities=True)
    print(f"wrong: {report}")
    assert report.failure is not None
    assert report.failure.invariant == "all or nothing is booked"
    report = simulate(lambda run: scenario(right, run), fail_activities=True)
    print(f"right: {report}")
    report.raise_if_failed()


if __name__ == "__main__":
    main()
