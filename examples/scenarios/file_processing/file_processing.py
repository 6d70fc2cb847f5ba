"""Three steps that need the same machine: a session keeps them on one worker, with its local files.

Two worker processes share four files, two sessions each. One of them is killed while it processes: what it
had downloaded is gone with it. Its sessions pass to the other worker, whose step finds no file and says so;
the orchestration then begins the whole sequence anew, in a new session. A fifth file comes after the kill.

Expect: all files uploaded; the steps of a sequence in one process; the files of the killed worker downloaded
again by the other, those of the other not.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import perdure

sys.path.append(str(Path(__file__).resolve().parent.parent))
import common

FILES = ["anna.txt", "bela.txt", "cora.txt", "dora.txt"]
LATE = "edda.txt"

#: The local disk of a worker: nobody else sees it, and it goes with the process.
local: dict[str, str] = {}


class FileIsGone(Exception):
    """No other attempt on this worker can help."""

    non_retryable = True


def contents(name: str) -> str:
    if name not in local:
        raise FileIsGone(f"{name} is not on worker {os.getpid()}")
    return local[name]


@perdure.activity
def download(context: perdure.ActivityContext, name: str) -> None:
    local[name] = f"contents of {name}"
    common.note("download", name, os.getpid(), context.session)


@perdure.activity(retry=perdure.RetryPolicy(initial_interval=0.02))
def process(context: perdure.ActivityContext, name: str) -> None:
    text = contents(name)
    common.note("process", name, os.getpid(), context.session)
    context.wait_cancelled(0.5)  # Hard work.
    local[name] = text.upper()


@perdure.activity(retry=perdure.RetryPolicy(initial_interval=0.02))
def upload(context: perdure.ActivityContext, name: str) -> str:
    text = contents(name)
    common.note("upload", name, os.getpid(), context.session)
    del local[name]
    return text


@perdure.orchestration
async def process_file(context: perdure.OrchestrationContext, name: str) -> str:
    for sequence in range(1, 4):
        session = f"{name}#{sequence}"
        try:
            await context.activity(download, name, session=session)
            await context.activity(process, name, session=session)
            return await context.activity(upload, name, session=session)
        except perdure.ActivityFailed as error:
            if error.type != "FileIsGone":
                raise
            context.set_custom_status(error.failure.message)
    raise FileIsGone(f"three workers were lost with {name}")


def story(scene: common.Scene) -> None:
    first, second = scene.worker(), scene.worker()
    for name in FILES:
        scene.client.start(process_file, name, instance=name)
    began = common.wait_for_note("process", count=len(FILES))
    pids = {name: int(pid) for _, name, pid, _ in began}
    for worker in (first, second):
        held = [name for name, pid in pids.items() if pid == worker.pid]
        assert len(held) == 2, f"worker {worker.pid} has {held}, two sessions are its share"
    first.kill()
    lost = [name for name, pid in pids.items() if pid == first.pid]
    common.say(f"worker {first.pid} is killed with {' and '.join(lost)}")
    scene.client.start(process_file, LATE, instance=LATE)

    for name in [*FILES, LATE]:
        result = scene.result(name)
        assert result == f"CONTENTS OF {name.upper()}", result

    for name in [*FILES, LATE]:
        sequences: dict[str, list[tuple[str, int]]] = {}
        for step, _, pid, session in (line for line in common.notes() if line[1] == name):
            sequences.setdefault(session, []).append((step, int(pid)))
        whole = [(step, second.pid) for step in ("download", "process", "upload")]
        if name in lost:
            cut = [("download", first.pid), ("process", first.pid)]
            assert sequences == {f"{name}#1": cut, f"{name}#2": whole}, sequences
            status = scene.client.describe(name).custom_status
            assert status == f"{name} is not on worker {second.pid}", status
            common.say(f"{status}: downloaded again")
        else:
            assert sequences == {f"{name}#1": whole}, sequences


DEFINITIONS: common.Definitions = [process_file, download, process, upload]

if __name__ == "__main__":
    common.play(story, DEFINITIONS, sessions=2, session_idle=1)
