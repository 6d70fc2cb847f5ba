"""An activity that a person completes: it ends with `defer`, and its token is the key to it.

The activity files the expense with an approval system and is done with its part; it holds no thread and no
slot while the decision takes days. Whoever has the token ends it, from any process, also when no worker runs.

Expect: the approved expense is paid, the rejected one is not, the withdrawn one fails as the approver said;
a token works once.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import perdure

sys.path.append(str(Path(__file__).resolve().parent.parent))
import common


@dataclass
class Expense:
    number: str
    amount: int


@perdure.activity
def ask_approver(context: perdure.ActivityContext, expense: Expense) -> str:
    """The result, "approved" or "rejected", comes from the approval system."""
    common.note("filed", expense.number, context.token)
    decision: str = context.defer()
    return decision


@perdure.activity
def pay(context: perdure.ActivityContext, expense: Expense) -> str:
    common.note("paid", expense.number, expense.amount)
    return f"paid {expense.amount}"


@perdure.orchestration
async def reimburse(context: perdure.OrchestrationContext, expense: Expense) -> str:
    decision = await context.activity(ask_approver, expense)
    if decision != "approved":
        return decision
    return await context.activity(pay, expense)


def story(scene: common.Scene) -> None:
    client = scene.client
    for number, amount in (("taxi", 30), ("yacht", 90_000), ("lunch", 12)):
        client.start(reimburse, Expense(number, amount), instance=number)
    with scene.runtime():
        filed = common.wait_for_note("filed", count=3)
    token = {number: token for _, number, token in filed}
    common.say("three expenses are filed; the worker is stopped")

    # Nobody runs anything: the decisions are on disk all the same.
    client.complete_activity(token["taxi"], "approved")
    client.complete_activity(token["yacht"], "rejected")
    client.fail_activity(token["lunch"], perdure.Failure("Withdrawn", "it was on the house"))
    assert client.status("taxi") == "Running", "it cannot have gone on without a worker"

    with scene.runtime():
        assert scene.result("taxi") == "paid 30"
        assert scene.result("yacht") == "rejected"
        failure = scene.failure("lunch")
        assert (failure.type, failure.message) == ("Withdrawn", "it was on the house"), failure
        common.say("taxi is paid, yacht is rejected, lunch was withdrawn")

        try:
            client.complete_activity(token["taxi"], "rejected")
        except perdure.PerdureError as error:
            common.say(f"a second decision is refused: {error}")
            assert isinstance(error, perdure.Stale), repr(error)
        else:
            raise AssertionError("a token that was used is taken again")

    assert common.notes("paid") == [["paid", "taxi", "30"]], common.notes("paid")
    assert len(common.notes("filed")) == 3, "an expense was filed again after the restart"


if __name__ == "__main__":
    common.play(story, [reimburse, ask_approver, pay])
