"""What `import perdure` brings into a program, and what comes when it is asked for."""

import subprocess
import sys

import pytest

import perdure

#: Modules that a program without operators, schedules and such values has no use for.
UNUSED = {
    "perdure.async_client", "perdure.management", "perdure.schedules", "perdure._inspection",
    "decimal", "multiprocessing", "pathlib", "sysconfig", "uuid",
}  # fmt: skip

PROGRAM = """
import sys
before = set(sys.modules)
import perdure

@perdure.orchestration
async def nothing(ctx): return 7

with perdure.Runtime("memory:", [nothing]) as runtime:
    client = perdure.Client(runtime.store)
    assert client.wait(client.start(nothing), timeout=60).result() == 7
print(*set(sys.modules) - before)
"""


def test_a_program_imports_what_it_uses() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    imported = done.stdout.split()
    assert "perdure.client" in imported
    assert not UNUSED.intersection(imported)


def test_every_public_name_is_there() -> None:
    for name in perdure.__all__:
        assert hasattr(perdure, name), name
        assert name in dir(perdure)
    names: dict[str, object] = {}
    exec("from perdure import *", names)
    assert names.keys() >= set(perdure.__all__)


def test_modules_that_are_imported_later_are_attributes() -> None:
    program = "import perdure; print(perdure.metrics.Family.__name__, perdure.schedules.Schedule.__name__)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert (done.stdout, done.stderr) == ("Family Schedule\n", "")


def test_a_name_that_is_not_there_is_refused_by_name() -> None:
    with pytest.raises(AttributeError, match="module 'perdure' has no attribute 'Clinet'"):
        getattr(perdure, "Clinet")  # noqa: B009
