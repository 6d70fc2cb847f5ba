"""Fuzzes everything that reads bytes from outside, with libFuzzer and the address sanitizer (`make fuzz`).

    Tests/fuzz/run.py [--runs N] [--seconds N] [TARGETS]

Prints `ok TARGET: figures` or `FAIL TARGET: why` for each target and ends with the sums. An input that found
something is kept, and named with the command that runs it again. docs/fuzzing.md tells what the targets do.

    Tests/fuzz/run.py --merge [TARGETS]     keeps what new inputs reach: writes Tests/fuzz/corpus anew
"""

from __future__ import annotations

import argparse
import base64
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BUILD = ROOT / ".build" / "fuzz"
CORPUS = HERE / "corpus"
FINDINGS = BUILD / "findings"
SWIFT = os.environ.get("SWIFT", "swift")
# A single input that takes longer has hung.
INPUT_SECONDS = 10


@dataclass(frozen=True)
class Target:
    name: str
    # Its part of all executions, in thousandths: whole calls of the engine are slow, texts are fast.
    share: int
    has_words: bool = False


TARGETS = [
    Target("json", 300),
    Target("wire", 400, has_words=True),
    Target("history", 120),
    Target("text", 160),
    Target("abi", 10),
    Target("rows", 10),
]


def environment() -> dict[str, str]:
    # Swift's own crash reports read memory that the sanitizer watches. Leaks of one input are found by the
    # limit on memory: threads of the engine outlive it.
    options = "detect_leaks=0:allocator_may_return_null=1"
    return os.environ | {"SWIFT_BACKTRACE": "enable=no", "ASAN_OPTIONS": options, "PERDURE_FUZZ": "1"}


def build() -> Path:
    """The engine compiled so that the fuzzer sees where each input goes."""
    command = [SWIFT, "build", "--build-path", str(BUILD), "-c", "release", "--product", "dx-fuzz"]
    command += ["-Xswiftc", "-sanitize=fuzzer,address", "-Xswiftc", "-use-ld=lld"]
    log = BUILD / "build.log"
    BUILD.mkdir(parents=True, exist_ok=True)
    with log.open("w") as output:
        result = subprocess.run(command, cwd=ROOT, env=environment(), stdout=output, stderr=subprocess.STDOUT)
    if result.returncode != 0:
        print(log.read_text()[-4_000:])
        raise SystemExit("FAIL build: dx-fuzz does not build\n0 passed, 1 failed")
    return BUILD / "release" / "dx-fuzz"


def unpack(name: str) -> Path:
    """The committed inputs as the files that libFuzzer reads."""
    folder = BUILD / "committed" / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    packed = CORPUS / f"{name}.txt"
    if packed.exists():
        for number, line in enumerate(packed.read_text().split()):
            (folder / f"{number:05}").write_bytes(base64.b64decode(line))
    return folder


def call(program: Path, name: str, arguments: list[str], log: Path) -> tuple[int, str]:
    # A file, not a pipe: what is left of a crashed program could hold a pipe open.
    with log.open("w") as output:
        command = [str(program), name, *arguments]
        result = subprocess.run(command, env=environment(), stdout=output, stderr=subprocess.STDOUT, cwd=ROOT)
    return result.returncode, log.read_text(errors="replace")


def reason(output: str) -> str:
    patterns = [r"FINDING: .*", r"Fatal error: .*", r"in Swift runtime failure: [^/]*", r"ERROR: .*"]
    for pattern in patterns:
        if found := re.search(pattern, output):
            return found[0].removeprefix("in ").strip()[:300]
    return "it ended without a word"


def fuzz(program: Path, target: Target, runs: int, seconds: int) -> bool:
    name = target.name
    known = unpack(name)
    found = BUILD / "found" / name
    found.mkdir(parents=True, exist_ok=True)
    FINDINGS.mkdir(parents=True, exist_ok=True)
    arguments = [str(found), str(known), f"-runs={runs}", f"-timeout={INPUT_SECONDS}", "-rss_limit_mb=4096"]
    arguments += [f"-artifact_prefix={FINDINGS.relative_to(ROOT)}/{name}-"]
    if target.has_words:
        arguments.append(f"-dict={HERE / 'corpus' / 'words.dict'}")
    if seconds:
        arguments.append(f"-max_total_time={seconds}")
    status, output = call(program, name, arguments, BUILD / f"{name}.log")
    done = re.search(r"Done (\d+) runs in (\d+) second", output)
    if status != 0 or done is None:
        kept = re.search(r"Test unit written to (\S+)", output)
        again = f"; again: {program.relative_to(ROOT)} {name} {kept[1]}" if kept else ""
        print(f"FAIL {name}: {reason(output)}{again}", flush=True)
        return False
    covered = re.findall(r" cov: (\d+) ft: (\d+)", output)
    edges = int(covered[-1][0]) if covered else 0
    rate = int(done[1]) // max(1, int(done[2]))
    print(
        f"ok {name}: {int(done[1]):,} executions, 0 findings, {rate:,}/s, {edges:,} edges reached, "
        f"{len(list(known.iterdir()))} inputs committed",
        flush=True,
    )
    return True


def merge(program: Path, target: Target) -> bool:
    """Writes the smallest set of inputs that reaches all that committed ones, new ones and seeds reach."""
    name = target.name
    sources = [unpack(name), BUILD / "found" / name, BUILD / "seeds" / name]
    kept = BUILD / "merged" / name
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir(parents=True)
    folders = [str(folder) for folder in sources if folder.exists()]
    status, output = call(program, name, ["-merge=1", str(kept), *folders], BUILD / f"{name}.merge.log")
    if status != 0:
        print(f"FAIL {name}: {reason(output)}", flush=True)
        return False
    inputs = sorted((path.read_bytes() for path in kept.iterdir()), key=lambda data: (len(data), data))
    lines = [base64.b64encode(data).decode() + "\n" for data in inputs if data]
    (CORPUS / f"{name}.txt").write_text("".join(lines))
    print(f"ok {name}: {len(lines)} inputs, {sum(map(len, lines)) // 1024} KiB", flush=True)
    return True


def main() -> int:
    parser = argparse.ArgumentParser(description="Fuzzes the engine.")
    parser.add_argument("--runs", type=int, default=10_000_000, help="executions of all targets together")
    parser.add_argument("--seconds", type=int, default=0, help="at most so long for each target")
    parser.add_argument("--merge", action="store_true", help="write the corpus anew")
    parser.add_argument("targets", nargs="*", help=", ".join(target.name for target in TARGETS))
    options = parser.parse_args()
    unknown = set(options.targets) - {target.name for target in TARGETS}
    if unknown:
        parser.error(f"there is no target {', '.join(sorted(unknown))}")
    chosen = [target for target in TARGETS if not options.targets or target.name in options.targets]
    program = build()
    if options.merge:
        subprocess.run([sys.executable, str(HERE / "seeds.py"), str(BUILD / "seeds")], check=True)
        CORPUS.mkdir(exist_ok=True)
        shutil.copy(BUILD / "seeds" / "words.dict", CORPUS)
        results = [merge(program, target) for target in chosen]
    else:
        total = sum(target.share for target in chosen)
        results = [
            fuzz(program, target, options.runs * target.share // total, options.seconds) for target in chosen
        ]
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
