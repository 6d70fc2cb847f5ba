"""An account is an instance: calls change it, one after the other, and return what came of it.

A validator refuses an overdraft before it has any effect. Ten clients withdraw at the same time: no lock, no
transaction, and still never below zero. A call that is made again under the same id, because its caller does
not know whether it arrived, counts once. The balance outlives the worker, and the account.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import perdure

sys.path.append(str(Path(__file__).resolve().parent.parent))
import common


class Overdraft(Exception):
    pass


@perdure.orchestration
async def account(context: perdure.OrchestrationContext, opening: int) -> int:
    def balance() -> int:
        return int(context.kv.get("balance"))

    def deposit(amount: int) -> int:
        context.kv.set("balance", balance() + amount)
        return balance()

    def withdraw(amount: int) -> int:
        context.kv.set("balance", balance() - amount)
        return balance()

    def is_covered(amount: int) -> None:
        if amount > balance():
            raise Overdraft(f"{amount} is more than {balance()}")

    context.kv.set("balance", opening)
    context.on_call("deposit", deposit)
    context.on_call("withdraw", withdraw, validator=is_covered)
    context.on_query("balance", lambda _: balance())
    await context.wait_for_event("close")
    return balance()


def story(scene: common.Scene) -> None:
    client = scene.client
    client.start(account, 100, instance="ada")

    def withdraw(_: int) -> str:
        try:
            return f"leaves {client.call('ada', 'withdraw', 30, timeout=10)}"
        except perdure.CallRejected as error:
            return error.failure.message

    with scene.runtime(), ThreadPoolExecutor(10) as clients:
        answers = sorted(clients.map(withdraw, range(10)))
        assert answers == ["30 is more than 10"] * 7 + ["leaves 10", "leaves 40", "leaves 70"], answers
        common.say("ten withdrawals of 30 from 100: three are paid, seven are refused")
        assert client.call("ada", "deposit", 5, timeout=10, call_id="salary") == 15
        assert client.query("ada", "balance", timeout=10) == 15

    # No worker: state can be read all the same, calls have to wait.
    assert client.get_kv("ada", "balance") == 15
    try:
        client.call("ada", "deposit", 1000, timeout=0.05, call_id="bonus")
    except perdure.TimedOut:
        common.say("nobody answers the bonus while no worker runs")
    else:
        raise AssertionError("a call was answered without a worker")

    with scene.runtime():
        # The callers ask again, as after a crash: neither is booked twice.
        assert client.call("ada", "deposit", 1000, timeout=10, call_id="bonus") == 1015
        assert client.call("ada", "deposit", 5, timeout=10, call_id="salary") == 15
        assert client.query("ada", "balance", timeout=10) == 1015
        try:
            client.call("ada", "withdraw", 1016, timeout=10)
        except perdure.CallRejected as error:
            assert error.type == "perdure.CallRejected", error
        else:
            raise AssertionError("an overdraft was paid")
        client.raise_event("ada", "close")
        assert scene.result("ada") == 1015
    common.say("closed with 1015")

    # What was refused has changed nothing: only the opening, three withdrawals and two deposits have.
    values = [event["value"] for event in scene.events("ada", "KVSet")]
    assert values == [100, 70, 40, 10, 15, 1015], values
    assert len(scene.events("ada", "CallReceived")) == len(scene.events("ada", "CallAnswered")) == 13
    assert client.get_kv("ada", "balance") == 1015, "state is readable after the end"


if __name__ == "__main__":
    common.play(story, [account])
