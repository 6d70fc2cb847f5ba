"""A saga: every step that was done is undone, in reverse order, when a later one fails for good.

The money is withdrawn and deposited, then the audit fails three times. The deposit is taken back; while the
withdrawal is being given back the worker process is killed. A second process goes on right there. The booking
that was cut off is asked for again under the same idempotency key, so the bank books it once.

Expect: a failure that names its cause and what was undone, three attempts of the audit, both balances as at
the beginning.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path

import perdure

sys.path.append(str(Path(__file__).resolve().parent.parent))
import common


@dataclass
class Transfer:
    source: str
    target: str
    amount: int


class AuditRefused(Exception):
    pass


class TransferFailed(Exception):
    pass


# ---- The bank: its books are lines of the journal -------------------------------------------------------


def book(context: perdure.ActivityContext, account: str, amount: int) -> None:
    """A key that is booked already is not booked again: what makes it safe to run a step twice."""
    common.note("asked", context.name, context.idempotency_key)
    if not common.notes("booked", context.idempotency_key):
        common.note("booked", context.idempotency_key, account, amount)


def balance(account: str) -> int:
    return sum(int(amount) for _, _, owner, amount in common.notes("booked") if owner == account)


@perdure.activity
def withdraw(context: perdure.ActivityContext, transfer: Transfer) -> None:
    book(context, transfer.source, -transfer.amount)


@perdure.activity
def deposit(context: perdure.ActivityContext, transfer: Transfer) -> None:
    book(context, transfer.target, transfer.amount)


@perdure.activity(retry=perdure.RetryPolicy(max_attempts=3, initial_interval=0.02))
def audit(context: perdure.ActivityContext, transfer: Transfer) -> None:
    common.note("audit", context.attempt)
    raise AuditRefused(f"nobody knows {transfer.target}")


@perdure.activity
def take_back_deposit(context: perdure.ActivityContext, transfer: Transfer) -> None:
    book(context, transfer.target, -transfer.amount)


@perdure.activity
def give_back_withdrawal(context: perdure.ActivityContext, transfer: Transfer) -> None:
    book(context, transfer.source, transfer.amount)
    time.sleep(0.3)  # The bank has booked, and its answer is on the way.


# ---- The saga -------------------------------------------------------------------------------------------


@perdure.orchestration
async def transfer_money(context: perdure.OrchestrationContext, transfer: Transfer) -> str:
    undo: list[perdure.Activity[Transfer, None]] = []
    try:
        await context.activity(withdraw, transfer)
        undo.append(give_back_withdrawal)
        await context.activity(deposit, transfer)
        undo.append(take_back_deposit)
        await context.activity(audit, transfer)
    except perdure.ActivityFailed as error:
        undone = []
        for step in reversed(undo):
            await context.activity(step, transfer)
            undone.append(step.name)
        raise TransferFailed(f"{error.name} failed; undone by {', '.join(undone)}") from error
    return "transferred"


def story(scene: common.Scene) -> None:
    common.note("booked", "opening", "Ada", 100)
    scene.client.start(transfer_money, Transfer("Ada", "Grace", 40), instance="transfer-1")
    first = scene.worker()
    common.wait_for_note("booked", count=5)
    first.kill()
    common.say(f"worker {first.pid} killed while the withdrawal was being given back")

    scene.worker()
    failure = scene.failure("transfer-1")
    common.say(f"transfer-1 failed: {failure.message}; the cause: {failure.cause}")

    assert failure.type == "TransferFailed", failure
    assert failure.message == "audit failed; undone by take_back_deposit, give_back_withdrawal", failure
    causes, link = [], failure.cause
    while link is not None:
        causes.append(link.type)
        link = link.cause
    assert "AuditRefused" in causes, f"the cause is lost: {causes}"
    assert [line[1] for line in common.notes("audit")] == ["1", "2", "3"], common.notes("audit")

    steps = [event["name"] for event in scene.events("transfer-1", "ActivityScheduled")]
    assert steps == ["withdraw", "deposit", "audit", "take_back_deposit", "give_back_withdrawal"], steps
    # The step that was cut off ran twice with one key; everything was booked once.
    asked = [line[1:] for line in common.notes("asked", "give_back_withdrawal")]
    assert len(asked) == 2 and asked[0] == asked[1], asked
    assert len(common.notes("booked")) == 5, common.notes("booked")
    assert (balance("Ada"), balance("Grace")) == (100, 0), (balance("Ada"), balance("Grace"))
    common.say(f"Ada has {balance('Ada')}, Grace has {balance('Grace')}")


DEFINITIONS: common.Definitions = [
    transfer_money,
    withdraw,
    deposit,
    audit,
    take_back_deposit,
    give_back_withdrawal,
]

if __name__ == "__main__":
    common.play(story, DEFINITIONS)
