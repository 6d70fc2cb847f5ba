"""Three versions of one orchestration, deployed one after the other, living side by side in one worker.

An instance stays with the version that it began with; a new one takes the highest. One that continues as new
begins again, and takes the highest as well: that is how an orchestration that never ends comes to new code.
"""

from __future__ import annotations

import sys
from pathlib import Path

import perdure

sys.path.append(str(Path(__file__).resolve().parent.parent))
import common


@perdure.activity
def do(context: perdure.ActivityContext, step: str) -> str:
    common.note(context.instance_id, step)
    return step


# ---- Onboarding: each version does more -----------------------------------------------------------------


@perdure.orchestration(name="onboard", version="1.0.0")
async def onboard_1(context: perdure.OrchestrationContext) -> list[str]:
    steps = [await context.activity(do, "account")]
    await context.wait_for_event("first day")
    return [*steps, await context.activity(do, "welcome")]


@perdure.orchestration(name="onboard", version="2.0.0")
async def onboard_2(context: perdure.OrchestrationContext) -> list[str]:
    # The laptop comes before the account: under an instance of version 1 this would be another history.
    steps = [await context.activity(do, "laptop"), await context.activity(do, "account")]
    await context.wait_for_event("first day")
    return [*steps, await context.activity(do, "welcome")]


@perdure.orchestration(name="onboard", version="3.0.0")
async def onboard_3(context: perdure.OrchestrationContext) -> list[str]:
    steps = [await context.activity(do, "laptop"), await context.activity(do, "account")]
    steps.append(await context.activity(do, "badge"))
    await context.wait_for_event("first day")
    return [*steps, await context.activity(do, "welcome"), await context.activity(do, "lunch")]


# ---- A report every month, by whichever version is the newest then ---------------------------------------


async def month(context: perdure.OrchestrationContext, written_by: list[str]) -> list[str]:
    context.set_custom_status(context.version)
    if await context.wait_for_event("month ends") == "last":
        return [*written_by, context.version]
    context.continue_as_new([*written_by, context.version])


report_1 = perdure.orchestration(name="report", version="1.0.0")(month)
report_2 = perdure.orchestration(name="report", version="2.0.0")(month)
report_3 = perdure.orchestration(name="report", version="3.0.0")(month)

VERSION_1: common.Definitions = [do, onboard_1, report_1]
VERSION_2: common.Definitions = [*VERSION_1, onboard_2, report_2]
VERSION_3: common.Definitions = [*VERSION_2, onboard_3, report_3]


def story(scene: common.Scene) -> None:
    client = scene.client

    def version_of(instance: str) -> str | None:
        return client.describe(instance).version

    with scene.runtime(VERSION_1):
        client.start("onboard", instance="Ada")
        client.start("report", [], instance="report")
        common.wait_for_note("Ada", "account")
        scene.status("report", "1.0.0")
    with scene.runtime(VERSION_2):
        client.start("onboard", instance="Grace")
        common.wait_for_note("Grace", "account")
        assert version_of("report") == "1.0.0", "an execution changed its version"
        client.raise_event("report", "month ends")
        scene.status("report", "2.0.0")
    with scene.runtime(VERSION_3):
        client.start("onboard", instance="Alan")
        client.start("onboard", instance="Kurt", version="1.0.0")
        client.raise_event("report", "month ends")
        scene.status("report", "3.0.0")
        client.raise_event("report", "month ends", "last")
        for name in ("Ada", "Grace", "Alan", "Kurt"):
            client.raise_event(name, "first day")
        results = {name: scene.result(name) for name in ("Ada", "Grace", "Alan", "Kurt")}
        reports = scene.result("report")

    for name, steps in results.items():
        common.say(f"{name}, version {version_of(name)}: {', '.join(steps)}")
    old = ["account", "welcome"]
    assert results == {
        "Ada": old,
        "Grace": ["laptop", "account", "welcome"],
        "Alan": ["laptop", "account", "badge", "welcome", "lunch"],
        "Kurt": old,  # Began last, and asked for the first version.
    }, results
    versions = [version_of(name) for name in results]
    assert versions == ["1.0.0", "2.0.0", "3.0.0", "1.0.0"], versions
    assert reports == ["1.0.0", "2.0.0", "3.0.0"], reports
    common.say(f"the reports were written by {', '.join(reports)}")
    # Nothing was done twice on the way through three workers.
    for name, steps in results.items():
        assert [step for _, step in common.notes(name)] == steps, common.notes(name)


if __name__ == "__main__":
    common.play(story, VERSION_3)
