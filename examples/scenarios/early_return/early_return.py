"""An answer long before the end: the customer hears that the payment is accepted, the bank settles later.

Whoever pays says: start it if it is not there, then call. Doing both again, after a timeout or from another
process, is harmless: one instance, one reservation, the same receipt. Calls end with the instance: after the
settlement they are refused.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import perdure

sys.path.append(str(Path(__file__).resolve().parent.parent))
import common


@dataclass
class Payment:
    card: str
    amount: int


class CardDeclined(Exception):
    pass


@perdure.activity
def reserve(context: perdure.ActivityContext, payment: Payment) -> str:
    common.note("reserved", payment.card, payment.amount)
    if payment.card == "expired":
        raise CardDeclined("the card is expired")
    return f"receipt for {payment.amount}"


@perdure.activity
def settle(context: perdure.ActivityContext, payment: Payment) -> None:
    common.note("settled", payment.card, payment.amount)


@perdure.orchestration
async def pay(context: perdure.OrchestrationContext, payment: Payment) -> str:
    reserved = context.activity(reserve, payment)
    # Whoever starts it calls, too; the answer has to be given before the end.
    first = await context.next_call("receipt")
    try:
        receipt = await reserved
    except perdure.ActivityFailed as error:
        first.reject(error)
        raise
    first.answer(receipt)
    context.on_call("receipt", lambda _: receipt)  # For those who ask again.
    await context.wait_for_event("bank opens")
    await context.activity(settle, payment)
    return "settled"


def pay_now(client: perdure.Client, instance: str, payment: Payment) -> Any:
    """What the shop does, as often as it likes."""
    client.start(pay, payment, instance=instance, policy="use_existing")
    return client.call(instance, "receipt", timeout=10)


def story(scene: common.Scene) -> None:
    client = scene.client
    with scene.runtime():
        receipt = pay_now(client, "order-7", Payment("valid", 20))
        assert receipt == "receipt for 20", receipt
        assert client.status("order-7") == "Running", "the answer should come before the end"
        assert not common.notes("settled")
        common.say(f"{receipt}, and the payment is not settled yet")
        try:
            pay_now(client, "order-8", Payment("expired", 20))
        except perdure.CallFailed as error:
            assert error.type == "CardDeclined", error
            common.say(f"the other one: {error.failure.message}")
        else:
            raise AssertionError("an expired card has a receipt")
        assert scene.failure("order-8").type == "CardDeclined"

    with scene.runtime():
        assert pay_now(client, "order-7", Payment("valid", 20)) == receipt
        client.raise_event("order-7", "bank opens")
        assert scene.result("order-7") == "settled"

    try:
        pay_now(client, "order-7", Payment("valid", 20))
    except perdure.WrongStatus as error:
        common.say(f"after the end: {error}")
    else:
        raise AssertionError("a finished instance has answered a call")
    assert common.notes("reserved", "valid") == [["reserved", "valid", "20"]], "reserved twice"
    assert common.notes("settled") == [["settled", "valid", "20"]], common.notes("settled")


if __name__ == "__main__":
    common.play(story, [pay, reserve, settle])
