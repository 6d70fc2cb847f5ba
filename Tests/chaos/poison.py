"""Bad rows, messages and instances by the thousand, written by an outsider: the others do not notice.

    Tests/chaos/poison.py [--each 1000] [--samples 300] [--only WORD]

For each kind of damage: a store with `each` victims, which another SQLite in another process damages while
nobody runs; then a runtime opens it, and while it meets the victims, other orchestrations run one after the
other. Passes when the p99 of their latency is at most twice that of the same load on a store without victims,
measured in the same run (of fewer than 100 samples it is a single pause of the machine, so it is shown and
not judged); when within 10 s every victim is quarantined with the cause in its status and in the log (or
refused, where the kind says so); and when after that the listing, the metrics and the process are well.
Verdicts are lines of `ok` and `FAIL`; the last line gives the sums.
"""

from __future__ import annotations

import argparse
import logging
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import perdure
from abuse_world import DEFINITIONS
from judge import P99_SAMPLES, Verdicts, percentile

QUARANTINED_S = 10.0
#: The p99 of others against their baseline, and what a shared machine may add to a few milliseconds.
SLOWER, NOISE_S = 2.0, 0.004


@perdure.orchestration
async def victim(context: perdure.OrchestrationContext, value: object) -> object:
    """Has an activity that nobody runs yet, a timer, a key, and waits."""
    context.kv.set("k", 1)
    context.set_custom_status("waits")
    work = context.activity("bad-work", {"a": 1}, start_to_close=60, schedule_to_close=3600)
    await context.wait_for_event("go")
    return await work


@perdure.activity(name="bad-work")
def bad_work(context: perdure.ActivityContext, value: object) -> object:
    return value


@dataclass(frozen=True)
class Kind:
    name: str
    #: Run by the outsider, for all victims at once.
    sql: str
    #: Victims have begun, and wait; or they are Pending.
    begun: bool = True
    #: They are quarantined; if not, they must be as they were, and visible.
    quarantined: bool = True
    #: The cause is in the log, too: not where the store comes upon it between others.
    logged: bool = True


GARBAGE = "CAST(x'00ff7b22' AS TEXT)"
MOST, LEAST = "9223372036854775807", "-9223372036854775807"
VICTIMS = "(SELECT pk FROM instances WHERE id LIKE 'victim-%')"
WAKE = "UPDATE instances SET wake_at = 0 WHERE id LIKE 'victim-%';"
THOUSAND = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 1000)"


def instances(changes: str) -> str:
    return f"UPDATE instances SET {changes} WHERE pk IN {VICTIMS};"


def rows(table: str, changes: str) -> str:
    return f"UPDATE {table} SET {changes} WHERE instance IN {VICTIMS};"


def message(json: str) -> str:
    return f"INSERT INTO inbox(instance, json) SELECT pk, {json} FROM instances WHERE pk IN {VICTIMS};"


DOUBLED = f"""INSERT INTO history(instance, execution, event, json)
    SELECT instance, execution, event + 100, json FROM history WHERE instance IN {VICTIMS};"""
MEMO = f"""INSERT OR REPLACE INTO instance_options(instance, memo)
    SELECT pk, '[' FROM instances WHERE pk IN {VICTIMS};"""
NOBODYS_MESSAGES = f"{THOUSAND} INSERT INTO inbox(instance, json) SELECT 9000000 + i, {GARBAGE} FROM n"
NOBODYS_ACTIVITIES = """INSERT INTO activities(instance, execution, action, name, orchestration, attempt,
    visible_at, priority, scheduled_at, token, phase, claimed_at, beat_at, failures, input)
    SELECT 9000000 + pk, 1, 1, 'bad-work', 'victim', 1, 0, 0, 0, 0, 0, 0, 0, 0, 'x' FROM activities"""
KEPT = f"{THOUSAND} INSERT INTO kept(instance, number, json) SELECT 'nobody-' || i, 1, {GARBAGE} FROM n"
NODES = f"{THOUSAND} INSERT INTO nodes(service, pid, host) SELECT {GARBAGE}, -1, {GARBAGE} FROM n"


def times(value: str) -> str:
    parts = [instances(f"created_at = {value}, updated_at = {value}")]
    parts += [rows("activities", f"scheduled_at = {value}, claimed_at = {value}, beat_at = {value}")]
    return "".join([*parts, WAKE])


KINDS = [
    Kind("an unknown status", instances("status = 'Odd'") + WAKE),
    Kind("a garbage status", instances(f"status = {GARBAGE}") + WAKE),
    Kind("a garbage start", instances(f"start = {GARBAGE}"), begun=False),
    Kind("a start that is no start", instances("start = '{}'"), begun=False),
    Kind("a garbage event", rows("history", f"json = {GARBAGE}") + WAKE),
    Kind(
        "events of another kind", rows("history", """json = replace(json, '"kind":"', '"kind":"X')""") + WAKE
    ),
    Kind("a missing event", f"DELETE FROM history WHERE instance IN {VICTIMS} AND event = 2;{WAKE}"),
    Kind("a doubled event", DOUBLED + WAKE),
    Kind("a garbage message", message(GARBAGE) + WAKE),
    Kind("a message of an unknown kind", message("""'{"kind":"Odd"}'""") + WAKE),
    Kind("a garbage value", rows("kv", f"value = {GARBAGE}, base = {GARBAGE}, is_changed = 1") + WAKE),
    Kind("a garbage custom status", instances("""custom_status = '{"a'""") + WAKE),
    Kind("a garbage activity input", rows("activities", """input = '{"a'""")),
    Kind("garbage activity options", rows("activities", f"options = {GARBAGE}")),
    Kind("a garbage heartbeat", rows("activities", "heartbeat = 'x'")),
    Kind(
        "garbage in activities whose time is over",
        rows("activities", "expires_at = 1, options = 'x', name = 'nobody'"),
        logged=False,
    ),
    Kind("a garbage memo", MEMO + instances("used = used | 8") + WAKE),
    Kind("an event count of 2^63 - 1", instances(f"event_count = {MOST}") + WAKE),
    Kind("an event count of -2^63", instances(f"event_count = {LEAST} - 1") + WAKE),
    Kind("an execution of 2^63 - 1", instances(f"execution = {MOST}") + WAKE),
    Kind("a revision of 2^63 - 1", instances(f"revision = {MOST}") + WAKE),
    Kind("times of 2^63 - 1", times(MOST)),
    Kind("times of -2^63", times(LEAST)),
    Kind("attempts of 2^63 - 1", rows("activities", f"attempt = {MOST}, failures = {MOST}, token = {MOST}")),
    Kind("attempts of -2^63", rows("activities", f"attempt = {LEAST}, token = {LEAST} - 1, phase = -5")),
    Kind("messages of nobody", NOBODYS_MESSAGES, quarantined=False),
    Kind("activities of nobody", NOBODYS_ACTIVITIES, quarantined=False),
    Kind("kept messages that are garbage", KEPT, quarantined=False),
    Kind("garbage nodes", NODES, quarantined=False),
]


class Causes(logging.Handler):
    """Ids of instances of which the log says that they were quarantined."""

    def __init__(self) -> None:
        super().__init__()
        self.instances: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        if "quarantined" in record.getMessage():
            self.instances.add(str(getattr(record, "perdure_instance", None)))


@dataclass
class Trial:
    url: str
    each: int
    samples: int
    latencies: list[float] = field(default_factory=list)

    def prepare(self, kind: Kind | None) -> None:
        with perdure.Store(self.url) as store, perdure.Client(store) as client:
            requests = [
                perdure.StartRequest("victim", 1, instance=f"victim-{number}") for number in range(self.each)
            ]
            if kind is None:
                return
            if kind.begun:
                with perdure.Runtime(store, [victim]):
                    client.start_many(requests)
                    begun = partial(all_begun, client, requests)
                    wait_until(60, begun)
            else:
                client.start_many(requests)
        # By another SQLite, in another process.
        code = f"import sqlite3\nc = sqlite3.connect({self.url[7:]!r})\n"
        code += f"c.executescript({kind.sql!r})\nc.commit()"
        subprocess.run([sys.executable, "-c", code], check=True)

    def load(self, client: perdure.Client) -> None:
        for number in range(self.samples):
            begin = time.monotonic()
            if client.result(client.start("healthy", number), timeout=30) != number * 2:
                raise AssertionError("another orchestration has a wrong result")
            self.latencies.append(time.monotonic() - begin)

    def alone(self) -> float:
        """The p99 of the load in a store where nothing is wrong."""
        self.latencies.clear()
        with (
            perdure.Store(self.url) as store,
            perdure.Client(store) as client,
            perdure.Runtime(store, [*DEFINITIONS, victim, bad_work]),
        ):
            self.load(client)
        return self.p99

    @property
    def p99(self) -> float:
        return percentile(self.latencies, 0.99)


def all_begun(client: perdure.Client, requests: list[perdure.StartRequest]) -> bool:
    return all(client.describe(request.instance or "").custom_status for request in requests)


def wait_until(limit: float, condition: Callable[[], bool]) -> float:
    """Seconds until it holds; at most `limit`."""
    begin = time.monotonic()
    while not condition() and time.monotonic() - begin < limit:
        time.sleep(0.02)
    return time.monotonic() - begin


def suffer(kind: Kind, trial: Trial, baseline: float, verdicts: Verdicts) -> None:
    causes = Causes()
    logger = logging.Logger("poison")
    logger.addHandler(causes)
    perdure.log_to(logger)
    wrong: list[str] = []
    with (
        perdure.Store(trial.url) as store,
        perdure.Client(store) as client,
        perdure.Runtime(store, [*DEFINITIONS, victim, bad_work]),
    ):
        begin = time.monotonic()
        loading = threading.Thread(target=trial.load, args=(client,))
        loading.start()
        bad: list[perdure.Description] = []

        def has_settled() -> bool:
            bad[:] = client.list(prefix="victim-", status="Quarantined", page_size=1_000)
            return len(bad) >= trial.each and (len(causes.instances) >= trial.each or not kind.logged)

        wait_until(QUARANTINED_S if kind.quarantined else 0.5, has_settled)
        took = time.monotonic() - begin
        loading.join()
        wrong += looks(kind, trial, client, bad, causes)
    if len(trial.latencies) < trial.samples:
        wrong.append(f"only {len(trial.latencies)} of {trial.samples} others came to their end")
    elif trial.samples >= P99_SAMPLES and trial.p99 > SLOWER * baseline + NOISE_S:
        wrong.append(f"the others took {trial.p99 * 1000:.1f} ms, alone {baseline * 1000:.1f} ms")
    end = f"all quarantined within {took:.1f} s" if kind.quarantined else "left alone"
    p99 = trial.p99 * 1000 if trial.latencies else 0.0
    verdicts.check(
        f"{kind.name} x {trial.each}: {end}; p99 of others {p99:.1f} ms, alone {baseline * 1000:.1f} ms",
        wrong,
    )


def looks(
    kind: Kind, trial: Trial, client: perdure.Client, bad: list[perdure.Description], causes: Causes
) -> list[str]:
    """What an operator sees."""
    wrong = []
    shown = {each.instance: each for each in client.list(prefix="victim-", page_size=1_000)}
    if len(shown) != trial.each:
        wrong.append(f"{len(shown)} of {trial.each} are listed")
    if kind.quarantined:
        statuses = sorted({each.status for each in shown.values()})
        if len(bad) != trial.each:
            wrong.append(f"{len(bad)} of {trial.each} were quarantined, others are {statuses}")
        silent = [each.instance for each in bad if each.failure is None or len(each.failure.message) < 20]
        if silent:
            wrong.append(f"{len(silent)} do not say why")
        unlogged = {each.instance for each in bad} - causes.instances
        if unlogged and kind.logged:
            wrong.append(f"of {len(unlogged)} the log says nothing")
    client.store.metrics()
    client.management().queues()
    one = next(iter(shown))
    client.describe(one)
    client.management().why(one)
    # A way out for each of them.
    for each in list(shown)[:5]:
        client.delete(each, force=True)
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description="Damaged rows by the thousand.")
    parser.add_argument("--each", type=int, default=1_000)
    parser.add_argument("--samples", type=int, default=300)
    parser.add_argument("--only", default="", help="kinds whose names contain this")
    options = parser.parse_args()
    verdicts = Verdicts()
    print(f"poison: SQLite {sqlite3.sqlite_version} outside, {options.each} of each kind")
    with tempfile.TemporaryDirectory(prefix="perdure-poison-") as folder:
        plain = Trial(f"sqlite:{Path(folder) / 'plain.sqlite'}", 0, options.samples)
        plain.prepare(None)
        for number, kind in enumerate(KINDS):
            if options.only not in kind.name:
                continue
            trial = Trial(f"sqlite:{Path(folder) / f'{number}.sqlite'}", options.each, options.samples)
            try:
                trial.prepare(kind)
                # Just before, so that both meet the same machine.
                suffer(kind, trial, plain.alone(), verdicts)
            except Exception as error:
                verdicts.check(kind.name, [f"{type(error).__name__}: {str(error)[:300]}"])
    return verdicts.end()


if __name__ == "__main__":
    sys.exit(main())
