"""Simulations: schedules of crashes, repeated attempts and delays, and what is found by them."""

from __future__ import annotations

import asyncio
import importlib.util
from pathlib import Path
from typing import Any, Callable, Dict, List

import pytest
from conftest import ROOT

import perdure
from perdure.testing import Simulation, SimulationFailed, World, simulate

pytestmark = pytest.mark.library


@perdure.activity
def first(ctx: perdure.ActivityContext, value: str) -> str:
    return value


@perdure.activity
async def second(ctx: perdure.ActivityContext, value: str) -> str:
    await asyncio.sleep(0)
    return value


@perdure.orchestration
async def chain(ctx: perdure.OrchestrationContext, value: str) -> str:
    return await ctx.activity(second, await ctx.activity(first, value))


@perdure.orchestration
async def patient(ctx: perdure.OrchestrationContext) -> Any:
    return await ctx.wait_for_event("go")


def chained(run: Simulation) -> None:
    run.register(chain, first, second)
    run.start(chain, "a", instance="c-1")
    run.check("it has its result", lambda end: end.instance("c-1").output == "a")


def test_what_is_right_passes_and_every_kind_of_run_is_made() -> None:
    report = simulate(chained, seeds=50)
    report.raise_if_failed()
    # Start and three turns, before and after; two attempts; the quiet run and the one that replays.
    assert (report.ok, report.points, report.seeds, report.runs) == (True, 10, 50, 62)
    assert str(report).endswith("all is well")


def test_an_attempt_that_is_repeated_is_found_and_its_schedule_finds_it_again() -> None:
    def scenario(run: Simulation) -> None:
        calls: List[str] = []
        run.register(chain, second)
        run.activity("first", lambda value: calls.append(value) or value)
        run.start(chain, "a", instance="c-1")
        run.check("first runs once", lambda end: len(calls) == 1)

    report = simulate(scenario, seeds=0)
    failure = report.failure
    assert failure is not None
    assert (failure.invariant, failure.message, failure.seed) == ("first runs once", "it does not hold", None)
    assert len(failure.schedule) == len(failure.lines) == 1
    assert list(failure.histories) == ["c-1"]
    with pytest.raises(SimulationFailed, match="first runs once") as raised:
        report.raise_if_failed()
    assert raised.value.report is report
    found: Dict[str, Any] = {"scenario": scenario, "simulate": simulate}
    again = eval(failure.reproduce, found)
    assert again.failure.schedule == failure.schedule
    assert simulate(scenario, schedule={}).ok


def test_a_failure_of_many_decisions_becomes_short() -> None:
    def scenario(run: Simulation) -> None:
        run.start(patient, instance="p-1")
        run.event("p-1", "go", after=1)
        run.check("it is quick", lambda end: end.elapsed < 3)

    failure = simulate(scenario).failure
    assert failure is not None
    assert failure.seed is not None
    assert len(failure.schedule) == 1
    # The smallest delay that fails.
    (delay,) = failure.schedule.values()
    assert isinstance(delay, int)
    assert 1_900 <= delay <= 3_000
    one_less = dict.fromkeys(failure.schedule, delay - 1)
    assert simulate(scenario, schedule=one_less).ok


@pytest.mark.parametrize("seed", [1, 2, 3, 4, 99])
def test_one_seed_gives_one_run(seed: int) -> None:
    def scenario(run: Simulation) -> None:
        chained(run)
        run.cancel("c-1", after=0.02)

    one = simulate(scenario, seed=seed, fail_activities=True)
    if one.failure is None:
        assert one.trace == simulate(scenario, seed=seed, fail_activities=True).trace
    else:
        assert one.failure == simulate(scenario, seed=seed, fail_activities=True).failure


def test_seeds_differ() -> None:
    assert len({simulate(chained, seed=seed).trace for seed in range(1, 41)}) > 15


def test_failures_are_injected_only_when_asked_for() -> None:
    assert simulate(chained, seeds=30).ok
    failure = simulate(chained, seeds=30, fail_activities=True).failure
    assert failure is not None
    assert set(failure.schedule.values()) <= {"fails", "failsLate"}
    assert "perdure.Injected" in str(failure)


def waiting(run: Simulation) -> None:
    run.start(patient, instance="p-1")


def test_an_instance_that_waits_for_ever_fails_by_itself_unless_it_may() -> None:
    failure = simulate(waiting).failure
    assert failure is not None
    assert (failure.invariant, failure.message) == ("every instance ends", "'p-1' waits for event 'go'")

    for allowed in [("p-1",), ()]:

        def scenario(run: Simulation, allowed: Any = allowed) -> None:
            waiting(run)
            run.may_wait(*allowed)
            run.check("it says for what", lambda end: end.waits("p-1") == ["event 'go'"])

        simulate(scenario, seeds=5).raise_if_failed()


def test_code_that_differs_from_its_history_is_found_by_replaying() -> None:
    turns: List[int] = []

    @perdure.orchestration
    async def fickle(ctx: perdure.OrchestrationContext) -> None:
        turns.append(1)
        await ctx.activity("first" if len(turns) % 2 else "second", "x")

    def scenario(run: Simulation) -> None:
        run.register(fickle, first, second)
        run.start(fickle)

    failure = simulate(scenario, seeds=0).failure
    assert failure is not None
    assert failure.invariant == "no instance is quarantined"
    assert "perdure.Nondeterminism" in failure.message


def test_a_run_that_never_rests_is_broken_off() -> None:
    @perdure.orchestration
    async def restless(ctx: perdure.OrchestrationContext) -> None:
        while True:
            await asyncio.sleep(60)

    def scenario(run: Simulation) -> None:
        run.start(restless, instance="r-1")

    for limits in [{"max_steps": 100}, {"max_time": 3600}]:
        failure = simulate(scenario, **limits).failure  # type: ignore[arg-type]
        assert failure is not None
        assert failure.message.startswith("it goes on after")
        assert "'r-1' waits for a timer" in failure.message


def test_invariants_are_looked_at_after_every_commit_and_at_the_end() -> None:
    seen: List[str] = []

    def scenario(run: Simulation) -> None:
        chained(run)
        run.always("it is there", lambda world: seen.append(world.instance("c-1").status))
        run.check("it has a history", lambda end: len(end.history("c-1")) == 6)

    simulate(scenario, schedule={}).raise_if_failed()
    # The start, three turns, and the end of the run.
    assert seen == ["Pending", "Running", "Running", "Completed", "Completed"]

    def broken(run: Simulation) -> None:
        chained(run)
        run.always("it never ends", lambda world: world.instance("c-1").status != "Completed")

    failure = simulate(broken).failure
    assert failure is not None
    assert (failure.invariant, failure.schedule) == ("it never ends", {})


def test_an_invariant_that_raises_fails() -> None:
    def scenario(run: Simulation) -> None:
        chained(run)

        def check(end: World) -> None:
            assert end.instance("c-1").output == "b", "it is not b"

        run.check("b comes out", check)

    failure = simulate(scenario).failure
    assert failure is not None
    assert failure.message.startswith("AssertionError: it is not b")
    assert isinstance(failure.error, AssertionError)


def test_an_attempt_sees_what_a_real_one_sees_and_may_end_elsewhere() -> None:
    @perdure.orchestration
    async def ask(ctx: perdure.OrchestrationContext) -> Any:
        return await ctx.activity("later", "a")

    def scenario(run: Simulation) -> None:
        def later(ctx: perdure.ActivityContext, value: str) -> Any:
            assert (ctx.idempotency_key, ctx.attempt >= 1) == ("ask-1/1/1", True)
            assert ctx.last_heartbeat in (None, 7)
            with pytest.raises(perdure.Unsupported):
                _ = ctx.client
            ctx.heartbeat(7)
            run.complete_activity(ctx.token, f"{value}!", after=3)
            return ctx.defer()

        run.activity("later", later)
        instance = run.start(ask)
        assert instance == "ask-1"
        run.check("it has its result", lambda end: end.instance("ask-1").output == "a!")

    simulate(scenario, seeds=100).raise_if_failed()


def test_stubs_are_those_of_a_test_environment() -> None:
    @perdure.orchestration
    async def tries(ctx: perdure.OrchestrationContext) -> Any:
        return await ctx.activity("shaky", 1, retry=perdure.RetryPolicy(max_attempts=5))

    def scenario(run: Simulation) -> None:
        run.start(tries)
        run.activity("shaky", [ValueError("once"), perdure.Failure("Twice", ""), lambda value: value + 1])
        run.check("the third succeeds", lambda end: end.instance("tries-1").output == 2)

    simulate(scenario, schedule={}).raise_if_failed()


def test_all_that_comes_from_outside() -> None:
    @perdure.orchestration
    async def hub(ctx: perdure.OrchestrationContext) -> List[Any]:
        ctx.subscribe("news")
        ctx.kv.set("seen", True)
        ctx.on_call("add", lambda value: value)
        got = [await ctx.wait_for_event("e"), await ctx.dequeue("q"), await ctx.wait_for_topic("news")]
        await ctx.sub_orchestration(chain, "x", instance="kid")
        return got

    def scenario(run: Simulation) -> None:
        run.register(hub, chain, first, second)
        run.start(hub, instance="h-1")
        run.event("h-1", "e", 1, after=10)
        run.enqueue("h-1", "q", 2, after=20)
        run.publish("news", 3, after=30)
        run.call("h-1", "add", 4, after=5)
        run.suspend("h-1", after=6)
        run.resume("h-1", after=8)
        refused = run.event("nobody", "e")
        assert refused == 7

        def check(end: World) -> None:
            assert end.instance("h-1").output == [1, 2, 3]
            assert end.instance("kid").status == "Completed"
            assert end.kv("h-1") == {"seen": True}
            assert end.refused == {7: "there is no such instance"}
            assert len(end.instances) == 2
            assert end.elapsed > 29
            with pytest.raises(perdure.NotFound):
                end.instance("nobody")

        run.check("all came", check)

    simulate(scenario, schedule={}).raise_if_failed()


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"seeds": -1}, "seeds"),
        ({"seed": "1"}, "seed"),
        ({"max_time": 0}, "max_time"),
        ({"max_steps": 0}, "maxSteps"),
        ({"schedule": {"x": "sing"}}, "schedule"),
    ],
)
def test_what_makes_no_sense_is_refused(how: Dict[str, Any], message: str) -> None:
    with pytest.raises(perdure.InvalidArgument, match=message):
        simulate(chained, **how)


def test_a_scenario_that_makes_no_sense_is_refused() -> None:
    def bad_token(run: Simulation) -> None:
        run.complete_activity("nonsense")

    def bad_time(run: Simulation) -> None:
        run.start(chain, "a", after=-1)

    for scenario in (bad_token, bad_time):
        with pytest.raises(perdure.InvalidArgument):
            simulate(scenario)


def test_it_does_not_block_an_event_loop() -> None:
    async def main() -> bool:
        with pytest.raises(perdure.WrongStatus, match="to_thread"):
            simulate(chained)
        return (await asyncio.to_thread(simulate, chained, seeds=3)).ok

    assert asyncio.run(main())


def _example(name: str) -> Callable[[], None]:
    path = ROOT / "examples" / "simulate" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, Path(path))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    main: Callable[[], None] = module.main
    return main


@pytest.mark.parametrize("name", ["lost_compensation", "double_charge", "forgotten_event"])
def test_the_wrong_samples_are_found_and_the_right_ones_pass(name: str) -> None:
    _example(name)()
