"""The scenarios that all languages share: docs/kit.md."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict

import pytest
from conftest import ROOT
from kit_expressions import Unknown
from kit_runner import Mismatch, Site

pytestmark = pytest.mark.library

SCENARIOS = sorted((ROOT / "Tests" / "Kit" / "scenarios").glob("*.json"))


@pytest.mark.parametrize("cache", [True, False], ids=["cache", "replay"])
@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_scenario(path: Path, cache: bool, tmp_path: Path) -> None:
    run(json.loads(path.read_text()), tmp_path, cache)


def run(scenario: Dict[str, Any], path: Path, cache: bool = True) -> None:
    site = Site(scenario, path, cache=cache)
    try:
        site.run()
    finally:
        site.close()


def test_there_are_scenarios() -> None:
    assert len(SCENARIOS) >= 50


@pytest.mark.parametrize(
    ("command", "error"),
    [
        ({"expect": "i", "output": [1, True]}, Mismatch),
        ({"expect": "i", "output": [1]}, Mismatch),
        ({"wait": "i", "status": "Failed"}, Mismatch),
        ({"expect": "i", "exists": False}, Mismatch),
        ({"expect": "j"}, Mismatch),
        ({"expect": "i", "failure": {"type": "Any"}}, Mismatch),
        ({"expect": "i", "history": ["OrchestrationStarted"]}, Mismatch),
        ({"expect": "i", "counts": {"ActivityCompleted": 0}}, Mismatch),
        ({"expect": "i", "kv": {"k": 2}}, Mismatch),
        ({"expect": "i", "output": [{"$other": "one"}, 1]}, Mismatch),
        ({"runs": {"echo": 2}}, Mismatch),
        ({"start": "main", "instance": "j", "error": "alreadyExists"}, Mismatch),
        ({"start": "main", "instance": "i"}, Mismatch),
        ({"raise": "go", "to": "i", "error": "notFound"}, Mismatch),
        ({"query": "q", "of": "i", "gives": 2}, Mismatch),
        ({"query": "q", "of": "i", "failure": {"type": "Any"}}, Mismatch),
        ({"query": "none", "of": "i", "failure": {"type": "Any"}}, Mismatch),
        ({"expect": "i", "colour": "red"}, Unknown),
        ({"expect": "i", "output": {"$about": 1}}, Unknown),
        ({"jump": "i"}, Unknown),
    ],
)
def test_what_is_not_so_is_noticed(command: Dict[str, Any], error: Any, tmp_path: Path) -> None:
    steps = [
        {"onQuery": "q", "gives": 1},
        {"kvSet": "k", "to": 1},
        {"activity": "echo", "with": 1, "as": "a"},
    ]
    scenario: Dict[str, Any] = {
        "orchestrations": {"main": [*steps, {"return": ["$a", 1]}]},
        "activities": {"echo": [{"return": "$input"}]},
        "script": [
            {"start": "main", "instance": "i"},
            {"wait": "i", "status": "Completed", "output": [{"$same": "one"}, 1], "kv": {"k": 1}},
            {"query": "q", "of": "i", "gives": 1},
            {"runs": {"echo": 1}},
        ],
    }
    for name in ("good", "bad"):
        (tmp_path / name).mkdir()
    run(scenario, tmp_path / "good")
    scenario["script"].append(command)
    with pytest.raises(error, match="command 5"):
        run(scenario, tmp_path / "bad")


def test_a_step_that_is_none_is_named(tmp_path: Path) -> None:
    scenario = {
        "orchestrations": {"main": [{"jump": 1}]},
        "script": [{"start": "main", "instance": "i"}, {"wait": "i", "status": "Completed"}],
    }
    with pytest.raises(Mismatch, match="Failed"):
        run(scenario, tmp_path)
