"""Opens stores that cannot be written, and lets one become so while it is in use.

    Tests/chaos/read_only.py

Where mounting is permitted, on a file system that is mounted read-only; where this process is root, as a
user whom the permissions refuse; and everywhere on shim/faults.c, which refuses what would change
something.
"""

from __future__ import annotations

import argparse
import ctypes
import errno
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import mounts
import perdure
from judge import Verdicts
from perdure._library import library
from shims import build_shim, preloaded

STORE = "store.sqlite"
LIMIT_S = 2.0
NOBODY = 65_534


@perdure.activity
def double(context: perdure.ActivityContext, number: int) -> int:
    return 2 * number


@perdure.orchestration
async def doubled(context: perdure.OrchestrationContext, number: int) -> int:
    return await context.activity(double, number)


def make(path: Path) -> None:
    """In a process of its own: with it all files are closed."""
    subprocess.run(
        [sys.executable, str(Path(__file__).resolve()), "--make", str(path)], check=True, timeout=60
    )


def make_here(path: Path) -> None:
    """A store with an instance that has ended and one that waits for a runtime."""
    with perdure.Store(f"sqlite:{path}") as store, perdure.Client(store) as client:
        with perdure.Runtime(store, [double, doubled]):
            client.result(client.start(doubled, 21, instance="ended"), timeout=30)
        client.start(doubled, 4, instance="waiting")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def refusal(path: Path, cause: str) -> list[str]:
    """What is wrong with the answer to an attempt to open it."""
    begin = time.monotonic()
    wrong = []
    try:
        perdure.Store(f"sqlite:{path}").close()
        wrong.append(f"{path.name} was opened")
    except perdure.StoreError as error:
        if not isinstance(error, perdure.StoreReadOnly):
            wrong.append(f"{type(error).__name__}: {error}")
        elif str(path) not in str(error) or cause not in str(error):
            wrong.append(f"does not say what: {error}")
    if (took := time.monotonic() - begin) > LIMIT_S:
        wrong.append(f"{path.name} took {took:.1f} s")
    return wrong


def whole(path: Path) -> list[str]:
    """Writable again: what was there is there, and goes on."""
    with perdure.Store(f"sqlite:{path}") as store, perdure.Client(store) as client:
        if client.describe("ended").output != 42:
            return ["what had ended is another"]
        with perdure.Runtime(store, [double, doubled]):
            answer = client.result("waiting", timeout=30)
            return [] if answer == 8 else [f"what waited answers {answer}"]


# ---- Cases ---------------------------------------------------------------------------------------------


def mounted(folder: Path) -> list[str]:
    mounts.mount("-t", "tmpfs", "none", str(folder))
    try:
        make(folder / STORE)
        before = contents(folder)
        mounts.mount("-o", "remount,ro", str(folder))
        cause = os.strerror(errno.EROFS)
        wrong = refusal(folder / STORE, cause) + refusal(folder / "new.sqlite", cause)
        if contents(folder) != before:
            wrong.append("the files changed")
        mounts.mount("-o", "remount,rw", str(folder))
        return wrong + whole(folder / STORE)
    finally:
        mounts.unmount(folder)


def as_nobody(body: Callable[[], list[str]]) -> list[str]:
    """In a process whom permissions hold; in this one if they do."""
    if os.geteuid() != 0 or os.environ.get(mounts.MARK):
        return body()
    library()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            os.write(writing, json.dumps(body()).encode())
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading) as said:
        answer = said.read()
    _, status = os.waitpid(child, 0)
    return list(json.loads(answer)) if status == 0 else [f"a process ended with status {status}"]


def permitted(folder: Path, file_mode: int, folder_mode: int) -> list[str]:
    make(folder / STORE)
    before = contents(folder)
    for path in folder.iterdir():
        path.chmod(file_mode)
    folder.chmod(folder_mode)
    cause = os.strerror(errno.EACCES)
    wrong = as_nobody(lambda: refusal(folder / STORE, cause))
    if folder_mode == 0o555:
        wrong += as_nobody(lambda: refusal(folder / "new.sqlite", cause))
    folder.chmod(0o755)
    for path in folder.iterdir():
        path.chmod(0o644)
    if contents(folder) != before:
        wrong.append("the files changed")
    return wrong + whole(folder / STORE)


def refused(folder: Path, cause: int) -> list[str]:
    """On the shim: closed, and in use."""
    faults = ctypes.CDLL(str(build_shim("faults")))
    faults.faults_set_root(str(folder).encode())
    path = folder / STORE
    make(path)
    before = contents(folder)
    faults.faults_protect(cause)
    wrong = refusal(path, os.strerror(cause)) + refusal(folder / "new.sqlite", os.strerror(cause))
    if contents(folder) != before:
        wrong.append("the files changed")
    faults.faults_protect(0)
    wrong += whole(path)

    definitions, url = [double, doubled], f"sqlite:{path}"
    with perdure.Store(url) as store, perdure.Client(store) as client, perdure.Runtime(store, definitions):
        client.start(doubled, 1, instance="one")
        client.result("one", timeout=30)
        faults.faults_protect(cause)
        for attempt in range(3):
            begin = time.monotonic()
            try:
                client.start(doubled, 2, instance=f"two-{attempt}")
                wrong.append("a start was acknowledged")
            except perdure.StoreError as error:
                if str(path) not in str(error) or os.strerror(cause) not in str(error):
                    wrong.append(f"in use, does not say what: {type(error).__name__}: {error}")
            if (took := time.monotonic() - begin) > LIMIT_S:
                wrong.append(f"in use, took {took:.1f} s")
        if client.describe("one").output != 2:
            wrong.append("what had ended cannot be read")
        faults.faults_protect(0)
        client.start(doubled, 3, instance="three")
        if client.result("three", timeout=30) != 6:
            wrong.append("writable again, another result")
    return wrong


def work(name: str, folder: Path) -> list[str]:
    if name == "mounted":
        return mounted(folder)
    if name == "file":
        return permitted(folder, 0o444, 0o777)
    if name == "folder":
        return permitted(folder, 0o666, 0o555)
    return refused(folder, errno.EROFS if name == "EROFS" else errno.EACCES)


CASES = {
    "file": "a file that is read-only",
    "folder": "a folder that is read-only",
    "EROFS": "a file system that refuses writes, closed and in use (shim)",
    "EACCES": "a folder that refuses writes, closed and in use (shim)",
    "mounted": "a file system that is mounted read-only",
}


def main() -> int:
    parser = argparse.ArgumentParser(description="Stores that cannot be written.")
    parser.add_argument("--case", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--make", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.make:
        make_here(options.make)
        return 0
    if options.case:
        name, folder = options.case
        if name == "mounted" and not mounts.enter():
            print(json.dumps(None))
            return 0
        print(json.dumps(work(name, Path(folder))))
        return 0
    verdicts = Verdicts()
    for name, title in CASES.items():
        with tempfile.TemporaryDirectory(prefix="perdure-protected-") as temporary:
            folder = Path(temporary).resolve()
            folder.chmod(0o755)
            command = [sys.executable, str(Path(__file__).resolve()), "--case", name, str(folder)]
            environment = preloaded("faults", {}) if title.endswith("(shim)") else dict(os.environ)
            done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, timeout=120)
            if done.returncode != 0:
                verdicts.check(title, [f"the process ended with status {done.returncode}"])
                continue
            wrong = json.loads(done.stdout)
            if wrong is None:
                # The shim's cases stand for it.
                title, wrong = f"{title}: mounting is not permitted here", []
            verdicts.check(f"{title}: StoreReadOnly within {LIMIT_S:.0f} s, nothing harmed", wrong)
    return verdicts.end()


if __name__ == "__main__":
    sys.exit(main())
