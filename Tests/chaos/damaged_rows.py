"""Changes rows of a store with another program's SQLite, then opens it and works on it.

    Tests/chaos/damaged_rows.py [--only WORD]

Whatever stands in the rows of one instance: that instance ends right, or its description or a call says what
is wrong; all others end right, and nothing crashes or hangs.
"""

from __future__ import annotations

import argparse
import shutil
import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import victims
from judge import Verdicts
from victims import Judge, Templates

HUGE = 2**63 - 1
TEXTS = {
    "nothing": "''",
    "garbage": "'garbage'",
    "null": "'null'",
    "a number": "'7'",
    "an empty object": "'{}'",
    "a list": "'[]'",
    "half of it": "substr({column}, 1, length({column}) / 2)",
    "NUL bytes": "CAST(X'7B0000007D' AS TEXT)",
    "non-UTF-8": "CAST(X'7B22FFFEC322' AS TEXT)",
    "too much depth": "replace(printf('%.5000c', 'x'), 'x', '[')",
    "a megabyte of blanks": "printf('%1000000s', '')",
    "something behind it": "{column} || ' x'",
    "an unknown kind": 'replace(replace({column}, \'"kind":"\', \'"kind":"New\'), \'"type"\', \'"newtype"\')',
    "huge numbers": "replace(replace({column}, ':1', ':99999999999999999999999'), ':2', ':-1e400')",
    "negative numbers": "replace(replace({column}, ':1', ':-1'), ':2', ':-2')",
    "a member twice": "'{\"id\":1,' || substr({column}, 2)",
}
INTEGERS = {"0": 0, "1": 1, "-1": -1, "2^31": 2**31, "the highest": HUGE, "the lowest": -HUGE - 1}

# The instance whose rows are changed, by the part of the store they are in.
OF = {"history": "waiting-3", "inbox": "waiting-3", "activities": "later-2", "ended": "ended-5"}


def row_of(instance: str) -> str:
    return f"(SELECT pk FROM instances WHERE id = '{instance}')"


class Cases:
    """`found` has, by name, the instance that may suffer ('' for none), and what is done."""

    def __init__(self) -> None:
        self.found: dict[str, tuple[str, str]] = {}
        self.history()
        self.messages()
        self.instances()
        self.activities()
        self.the_rest()

    def texts(self, table: str, column: str, victim: str, where: str, what: str) -> None:
        for name, value in TEXTS.items():
            text = value.replace("{column}", column)
            self.found[f"{what}: {name}"] = (victim, f"UPDATE {table} SET {column} = {text} WHERE {where}")

    def integers(self, table: str, columns: str, victim: str, where: str) -> None:
        for column in columns.split():
            for name, value in INTEGERS.items():
                what = f"{table}.{column} of {victim or 'all'}: {name}"
                change = f"UPDATE OR IGNORE {table} SET {column} = {value} WHERE {where}"
                self.found[what] = (victim, change)

    def history(self) -> None:
        victim = OF["history"]
        mine = f"instance = {row_of(victim)}"
        for event in (1, 3, 5):
            self.texts("history", "json", victim, f"{mine} AND event = {event}", f"event {event}")
            self.found[f"event {event} is missing"] = (
                victim,
                f"DELETE FROM history WHERE {mine} AND event = {event}",
            )
        self.found["all events are missing"] = (victim, f"DELETE FROM history WHERE {mine}")
        self.found["two events are each other"] = (
            victim,
            f"""
            UPDATE history SET event = 1000 WHERE {mine} AND event = 2;
            UPDATE history SET event = 2 WHERE {mine} AND event = 3;
            UPDATE history SET event = 3 WHERE {mine} AND event = 1000""",
        )
        self.found["an event too many"] = (
            victim, f"INSERT INTO history(instance, execution, event, json) SELECT instance, execution, 6,"
            f" replace(json, '\"id\":5', '\"id\":6') FROM history WHERE {mine} AND event = 5")  # fmt: skip
        renamed = f"UPDATE history SET json = replace(json, '\"id\":', '\"ID\":') WHERE {mine}"
        self.found["a renamed id in its events"] = (victim, renamed)
        self.found["events of another instance"] = (
            victim,
            f"""
            UPDATE history SET instance = -1 WHERE {mine};
            UPDATE OR IGNORE history SET instance = {row_of(victim)} WHERE instance = {row_of("ended-0")}""",
        )
        self.integers("history", "event execution instance", victim, f"{mine} AND event = 4")

    def messages(self) -> None:
        victim = OF["history"]
        message = f"INSERT INTO inbox(instance, json) VALUES({row_of(victim)}, %s);" + (
            f"UPDATE instances SET inbox_count = 1, wake_at = 0, owner = NULL WHERE id = '{victim}'"
        )
        for name, value in TEXTS.items():
            if "{column}" not in value:
                self.found[f"a message: {name}"] = (victim, message % value)
        self.found["a message of nobody"] = ("", "INSERT INTO inbox(instance, json) VALUES(-7, 'garbage')")
        self.found["a kept message: garbage"] = (
            "", "INSERT INTO kept(instance, number, json) VALUES('nobody', 1, 'garbage')")  # fmt: skip

    def instances(self) -> None:
        victim = OF["history"]
        instance = (
            "execution revision event_count inbox_count wake_at owner priority used created_at updated_at"
        )
        for one in (victim, OF["activities"]):
            self.integers("instances", instance + " custom_status_version", one, f"id = '{one}'")
        self.integers("instances", "revision wake_at owner ended_at", OF["ended"], f"id = '{OF['ended']}'")
        for one in (victim, OF["ended"]):
            for column in ("status", "orchestration", "version", "custom_status", "start"):
                self.texts("instances", column, one, f"id = '{one}'", f"{column} of {one}")
        self.texts("instances", "output", OF["ended"], f"id = '{OF['ended']}'", "an output")
        self.texts("instances", "failure", OF["ended"], f"id = '{OF['ended']}'", "a failure")
        self.texts("kv", "value", OF["ended"], f"instance = {row_of(OF['ended'])}", "a value of its state")
        for name in ("another", "NUL bytes", "non-UTF-8"):
            value = "'renamed'" if name == "another" else TEXTS[name]
            self.found[f"its id is {name}"] = (
                victim,
                f"UPDATE instances SET id = {value} WHERE id = '{victim}'",
            )
        self.found["a parent that is not there"] = (
            victim, f"UPDATE instances SET parent = 'gone', parent_execution = -1, parent_action = {HUGE}"
            f" WHERE id = '{victim}'")  # fmt: skip
        self.found["its row is missing"] = (victim, f"DELETE FROM instances WHERE id = '{victim}'")

    def activities(self) -> None:
        later = OF["activities"]
        mine = f"instance = {row_of(later)}"
        columns = (
            "execution action attempt visible_at priority scheduled_at node token phase claimed_at beat_at"
        )
        self.integers("activities", columns + " failures expires_at", later, mine)
        # The row of another action: there is no way to tell for whom it was. And a time far ahead is waited
        # for.
        for column in ("execution", "action"):
            for name in ("2^31", "0", "-1"):
                self.found.pop(f"activities.{column} of {later}: {name}", None)
        self.found.pop(f"activities.visible_at of {later}: the highest", None)
        for column in ("options", "input", "last_failure", "heartbeat", "trace"):
            self.texts("activities", column, later, mine, f"{column} of an activity")
        for column in ("name", "orchestration", "tag", "session"):
            self.texts("activities", column, later, mine, f"{column} of an activity")
        for column in ("attributes", "memo", "close_policy", "dedup_key"):
            self.texts("instance_options", column, later, mine, f"{column} of an instance")
        self.integers("instance_options", "start_at", later, mine)

    def the_rest(self) -> None:
        self.integers("status_counts", "instances lives total_ms least_ms most_ms", "", "1")
        self.texts("status_counts", "status", "", "orchestration = 'asks' AND status = 'Running'", "a count")
        for name, value in TEXTS.items():
            if "{column}" not in value:
                self.found[f"a node: {name}"] = (
                    "",
                    f"INSERT INTO nodes(service, pid, host) VALUES({value}, {HUGE}, {value})",
                )
        self.found["a retention rule of garbage"] = ("", "INSERT INTO retention VALUES('*', -1, 'garbage')")
        self.found["an audit record of garbage"] = (
            "", f"INSERT INTO audit VALUES({HUGE - 1}, {-HUGE}, '', '', '', '', 'garbage')")  # fmt: skip


def judge_case(
    name: str, victim: str, script: str, path: Path, judge: Judge
) -> tuple[list[str], str]:  # fmt: skip
    """Returns what is wrong, and what became of the victim."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)
    begin = time.monotonic()
    answer, wrong = judge.ask(str(path), victim)
    took = time.monotonic() - begin
    if answer.is_refused:
        return [*wrong, f"the store is refused: {answer.error}"], "refused"
    for one, what in answer.instances.items():
        if one != victim and what != "right":
            wrong.append(f"{one} is {what}")
    if victim and any("not found" in what for what in [answer.instances.get(victim, "")]):
        if "its id is" not in name and "its row" not in name:
            wrong.append(f"{victim} is not found")
    elif victim in answer.silent and not is_payload(name, answer.instances[victim]):
        wrong.append(f"{victim} is {answer.instances[victim]}, silently")
    if took > victims.SETTLE_LIMIT_S:
        wrong.append(f"it took {took:.1f} s")
    return wrong, answer.instances.get(victim, "")


def is_payload(name: str, end: str) -> bool:
    """Other JSON in place of what a user gave is what the user gave, as far as anybody can tell."""
    return name.startswith(("an output", "input of an activity")) and end.startswith("Completed")


def main() -> int:
    parser = argparse.ArgumentParser(description="Changes rows of a store, then works on it.")
    parser.add_argument("--only", default="", help="cases with this in their name")
    parser.add_argument("--every", type=int, default=1, help="one of so many cases")
    parser.add_argument("--verbose", action="store_true", help="what became of each victim")
    options = parser.parse_args()
    verdicts = Verdicts()
    begin = time.monotonic()
    groups: dict[str, tuple[int, list[str]]] = {}
    with tempfile.TemporaryDirectory(prefix="perdure-rows-") as folder, victims.judging() as judge:
        (Path(folder) / "templates").mkdir()
        templates = Templates.make(Path(folder) / "templates")
        chosen = [(name, case) for name, case in Cases().found.items() if options.only in name]
        for number, (name, (victim, script)) in enumerate(chosen[:: options.every]):
            path = templates.copy("killed" if number % 2 else "closed", Path(folder) / f"case-{number}")
            wrong, end = judge_case(name, victim, script, path, judge)
            shutil.rmtree(path.parent, ignore_errors=True)
            if options.verbose:
                print(f"{'FAIL' if wrong else 'ok'} {name}: {end} {wrong}")
            group = name.partition(":")[0]
            count, found = groups.get(group, (0, []))
            groups[group] = (count + 1, found + [f"{name}: {what}" for what in wrong])
    for group, (count, found) in groups.items():
        verdicts.check(f"{group}: {count} ways, only the victim suffers, and says so", found)
    print(f"damaged rows: {time.monotonic() - begin:.1f} s")
    return verdicts.end()


if __name__ == "__main__":
    sys.exit(main())
