"""The control plane of a database service: make what a database needs, watch over it, take it all away again.

Whatever goes wrong half-way (a step fails, a machine never gets healthy, a person cancels), what was made is
destroyed in reverse order. A database that is ready has a watcher, a child that continues as new for as long
as the database is there and is cancelled at the end. The worker is restarted in between.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path

import perdure

sys.path.append(str(Path(__file__).resolve().parent.parent))
import common

PARTS = ["network", "volume", "machine"]


@dataclass
class Plan:
    #: "good", "broken" (cannot be started) or "sick" (starts, and never gets healthy).
    image: str
    #: Seconds in which it has to be healthy.
    patience: float


@dataclass
class Part:
    kind: str
    image: str


class NoSuchImage(Exception):
    non_retryable = True


class ProvisioningFailed(Exception):
    pass


# ---- The cloud ------------------------------------------------------------------------------------------


@perdure.activity(retry=perdure.RetryPolicy(initial_interval=0.02))
def make(context: perdure.ActivityContext, part: Part) -> None:
    if part.kind == "machine" and part.image == "broken":
        raise NoSuchImage("there is no image 'broken'")
    common.note(context.instance_id, "+", part.kind)


@perdure.activity(retry=perdure.RetryPolicy(max_attempts=0, initial_interval=0.02))
def destroy(context: perdure.ActivityContext, part: Part) -> None:
    """Harmless for what is not there."""
    common.note(context.instance_id, "-", part.kind)


@perdure.activity
def is_healthy(context: perdure.ActivityContext, image: str) -> bool:
    common.note("probe", image)
    return image == "good"


# ---- The control plane ----------------------------------------------------------------------------------


@perdure.orchestration
async def watch(context: perdure.OrchestrationContext, image: str) -> None:
    for _ in range(3):
        context.set_custom_status({"healthy": await context.activity(is_healthy, image)})
        await asyncio.sleep(0.02)
    context.continue_as_new(image)


@perdure.orchestration
async def database(context: perdure.OrchestrationContext, plan: Plan) -> str:
    made: list[Part] = []
    try:
        context.set_custom_status("provisioning")
        for kind in PARTS:
            # Before, not after: a step that is cut off may have had its effect.
            made.append(Part(kind, plan.image))
            await context.activity(make, made[-1])
        context.set_custom_status("starting")
        await asyncio.wait_for(healthy(context, plan.image), plan.patience)
        context.set_custom_status("ready")
        watcher = context.sub_orchestration(watch, plan.image, instance=f"{context.instance_id}/watch")
        await context.wait_for_event("delete")
        watcher.cancel()
    except (perdure.ActivityFailed, asyncio.TimeoutError) as error:
        reason = error.type if isinstance(error, perdure.ActivityFailed) else "not healthy in time"
        raise ProvisioningFailed(reason) from error
    finally:
        # Also after a cancellation: what cleans up may do durable work.
        context.set_custom_status("removing")
        for part in reversed(made):
            await context.activity(destroy, part)
    return "deleted"


async def healthy(context: perdure.OrchestrationContext, image: str) -> None:
    while not await context.activity(is_healthy, image):
        await asyncio.sleep(0.05)


def story(scene: common.Scene) -> None:
    client = scene.client
    client.start(database, Plan("good", patience=30), instance="orders")
    client.start(database, Plan("broken", patience=30), instance="broken")
    client.start(database, Plan("sick", patience=0.4), instance="sick")
    client.start(database, Plan("sick", patience=600), instance="unwanted")
    with scene.runtime():
        scene.status("orders", "ready")
        scene.status("orders/watch", {"healthy": True})
        scene.status("unwanted", "starting")
    common.say("orders is ready, unwanted is starting; the worker is restarted")
    with scene.runtime():
        failures = {name: scene.failure(name).message for name in ("broken", "sick")}
        assert failures == {"broken": "NoSuchImage", "sick": "not healthy in time"}, failures
        common.say(f"broken: {failures['broken']}; sick: {failures['sick']}")
        client.cancel("unwanted", "too expensive")
        assert client.wait("unwanted", common.PATIENCE).status == "Cancelled"
        # It goes on watching: another execution than before, and no end.
        before = client.describe("orders/watch").execution
        common.wait_for_note("probe", "good", count=len(common.notes("probe", "good")) + 4)
        watcher = client.describe("orders/watch")
        assert watcher.status == "Running" and watcher.execution > before, watcher
        client.raise_event("orders", "delete")
        assert scene.result("orders") == "deleted"
        assert client.wait("orders/watch", common.PATIENCE).status == "Cancelled", "it watches nothing"
    common.say("unwanted is cancelled, orders is deleted and its watcher with it")

    made = [["+", kind] for kind in PARTS]
    removed = [["-", kind] for kind in reversed(PARTS)]
    for name in ("orders", "sick", "unwanted"):
        assert [line[1:] for line in common.notes(name)] == made + removed, common.notes(name)
    # Its machine was never made; it is destroyed all the same, to be sure.
    assert [line[1:] for line in common.notes("broken")] == made[:2] + removed, common.notes("broken")


if __name__ == "__main__":
    common.play(story, [database, watch, make, destroy, is_healthy])
