"""A subscription: one mail a month, for twelve months, whatever happens to the workers in that year.

The months are counted from the beginning, so that a late mail does not put off the next one. After each
quarter the orchestration continues as new: its history stays short, however long the subscription runs. The
worker is restarted in May.

Expect: exactly twelve mails for the loyal customer, one for the fickle one, who leaves in the first month.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import perdure

sys.path.append(str(Path(__file__).resolve().parent.parent))
import common

MONTHS = 12
QUARTER = 3


@dataclass
class Subscription:
    customer: str
    #: Seconds of a month: 30 days for real customers.
    month: float
    #: Mails that were sent.
    sent: int = 0
    #: When it began; filled in by the first execution.
    since: str = ""


@perdure.activity
def send_mail(context: perdure.ActivityContext, mail: str) -> None:
    common.note("mail", mail)


@perdure.orchestration
async def subscription(context: perdure.OrchestrationContext, state: Subscription) -> str:
    since = datetime.fromisoformat(state.since) if state.since else context.now()
    while state.sent < MONTHS:
        await context.activity(send_mail, f"{state.customer} {state.sent + 1}")
        state.sent += 1
        context.set_custom_status({"mails": state.sent})
        next_month = since + timedelta(seconds=state.month * state.sent)
        try:
            left = (next_month - context.now()).total_seconds()
            await asyncio.wait_for(context.wait_for_event("unsubscribe"), max(left, 0.001))
            return f"unsubscribed after mail {state.sent}"
        except asyncio.TimeoutError:
            pass  # The month is over.
        if state.sent % QUARTER == 0 and state.sent < MONTHS:
            context.continue_as_new(replace(state, since=since.isoformat()))
    return f"all {state.sent} mails sent"


def story(scene: common.Scene) -> None:
    client = scene.client
    client.start(subscription, Subscription("loyal", month=0.05), instance="loyal")
    client.start(subscription, Subscription("fickle", month=60), instance="fickle")
    with scene.runtime():
        common.wait_for_note("mail", "loyal", count=5)
    common.say(f"the worker is restarted after {len(common.notes('mail', 'loyal'))} mails")
    with scene.runtime():
        scene.status("fickle", {"mails": 1})
        client.raise_event("fickle", "unsubscribe")
        fickle, loyal = scene.result("fickle"), scene.result("loyal")
    common.say(f"loyal: {loyal}; fickle: {fickle}")

    assert loyal == f"all {MONTHS} mails sent", loyal
    numbers = [int(number) for _, _, number in common.notes("mail", "loyal")]
    assert numbers == list(range(1, MONTHS + 1)), f"exactly {MONTHS} mails, each once: {numbers}"
    assert fickle == "unsubscribed after mail 1", fickle
    assert len(common.notes("mail", "fickle")) == 1

    described = client.describe("loyal")
    assert described.execution == MONTHS // QUARTER, described.execution
    sizes = [len(scene.events("loyal", execution=number + 1)) for number in range(described.execution)]
    assert max(sizes) <= 10 * QUARTER, f"the history of an execution grows: {sizes}"
    common.say(f"{described.execution} executions with {sizes} events")
    # A year is not shorter than twelve months: no timer was early.
    assert described.ended_at is not None
    took = described.ended_at - described.created_at
    assert took >= MONTHS * 50, f"the year took only {took} ms"


if __name__ == "__main__":
    common.play(story, [subscription, send_mail])
