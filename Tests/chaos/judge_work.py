"""What must hold of the mixed load at the end, seen from outside: the answers of a client, and the trace of
what ran."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

import perdure
from judge import Verdicts
from workload import Expected, Run

ENDS = {"Completed", "Failed", "Cancelled", "ContinuedAsNew", "Terminated"}
# Which schedule an answer belongs to.
ANSWERS = {
    "ActivityCompleted": "ActivityScheduled",
    "ActivityFailed": "ActivityScheduled",
    "TimerFired": "TimerCreated",
    "SubOrchestrationCompleted": "SubOrchestrationScheduled",
    "SubOrchestrationFailed": "SubOrchestrationScheduled",
}


def malformed(events: list[dict[str, Any]], is_over: bool) -> Iterator[str]:
    """What is wrong with the history of an execution.

    is_over: it must have an end.
    """
    if [event["id"] for event in events] != [*range(1, len(events) + 1)]:
        yield f"has the event ids {[event['id'] for event in events]}"
    if not events or events[0]["kind"] != "OrchestrationStarted":
        yield "does not begin with its start"
    if any(event["kind"] == "OrchestrationStarted" for event in events[1:]):
        yield "starts twice"
    ends = [
        place for place, event in enumerate(events) if event["kind"].removeprefix("Orchestration") in ENDS
    ]
    if ends != ([len(events) - 1] if is_over else []):
        yield f"has its end at {ends} of {len(events)}"
    if any(later["at"] < earlier["at"] for earlier, later in pairwise(events)):
        yield "goes back in time"
    scheduled: dict[int, str] = {}
    for event in events:
        wanted = ANSWERS.get(event["kind"])
        if wanted is None:
            if event["kind"] in ANSWERS.values():
                scheduled[event["action"]] = event["kind"]
        elif scheduled.pop(event["action"], None) != wanted:
            yield f"has {event['kind']} of {event['action']} without a schedule, or twice"


def wait_for_ends(client: perdure.Client, instances: Iterable[str], seconds: float) -> list[str]:
    """Returns those that are still open then."""
    deadline = time.monotonic() + seconds
    open_ones = []
    for instance in instances:
        try:
            client.wait(instance, timeout=max(0.0, deadline - time.monotonic()))
        except perdure.TimedOut:
            open_ones.append(f"{instance} is {client.describe(instance).status}")
        except perdure.NotFound:
            open_ones.append(f"{instance} is gone")
    return open_ones


class Histories:
    """All executions of instances and of their descendants."""

    def __init__(self, client: perdure.Client, instances: Iterable[str]) -> None:
        self.executions: dict[tuple[str, int], list[dict[str, Any]]] = {}
        self.ended: set[tuple[str, int]] = set()
        # How many executions an instance has had.
        self.counts: dict[str, int] = {}
        waiting = [*instances]
        while waiting:
            instance = waiting.pop()
            try:
                description = client.describe(instance)
            except perdure.NotFound:
                continue
            self.counts[instance] = description.execution
            for execution in range(1, description.execution + 1):
                events = client.history(instance, execution)
                self.executions[instance, execution] = events
                if execution < description.execution or description.is_ended:
                    self.ended.add((instance, execution))
                waiting += [e["instance"] for e in events if e["kind"] == "SubOrchestrationScheduled"]

    def wrong(self) -> list[str]:
        return [
            f"{instance}/{execution} {why}"
            for (instance, execution), events in self.executions.items()
            for why in malformed(events, (instance, execution) in self.ended)
        ]

    def results(self, instance: str) -> list[str]:
        """The keys of the activities that have a result."""
        return [
            f"{instance}/{execution}/{event['action']}"
            for execution in range(1, self.counts.get(instance, 0) + 1)
            for event in self.executions[instance, execution]
            if event["kind"] == "ActivityCompleted"
        ]

    def all_results(self) -> list[str]:
        return [key for instance in self.counts for key in self.results(instance)]

    def __len__(self) -> int:
        return sum(len(events) for events in self.executions.values())


def wrong_ends(
    client: perdure.Client, expected: dict[str, Expected], twice: dict[str, set[int]] | None = None
) -> list[str]:
    """twice: of an instance, messages that a client had to send again, because it died before the answer."""
    wrong = []
    for instance, end in expected.items():
        try:
            found = client.describe(instance)
        except perdure.NotFound:
            wrong.append(f"{instance} is gone")
            continue
        output = found.output
        if twice and isinstance(output, dict) and set(output["repeats"]) <= twice.get(instance, set()):
            output = output | {"repeats": []}
        if (found.status, output) != (end.status, end.output):
            wrong.append(f"{instance} is {found.status} with {found.output}: {found.failure}")
        elif instance.startswith("rounds"):
            sums = client.get_kv(instance, "sum")
            if sums != 30 or found.custom_status != "round 4":
                wrong.append(f"{instance} has the sum {sums} and the status {found.custom_status}")
    return wrong


def judge_histories(verdicts: Verdicts, histories: Histories, expected: dict[str, Expected]) -> None:
    verdicts.check(
        f"{len(histories.executions)} histories of {len(histories)} events are well-formed", histories.wrong()
    )
    few = []
    for instance, end in expected.items():
        results = histories.results(instance)
        if len(results) < end.activities or len(set(results)) != len(results):
            few.append(f"{instance} has the results {results} of {end.activities}")
    verdicts.check("each activity has one result", few)


def judge_runs(
    verdicts: Verdicts, runs: list[Run], histories: Histories, killed: set[int], slots: int
) -> int:
    """Returns how many runs were repeated."""
    ran = {run.key for run in runs if not run.fails}
    missing = [key for key in histories.all_results() if key not in ran]
    verdicts.check("whatever has a result was run", missing)

    runs = [run for run in runs if not run.fails]
    last = {run.key: run for run in runs}
    repeated = [run for run in runs if run is not last[run.key]]
    unkilled = [f"{run.activity} {run.key}" for run in repeated if run.pid not in killed]
    verdicts.check("only what a killed process ran is run again", unkilled)
    twice = Counter((run.key, run.pid) for run in runs)
    again = [f"{key} {count} times in {pid}" for (key, pid), count in twice.items() if count > 1]
    verdicts.check("no process runs anything twice", again)
    # A slot is taken until the result is on disk.
    cut = Counter(run.pid for run in repeated)
    crowded = [f"{count} of one process" for count in cut.values() if count > slots]
    verdicts.check(
        f"{len(repeated)} of {len(runs)} runs were repeats; {len(killed)} kills of {slots} slots",
        crowded,
    )
    return len(repeated)
