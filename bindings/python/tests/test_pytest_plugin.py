"""The fixtures for pytest, in a pytest of their own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from conftest import ROOT

pytestmark = pytest.mark.library

HEAD = """
import perdure
from perdure.testing import TestEnvironment

@perdure.orchestration
async def nap(ctx: perdure.OrchestrationContext, seconds: int) -> str:
    await ctx.timer(seconds)
    return await ctx.activity("wake")

"""


@pytest.fixture(autouse=True)
def source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "bindings" / "python" / "src"))
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    # It is named below; one that is installed as well would be a second one.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


def run(pytester: pytest.Pytester, code: str, *options: str) -> pytest.RunResult:
    pytester.makepyfile(HEAD + code)
    plugin = ("-p", "perdure.testing.pytest_plugin", "-p", "no:cacheprovider", "-W", "error")
    return pytester.runpytest_subprocess(*plugin, *options)


def test_environments_end_with_the_test(pytester: pytest.Pytester) -> None:
    done = run(pytester, """
made = []

def test_one(perdure_env):
    env = perdure_env([nap], stubs={"wake": "up"})
    made.extend([env, perdure_env([nap])])
    assert isinstance(env, TestEnvironment)
    assert env.run(nap, 3600) == "up"

def test_two():
    for env in made:
        try:
            env.client.list().__next__()
        except perdure.InvalidHandle:
            continue
        raise AssertionError("it is open")
""")  # fmt: skip
    done.assert_outcomes(passed=2)


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_stores_are_where_the_ini_file_says(pytester: pytest.Pytester, kind: str) -> None:
    pytester.makeini(f"[pytest]\nperdure_store = {kind}\n")
    done = run(pytester, f"""
def test_store(perdure_store, tmp_path):
    with perdure.Runtime(perdure_store, [nap]), perdure.Client(perdure_store) as client:
        client.start(nap, 100)
    assert (tmp_path / "perdure.sqlite").exists() is {kind == "sqlite"}

def test_environments(perdure_env):
    for _ in range(2):
        env = perdure_env([nap], stubs={{"wake": "up"}})
        assert env.run(nap, 1, instance="a") == "up"
""")  # fmt: skip
    done.assert_outcomes(passed=2)


def test_an_unknown_kind_of_store_is_refused(pytester: pytest.Pytester) -> None:
    done = run(pytester, "def test_one(perdure_store): ...", "-o", "perdure_store=papyrus")
    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines(['*perdure_store is "memory" or "sqlite", not \'papyrus\'*'])


def test_the_report_of_a_failure_tells_of_its_instances(pytester: pytest.Pytester) -> None:
    done = run(pytester, """
def test_waiting(perdure_env):
    env = perdure_env([nap], stubs={"wake": ValueError("too early")})
    env.client.start(nap, 86_400, instance="sleeper")
    env.client.start(nap, 1, instance="failed")
    env.advance(10)
    assert env.client.status("sleeper") == "Completed"
""")  # fmt: skip
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines([
        "*Perdure instances*", "nap failed: Failed: ValueError: too early", "nap sleeper: Running: *timer*",
    ])  # fmt: skip


def test_replaying_shows_code_that_is_not_deterministic(pytester: pytest.Pytester) -> None:
    code = """
turns = []

@perdure.orchestration
async def moody(ctx: perdure.OrchestrationContext):
    turns.append(1)
    await ctx.activity("one" if len(turns) % 2 else "two")
    await ctx.activity("wake")

def test_moody(perdure_env):
    env = perdure_env([moody], stubs={"one": 1, "two": 2, "wake": 3}, timeout=5)
    env.client.start(moody, instance="i")
    env.settle()
    assert env.client.status("i") == "Completed"
"""
    run(pytester, code).assert_outcomes(passed=1)
    done = run(pytester, code, "--perdure-replay")
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(["*moody i: Quarantined*"])


def test_the_programs_of_the_guide_pass(pytester: pytest.Pytester) -> None:
    guide = (ROOT / "docs" / "guides" / "testing.md").read_text()
    block = re.search(r"```python\n([^`]*perdure_env\(.*?)```", guide, re.DOTALL)
    assert block is not None
    run(pytester, block[1]).assert_outcomes(passed=2)
    assert Path(pytester.path).exists()
