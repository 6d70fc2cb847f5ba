"""More starts than the store can write: whoever starts has to wait, and nothing piles up in memory.

    Tests/chaos/starters.py [--starts 100000] [--threads 8]

Threads of one process start instances with inputs of a KiB as fast as they can, and nobody serves them.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import threading
import time
from pathlib import Path

import perdure
from judge import Verdicts

MEMORY_LIMIT_MIB = 150.0
LOG_LIMIT_MIB = 32.0
CALL_LIMIT_S = 5.0


def resident_mib() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def start(client: perdure.Client, count: int, waits: list[float], wrong: list[str]) -> None:
    worst = 0.0
    try:
        for _ in range(count):
            begin = time.monotonic()
            client.start("nobody serves it", "x" * 1_000)
            worst = max(worst, time.monotonic() - begin)
    except perdure.PerdureError as error:
        wrong.append(f"{type(error).__name__}: {error}")
    waits.append(worst)


def main() -> int:
    parser = argparse.ArgumentParser(description="More starts than the store can write.")
    parser.add_argument("--starts", type=int, default=100_000)
    parser.add_argument("--threads", type=int, default=8)
    options = parser.parse_args()
    verdicts = Verdicts()
    waits: list[float] = []
    wrong: list[str] = []
    with tempfile.TemporaryDirectory(prefix="perdure-starters-") as folder:
        path = Path(folder) / "work.sqlite"
        with perdure.Store(f"sqlite:{path}") as store, perdure.Client(store) as client:
            each = options.starts // options.threads
            threads = [
                threading.Thread(target=start, args=(client, each, waits, wrong))
                for _ in range(options.threads)
            ]
            begin, most, log = time.monotonic(), 0.0, 0.0
            for thread in threads:
                thread.start()
            while any(thread.is_alive() for thread in threads):
                most = max(most, resident_mib())
                log = max(log, Path(f"{path}-wal").stat().st_size / 2**20)
                time.sleep(0.05)
            seconds = time.monotonic() - begin
            total = each * options.threads
            found = client.management().statistics().counts.total
            if found != total:
                wrong.append(f"{found} are there")
            verdicts.check(f"{total} starts from {options.threads} threads in {seconds:.1f} s", wrong)
            slow = [f"{max(waits):.2f} s"] if max(waits) > CALL_LIMIT_S else []
            verdicts.check(f"the slowest call took {max(waits):.3f} s, at most {CALL_LIMIT_S} s", slow)
            much = [f"{most:.0f} MiB"] if most > MEMORY_LIMIT_MIB else []
            verdicts.check(f"{most:.0f} MiB resident, at most {MEMORY_LIMIT_MIB:.0f}", much)
            long = [f"{log:.0f} MiB"] if log > LOG_LIMIT_MIB else []
            verdicts.check(f"{log:.1f} MiB of log, at most {LOG_LIMIT_MIB:.0f}", long)
    return verdicts.end()


if __name__ == "__main__":
    sys.exit(main())
