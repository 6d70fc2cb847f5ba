"""Runs the examples as a reader would. Prints `ok NAME` or `FAIL NAME: why`; the last line gives the sums.

    Tests/examples/run.py FOLDER-OF-SWIFT-PROGRAMS

All of examples/scenarios are among them, in Swift and in Python. examples/hello/hello.c is built and run by
Tests/C/run, the Python order by the suite `demo`. The examples in C are built here, against the installed
form of the binding.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import mixed

ROOT = Path(__file__).resolve().parent.parent.parent
SCENARIOS = ROOT / "examples" / "scenarios"
SCENARIOS_AT_ONCE = 3
# Returns what is to be said about it, if there is something.
Test = Callable[[Path], "str | None"]
ORDER_ENDS = {
    1: "shipped: parcel 1", 2: "refused: unicorn", 3: "failed with TooHeavy", 4: "given up",
    5: "failed with Rejected", 6: "shipped: parcel 6",
}  # fmt: skip


def said(command: list[str], environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"status {done.returncode}: {(done.stdout + done.stderr)[-500:]}"
    return done.stdout


def hello_swift(programs: Path) -> None:
    """Twice: the second run finds the file of the first."""
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(2):
            program = [str(programs / "example-hello")]
            done = subprocess.run(program, cwd=folder, capture_output=True, text=True, timeout=60)
            assert done.stdout == "Hello, Ada!\n", done.stdout + done.stderr


def hello_python(_programs: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        text = said([sys.executable, "examples/hello/hello.py", f"{folder}/hello.sqlite"])
    assert text.startswith("Hello, "), text


def hello_node(_programs: Path) -> None:
    said(["make", "-s", "node"])
    with tempfile.TemporaryDirectory() as folder:
        text = said(["node", "examples/hello/hello.js", f"{folder}/hello.sqlite"])
    assert text == "Hello, Ada!\n", text


def order_node(_programs: Path) -> None:
    """Its demo kills the worker -9 and looks at the end of each order; the commands are those of a reader."""
    said(["make", "-s", "node"])
    with tempfile.TemporaryDirectory() as folder:
        order = ["node", "examples/order/order.js"]
        text = said([*order, "demo", "--store", f"sqlite:{folder}/demo.sqlite"])
        by_hand = ["--store", f"sqlite:{folder}/order.sqlite"]
        said([*order, "start", *by_hand, "order-1", "book", "20"])
        said([*order, "approve", *by_hand, "order-1"])
        status = said([*order, "status", *by_hand])
    assert "killed with SIGKILL" in text and text.count("shipped: ") == 3, text
    assert status.split() == ["order-1", "Pending"], status


def wheel_python(_programs: Path) -> None:
    """The wheel brings its library: nothing of this repository is on the path."""
    wheel = said(["make", "-s", "wheel"]).splitlines()[-1]
    environment = {name: value for name, value in os.environ.items() if name != "PERDURE_LIBRARY"}
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(ROOT / wheel) as archive:
            archive.extractall(folder)
        environment["PYTHONPATH"] = folder
        command = [sys.executable, "examples/hello/hello.py", f"{folder}/hello.sqlite"]
        text = said(command, environment)
    assert text == "Hello, Ada!\n", text


def simulate_swift(programs: Path) -> None:
    text = said([str(programs / "example-simulate")])
    assert text.count("all is well") == 3, text


def simulate_python(_programs: Path) -> None:
    for name in ("lost_compensation", "double_charge", "forgotten_event"):
        text = said([sys.executable, f"examples/simulate/{name}.py"])
        assert text.count("all is well") == 1, text


def simulate_node(_programs: Path) -> None:
    said(["make", "-s", "node"])
    text = said(["node", "examples/simulate/double_charge.js"])
    assert text.count("all is well") == 1, text


def order_swift(programs: Path) -> None:
    """Killed while the cards are being charged, then started again: every order has one end."""
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "order.sqlite"
        command = [str(programs / "example-order"), f"sqlite:{store}"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as first:
            deadline = time.monotonic() + 60
            while not (store.exists() and store.stat().st_size > 0) and time.monotonic() < deadline:
                time.sleep(0.01)
            time.sleep(0.2)
            first.send_signal(signal.SIGKILL)
        text = said(command)
    assert "was placed before" in text, f"nothing was there after the kill: {text}"
    for number, end in ORDER_ENDS.items():
        lines = re.findall(rf"^order-{number} \w+: .*", text, re.MULTILINE)
        assert len(lines) == 1, f"order {number} has {len(lines)} ends: {text}"
        assert end in lines[0], f"order {number} should have {end}: {lines[0]}"


def in_c(name: str, *libraries: str) -> Path:
    """Builds examples/NAME/NAME.c on the library that the Python examples use. The folder of the program."""
    library = Path(os.environ.get("PERDURE_LIBRARY", ROOT / ".build" / "release" / "libdx.so")).resolve()
    binding, out = ROOT / ".build" / "c" / "bindings", ROOT / ".build" / "c" / "examples"
    said(["make", "-s", "-C", "bindings/c", f"DX={library.parent}", f"OUT={binding}"])
    out.mkdir(parents=True, exist_ok=True)
    folders = (binding, library.parent)
    command = [
        "gcc", "-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror",
        "-Iinclude", "-Ibindings/c/include", f"examples/{name}/{name}.c", "-o", str(out / name),
        *(f"-L{each}" for each in folders), *(f"-Wl,-rpath,{each}" for each in folders),
        *(f"-l{each}" for each in libraries), "-ldx",
    ]  # fmt: skip
    said(command)
    return out


def order_c(_programs: Path) -> None:
    """Killed at five moments, then started again: every order has one end, always the same."""
    program = in_c("order", "dx_orchestration") / "order"
    ends = [
        'order-1 Completed: "parcel for order-1"', "order-2 Failed: there are no unicorns",
        "order-3 Failed: the card was declined", "order-4 Failed: nobody approved it in time",
        'order-5 Completed: "parcel for order-5"',
    ]  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        command = [str(program), f"sqlite:{folder}/orders.sqlite"]
        for seconds in (0.05, 0.15, 0.3, 0.45, 0.6):
            try:
                subprocess.run(command, capture_output=True, timeout=seconds)  # ends it with SIGKILL
            except subprocess.TimeoutExpired:
                continue
        lines = said(command).splitlines()
    assert lines[-5:] == ends, lines
    assert "order-5 was placed before" in lines, f"nothing was there after the kills: {lines}"


def native_c(_programs: Path) -> None:
    folder = in_c("native", "dx_orchestration", "dx_native")
    said(["gcc", "-shared", "-fPIC", "examples/native/shapes.c", "-o", str(folder / "libshapes.so")])
    manifest = ROOT / "examples" / "native" / "activities.json"
    done = subprocess.run(
        [folder / "native", manifest], cwd=folder, capture_output=True, text=True, timeout=60
    )
    lines = done.stdout.splitlines()
    assert done.returncode == 0 and len(lines) == 9, done.stdout + done.stderr
    assert lines[0] == "circle area 2 -> 12.566370614359172", lines[0]
    assert "ENODEV" in lines[5] and "'count'" in lines[6] and "infinite" in lines[8], lines


def vectors_ruby(_programs: Path) -> str:
    """The host in Ruby answers all turns as the engine wants them."""
    lines = said(["ruby", "-w", "examples/ruby/vectors.rb"]).splitlines()
    vectors = len(list((ROOT / "Tests" / "Vectors" / "turns").glob("*.json")))
    assert lines[-1] == f"{vectors} passed, 0 failed", lines[-1]
    return lines[-1]


def hello_ruby(_programs: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        text = said(["ruby", "-w", "examples/ruby/hello.rb", f"sqlite:{folder}/hello.sqlite", "Ada"])
    assert text == "Hello, Ada!\n", text


def order_ruby(_programs: Path) -> None:
    """Its process kills itself while it packs; the next one goes on, with a cache and without."""
    for cache in ("cache", "replay"):
        with tempfile.TemporaryDirectory() as folder:
            command = ["ruby", "-w", "examples/ruby/order.rb", f"sqlite:{folder}/order.sqlite", cache]
            first = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
            assert (first.returncode, first.stdout) == (-signal.SIGKILL, ""), first
            end = json.loads(said(command))
        assert end["receipt"] == "30 charged, key o/1/1", end
        assert end["parcels"] == ["packed lamp", "packed book"], end


def scenario(language: str, name: str) -> Test:
    def play(programs: Path) -> str | None:
        python = [sys.executable, str(SCENARIOS / name / f"{name}.py")]
        swift = [str(programs / "scenarios"), name]
        lines = said(swift if language == "swift" else python).splitlines()
        assert lines and lines[-1] == f"ok {name}", lines[-3:]
        return None

    play.__name__ = f"scenario_{language} {name}"
    return play


def scenarios() -> list[Test]:
    """Two in each folder of examples/scenarios. A folder without one is a test that fails."""
    folders = sorted(path for path in SCENARIOS.iterdir() if path.is_dir() and path.name != "__pycache__")
    return [scenario(language, folder.name) for language in ("python", "swift") for folder in folders]


def passes(test: Test, programs: Path) -> bool:
    try:
        detail = test(programs)
        print(f"ok {test.__name__}{f': {detail}' if detail else ''}", flush=True)
        return True
    except (AssertionError, OSError, subprocess.SubprocessError) as why:
        print(f"FAIL {test.__name__}: {why}", flush=True)
        return False


TESTS = (
    hello_swift, hello_python, hello_node, wheel_python, simulate_swift, simulate_python,
    simulate_node, order_swift, order_node, order_c, native_c, vectors_ruby, hello_ruby, order_ruby,
)  # fmt: skip


def main() -> int:
    programs = Path(sys.argv[1])
    passed = [passes(test, programs) for test in (*TESTS, *mixed.tests())]
    # Scenarios mostly wait, and share nothing.
    with ThreadPoolExecutor(SCENARIOS_AT_ONCE) as pool:
        passed += pool.map(lambda test: passes(test, programs), scenarios())
    print(f"{passed.count(True)} passed, {passed.count(False)} failed")
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
