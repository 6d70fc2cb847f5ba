"""Activities with the real library on SQLite: retries, time limits, heartbeats, cancellation, deferral."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import datetime, timezone
from typing import Any, Callable, Dict, List

import pytest
from rig import WAIT, Rig

import perdure

pytestmark = pytest.mark.library

Context = perdure.OrchestrationContext
Make = Callable[..., Rig]
FAST = perdure.RetryPolicy(max_attempts=3, backoff="fixed", initial_interval=0.01)


@perdure.orchestration
async def one(ctx: Context, options: Dict[str, Any]) -> Any:
    """Awaits activity `work` with these options; a failure is its result."""
    policy = options.pop("retry", None)
    try:
        retry = perdure.RetryPolicy(**policy) if policy is not None else None
        return await ctx.activity("work", retry=retry, **options)
    except perdure.ActivityFailed as error:
        return {"type": error.type, "message": error.failure.message, "details": error.failure.details}


# ---- Retries -------------------------------------------------------------------------------------


def test_an_attempt_that_failed_is_tried_again_also_after_a_restart(rig: Make) -> None:
    attempts: List[int] = []

    @perdure.activity(name="work")
    def work(ctx: perdure.ActivityContext) -> str:
        attempts.append(ctx.attempt)
        if ctx.attempt < 3:
            raise OSError("not yet")
        return ctx.idempotency_key

    world = rig(work, one)
    policy = {"backoff": "fixed", "initial_interval": 0.4, "max_attempts": 5}
    instance = world.client.start(one, {"retry": policy}, instance="i")
    world.until(lambda: attempts)
    world.restart()
    assert world.client.result(instance, WAIT) == "i/1/1"
    assert attempts == [1, 2, 3]
    results = [kind for kind in world.kinds(instance) if kind.startswith("Activity")]
    assert results == ["ActivityScheduled", "ActivityCompleted"], "attempts leave no events"


class Final(Exception):
    pass


class Busy(Exception):
    retry_after = 0.3


class Hopeless(Exception):
    non_retryable = True


@pytest.mark.parametrize(
    ("error", "policy", "attempts"),
    [
        (OSError, {"max_attempts": 4, "initial_interval": 0.001}, 4),
        (OSError, None, 1),
        (Final, {"non_retryable": ["Final"]}, 1),
        (Hopeless, {}, 1),
    ],
)
def test_when_attempts_end(rig: Make, error: Any, policy: Any, attempts: int) -> None:
    seen: List[int] = []

    @perdure.activity
    def work(ctx: perdure.ActivityContext) -> None:
        seen.append(ctx.attempt)
        raise error("no")

    result = rig(work, one).run(one, {"retry": policy} if policy is not None else {})
    assert (result["type"], result["message"]) == (error.__name__, "no")
    assert seen == list(range(1, attempts + 1))


def test_a_failure_may_say_when_to_try_again(rig: Make) -> None:
    seen: List[float] = []

    @perdure.activity(retry=FAST)
    def work(ctx: perdure.ActivityContext) -> None:
        seen.append(time.monotonic())
        if ctx.attempt == 1:
            raise Busy

    @perdure.orchestration
    async def calls(ctx: Context) -> None:
        await ctx.activity(work)

    rig(work, calls).run(calls)
    assert 0.3 <= seen[1] - seen[0] < 2


# ---- Time limits ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "limit", "attempts"),
    [
        ({"start_to_close": 0.1, "retry": {"max_attempts": 2, "initial_interval": 0.001}}, "startToClose", 2),
        ({"schedule_to_close": 0.15, "retry": {}}, "scheduleToClose", 1),
        ({"heartbeat": 0.1}, "heartbeat", 1),
    ],
)
def test_a_time_limit_ends_an_attempt(rig: Make, options: Dict[str, Any], limit: str, attempts: int) -> None:
    told = threading.Semaphore(0)

    @perdure.activity
    def work(ctx: perdure.ActivityContext) -> None:
        assert ctx.wait_cancelled(WAIT)
        told.release()

    result = rig(work, one).run(one, options)
    assert (result["type"], result["details"]["timeout"]) == ("perdure.Timeout", limit)
    for _ in range(attempts):
        assert told.acquire(timeout=WAIT), "each attempt was told that its time is over"


def test_work_that_nobody_takes_ends_by_its_time_limit_instead_of_hanging(rig: Make) -> None:
    world = rig(one)
    result = world.run(one, {"schedule_to_start": 0.2})
    assert (result["type"], result["details"]["timeout"]) == ("perdure.Timeout", "scheduleToStart")
    result = world.run(one, {"schedule_to_start": 0.2, "tag": "gpu"})
    assert result["type"] == "perdure.Timeout"


def test_a_time_limit_goes_on_over_a_restart(rig: Make) -> None:
    world = rig(one)
    for limit in ("schedule_to_start", "schedule_to_close"):
        world.client.start(one, {limit: 0.3}, instance=limit)
        world.until_history(limit, "ActivityScheduled")
    world.restart()
    results = [world.client.result(each, WAIT) for each in ("schedule_to_start", "schedule_to_close")]
    assert [each["details"]["timeout"] for each in results] == ["scheduleToStart", "scheduleToClose"]
    assert [each["type"] for each in results] == ["perdure.Timeout"] * 2


def test_heartbeats_keep_an_attempt_alive(rig: Make) -> None:
    @perdure.activity
    def work(ctx: perdure.ActivityContext) -> str:
        for step in range(8):
            ctx.heartbeat(step)
            time.sleep(0.05)
        return "done"

    assert rig(work, one).run(one, {"heartbeat": 0.3}) == "done"


def test_the_next_attempt_goes_on_from_the_last_heartbeat(rig: Make) -> None:
    @perdure.activity
    async def work(ctx: perdure.ActivityContext) -> List[Any]:
        if ctx.attempt == 1:
            ctx.heartbeat({"row": 1})
            ctx.heartbeat({"row": 2})
            raise OSError("lost")
        return [ctx.attempt, ctx.last_heartbeat]

    assert rig(work, one).run(one, {"retry": {"initial_interval": 0.001}}) == [2, {"row": 2}]


def test_an_attempt_knows_its_deadline_and_options(rig: Make) -> None:
    seen: Dict[str, Any] = {}

    @perdure.activity
    def work(ctx: perdure.ActivityContext) -> None:
        seen.update(tag=ctx.tag, session=ctx.session, priority=ctx.priority, token=ctx.token)
        seen["left"] = (ctx.deadline - datetime.now(timezone.utc)).total_seconds() if ctx.deadline else None

    world = rig(work, one, activity_tags=["gpu"])
    world.run(one, {"tag": "gpu", "session": "s", "priority": 7, "start_to_close": 60})
    assert (seen["tag"], seen["session"], seen["priority"]) == ("gpu", "s", 7)
    assert 50 < seen["left"] <= 60
    assert seen["token"]


# ---- Cancellation --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["plain", "async"])
def test_a_running_activity_hears_at_once_that_it_is_cancelled(rig: Make, kind: str) -> None:
    began, told = threading.Semaphore(0), threading.Semaphore(0)
    heard: List[float] = []

    def note() -> None:
        heard.append(time.monotonic())
        told.release()

    @perdure.activity(name="work")
    def plain(ctx: perdure.ActivityContext) -> None:
        began.release()
        assert ctx.wait_cancelled(WAIT)
        assert ctx.is_cancelled()
        note()
        with pytest.raises(perdure.Stale):
            ctx.heartbeat()

    @perdure.activity(name="work")
    async def task(ctx: perdure.ActivityContext) -> None:
        began.release()
        try:
            await asyncio.sleep(WAIT)
        except asyncio.CancelledError:
            note()
            raise

    # Both slots are taken: nobody waits for work, and the news must come through all the same.
    world = rig(plain if kind == "plain" else task, one, activity_slots=2)
    instances = [world.client.start(one, {}) for _ in range(2)]
    for _ in instances:
        assert began.acquire(timeout=WAIT)
    for instance in instances:
        asked = time.monotonic()
        world.client.cancel(instance)
        assert told.acquire(timeout=WAIT)
        assert heard[-1] - asked < 1, "pushed, not found at a renewal or a look every now and then"
        assert world.client.wait(instance, WAIT).status == "Cancelled"


def test_an_activity_that_does_not_listen_loses_its_slot_after_the_grace(rig: Make) -> None:
    release, began = threading.Event(), threading.Event()

    @perdure.activity
    def work(ctx: perdure.ActivityContext) -> str:
        began.set()
        release.wait(WAIT)
        return "late"

    @perdure.activity
    def quick(ctx: perdure.ActivityContext) -> str:
        return "quick"

    @perdure.orchestration
    async def next_one(ctx: Context) -> str:
        return await ctx.activity(quick)

    world = rig(work, quick, one, next_one, activity_slots=1, activity_grace=0.2)
    instance = world.client.start(one, {})
    assert began.wait(WAIT)
    world.client.cancel(instance)
    try:
        assert world.run(next_one) == "quick"
    finally:
        release.set()


# ---- Deferral ------------------------------------------------------------------------------------


def test_an_activity_is_completed_by_its_token_after_a_restart(rig: Make) -> None:
    tokens: List[str] = []

    @perdure.activity
    def work(ctx: perdure.ActivityContext) -> Any:
        tokens.append(ctx.token)
        return ctx.defer()

    world = rig(work, one, activity_slots=1)
    instances = [world.client.start(one, {}) for _ in range(3)]
    world.until(lambda: len(tokens) == 3)
    world.restart()
    world.client.heartbeat_activity(tokens[0], "alive")
    for number, token in enumerate(tokens):
        world.until(lambda token=token, number=number: completed(world.client, token, number))
    assert sorted(world.client.result(each, WAIT) for each in instances) == [0, 1, 2]
    with pytest.raises(perdure.Stale):
        world.client.complete_activity(tokens[0], "again")


def completed(client: perdure.Client, token: str, result: Any) -> bool:
    # The deferral itself may not be on disk yet: the answer of the activity is under way.
    try:
        client.complete_activity(token, result)
    except perdure.WrongStatus:
        return False
    return True


def test_an_async_activity_is_failed_by_its_token_and_tried_again(rig: Make) -> None:
    tokens: List[str] = []

    @perdure.activity(retry=FAST)
    async def work(ctx: perdure.ActivityContext) -> Any:
        tokens.append(ctx.token)
        return ctx.defer() if ctx.attempt == 1 else "second"

    @perdure.orchestration
    async def calls(ctx: Context) -> Any:
        return await ctx.activity(work)

    world = rig(work, calls)
    instance = world.client.start(calls)
    world.until(lambda: tokens)
    with pytest.raises(perdure.InvalidArgument):
        world.client.fail_activity(tokens[0], "no")  # type: ignore[arg-type]
    world.client.fail_activity(tokens[0], perdure.Failure("Declined", "no"))
    assert world.client.result(instance, WAIT) == "second"
    assert len(set(tokens)) == 2, "each attempt has a token of its own"


def test_a_deferred_attempt_keeps_its_time_limits(rig: Make) -> None:
    @perdure.activity
    def work(ctx: perdure.ActivityContext) -> Any:
        return ctx.defer()

    result = rig(work, one).run(one, {"start_to_close": 0.2})
    assert result["details"]["timeout"] == "startToClose"


# ---- What it can do -------------------------------------------------------------------------------


def test_an_activity_has_a_client(rig: Make) -> None:
    @perdure.activity
    def work(ctx: perdure.ActivityContext) -> bool:
        return ctx.client.raise_event(ctx.instance_id, "from-activity", ctx.name)

    @perdure.orchestration
    async def hears(ctx: Context) -> Any:
        return [await ctx.activity(work), await ctx.wait_for_event("from-activity")]

    assert rig(work, hears).run(hears) == [False, "work"]


def test_a_result_over_the_limit_is_a_failure_that_can_be_caught(rig: Make) -> None:
    @perdure.activity(retry=FAST)
    def work(ctx: perdure.ActivityContext) -> str:
        return "x" * 1000

    world = rig(work, one, limits=perdure.Limits(payload_bytes=500))
    assert world.run(one, {})["type"] == "perdure.LimitExceeded"
