"""An alarm that can be moved while it waits: later, then earlier. It rings once, at the last time given.

An event is raced against a durable timer; when the event wins, the timer is cancelled and made anew. The
worker is restarted between the moves. A query tells at what time the alarm will ring.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import datetime, timedelta
from pathlib import Path

import perdure

sys.path.append(str(Path(__file__).resolve().parent.parent))
import common


@perdure.activity
def ring(context: perdure.ActivityContext) -> None:
    common.note("ring")


@perdure.orchestration
async def alarm(context: perdure.OrchestrationContext, seconds: float) -> str:
    rings_at = context.now() + timedelta(seconds=seconds)
    context.on_query("rings at", lambda _: rings_at.isoformat())
    moves = 0
    while True:
        context.set_custom_status({"moves": moves})
        timer, move = context.sleep_until(rings_at), context.wait_for_event("move")
        await asyncio.wait([timer, move], return_when=asyncio.FIRST_COMPLETED)
        if timer.done():
            move.cancel()
            break
        timer.cancel()
        moves += 1
        rings_at = context.now() + timedelta(seconds=move.result())
    await context.activity(ring)
    return f"rang after {moves} moves"


def story(scene: common.Scene) -> None:
    client = scene.client

    def rings_in() -> float:
        """Seconds from the start of the alarm."""
        begin = client.describe("alarm").created_at / 1000
        return datetime.fromisoformat(client.query("alarm", "rings at", timeout=5)).timestamp() - begin

    client.start(alarm, 60.0, instance="alarm")
    with scene.runtime():
        scene.status("alarm", {"moves": 0})
        assert 60 <= rings_in() < 75, rings_in()
        client.raise_event("alarm", "move", 3600)
        scene.status("alarm", {"moves": 1})
        assert 3600 <= rings_in() < 3615, rings_in()
    common.say("the alarm is moved to an hour from now, then the worker is restarted")
    with scene.runtime():
        assert 3600 <= rings_in() < 3615, rings_in()
        client.raise_event("alarm", "move", 0.3)
        result = scene.result("alarm")
    common.say(f"moved to 0.3 s from then: {result}")

    assert result == "rang after 2 moves", result
    assert common.notes("ring") == [["ring"]], common.notes("ring")
    timers = scene.events("alarm", "TimerCreated")
    assert len(timers) == 3, timers
    cancelled = [event["target"] for event in scene.events("alarm", "TimerCancelled")]
    assert cancelled == [timer["action"] for timer in timers[:2]], cancelled
    [fired] = scene.events("alarm", "TimerFired")
    assert fired["action"] == timers[2]["action"], fired
    # Never early; 0.3 s after the event that moved it.
    moved_at = scene.events("alarm", "EventRaised")[-1]["at"]
    assert timers[2]["fireAt"] - moved_at == 300, (timers[2], moved_at)
    assert fired["at"] >= timers[2]["fireAt"], f"{timers[2]['fireAt'] - fired['at']} ms too early"


if __name__ == "__main__":
    common.play(story, [alarm, ring])
