"""Runs the tests, a C host that hammers the ABI, and Python under the sanitizers.

    Tests/sanitize/run.py [--rounds 1500] [--orchestrations 50000] [--seed N] [NAMES]

NAMES are of the cases below; without any, all run. Prints `ok WHAT` or `FAIL WHAT: why` for each and ends
with the sums. What a sanitizer has to say stands in .build/sanitize/*.report.*; its builds are kept in
.build/asan and .build/tsan.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BINDING = ROOT / "bindings" / "c"
JSON = [BINDING / "src" / "json.c", BINDING / "src" / "json_check.c"]
OUT = ROOT / ".build" / "sanitize"
SWIFT = os.environ.get("SWIFT", "swift")
sys.path.insert(0, str(HERE.parent / "chaos"))

from judge import Verdicts  # noqa: E402

WARNINGS = ["-Wall", "-Wextra", "-Werror"]
HAMMER = ["hammer.c", "hammer_calls.c", "hammer_host.c"]
# The programs of Tests/C that start no process: a fork is no place for a sanitizer.
C_PROGRAMS = ["arguments", "attempts", "lifetimes", "simulation", "tokens"]
# Foundation.Process takes each name in a folder for the longest there is; the tests start programs with it.
READS_OF_FOUNDATION = "interceptor_via_fun:findMaximumOpenFromProcSelfFD"


@dataclass(frozen=True)
class Sanitizer:
    name: str
    flag: str
    options: str  # the variable that its runtime reads
    settings: str


ADDRESS = Sanitizer("asan", "address", "ASAN_OPTIONS", "detect_stack_use_after_return=1:detect_leaks=1")
THREAD = Sanitizer("tsan", "thread", "TSAN_OPTIONS", "history_size=4:second_deadlock_stack=1")
UNDEFINED = Sanitizer("ubsan", "undefined,integer", "UBSAN_OPTIONS", "print_stacktrace=1")
NONE = Sanitizer("plain", "", "", "")


def toolchain(*path: str) -> Path:
    """A file of the Swift toolchain, whose clang fits its sanitizers."""
    binary = Path(os.path.realpath(shutil.which("swiftc") or "/")).parent
    return binary.parent.joinpath(*path)


def reports_of(name: str) -> list[str]:
    """What a sanitizer found, one line each."""
    found = []
    for path in sorted(OUT.glob(f"{name}.report.*")):
        text = path.read_text(errors="replace")
        found += re.findall(r"^SUMMARY: (.*)$", text, re.MULTILINE) or [f"{path.name}: {text[:200]}"]
        found += re.findall(r"^(.*: runtime error: .*)$", text, re.MULTILINE)
    return found


@dataclass
class Ended:
    status: int | str
    output: str
    reports: list[str]

    @property
    def wrong(self) -> list[str]:
        """Each finding, the program's own included."""
        found = [*self.reports, *re.findall(r"^FAIL .*$", self.output, re.MULTILINE)]
        if self.status != 0 and not found:
            found.append(f"status {self.status} after: {' '.join(self.output.split()[-12:])}")
        return found


class Bench:
    """Builds and runs; every program's reports go to files of its own."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.verdicts = Verdicts()
        self.built: dict[str, str | None] = {}

    def run(
        self, name: str, command: list[str], sanitizer: Sanitizer, limit: float = 600, settings: str = "",
        **environment: str,
    ) -> Ended:  # fmt: skip
        for old in OUT.glob(f"{name}.report.*"):
            old.unlink()
        settings = f"{sanitizer.settings}:exitcode=66:log_path={OUT / name}.report{settings}"
        # Swift's own crash reports come before those of the sanitizer, and read memory that it watches.
        everything = {**os.environ, "SWIFT_BACKTRACE": "enable=no", **environment}
        if sanitizer.options:
            everything[sanitizer.options] = settings
        if sanitizer is THREAD:
            everything["LD_PRELOAD"] = str(OUT / "swift_order.so")
        with (OUT / f"{name}.log").open("w+", errors="replace") as log:
            process = subprocess.Popen(
                command, cwd=ROOT, env=everything, stdout=log, stderr=subprocess.STDOUT
            )
            status: int | str
            try:
                status = process.wait(limit)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                status = f"none in {limit:.0f} s"
            log.seek(0)
            return Ended(status, log.read(), reports_of(name))

    def swift(self, sanitizer: Sanitizer, *arguments: str) -> str | None:
        """Builds in the sanitizer's folder, once. Returns what went wrong."""
        key = " ".join([sanitizer.name, *arguments])
        if key not in self.built:
            command = [SWIFT, "build", f"--sanitize={sanitizer.flag}", "--build-path"]
            command += [str(ROOT / ".build" / sanitizer.name), *arguments]
            done = subprocess.run(
                command, cwd=ROOT, env={**os.environ, "PERDURE_SANITIZE": sanitizer.name},
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
            )  # fmt: skip
            errors = [line for line in done.stdout.splitlines() if "error:" in line]
            self.built[key] = None if done.returncode == 0 else "; ".join(errors[:2]) or "it does not build"
        return self.built[key]

    def library(self, sanitizer: Sanitizer) -> Path:
        if sanitizer.flag and sanitizer is not UNDEFINED:
            problem = self.swift(sanitizer, "-c", "release", "--product", "dx")
            if problem is not None:
                raise RuntimeError(f"libdx.so for {sanitizer.name}: {problem}")
            return ROOT / ".build" / sanitizer.name / "release" / "libdx.so"
        return Path(os.environ.get("PERDURE_LIBRARY", ROOT / ".build" / "release" / "libdx.so")).resolve()

    def c_program(self, name: str, sources: list[Path], sanitizer: Sanitizer) -> list[str]:
        """Compiles a host. Returns the command."""
        library = self.library(sanitizer)
        program = OUT / f"{name}_{sanitizer.name}"
        flags = ["-std=c11", "-D_GNU_SOURCE", "-g", "-O1", "-fno-omit-frame-pointer", *WARNINGS]
        if sanitizer.flag:
            flags += [f"-fsanitize={sanitizer.flag}", "-fno-sanitize-recover=all"]
        command = [
            str(toolchain("bin", "clang")),
            *flags,
            f"-I{ROOT / 'include'}",
            f"-I{BINDING / 'include'}",
        ]
        ending = [HERE / "threads_end.c"] if sanitizer is ADDRESS else []
        command += map(str, [*sources, *JSON, *ending])
        command += ["-o", str(program), str(library), f"-Wl,-rpath,{library.parent}", "-lpthread"]
        # The sanitizers' runtimes know the libraries of the toolchain and its linker.
        swift_libraries = toolchain("lib", "swift", "linux")
        command += ["-fuse-ld=lld", f"-L{swift_libraries}", f"-Wl,-rpath,{swift_libraries}"]
        if sanitizer is THREAD:
            command += ["-ldispatch", "-lBlocksRuntime"]
        subprocess.run(command, check=True)
        return [str(program)]


# ---- The cases ----------------------------------------------------------------------------------------


def planted(bench: Bench) -> None:
    """What each sanitizer must see, or must not: else its silence means nothing."""
    expected: list[tuple[Sanitizer, str, bool]] = [
        (THREAD, "race", True), (THREAD, "mutex", False), (THREAD, "array", False),
        (THREAD, "nothing", False),
        (ADDRESS, "overflow", True), (ADDRESS, "leak", True), (ADDRESS, "nothing", False),
    ]  # fmt: skip
    for sanitizer in (THREAD, ADDRESS):
        command = [
            shutil.which("swiftc") or "swiftc",
            f"-sanitize={sanitizer.flag}",
            "-g",
            "-O",
            "-use-ld=lld",
        ]
        subprocess.run([*command, str(HERE / "planted.swift"), "-o", str(OUT / f"planted_{sanitizer.name}")],
                       check=True)  # fmt: skip
    for sanitizer, what, is_seen in expected:
        name = f"planted_{sanitizer.name}"
        ended = bench.run(name, [str(OUT / name), what], sanitizer, 120)
        wrong = [] if bool(ended.reports) == is_seen else ended.reports or ["there is no report"]
        said = "seen" if is_seen else "not taken for a fault"
        bench.verdicts.check(f"{sanitizer.name}: {what}, planted, is {said}", wrong)


def swift_tests(bench: Bench, sanitizer: Sanitizer) -> None:
    """Each target by itself: tests that wait for something do not wait beside those that fill the processors.

    Leaks are not looked for here: Swift keeps tags in pointers, so that what a global holds seems lost.
    """
    problem = bench.swift(sanitizer, "--build-tests")
    if problem is not None:
        bench.verdicts.check(f"{sanitizer.name}: the Swift tests build", [problem])
        return
    bundle = ROOT / ".build" / sanitizer.name / "debug" / "perdurePackageTests.xctest"
    (OUT / "reads.txt").write_text(READS_OF_FOUNDATION)
    settings = f":detect_leaks=0:suppressions={OUT / 'reads.txt'}" if sanitizer is ADDRESS else ""
    # Without the rules of the repository, which read files: slow here, and it says nothing.
    for target in sorted({path.parent.name for path in ROOT.glob("Tests/*Tests/*.swift")} - {"TidyTests"}):
        command = [str(bundle), "--testing-library", "swift-testing", "--filter", rf"^{target}\."]
        command += ["--experimental-maximum-parallelization-width", "4"]
        ended = bench.run(f"{target}_{sanitizer.name}", command, sanitizer, 1_800, settings)
        summary = re.search(r"Test run with (\d+) tests? in (\d+) suites? (passed|failed)", ended.output)
        wrong = [
            *ended.reports,
            *re.findall(r"^✘ Test (?!run).* failed after.*$", ended.output, re.MULTILINE),
        ]
        if summary is None or summary[1] == "0":
            wrong.append(f"they did not run to their end (status {ended.status})")
        elif not wrong and (summary[3] == "failed" or ended.status != 0):
            wrong.append(f"status {ended.status}")
        count = summary[1] if summary else "the"
        bench.verdicts.check(f"{sanitizer.name}: {target}, {count} tests, no report", wrong)


def hammer(bench: Bench, sanitizer: Sanitizer) -> None:
    command = bench.c_program("hammer", [HERE / source for source in HAMMER], sanitizer)
    with tempfile.TemporaryDirectory(prefix="perdure-hammer-") as folder:
        for url in ("memory:", f"sqlite:{folder}/store.sqlite"):
            kind = url.partition(":")[0]
            arguments = [url, str(bench.options.rounds), str(bench.options.seed)]
            ended = bench.run(f"hammer_{sanitizer.name}_{kind}", [*command, *arguments], sanitizer)
            calls = re.search(r"^ok no call had .*\((\d+)\)", ended.output, re.MULTILINE)
            what = f"{sanitizer.name}: {calls[1] if calls else '?'} calls of 8 threads on {kind}"
            bench.verdicts.check(what, ended.wrong)


def c_tests(bench: Bench, sanitizer: Sanitizer) -> None:
    for name in C_PROGRAMS:
        source = ROOT / "Tests" / "C" / f"{name}.c"
        ended = bench.run(
            f"{name}_{sanitizer.name}", bench.c_program(name, [source], sanitizer), sanitizer, 300
        )
        sums = re.search(r"(\d+) passed, \d+ failed\s*\Z", ended.output)
        bench.verdicts.check(
            f"{sanitizer.name}: Tests/C/{name}.c, {sums[1] if sums else '?'} checks", ended.wrong
        )


def hello(bench: Bench) -> None:
    binding = [path for path in (BINDING / "src").glob("*.c") if not path.stem.startswith(("native", "json"))]
    sources = [ROOT / "examples" / "hello" / "hello.c", *binding, *(ROOT / "Sources" / "CDX").glob("*.c")]
    ended = bench.run("hello_ubsan", bench.c_program("hello", sources, UNDEFINED), UNDEFINED)
    wrong = ended.wrong if '"Hello, World!"' in ended.output else [*ended.wrong, "it does not say hello"]
    bench.verdicts.check("ubsan: the C of the library and the example", wrong)


def leaks(bench: Bench) -> None:
    count = bench.options.orchestrations
    command = bench.c_program("flood", [HERE / "flood.c", ROOT / "benchmarks" / "c" / "host.c"], ADDRESS)
    with tempfile.TemporaryDirectory(prefix="perdure-leaks-") as folder:
        ended = bench.run("flood_asan", [*command, f"sqlite:{folder}/store.sqlite", str(count), "1000"],
                          ADDRESS, 1_200)  # fmt: skip
    bench.verdicts.check(f"asan: {count} orchestrations on SQLite, no leak", ended.wrong)


def python(bench: Bench) -> None:
    """The interpreter keeps much until its end, so leaks are not looked for here."""
    runtime = subprocess.run(
        [str(toolchain("bin", "clang")), "-print-file-name=libclang_rt.asan-x86_64.so"],
        check=True, stdout=subprocess.PIPE, text=True,
    ).stdout.strip()  # fmt: skip
    library = bench.library(ADDRESS)
    environment = {
        "LD_PRELOAD": runtime, "PERDURE_LIBRARY": str(library), "PYTHONMALLOC": "malloc",
        "LD_LIBRARY_PATH": str(toolchain("lib", "swift", "linux")),
        "PYTHONPATH": str(ROOT / "bindings" / "python" / "src"),
    }  # fmt: skip
    for old in OUT.glob("hello.sqlite*"):
        old.unlink()
    # But for those that install what is built in an environment of its own, without the sanitizer's library.
    tests = Path("bindings", "python", "tests")
    no_leaks = Sanitizer("asan", "address", "ASAN_OPTIONS", "detect_leaks=0")
    for name, arguments in (
        ("hello", ["examples/hello/hello.py", str(OUT / "hello.sqlite")]),
        (
            "tests",
            [
                "-m",
                "pytest",
                "-q",
                "-p",
                "no:cacheprovider",
                f"--ignore={tests / 'test_clean_room.py'}",
                str(tests),
            ],
        ),
    ):
        ended = bench.run(f"python_{name}", [sys.executable, *arguments], no_leaks, 1_200, **environment)
        said = ended.output.strip().splitlines()[-1:] or [""]
        bench.verdicts.check(f"asan: Python, {name}: {said[0].strip('= ')}", ended.wrong)


CASES: dict[str, Callable[[Bench], None]] = {
    "planted": planted,
    "hammer": lambda bench: hammer(bench, NONE),
    "hammer-ubsan": lambda bench: hammer(bench, UNDEFINED),
    "hello-ubsan": hello,
    "hammer-tsan": lambda bench: hammer(bench, THREAD),
    "c-tsan": lambda bench: c_tests(bench, THREAD),
    "hammer-asan": lambda bench: hammer(bench, ADDRESS),
    "c-asan": lambda bench: c_tests(bench, ADDRESS),
    "leaks": leaks,
    "python": python,
    "tests-tsan": lambda bench: swift_tests(bench, THREAD),
    "tests-asan": lambda bench: swift_tests(bench, ADDRESS),
}


def main() -> int:
    parser = argparse.ArgumentParser(description="Runs tests and hosts under the sanitizers.")
    parser.add_argument("--rounds", type=int, default=1_500, help="calls of each thread of the hammer")
    parser.add_argument("--orchestrations", type=int, default=50_000, help="that must leave no leak")
    parser.add_argument("--seed", type=int, default=None, help="of the hammer")
    parser.add_argument("names", nargs="*", help=", ".join(CASES))
    options = parser.parse_args()
    unknown = set(options.names) - set(CASES)
    if unknown:
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1_000_000)
    print(f"sanitize: --seed {options.seed}", flush=True)
    OUT.mkdir(parents=True, exist_ok=True)
    bench = Bench(options)
    subprocess.run([str(toolchain("bin", "clang")), "-O1", "-fPIC", "-shared", *WARNINGS,
                    str(HERE / "swift_order.c"), "-o", str(OUT / "swift_order.so")], check=True)  # fmt: skip
    for name in options.names or CASES:
        try:
            CASES[name](bench)
        except (RuntimeError, subprocess.CalledProcessError) as error:
            bench.verdicts.check(name, [str(error)[:300]])
    return bench.verdicts.end()


if __name__ == "__main__":
    sys.exit(main())
