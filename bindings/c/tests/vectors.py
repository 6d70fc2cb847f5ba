"""Tests/Vectors/turns with the sample orchestrations in C. Prints `ok NAME` or `FAIL NAME: why`.

    bindings/c/tests/vectors.py COMMAND...      a program that answers turn requests, such as .build/c/turns

Each vector is run as it stands, and once more with everything in one cold turn (the events of all its steps
at once), which must list the same actions and come to the same end.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent.parent
VECTORS = sorted((ROOT / "Tests" / "Vectors" / "turns").glob("*.json"))


def comparable(found: Any, wanted: Any) -> Any:
    """`found` without what the vectors do not compare: logs, and of failures the stack and own causes."""
    if isinstance(found, dict):
        skip = {"logs", "stack"}
        if isinstance(wanted, dict) and "cause" not in wanted:
            skip.add("cause")
        return {
            key: comparable(value, wanted.get(key) if isinstance(wanted, dict) else None)
            for key, value in found.items()
            if key not in skip
        }
    if isinstance(found, list) and isinstance(wanted, list) and len(found) == len(wanted):
        return [comparable(*pair) for pair in zip(found, wanted, strict=True)]
    return found


def cold(vector: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """The request with all events at once, and its answer; None if that is not the same execution."""
    steps = [
        step for step in vector["steps"] if "query" not in step["request"] and "actions" in step["answer"]
    ]
    first = steps[0]["request"]
    if first["from"] != 0 or any(
        step["request"]["execution"] != first["execution"] or step["request"]["from"] == 0
        for step in steps[1:]
    ):
        return None
    events = [event for step in steps for event in step["request"]["events"]]
    actions = [action for step in steps for action in step["answer"]["actions"]]
    answer = dict(steps[-1]["answer"], actions=actions)
    # Replayed as far as patches were asked about: what is decided must stay what it was.
    return dict(first, events=events), answer


def main(command: list[str]) -> int:
    lines: list[str] = []
    wanted: list[tuple[str, dict[str, Any]]] = []
    for path in VECTORS:
        vector = json.loads(path.read_text())
        lines.append("#" + vector["sample"])
        for at, step in enumerate(vector["steps"]):
            lines.append(json.dumps(step["request"], ensure_ascii=at % 2 == 0))
            wanted.append((f"{path.stem} step {at}", step["answer"]))
        at_once = cold(vector)
        if at_once is not None:
            lines.append(json.dumps(at_once[0]))
            wanted.append((f"{path.stem} at once", at_once[1]))
    done = subprocess.run(command, input="\n".join(lines) + "\n", capture_output=True, text=True, timeout=300)
    answers = done.stdout.split("\n")[:-1]
    failed = 0
    for (name, answer), line in zip(wanted, answers, strict=False):
        try:
            found = comparable(json.loads(line), answer)
        except ValueError:
            found = line
        if found == comparable(answer, answer):
            print(f"ok {name}")
        else:
            failed += 1
            print(f"FAIL {name}: {line} instead of {json.dumps(answer)}")
    if done.returncode != 0 or len(answers) != len(wanted):
        failed += 1
        print(f"FAIL vectors: {len(answers)} answers to {len(wanted)} requests, status {done.returncode}: "
              f"{done.stderr[-2000:]}")  # fmt: skip
    print(f"{len(wanted) - failed} passed, {failed} failed")
    return 0 if failed == 0 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
