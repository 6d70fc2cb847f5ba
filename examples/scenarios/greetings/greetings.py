"""Fan-out and fan-in: many greetings are made at once and joined in the order of the names.

The later a name stands in the list, the less time its greeting takes; the result has them in order all the
same. The worker makes three at a time, and is restarted when some are ready: none is made a second time.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import perdure

sys.path.append(str(Path(__file__).resolve().parent.parent))
import common

NAMES = ["Gabbar", "Samba", "Kaalia", "Jai", "Veeru", "Basanti", "Radha", "Thakur"]


@perdure.activity
async def greet(context: perdure.ActivityContext, name: str) -> str:
    await asyncio.sleep(0.05 * (len(NAMES) - NAMES.index(name)))
    common.note("greeted", name)
    return f"Hello, {name}!"


@perdure.orchestration
async def greet_all(context: perdure.OrchestrationContext, names: list[str]) -> str:
    greetings = await asyncio.gather(*(context.activity(greet, name) for name in names))
    return " ".join(greetings)


def story(scene: common.Scene) -> None:
    scene.client.start(greet_all, NAMES, instance="village")
    with scene.runtime():
        common.wait_for_note("greeted", count=2)
    # Those that it had begun it has finished, the others it has handed back.
    ready = [name for _, name in common.notes("greeted")]
    common.say(f"before the restart: {', '.join(ready)}")
    assert len(ready) < len(NAMES), "there is nothing left for the other worker"
    with scene.runtime():
        result = scene.result("village")
    common.say(result)

    assert result == " ".join(f"Hello, {name}!" for name in NAMES), result
    order = [name for _, name in common.notes("greeted")]
    assert order != NAMES, "they were made one after the other"
    assert sorted(order) == sorted(NAMES), f"somebody was greeted twice or never: {order}"
    # All were scheduled before any was ready.
    kinds = [event["kind"] for event in scene.events("village", "ActivityScheduled", "ActivityCompleted")]
    assert kinds == ["ActivityScheduled"] * len(NAMES) + ["ActivityCompleted"] * len(NAMES), kinds


if __name__ == "__main__":
    common.play(story, [greet_all, greet], activity_slots=3)
