"""What operators do about what is stuck: activities and instances. On SQLite and in memory."""

from __future__ import annotations

import asyncio
import threading
from typing import Any, Callable, Iterator, List

import pytest
from rig import WAIT, Rig

import perdure
from perdure import InstanceFilter, Management

pytestmark = pytest.mark.library

Context = perdure.OrchestrationContext
Make = Callable[..., Rig]
World = Callable[..., Rig]


@perdure.orchestration
async def quick(ctx: Context, value: Any = None) -> Any:
    return value


@perdure.orchestration
async def waits(ctx: Context) -> Any:
    return await ctx.wait_for_event("go")


def management(world: Rig) -> Management:
    return world.client.management(actor="ana")


# ---- Activities ----------------------------------------------------------------------------------


class Work:
    """An activity whose attempts wait for a test."""

    def __init__(self) -> None:
        self.attempts: List[int] = []
        self.cancelled = threading.Event()
        self.go = threading.Event()

    def run(self, ctx: perdure.ActivityContext) -> str:
        self.attempts.append(ctx.attempt)
        if ctx.attempt == 1:
            while not self.go.wait(0.005):
                if ctx.is_cancelled():
                    self.cancelled.set()
                    return "too late"
        return f"attempt {ctx.attempt}"


@pytest.fixture
def work() -> Iterator[Work]:
    made = Work()
    yield made
    made.go.set()


def running(world: World, work: Work, **retry: Any) -> Rig:
    """An instance "i" whose activity 1 is being run."""

    @perdure.activity(name="work")
    def run(ctx: perdure.ActivityContext) -> Any:
        return work.run(ctx)

    @perdure.orchestration
    async def one(ctx: Context) -> Any:
        try:
            return await ctx.activity(run, retry=perdure.RetryPolicy(**retry) if retry else None)
        except perdure.ActivityFailed as error:
            return f"failed: {error}"

    site = world(run, one)
    site.client.start(one, instance="i")
    site.until(lambda: work.attempts == [1])
    return site


def test_the_attempt_that_runs_is_given_up_for_the_next(world: World, work: Work) -> None:
    site = running(world, work)
    management(site).retry_activity("i", 1, reason="it hangs")
    assert site.client.result("i", WAIT) == "attempt 2"
    assert work.cancelled.wait(WAIT)
    assert work.attempts == [1, 2]
    (record,) = management(site).audit()
    assert (record.operation, record.target) == ("retryActivity", "i")
    assert record.detail == {"action": 1, "execution": 1}


def test_an_activity_is_completed_by_hand(world: World, work: Work) -> None:
    site = running(world, work)
    ops = management(site)
    ops.complete_activity("i", 1, {"by": "hand"})
    assert site.client.result("i", WAIT) == {"by": "hand"}
    assert work.cancelled.wait(WAIT)
    with pytest.raises(perdure.Stale, match="no pending activity 1"):
        ops.complete_activity("i", 1)
    with pytest.raises(perdure.NotFound):
        ops.retry_activity("nobody", 1)


def test_an_activity_is_failed_by_hand(world: World, work: Work) -> None:
    site = running(world, work, max_attempts=5, backoff="none")
    ops = management(site)
    ops.fail_activity("i", 1, perdure.Failure("Stuck", "it hangs"), non_retryable=False)
    assert site.client.result("i", WAIT) == "attempt 2"
    with pytest.raises(perdure.InvalidArgument, match="a Failure or an exception"):
        ops.fail_activity("i", 1, "so")  # type: ignore[arg-type]


def test_failed_by_hand_it_is_not_retried(world: World, work: Work) -> None:
    site = running(world, work, max_attempts=5, backoff="none")
    management(site).fail_activity("i", 1, ValueError("no more"))
    assert "no more" in site.client.result("i", WAIT)
    assert work.attempts == [1]


def test_a_pause_before_the_next_attempt_is_cut_short(world: World) -> None:
    attempts: List[int] = []

    @perdure.activity
    def flaky(ctx: perdure.ActivityContext) -> int:
        attempts.append(ctx.attempt)
        if ctx.attempt == 1:
            raise ValueError("not yet")
        return ctx.attempt

    @perdure.orchestration
    async def patient(ctx: Context) -> int:
        return await ctx.activity(flaky, retry=perdure.RetryPolicy(initial_interval=600, max_interval=600))

    site = world(flaky, patient)
    site.client.start(patient, instance="p")
    # A failure that is not on disk yet is forgotten by the restart.
    site.until(lambda: [each.state for each in management(site).inspect("p").activities] == ["backoff"])
    site.restart()
    site.until(lambda: not management(site).retry_activity("p", 1))
    assert site.client.result("p", WAIT) == 2


# ---- Requeue and retry ---------------------------------------------------------------------------


def test_a_requeued_instance_goes_on(world: World) -> None:
    site = world(waits, quick)
    site.client.start(waits, instance="w")
    site.until(lambda: site.client.status("w") == "Running")
    ops = management(site)
    assert ops.requeue("w", reason="stuck") == "Running"
    site.client.raise_event("w", "go", 7)
    assert site.client.result("w", WAIT) == 7
    with pytest.raises(perdure.WrongStatus, match="pending and running"):
        ops.requeue("w")


def test_retry_from_quarantine(world: World) -> None:
    @perdure.orchestration(name="o")
    async def before(ctx: Context) -> str:
        await asyncio.sleep(0.001)
        await ctx.wait_for_event("go")
        return "before"

    @perdure.orchestration(name="o")
    async def after(ctx: Context) -> str:
        await ctx.wait_for_event("go")
        return "after"

    site = world(before)
    site.client.start(before, instance="q")
    site.until_history("q", "TimerFired")
    site.restart(after)
    site.client.raise_event("q", "go")
    site.until(lambda: site.client.status("q") == "Quarantined")
    site.restart(before)
    ops = management(site)
    assert ops.bulk("retry", InstanceFilter(status="Quarantined"), dry_run=True).done == 1
    assert ops.retry("q", reason="mended") == "Running"
    assert site.client.result("q", WAIT) == "before"
