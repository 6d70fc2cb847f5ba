"""Runs many orchestrations through one process and watches its memory, threads and files.

    Tests/chaos/memory.py [--orchestrations 100000] [--batch 500] [--slope 50] [--hosts c python]

The store is SQLite, whose page caches fill up to their limit with the first half; the second half must add
next to nothing. --slope is how many bytes an orchestration may add there.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import perdure
from judge import Verdicts

ROOT = Path(__file__).resolve().parent.parent.parent
OUT = ROOT / ".build" / "chaos"
RESIDENT_LIMIT = 100_000_000


@dataclass(frozen=True)
class Sample:
    orchestrations: int
    resident: int
    threads: int
    files: int


# ---- The hosts ----------------------------------------------------------------------------------------


@perdure.activity
def echo(context: perdure.ActivityContext, value: int) -> int:
    return value


@perdure.orchestration
async def hello(context: perdure.OrchestrationContext, value: int) -> int:
    return await context.activity(echo, value)


def sample(orchestrations: int) -> Sample:
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    # The folder that is listed counts itself.
    files = len(os.listdir("/proc/self/fd")) - 1
    return Sample(orchestrations, resident, len(os.listdir("/proc/self/task")), files)


def flood(url: str, count: int, batch: int) -> None:
    """The Python host; prints what the one in C prints."""
    with (
        perdure.Store(url) as store,
        perdure.Runtime(store, [hello, echo], activity_slots=4),
        perdure.Client(store) as client,
    ):
        for done in range(0, count, batch):
            requests = [perdure.StartRequest(hello, value) for value in range(batch)]
            for instance in client.start_many(requests):
                if isinstance(instance, Exception):
                    raise instance
                client.wait(instance, timeout=120)
            seen = sample(done + batch)
            print(seen.orchestrations, seen.resident, seen.threads, seen.files, flush=True)


def c_host() -> Path:
    """Compiles the host in C against the library that Python uses."""
    library = Path(os.environ.get("PERDURE_LIBRARY", ROOT / ".build" / "release" / "libdx.so")).resolve()
    OUT.mkdir(parents=True, exist_ok=True)
    program = OUT / "flood"
    binding = ROOT / "bindings" / "c"
    sources = [ROOT / "Tests" / "sanitize" / "flood.c", ROOT / "benchmarks" / "c" / "host.c"]
    sources += [binding / "src" / name for name in ("json.c", "json_check.c")]
    flags = ["-std=c11", "-D_GNU_SOURCE", "-O1", "-Wall", "-Wextra", "-Werror", f"-I{ROOT / 'include'}"]
    flags.append(f"-I{binding / 'include'}")
    subprocess.run(
        ["gcc", *flags, *map(str, sources), "-o", str(program), str(library),
         f"-Wl,-rpath,{library.parent}", "-lpthread"],
        check=True,
    )  # fmt: skip
    return program


# ---- The judge ----------------------------------------------------------------------------------------


def slope(samples: list[Sample]) -> float:
    """Bytes for each orchestration: of the straight line that fits best."""
    line = statistics.linear_regression(
        [one.orchestrations for one in samples], [one.resident for one in samples]
    )
    return line.slope


def judge(host: str, samples: list[Sample], limit: float, verdicts: Verdicts) -> None:
    half = samples[len(samples) // 2 :]
    grows = slope(half)
    wrong = [f"{grows:.1f} B"] if grows >= limit else []
    verdicts.check(f"{host}: {grows:.1f} B for each of {half[-1].orchestrations - half[0].orchestrations} "
                   f"orchestrations, below {limit:g} B", wrong)  # fmt: skip
    most = max(one.resident for one in samples)
    wrong = [f"{most / 1e6:.1f} MB"] if most >= RESIDENT_LIMIT else []
    verdicts.check(f"{host}: {most / 1e6:.1f} MB resident at most, below 100 MB", wrong)
    threads = {one.threads for one in half}
    files = {one.files for one in half}
    wrong = [f"{sorted(counts)} {what}" for counts, what in ((threads, "threads"), (files, "files"))
             if len(counts) > 1]  # fmt: skip
    verdicts.check(f"{host}: {half[-1].threads} threads and {half[-1].files} files, always", wrong)


def watch(host: str, options: argparse.Namespace, verdicts: Verdicts) -> None:
    with tempfile.TemporaryDirectory(prefix="perdure-memory-") as folder:
        arguments = [f"sqlite:{folder}/store.sqlite", str(options.orchestrations), str(options.batch)]
        command = [str(c_host())] if host == "c" else [sys.executable, __file__, "--flood"]
        run = subprocess.run([*command, *arguments], stdout=subprocess.PIPE, text=True)
    samples = [Sample(*map(int, line.split())) for line in run.stdout.splitlines()]
    if run.returncode != 0 or len(samples) < 4:
        verdicts.check(f"{host}: it runs to its end", [f"status {run.returncode}, {len(samples)} samples"])
        return
    judge(host, samples, options.slope, verdicts)


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Watches memory, threads and files under many orchestrations."
    )
    parser.add_argument("--orchestrations", type=int, default=100_000)
    parser.add_argument("--batch", type=int, default=500)
    parser.add_argument("--slope", type=float, default=50.0, help="bytes for each orchestration")
    parser.add_argument("--hosts", nargs="+", choices=["c", "python"], default=["c", "python"])
    parser.add_argument("--flood", nargs=3, metavar=("URL", "COUNT", "BATCH"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.flood:
        url, count, batch = options.flood
        flood(url, int(count), int(batch))
        return 0
    verdicts = Verdicts()
    for host in options.hosts:
        watch(host, options, verdicts)
    return verdicts.end()


if __name__ == "__main__":
    sys.exit(main())
