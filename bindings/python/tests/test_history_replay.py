"""Recorded histories and open instances against the code of today; instances from store to store."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable, Dict

import pytest
from rig import WAIT, Rig

import perdure
from perdure.testing import ReplayReport, preflight, replay

pytestmark = pytest.mark.library

Make = Callable[..., Rig]


@perdure.activity
def charge(ctx: perdure.ActivityContext, amount: int) -> int:
    return amount + 1


@perdure.activity
def ship(ctx: perdure.ActivityContext, amount: int) -> str:
    return f"shipped for {amount}"


@perdure.orchestration(name="order")
async def order(ctx: perdure.OrchestrationContext, amount: int) -> str:
    paid = await ctx.activity(charge, amount)
    await ctx.wait_for_event("packed")
    return await ctx.activity(ship, paid)


@perdure.orchestration(name="order")
async def checked_first(ctx: perdure.OrchestrationContext, amount: int) -> str:
    await ctx.activity("check", amount)
    paid = await ctx.activity(charge, amount)
    await ctx.wait_for_event("packed")
    return await ctx.activity(ship, paid)


@perdure.orchestration(name="order")
async def patched(ctx: perdure.OrchestrationContext, amount: int) -> str:
    if ctx.patched("check"):
        await ctx.activity("check", amount)
    paid = await ctx.activity(charge, amount)
    await ctx.wait_for_event("packed")
    return await ctx.activity(ship, paid)


@perdure.orchestration(name="order")
async def ends_otherwise(ctx: perdure.OrchestrationContext, amount: int) -> str:
    paid = await ctx.activity(charge, amount)
    await ctx.wait_for_event("packed")
    await ctx.activity(ship, paid)
    return "done"


@perdure.orchestration
async def counter(ctx: perdure.OrchestrationContext, number: int) -> int:
    ctx.kv.set("sum", ctx.kv.get("sum", 0) + number)
    await asyncio.sleep(0.001)
    if number < 3:
        ctx.continue_as_new(number + 1)
    return int(ctx.kv.get("sum"))


def waiting(world: Rig, instance: str = "o-1") -> str:
    """An order that waits to be packed."""
    world.client.start(order, 5, instance=instance)
    world.until_history(instance, "EventSubscribed")
    return world.client.management().export_instance(instance)


def recorded(rig: Make) -> str:
    world = rig(order, charge, ship)
    waiting(world)
    world.restart()
    world.client.raise_event("o-1", "packed")
    assert world.client.result("o-1", WAIT) == "shipped for 6"
    return world.client.management().export_instance("o-1")


# ---- Histories -----------------------------------------------------------------------------------


def test_the_same_code_replays(rig: Make, tmp_path: Path) -> None:
    history = recorded(rig)
    path = tmp_path / "o-1.jsonl"
    path.write_text(history, encoding="utf-8")
    for given in (history, path, str(path)):
        report = replay(given, [order])
        assert report.is_same, report
        report.raise_if_different()
        assert report.replayed == 1


def test_changed_code_is_told_where_and_how(rig: Make) -> None:
    report = replay(recorded(rig), [checked_first])
    assert (report.verdict, report.event, report.event_kind) == ("differs", 2, "ActivityScheduled")
    assert str(report).splitlines() == [
        "differs: instance 'o-1', execution 1, orchestration 'order' 1.0.0",
        "  at event 2 (ActivityScheduled): action differs",
        "  history has: activity 'charge' with input 5",
        "  the code does: activity 'check' with input 5",
        "  hint: keep the old way for instances that have taken it (`if ctx.patched(...)`), or register the "
        "changed code as a new version beside the old one",
    ]
    with pytest.raises(perdure.Nondeterminism, match="activity 'check' with input 5"):
        report.raise_if_different()


def test_a_patch_keeps_the_old_way(rig: Make) -> None:
    replay(recorded(rig), [patched]).raise_if_different()


def test_another_end(rig: Make) -> None:
    report = replay(recorded(rig), [ends_otherwise])
    assert report.verdict == "endedDifferently"
    assert report.expected == 'completion with output "shipped for 6"'
    assert report.found == 'completion with output "done"'


def test_a_page_of_history_and_another_version(rig: Make) -> None:
    world = rig(order, charge, ship)
    waiting(world)
    page: Dict[str, Any] = {"instance": "o-1", "events": list(world.client.history("o-1"))}
    assert replay(page, [order]).is_same
    assert replay(json.dumps(page), [order]).is_same
    assert replay({**page, "version": "2.0.0"}, [order]).verdict == "notRegistered"
    renamed = {**page, "orchestration": "order-2"}
    assert "no orchestration 'order-2'" in replay(renamed, [order]).message


def test_every_execution_is_replayed_with_what_it_began_with(rig: Make) -> None:
    world = rig(counter)
    assert world.run(counter, 1, instance="c") == 6
    history = world.client.management().export_instance("c")
    report = replay(history, [counter])
    assert report.is_same, report
    assert report.replayed == 3


def test_what_is_no_history(tmp_path: Path) -> None:
    with pytest.raises(perdure.InvalidArgument, match="events is missing"):
        replay({"instance": "a"}, [order])
    with pytest.raises(FileNotFoundError):
        replay(tmp_path / "none.jsonl", [order])
    report = replay({"instance": "a", "events": []}, [order])
    assert isinstance(report, ReplayReport)
    assert report.verdict in ("malformed", "notRegistered")


def test_a_live_instance_is_not_disturbed(rig: Make) -> None:
    world = rig(order, charge, ship)
    history = waiting(world)
    for _ in range(3):
        assert world.runtime.replay(history).is_same
        assert world.runtime.preflight().is_clean
    world.client.raise_event("o-1", "packed")
    assert world.client.result("o-1", WAIT) == "shipped for 6"


# ---- Preflight -----------------------------------------------------------------------------------


def test_preflight_of_a_store(rig: Make) -> None:
    world = rig(order, charge, ship)
    for number in range(12):
        waiting(world, f"o-{number}")
    world.client.start("unknown", instance="u")
    world.stop()
    clean = preflight(world.url, [order], orchestration="order")
    assert (clean.is_clean, clean.checked, clean.same) == (True, 12, 12)
    report = preflight(world.url, [checked_first])
    assert not report.is_clean
    (group,) = report.groups
    assert (group.count, len(group.instances), group.event) == (12, 10, 2)
    assert [each.orchestration for each in report.not_registered] == ["unknown"]
    text = str(report)
    assert "NOT CLEAN: 13 open instances" in text
    assert "12 x differs: 'order' 1.0.0" in text
    assert "activity 'check' with input 5" in text
    assert preflight(world.url, [patched], ignore_not_registered=True).is_clean
    world.start([order, charge, ship])
    for number in range(12):
        world.client.raise_event(f"o-{number}", "packed")
        assert world.client.result(f"o-{number}", WAIT) == "shipped for 6"


def test_quarantined_instances_on_request(rig: Make) -> None:
    world = rig(order, charge, ship)
    waiting(world)
    world.restart(checked_first, charge, ship)
    world.client.raise_event("o-1", "packed")
    world.until(lambda: world.client.status("o-1") == "Quarantined")
    world.stop()
    assert preflight(world.url, [patched]).checked == 0
    report = preflight(world.url, [patched], include_quarantined=True)
    assert (report.is_clean, report.same) == (True, 1)
    assert not preflight(world.url, [checked_first], statuses=["Quarantined"]).is_clean


CODE = """
import asyncio

import perdure

@perdure.orchestration(name="order")
async def order(ctx, amount):
    {first}paid = await ctx.activity("charge", amount)
    await ctx.wait_for_event("packed")
    return await ctx.activity("ship", paid)

ALL = [order]
"""


def command(path: Path, environment: Dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "perdure.preflight", *arguments],
        cwd=path, env=environment, capture_output=True, text=True, timeout=60,
    )  # fmt: skip


def test_the_command(rig: Make, tmp_path: Path, environment: Dict[str, str]) -> None:
    world = rig(order, charge, ship)
    waiting(world)
    world.stop()
    (tmp_path / "same.py").write_text(CODE.format(first=""))
    (tmp_path / "changed.py").write_text(CODE.format(first="await asyncio.sleep(1); "))
    for target in ("same", "same:order", "same:ALL"):
        done = command(tmp_path, environment, "--store", world.url, target)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("clean: 1 open instances, 1 the same")
    done = command(tmp_path, environment, "--store", world.url, "changed")
    assert (done.returncode, done.stderr) == (1, "")
    assert "the code does: a timer" in done.stdout
    done = command(tmp_path, environment, "--store", world.url, "--json", "changed")
    assert json.loads(done.stdout)["groups"][0]["count"] == 1
    for arguments in (
        ("--store", world.url, "nowhere"),
        ("--store", world.url, "same:nothing"),
        ("--store", f"sqlite:{tmp_path / 'none.db'}", "same"),
        ("same",),
    ):
        assert command(tmp_path, environment, *arguments).returncode == 2
    assert not (tmp_path / "none.db").exists()


# ---- Exports -------------------------------------------------------------------------------------


def test_an_instance_moves_and_goes_on(rig: Make, tmp_path: Path) -> None:
    """From SQLite to memory and back, with a restart, in the middle of its work."""
    world = rig(order, charge, ship)
    exported = waiting(world)
    world.client.delete("o-1", force=True)
    with perdure.Store("memory:") as store, perdure.Client(store) as other:
        assert other.management().import_instances(exported) == ["o-1"]
        assert other.describe("o-1").status == "Suspended"
        other.raise_event("o-1", "packed")
        again = other.management().export_instance("o-1")
    management = world.client.management(actor="ana")
    assert management.import_instances(again, reason="moved") == ["o-1"]
    (record,) = management.audit(operation="import")
    assert (record.actor, record.target, record.reason) == ("ana", "o-1", "moved")
    world.restart()
    assert world.client.status("o-1") == "Suspended"
    world.client.resume("o-1")
    assert world.client.result("o-1", WAIT) == "shipped for 6"


def test_imported_as_it_was_it_runs_at_once(rig: Make) -> None:
    world = rig(order, charge, ship)
    exported = waiting(world)
    world.client.delete("o-1", force=True)
    world.client.management().import_instances(exported, suspended=False)
    world.client.raise_event("o-1", "packed")
    assert world.client.result("o-1", WAIT) == "shipped for 6"


@perdure.orchestration
async def traced(ctx: perdure.OrchestrationContext) -> Any:
    before = ctx.traceparent
    await ctx.wait_for_event("go")
    return [before, ctx.traceparent, ctx.tracestate]


def test_a_trace_goes_on_where_the_instance_goes(world: Make) -> None:
    site = world(traced)
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    site.client.start(traced, instance="a", traceparent=trace, tracestate="vendor=1")
    site.until_history("a", "EventSubscribed")
    exported = site.client.management().export_instance("a")
    site.client.raise_event("a", "go")
    stayed = site.client.result("a", WAIT)
    site.client.delete("a")
    site.client.management().import_instances(exported)
    site.restart()
    site.client.resume("a")
    site.client.raise_event("a", "go")
    assert site.client.result("a", WAIT) == stayed
    assert stayed[0] == stayed[1] != trace
    assert stayed[2] == "vendor=1"
    assert site.client.history("a")[0]["traceparent"] == trace


def test_counts_are_right_after_an_import(world: Make) -> None:
    site = world(order, charge, ship)
    for instance in ("o-1", "o-2", "o-3"):
        waiting(site, instance)
    site.client.raise_event("o-3", "packed")
    site.client.result("o-3", WAIT)
    site.client.terminate("o-2")
    management = site.client.management()
    exported = [management.export_instance(f"o-{number}") for number in (1, 2, 3)]
    management.delete(["o-1", "o-2", "o-3"], force=True)
    assert management.statistics().counts.total == 0
    for text in exported:
        management.import_instances(text)
    site.restart()
    counts = site.client.management().statistics().counts
    assert counts.by_status == {"Suspended": 1, "Terminated": 1, "Completed": 1}
    assert (counts.total, counts.open, counts.ended) == (3, 1, 2)


def test_what_cannot_be_imported(rig: Make) -> None:
    world = rig(order, charge, ship)
    exported = waiting(world)
    management = world.client.management()
    with pytest.raises(perdure.AlreadyExists, match="'o-1' already exists and is Running"):
        management.import_instances(exported)
    lines = exported.splitlines()
    with pytest.raises(perdure.InvalidArgument, match="Line 3: "):
        management.import_instances("\n".join([*lines[:2], "{", *lines[3:]]))
    with pytest.raises(perdure.InvalidArgument, match="is cut off"):
        management.import_instances("\n".join(lines[:-1]))
    with pytest.raises(perdure.InvalidArgument, match="of version 2"):
        management.import_instances(exported.replace('"v":1', '"v":2', 1))
    with pytest.raises(perdure.NotFound):
        management.export_instance("nobody")
