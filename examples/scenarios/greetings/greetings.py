"""Fan-out and fan-in: many greetings are made at once and joined in the order of the names.

The later a name stands in the list, the sooner its greeting is ready; the result has them in order all the
same. The worker is restarted when some are ready and some are not: none is made a second time.
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
        common.wait_for_note("greeted", count=3)
    ready = [name for _, name in common.notes("greeted")]
    common.say(f"at the restart these are greeted: {', '.join(ready)}")
    with scene.runtime():
        result = scene.result("village")
    common.say(result)

    assert result == " ".join(f"Hello, {name}!" for name in NAMES), result
    # The last in the list were the first to be ready.
    order = [name for _, name in common.notes("greeted")]
    assert order[0] == "Thakur" and order[-1] == "Gabbar", order
    assert sorted(order) == sorted(NAMES), f"somebody was greeted twice or never: {order}"
    # All were scheduled before any was ready: one after the other would look otherwise.
    kinds = [event["kind"] for event in scene.events("village", "ActivityScheduled", "ActivityCompleted")]
    assert kinds == ["ActivityScheduled"] * len(NAMES) + ["ActivityCompleted"] * len(NAMES), kinds


if __name__ == "__main__":
    common.play(story, [greet_all, greet])
