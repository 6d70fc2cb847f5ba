"""Schedules with the real library: on SQLite and in memory, in virtual time, across restarts."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Sequence

import pytest
from rig import WAIT

import perdure
from perdure import ScheduleAction, ScheduleCalendar, ScheduleInterval, ScheduleRange, ScheduleSpec

try:
    from zoneinfo import ZoneInfo
except ImportError:  # Python 3.8
    pytest.skip("needs zoneinfo", allow_module_level=True)

pytestmark = pytest.mark.library

#: Where virtual time begins: a Thursday.
BEGIN = datetime(2026, 1, 1, tzinfo=timezone.utc)
HOUR = 3_600


@perdure.orchestration
async def report(ctx: perdure.OrchestrationContext, seconds: float) -> str:
    """Takes so long."""
    if seconds:
        await asyncio.sleep(seconds)
    return ctx.now().isoformat()


@perdure.orchestration
async def broken(ctx: perdure.OrchestrationContext) -> None:
    raise ValueError("no paper")


@perdure.orchestration
async def pause(ctx: perdure.OrchestrationContext, seconds: float) -> None:
    await asyncio.sleep(seconds)


class World:
    """A store in virtual time, which goes on while somebody waits."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.naps = 0
        self.ms = int(BEGIN.timestamp() * 1000)
        self.start()

    def start(self) -> None:
        config = {"clock": {"mode": "virtual", "startMS": self.ms}}
        self.store = perdure.Store(self.url, config)
        self.runtime = perdure.Runtime(self.store, [report, broken, pause]).start()
        self.client = perdure.Client(self.store)
        self.schedules = self.client.management(actor="ana")

    def stop(self) -> None:
        self.client.close()
        self.runtime.stop(0)
        self.store.close()

    def restart(self, later: float = 0) -> None:
        """`later`: so many seconds nobody runs."""
        self.stop()
        self.ms += round(later * 1000)
        self.start()

    def sleep(self, seconds: float) -> None:
        self.naps += 1
        nap = self.client.start(pause, seconds, instance=f"nap-{self.naps}")
        self.client.result(nap, WAIT)
        self.ms += round(seconds * 1000)

    def runs(self, name: str) -> List[str]:
        """What of the ids follows the name, in their order."""
        page = self.client.list(parent=f"perdure.schedule/{name}", page_size=1000)
        return sorted(row.instance.split("@", 1)[1] for row in page)


@pytest.fixture(params=["sqlite", "memory"])
def world(request: Any, tmp_path: Path) -> Iterator[World]:
    found = World(f"sqlite:{tmp_path / 'test.sqlite'}" if request.param == "sqlite" else "memory:")
    yield found
    found.stop()


def at(hour: int, day: int = 1) -> str:
    return f"2026-01-{day:02}T{hour:02}:00:00Z"


HOURLY = ScheduleSpec(cron="0 * * * *")


def test_each_due_time_has_one_run(world: World) -> None:
    instance = world.schedules.create_schedule("tick", HOURLY, ScheduleAction(report, 0.0), note="first")
    assert instance == "perdure.schedule/tick"
    world.sleep(3 * HOUR + 60)
    assert world.runs("tick") == [at(1), at(2), at(3)]
    found = world.schedules.schedule("tick")
    assert (found.runs, found.skipped, found.missed, found.note) == (3, 0, 0, "first")
    assert found.last is not None
    assert found.last.status == "Completed"
    assert found.last.result == "2026-01-01T03:00:00+00:00"
    assert [run.instance for run in found.recent] == [f"tick@{at(hour)}" for hour in (3, 2, 1)]
    assert found.next[0] == int(datetime(2026, 1, 1, 4, tzinfo=timezone.utc).timestamp() * 1000)
    assert len(found.next) == 10
    assert found.status == "Running"
    assert world.client.describe(instance).orchestration == "perdure.schedule"
    page, rest = world.schedules.schedules()
    assert [each.name for each in page] == ["tick"]
    assert rest is None


def test_what_was_missed_is_made_up_for_in_order(tmp_path: Path) -> None:
    world = World(f"sqlite:{tmp_path / 'test.sqlite'}")
    world.schedules.create_schedule("all", HOURLY, ScheduleAction(report, 0.0), overlap="buffer_all")
    world.schedules.create_schedule("some", HOURLY, ScheduleAction(report, 0.0), overlap="buffer_all",
                                    catch_up=2 * HOUR + 120)  # fmt: skip
    world.sleep(60)
    world.restart(5 * HOUR)
    world.sleep(60)
    assert world.runs("all") == [at(hour) for hour in range(1, 6)]
    assert world.runs("some") == [at(hour) for hour in range(3, 6)]
    assert world.schedules.schedule("some").missed == 2
    world.stop()


@pytest.mark.parametrize(
    ("overlap", "runs", "skipped"),
    [
        ("skip", [at(1), at(4), at(7)], 4),
        ("buffer_one", [at(1), at(2), at(4)], 3),
        ("buffer_all", [at(1), at(2), at(3)], 0),
        ("allow", [at(hour) for hour in range(1, 8)], 0),
    ],
)
def test_overlap(world: World, overlap: Any, runs: Sequence[str], skipped: int) -> None:
    long = ScheduleAction(report, 2.4 * HOUR)
    world.schedules.create_schedule("tick", HOURLY, long, overlap=overlap)
    world.sleep(7 * HOUR + 60)
    assert world.runs("tick") == list(runs)
    assert world.schedules.schedule("tick").skipped == skipped


def test_the_open_run_is_cancelled_for_the_next(world: World) -> None:
    world.schedules.create_schedule("tick", HOURLY, ScheduleAction(report, 10.0 * HOUR),
                                    overlap="cancel_other")  # fmt: skip
    world.sleep(3 * HOUR + 60)
    found = world.schedules.schedule("tick")
    assert [run.status for run in found.recent] == ["Cancelled", "Cancelled"]
    assert [run.instance for run in found.running] == [f"tick@{at(3)}"]


def test_pause_resume_update_trigger_backfill_delete(world: World) -> None:
    schedules = world.schedules
    schedules.create_schedule("tick", HOURLY, ScheduleAction(report, 0.0))
    world.sleep(HOUR + 60)
    schedules.pause_schedule("tick", "holiday")
    world.sleep(2 * HOUR)
    found = schedules.schedule("tick")
    assert found.paused
    assert found.note == "holiday"
    assert found.next == []
    triggered = schedules.trigger_schedule("tick")
    assert triggered.startswith("tick@2026-01-01T03:01:00Z+trigger-")
    world.sleep(1)
    assert world.client.describe(triggered).status == "Completed"
    schedules.resume_schedule("tick", "")
    world.sleep(HOUR)
    assert [run for run in world.runs("tick") if "+" not in run] == [at(1), at(4)]
    schedules.update_schedule("tick", spec=ScheduleSpec(cron="30 * * * *"), overlap="allow", note="half")
    world.sleep(HOUR)
    assert [run for run in world.runs("tick") if "+" not in run] == [at(1), at(4), "2026-01-01T04:30:00Z"]
    found = schedules.schedule("tick")
    assert (found.overlap, found.note, found.spec.cron) == ("allow", "half", ("30 * * * *",))
    schedules.backfill_schedule("tick", BEGIN - timedelta(hours=3), BEGIN)
    world.sleep(1)
    filled = [run.split("+")[0] for run in world.runs("tick") if "+backfill-" in run]
    assert filled == [f"2025-12-31T{hour}:30:00Z" for hour in (21, 22, 23)]
    schedules.delete_schedule("tick", reason="enough")
    records = [(each.operation, each.actor, each.reason) for each in schedules.audit(target="tick")]
    assert records == [
        ("deleteSchedule", "ana", "enough"), ("backfillSchedule", "ana", ""), ("updateSchedule", "ana", ""),
        ("resumeSchedule", "ana", ""), ("triggerSchedule", "ana", ""), ("pauseSchedule", "ana", ""),
        ("createSchedule", "ana", ""),
    ]  # fmt: skip
    world.sleep(3 * HOUR)
    assert world.client.describe("perdure.schedule/tick").status == "Completed"
    assert schedules.schedules()[0] == []
    assert len(world.runs("tick")) == 7
    with pytest.raises(perdure.WrongStatus, match="schedule 'tick' is Completed and takes no changes"):
        schedules.pause_schedule("tick")
    schedules.create_schedule("tick", HOURLY, ScheduleAction(report, 0.0))
    world.sleep(HOUR)
    assert len(world.runs("tick")) == 1


def test_failures_attributes_and_priority_of_runs(world: World) -> None:
    action = ScheduleAction(broken, priority=7, attributes={"kind": "report"}, memo=[1])
    world.schedules.create_schedule("tick", HOURLY, action)
    world.sleep(HOUR + 1)
    run = world.client.describe(f"tick@{at(1)}")
    assert (run.status, run.priority, run.attributes, run.memo) == ("Failed", 7, {"kind": "report"}, [1])
    last = world.schedules.schedule("tick").last
    assert last is not None
    assert last.status == "Failed"
    assert "no paper" in str(last.failure)
    assert world.schedules.schedule("tick").action == ScheduleAction(
        "broken", None, None, 7, {"kind": "report"}, [1]
    )


def test_replace_keeps_what_is_there(world: World) -> None:
    schedules = world.schedules
    schedules.create_schedule("tick", HOURLY, ScheduleAction(report, 0.0))
    world.sleep(HOUR + 1)
    with pytest.raises(perdure.AlreadyExists):
        schedules.create_schedule("tick", HOURLY, ScheduleAction(report, 0.0))
    schedules.create_schedule("tick", ScheduleSpec(interval=ScheduleInterval(1800)),
                              ScheduleAction(report, 0.0), policy="replace")  # fmt: skip
    world.sleep(HOUR)
    assert world.runs("tick") == [at(1), "2026-01-01T01:30:00Z", at(2)]
    assert schedules.schedule("tick").runs == 3


def test_a_schedule_goes_on_across_continue_as_new_and_restarts(tmp_path: Path) -> None:
    world = World(f"sqlite:{tmp_path / 'test.sqlite'}")
    spec = ScheduleSpec(interval=ScheduleInterval(60), jitter=30)
    world.schedules.create_schedule("tick", spec, ScheduleAction(report, 0.0), overlap="buffer_all")
    for _ in range(5):
        world.sleep(40 * 60 - 7)
        world.restart(7)
    world.sleep(90)
    runs = world.runs("tick")
    expected = [(BEGIN + timedelta(minutes=n)).strftime("%Y-%m-%dT%H:%M:%SZ") for n in range(1, 202)]
    assert runs == expected
    assert world.client.describe("perdure.schedule/tick").execution > 1
    world.stop()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m.create_schedule("a", ScheduleSpec(), NOTHING), "says nothing about when"),
        (lambda m: m.create_schedule("a", ScheduleSpec(cron="61 * * * *"), NOTHING), "the minute '61'"),
        (lambda m: m.create_schedule("a", ScheduleSpec(cron="0 0 30 2 *"), NOTHING), "never due"),
        (
            lambda m: m.create_schedule("a", ScheduleSpec(cron="@daily", time_zone="Mars/Base"), NOTHING),
            "time zone 'Mars/Base' is not known: .*zoneinfo/Mars/Base cannot be opened .*tzdata",
        ),
        (
            lambda m: m.schedule_times(ScheduleSpec(cron="@daily", time_zone="../../etc/passwd")),
            "is no name of the tz database",
        ),
        (
            lambda m: m.schedule_times(ScheduleSpec(cron="@daily", time_zone="/etc/passwd")),
            "is no name of the tz database",
        ),
        (lambda m: m.create_schedule("perdure.a", HOURLY, NOTHING), "begins with 'perdure.'"),
        (lambda m: m.create_schedule("a", HOURLY, ScheduleAction("perdure.schedule")), "begins with"),
        (lambda m: m.create_schedule("a", HOURLY, NOTHING, overlap="both"), "overlap is one of"),
    ],
)
def test_what_cannot_be_is_refused(world: World, call: Callable[[Any], Any], message: str) -> None:
    with pytest.raises(perdure.InvalidArgument, match=message):
        call(world.schedules)


NOTHING = ScheduleAction("nothing")


def test_names_of_the_engine_are_refused(world: World) -> None:
    with pytest.raises(perdure.InvalidArgument, match=r"orchestration name 'perdure\.schedule' begins with"):
        world.client.start("perdure.schedule", instance="mine")
    with pytest.raises(perdure.InvalidArgument, match=r"instance id 'perdure\.schedule/mine' begins with"):
        world.client.start("report", instance="perdure.schedule/mine")
    with pytest.raises(perdure.NotFound, match="schedule 'none' does not exist"):
        world.schedules.schedule("none")
    (node,) = world.schedules.nodes()
    assert not [name for name in [*node.orchestrations, *node.activities] if name.startswith("perdure.")]


# ---- Ten years against zoneinfo ------------------------------------------------------------------


def brute(zone: str, hour: int, minute: int, begin: int, years: int) -> List[int]:
    """The moments of HH:MM each day, minute by minute of the wall clock: the first time, or after the gap."""
    place = ZoneInfo(zone)
    found: List[int] = []
    day = datetime(begin, 1, 1)
    while day.year < begin + years:
        wanted = day.replace(hour=hour, minute=minute)
        for ahead in range(0, 24 * 60 + 60, 15):
            local = (wanted + timedelta(minutes=ahead)).replace(tzinfo=place)
            back = local.astimezone(timezone.utc).astimezone(place)
            if back.replace(tzinfo=None) == local.replace(tzinfo=None):
                found.append(int(local.timestamp()) * 1000)
                break
        day += timedelta(days=1)
    return sorted(set(found))


@pytest.mark.parametrize(
    "zone",
    ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia", "UTC"],
)
@pytest.mark.parametrize("minute_of_day", [(2, 30), (0, 0), (1, 45), (9, 15)])
def test_ten_years_agree_with_zoneinfo(tmp_path: Path, zone: str, minute_of_day: Any) -> None:
    hour, minute = minute_of_day
    expected = brute(zone, hour, minute, 2005, 10)
    spec = ScheduleSpec(cron=f"{minute} {hour} * * *", time_zone=zone)
    with perdure.Client("memory:") as client:
        after = datetime.fromtimestamp(expected[0] / 1000 - 1, timezone.utc)
        found = client.management().schedule_times(spec, after, len(expected))
    assert found == expected
    assert len(found) in (3651, 3652)


def test_calendars_go_both_ways(world: World) -> None:
    calendar = ScheduleCalendar(month=(1, 7), day_of_week=ScheduleRange(1, 5, 2), hour=9, minute=[0, 30])
    spec = ScheduleSpec(calendar=calendar, time_zone="Europe/Berlin", start=BEGIN, jitter=5)
    world.schedules.create_schedule("work", spec, NOTHING, paused=True)
    found: Dict[str, Any] = world.schedules.schedule("work").spec.to_wire()
    rest = ScheduleRange
    assert found == ScheduleSpec(
        calendar=ScheduleCalendar(
            month=(rest(1), rest(7)), day_of_week=rest(1, 5, 2), hour=rest(9), minute=(rest(0), rest(30))
        ),
        time_zone="Europe/Berlin", start=BEGIN, jitter=5,
    ).to_wire()  # fmt: skip


def test_a_preflight_replays_schedules_too(world: World) -> None:
    world.schedules.create_schedule("tick", HOURLY, ScheduleAction(report, 0.0))
    world.sleep(2 * HOUR)
    # The last run is due at the end of the sleep.
    world.store.advance(0, timeout=WAIT)
    found = world.runtime.preflight()
    assert found.is_clean
    assert found.same == found.checked == 1
