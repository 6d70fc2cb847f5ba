"""Tests/Vectors/turns, which every language runs, with the sample orchestrations of docs/wire-format.md."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from samples import SAMPLES

from perdure._turn import TurnHost

VECTORS = sorted((ROOT / "Tests" / "Vectors" / "turns").glob("*.json"))


def comparable(found: Any, wanted: Any) -> Any:
    """`found` without what the vectors do not compare: logs, and of failures the stack and causes of our
    own.
    """
    if isinstance(found, dict):
        skip = {"logs", "stack"} | (
            {"cause"} if isinstance(wanted, dict) and "cause" not in wanted else set()
        )
        return {
            key: comparable(value, wanted.get(key) if isinstance(wanted, dict) else None)
            for key, value in found.items()
            if key not in skip
        }
    if isinstance(found, list) and isinstance(wanted, list) and len(found) == len(wanted):
        return [comparable(*pair) for pair in zip(found, wanted)]
    return found


def test_there_are_vectors_for_every_sample() -> None:
    covered = {json.loads(path.read_text())["sample"] for path in VECTORS}
    assert covered == {each.name for each in SAMPLES}


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
def test_turns(path: Path) -> None:
    host = TurnHost({(each.name, each.version): each for each in SAMPLES}, 10)
    for at, step in enumerate(json.loads(path.read_text())["steps"]):
        answer = json.loads(host.run(step["request"]))
        wanted = comparable(step["answer"], step["answer"])
        assert comparable(answer, step["answer"]) == wanted, f"step {at}"
