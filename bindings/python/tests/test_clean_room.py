"""What a stranger does: a new environment, the wheel, and docs/python.md as it stands there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Dict

import pytest
from conftest import ROOT

PAGE = (ROOT / "docs" / "python.md").read_text()
#: The name under which the page wants a block to be saved, its language, its text.
BLOCKS = re.findall(r"(?:Save this as `(\S+)`:\n\n)?^```(\w+)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
SOURCE = ROOT / "bindings" / "python"


def clean(**more: str) -> Dict[str, str]:
    """An environment that knows nothing of this repository."""
    return {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **more}


def pip_wheel(source: Path, target: Path, environment: Dict[str, str]) -> subprocess.CompletedProcess[str]:
    options = ("--no-deps", "--no-build-isolation", "--disable-pip-version-check", "-w", str(target))
    command = [sys.executable, "-m", "pip", "wheel", *options, str(source)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources of the package, without those of the library around them."""
    pytest.importorskip("setuptools.command.bdist_wheel")
    copy = tmp_path_factory.mktemp("source") / "python"
    shutil.copytree(SOURCE, copy, ignore=shutil.ignore_patterns("tests", "*.egg-info", "__pycache__", "*.so"))
    return copy


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("wheel")
    done = pip_wheel(source, target, clean(PERDURE_LIBRARY=os.environ["PERDURE_LIBRARY"]))
    assert done.returncode == 0, done.stdout + done.stderr
    return next(target.glob("*.whl"))


@pytest.mark.library
def test_the_wheel_has_what_it_needs(wheel: Path) -> None:
    # The library says which C library it needs at least; the tag of the wheel must not promise more.
    versions = subprocess.run(
        ["objdump", "-T", os.environ["PERDURE_LIBRARY"]], capture_output=True, text=True, check=True
    ).stdout
    newest = max(int(minor) for minor in re.findall(r"\bGLIBC_2\.(\d+)", versions))
    assert re.fullmatch(rf"perdure-[\d.]+-py3-none-manylinux_2_{newest}_\w+\.whl", wheel.name)
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        points = next(name for name in names if name.endswith("entry_points.txt"))
        assert "perdure = perdure.testing.pytest_plugin" in archive.read(points).decode()
    modules = {
        str(path.relative_to(SOURCE / "src"))
        for path in (SOURCE / "src" / "perdure").rglob("*")
        if path.suffix == ".py" or path.name == "py.typed"
    }
    assert modules | {"perdure/libdx.so"} <= names


@pytest.mark.library
def test_the_page_holds_line_by_line_in_a_new_environment(wheel: Path, tmp_path: Path) -> None:
    shutil.copy(wheel, tmp_path)
    said = ""

    def run(*command: str) -> None:
        nonlocal said
        done = subprocess.run(command, cwd=tmp_path, env=clean(), capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, f"{' '.join(command)}:\n{done.stdout}{done.stderr}"
        said += done.stdout

    for number, (name, kind, block) in enumerate(BLOCKS):
        if kind == "sh":
            for line in block.splitlines():
                run("sh", "-ec", line)
        elif kind == "python":
            (tmp_path / (name or f"program-{number}.py")).write_text(block)
            if not name:
                run("venv/bin/python", "-W", "error", f"program-{number}.py")
    assert (tmp_path / "hello.sqlite").exists()
    assert "parcel 1, payment 1, approved by Grace" in said
    assert said.count("charged 120") <= 1


@pytest.mark.parametrize(
    ("library", "said"),
    [
        ("/nowhere/libdx.so", "PERDURE_LIBRARY is /nowhere/libdx.so, and there is no such file"),
        ("", "install from a clone of the repository"),
    ],
)
def test_an_installation_without_a_library_says_what_to_do(
    source: Path, tmp_path: Path, library: str, said: str
) -> None:
    done = pip_wheel(source, tmp_path, clean(PERDURE_LIBRARY=library))
    assert done.returncode != 0
    assert said in done.stdout + done.stderr


def test_a_clone_without_swift_says_what_to_install(source: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    shutil.copytree(source, clone / "bindings" / "python")
    (clone / "Package.swift").touch()
    done = pip_wheel(clone / "bindings" / "python", tmp_path, clean(SWIFT="no-swift-here"))
    assert done.returncode != 0
    assert "there is no swift on the PATH: install Swift" in done.stdout + done.stderr


def test_a_clone_uses_the_library_that_it_has_built(source: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    shutil.copytree(source, clone / "bindings" / "python")
    (clone / "Package.swift").touch()
    builds = clone / "swift"
    builds.write_text(
        '#!/bin/sh\necho "$@" > arguments\nmkdir -p .build/release\ntouch .build/release/libdx.so\n'
    )
    builds.chmod(0o755)
    done = pip_wheel(clone / "bindings" / "python", tmp_path, clean(SWIFT=str(builds)))
    assert done.returncode == 0, done.stdout + done.stderr
    assert (clone / "arguments").read_text() == "build -c release --product dx\n"
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as archive:
        assert "perdure/libdx.so" in archive.namelist()
