"""A store full of instances, for the programs that damage it: how it is made, and how it is judged.

The judging happens in a process of its own (`python victims.py`), so that a crash or a hang of the engine is
seen as what it is. It reads a question as JSON from each line of its input and answers with a line of JSON.
"""

from __future__ import annotations

import json
import logging
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import perdure

ENDED = [f"ended-{number}" for number in range(8)]
WAITING = [f"waiting-{number}" for number in range(8)]
LATER = [f"later-{number}" for number in range(4)]
OPEN_LIMIT_S = 2.0
SETTLE_LIMIT_S = 10.0


@perdure.activity
def double(_: perdure.ActivityContext, number: int) -> int:
    return 2 * number


@perdure.orchestration
async def twice(context: perdure.OrchestrationContext, number: int) -> list[int]:
    """Two steps at once."""
    context.kv.set("number", number)
    first = await context.activity(double, number)
    return [first, await context.activity(double, first)]


@perdure.orchestration
async def asks(context: perdure.OrchestrationContext, number: int) -> list[int]:
    """A step, and another one when somebody says so."""
    context.set_custom_status({"number": number})
    first = await context.activity(double, number)
    await context.wait_for_event("go")
    return [first, await context.activity(double, first)]


@perdure.orchestration
async def later(context: perdure.OrchestrationContext, number: int) -> list[int]:
    """A step that nobody takes while the store is filled."""
    retry = perdure.RetryPolicy(max_attempts=3, initial_interval=0.01)
    first = await context.activity(double, number, tag="later", retry=retry)
    return [first, await context.activity(double, first)]


DEFINITIONS = [double, twice, asks, later]


def expected(instance: str) -> list[int]:
    number = int(instance.rpartition("-")[2])
    return [2 * number, 4 * number]


# ---- Making -------------------------------------------------------------------------------------------


def fill(path: str, stay: bool) -> None:
    """Makes the store at the path: instances that have ended, and ones that wait for a word.

    stay: wait to be killed, with the store open.
    """
    store = perdure.Store(f"sqlite:{path}")
    with store, perdure.Runtime(store, DEFINITIONS), perdure.Client(store) as client:
        for number, instance in enumerate(ENDED):
            client.start(twice, number, instance=instance)
        for number, instance in enumerate(WAITING):
            client.start(asks, number, instance=instance)
        for number, instance in enumerate(LATER):
            client.start(later, number, instance=instance, attributes={"a": "b"}, memo="m")
        for instance in ENDED:
            client.wait(instance, timeout=30)
        for instance in LATER:
            until(lambda instance=instance: client.describe(instance).event_count >= 2)
        for instance in WAITING:
            until(lambda instance=instance: client.describe(instance).event_count >= 5)
        if stay:
            print("filled", flush=True)
            sys.stdin.read()
    # The store closes behind the call that gives it up.
    until(lambda: not os.path.exists(path + "-wal"))
    print("filled", flush=True)


def until(holds: Any, seconds: float = 30.0) -> bool:
    """Waits for a condition. Returns whether it came true."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


@dataclass(frozen=True)
class Templates:
    """Stores to copy: one that was closed, and one whose process was killed, so that its log is there."""

    folder: Path

    @staticmethod
    def make(folder: Path) -> Templates:
        templates = Templates(folder)
        for name in ("closed", "killed"):
            (folder / name).mkdir()
            process = subprocess.Popen(
                [sys.executable, __file__, "--fill", str(folder / name / "store.sqlite")]
                + (["--stay"] if name == "killed" else []),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            assert process.stdout is not None
            process.stdout.readline()
            if name == "killed":
                process.kill()
            process.wait()
        return templates

    def copy(self, name: str, to: Path) -> Path:
        """Returns the path of the database in a new folder."""
        shutil.copytree(self.folder / name, to)
        return to / "store.sqlite"


# ---- Judging ------------------------------------------------------------------------------------------


@dataclass
class Answer:
    """What became of opening a store and working on it.

    `error`: why it was refused. `instances`: what is known of each, by id: "right", or words.
    """

    seconds: float = 0.0
    error: str = ""
    error_type: str = ""
    instances: dict[str, str] = field(default_factory=dict)
    #: Those that nothing was said about: not right, and no cause in description, error or log.
    silent: list[str] = field(default_factory=list)
    log: list[str] = field(default_factory=list)

    @property
    def is_refused(self) -> bool:
        return self.error_type != ""

    def wrong(self, path: str) -> list[str]:
        """What is wrong with the answer itself."""
        found = []
        if self.seconds > OPEN_LIMIT_S:
            found.append(f"opening took {self.seconds:.1f} s")
        if self.is_refused:
            if path not in self.error:
                found.append(f"the error does not name the path: {self.error}")
            if not self.error_type.startswith("Store"):
                found.append(f"{self.error_type}: {self.error}")
        return found

    def silently(self, but: str = "-") -> list[str]:
        """Instances that ended otherwise without a word; those whose state begins with `but` are left out."""
        return [f"{one} is {self.instances[one]}, silently" for one in self.silent
                if not self.instances[one].startswith(but)]  # fmt: skip


class Judge:
    """The process that opens stores and works on them. A new one is made when one dies or hangs."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, path: str, victim: str = "") -> tuple[Answer, list[str]]:
        """Opens the store at the path, works on it if it opens. Returns the answer, and what is wrong.

        victim: an instance that need not come to an end.
        """
        process = self._process or subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._process = process
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(json.dumps({"path": path, "victim": victim}).encode() + b"\n")
        process.stdin.flush()
        readable, _, _ = select.select([process.stdout], [], [], 3 * SETTLE_LIMIT_S)
        line = process.stdout.readline() if readable else b""
        if not line:
            self.close(kill=True)
            end = "it hangs" if not readable else f"the process died ({process.returncode})"
            return Answer(), [end]
        answer = Answer(**json.loads(line))
        return answer, answer.wrong(path)

    def close(self, kill: bool = False) -> None:
        if self._process is not None:
            if kill:
                self._process.kill()
            else:
                self._process.communicate()
            self._process.wait()
            self._process = None


@contextmanager
def judging() -> Iterator[Judge]:
    judge = Judge()
    try:
        yield judge
    finally:
        judge.close()


class _Heard(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def judge(path: str, heard: _Heard, victim: str) -> Answer:
    answer = Answer()
    heard.lines.clear()
    begin = time.monotonic()
    try:
        store = perdure.Store(f"sqlite:{path}")
    except perdure.PerdureError as error:
        answer.error, answer.error_type = str(error), type(error).__name__
    answer.seconds = time.monotonic() - begin
    if answer.is_refused:
        return answer
    try:
        runtime = perdure.Runtime(store, DEFINITIONS, activity_tags="any")
        with store, runtime, perdure.Client(store) as client:
            work(client, answer, heard, path, victim)
    except perdure.PerdureError as error:
        # The store opened, and the runtime says what is wrong with it.
        answer.error, answer.error_type = str(error), type(error).__name__
    answer.log = heard.lines[:20]
    return answer


def work(client: perdure.Client, answer: Answer, heard: _Heard, path: str, victim: str) -> None:
    told: set[str] = set()
    for instance in WAITING:
        try:
            client.raise_event(instance, "go")
        except perdure.PerdureError as error:
            answer.instances[instance] = f"{type(error).__name__}: {error}"
            told.add(instance)

    def look(instance: str) -> bool:
        """Whether there is nothing more to wait for."""
        try:
            seen = client.describe(instance)
        except perdure.NotFound:
            answer.instances[instance] = "not found"
            told.discard(instance)
            return True
        except perdure.PerdureError as error:
            answer.instances[instance] = f"{type(error).__name__}: {error}"
            told.add(instance)
            return True
        is_right = seen.status == "Completed" and seen.output == expected(instance)
        cause = seen.failure.message if seen.failure else seen.pending_reason
        if not is_right and cause:
            told.add(instance)
        answer.instances[instance] = "right" if is_right else f"{seen.status} {cause or seen.output}"
        return is_right or seen.is_ended or seen.status == "Quarantined" or bool(cause)

    open_ones = [*ENDED, *WAITING, *LATER]

    def is_settled() -> bool:
        open_ones[:] = [each for each in open_ones if not look(each)]
        return not open_ones or open_ones == [victim]

    if until(is_settled, SETTLE_LIMIT_S) and not until(lambda: is_settled() and not open_ones, 1.0):
        # Asked why, it may name what it waits for.
        try:
            why = client.management().why(victim)
            if not {cause.kind for cause in why.waiting_for} <= {"turn", "activityWaiting"}:
                told.add(victim)
            answer.instances[victim] += f" ({why.summary})"
        except perdure.PerdureError as error:
            told.add(victim)
            answer.instances[victim] += f" ({error})"
    for instance, what in answer.instances.items():
        is_logged = any(instance in line or path in line for line in heard.lines)
        if what != "right" and instance not in told and not is_logged:
            answer.silent.append(instance)


def main() -> None:
    if "--fill" in sys.argv:
        fill(sys.argv[2], stay="--stay" in sys.argv)
        return
    heard = _Heard()
    logger = logging.getLogger("victims")
    logger.addHandler(heard)
    logger.propagate = False
    perdure.log_to(logger, "warn")
    for line in sys.stdin:
        question = json.loads(line)
        answer = judge(question["path"], heard, question["victim"])
        print(json.dumps(answer.__dict__), flush=True)


if __name__ == "__main__":
    main()
