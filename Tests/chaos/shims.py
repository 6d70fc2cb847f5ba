"""Builds the C programs and preload libraries of the chaos programs into .build/chaos."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
OUT = ROOT / ".build" / "chaos"
FLAGS = ["-std=gnu11", "-D_GNU_SOURCE", "-O1", "-g", "-U_FORTIFY_SOURCE", "-Wall", "-Wextra", "-Werror"]


def library() -> Path:
    """libdx.so, as the Python package finds it here."""
    return Path(os.environ.get("PERDURE_LIBRARY", ROOT / ".build" / "release" / "libdx.so")).resolve()


def _built(target: Path, sources: list[Path], arguments: list[str]) -> Path:
    """Built anew when a source is newer."""
    if target.exists() and all(source.stat().st_mtime <= target.stat().st_mtime for source in sources):
        return target
    OUT.mkdir(parents=True, exist_ok=True)
    # Others may be at it: whoever is last wins.
    new = target.with_name(f"{target.name}.{os.getpid()}")
    compiler = os.environ.get("CC", "gcc")
    subprocess.run([compiler, *FLAGS, *arguments, "-o", str(new)], check=True)
    new.rename(target)
    return target


def build_host() -> Path:
    """A worker in C that runs orders."""
    binding = ROOT / "bindings" / "c"
    sources = [HERE / "host.c", *(binding / "src" / name for name in ("json.c", "json_check.c"))]
    arguments = [f"-I{ROOT / 'include'}", f"-I{binding / 'include'}", *map(str, sources), str(library())]
    headers = [ROOT / "include" / "dx.h", binding / "include" / "dx_json.h"]
    sources = [*sources, *headers, library()]
    return _built(OUT / "host", sources, [*arguments, f"-Wl,-rpath,{library().parent}", "-lpthread"])


def build_shim(name: str) -> Path:
    """The preload library of shim/NAME.c."""
    source = HERE / "shim" / f"{name}.c"
    sources = [source, HERE / "shim" / "calls.h"]
    arguments = ["-shared", "-fPIC", str(source), "-ldl", "-lpthread"]
    return _built(OUT / f"{name}.so", sources, arguments)


def preloaded(name: str, settings: Mapping[str, str | int]) -> dict[str, str]:
    """The environment of a process that runs with the shim."""
    values = {key: str(value) for key, value in settings.items()}
    return os.environ | values | {"LD_PRELOAD": str(build_shim(name))}


def remove(folder: Path) -> None:
    """Removes a folder with a store that was closed: files are closed a little later, and some go then."""
    deadline = time.monotonic() + 10
    while folder.exists():
        shutil.rmtree(folder, ignore_errors=time.monotonic() < deadline)
