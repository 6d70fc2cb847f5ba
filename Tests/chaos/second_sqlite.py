"""Opens the file of a store with other SQLite libraries while the engine works on it.

    Tests/chaos/second_sqlite.py [--runs 10] [--instances 200] [--seed N]

Python's own sqlite3 module, in the process of the engine, opens and closes the file all the time, which with
POSIX locks would drop the engine's locks. Other processes do so too: they read, hold the write lock for a
while, checkpoint, vacuum, and make backups. At the end each instance must be right in the eyes of everybody.
"""

from __future__ import annotations

import argparse
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import perdure
import victims
from judge import Verdicts

SETTLE_LIMIT_S = 120.0


def stray(path: str) -> None:
    """What hosts do: look something up, and close the file again."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("SELECT count(*) FROM instances").fetchone()


def host_opens(path: str, stop: threading.Event, counts: Counter[str]) -> None:
    while not stop.is_set():
        stray(path)
        with open(path, "rb") as file:
            file.read(100)
        counts["by the host"] += 1
        stop.wait(0.003)


def outsider(path: str, seed: str) -> None:
    """Another process; until its input is closed."""
    randomness = random.Random(seed)
    counts: Counter[str] = Counter()
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    while not ended.is_set():
        action = randomness.choice(("read", "lock", "checkpoint", "vacuum", "backup", "vacuum into"))
        try:
            with closing(sqlite3.connect(path, timeout=2, isolation_level=None)) as connection:
                if action == "read":
                    connection.execute("SELECT count(*) FROM history").fetchone()
                elif action == "lock":
                    connection.execute("BEGIN IMMEDIATE")
                    ended.wait(randomness.uniform(0.0, 0.2))
                    connection.execute("ROLLBACK")
                elif action == "checkpoint":
                    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                elif action == "vacuum":
                    connection.execute("VACUUM")
                elif action == "backup":
                    with closing(sqlite3.connect(":memory:")) as copy:
                        connection.backup(copy)
                        check(copy)
                else:
                    with tempfile.TemporaryDirectory() as folder:
                        connection.execute("VACUUM INTO ?", (f"{folder}/copy.sqlite",))
                        with closing(sqlite3.connect(f"{folder}/copy.sqlite")) as copy:
                            check(copy)
            counts[action] += 1
        except sqlite3.OperationalError as error:
            # Somebody else had the lock for longer than we wait.
            if "locked" not in str(error):
                raise
            counts["was locked out"] += 1
        ended.wait(0.02)
    print(", ".join(f"{count} {action}" for action, count in sorted(counts.items())), flush=True)


def check(copy: sqlite3.Connection) -> None:
    answer = copy.execute("PRAGMA integrity_check").fetchone()[0]
    if answer != "ok":
        raise SystemExit(f"a backup is damaged: {answer}")


def run(path: str, instances: int, seed: str) -> tuple[list[str], str]:
    """Returns what is wrong, and the figure."""
    wrong: list[str] = []
    stop = threading.Event()
    counts: Counter[str] = Counter()
    begin = time.monotonic()
    names: list[str] = []
    with perdure.Store(f"sqlite:{path}", busy_timeout=20) as store:
        outsiders = [
            subprocess.Popen(
                [sys.executable, __file__, "--outsider", path, "--seed", f"{seed}/{number}"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )
            for number in range(2)
        ]  # fmt: skip
        host = threading.Thread(target=host_opens, args=(path, stop, counts))
        host.start()
        with perdure.Runtime(store, victims.DEFINITIONS), perdure.Client(store) as client:
            for number in range(instances):
                name = "waiting" if number % 2 else "ended"
                target = victims.asks if number % 2 else victims.twice
                names.append(client.start(target, number, instance=f"{name}-{number}"))
            for name in names[1::2]:
                client.raise_event(name, "go")
            deadline = time.monotonic() + SETTLE_LIMIT_S
            for name in names:
                try:
                    client.wait(name, timeout=max(0.0, deadline - time.monotonic()))
                except perdure.TimedOut:
                    wrong.append(f"{name} is {client.describe(name).status}")
        stop.set()
        host.join()
        for process in outsiders:
            said, _ = process.communicate()
            if process.returncode != 0:
                wrong.append(f"an outsider ended with {process.returncode}: {said}")
            counts["by outsiders"] += sum(int(part.split()[0]) for part in said.split(", ") if part.strip())
    seconds = time.monotonic() - begin
    wrong += seen_from_outside(path, names)
    figure = f"{instances} instances, {seconds:.1f} s, opened {counts['by the host']} times by the host, "
    return wrong, figure + f"{counts['by outsiders']} times by outsiders"


def seen_from_outside(path: str, names: list[str]) -> list[str]:
    """What another process finds in the file."""
    victims.until(lambda: not os.path.exists(path + "-wal"), 10)
    with closing(sqlite3.connect(path)) as connection:
        rows = dict(connection.execute("SELECT id, status || ' ' || coalesce(output, '') FROM instances"))
        answer = connection.execute("PRAGMA integrity_check").fetchone()[0]
        odd = connection.execute(
            "SELECT id FROM instances AS i WHERE event_count <>"
            " (SELECT count(*) FROM history AS h WHERE h.instance = i.pk)"
        ).fetchall()
    wrong = [] if answer == "ok" else [f"integrity_check: {answer}"]
    wrong += [f"{one} has another number of events than its row says" for (one,) in odd]
    for name in names:
        right = str(victims.expected(name)).replace(" ", "")
        if rows.get(name) != f"Completed {right}":
            wrong.append(f"{name} is {rows.get(name)}")
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description="Opens a store with other SQLite libraries while it works.")
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--instances", type=int, default=200, help="in each run")
    parser.add_argument("--seed", default=None, help="of what the outsiders do")
    parser.add_argument("--outsider", metavar="PATH", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.outsider:
        outsider(options.outsider, options.seed)
        return 0
    seed = options.seed or str(random.SystemRandom().randrange(1_000_000))
    print(f"second SQLite {sqlite3.sqlite_version}: {options.runs} runs, --seed {seed}")
    verdicts = Verdicts()
    for number in range(options.runs):
        with tempfile.TemporaryDirectory(prefix="perdure-second-") as folder:
            wrong, figure = run(str(Path(folder) / "store.sqlite"), options.instances, f"{seed}/{number}")
        verdicts.check(f"run {number + 1}: {figure}", wrong)
    return verdicts.end()


if __name__ == "__main__":
    sys.exit(main())
