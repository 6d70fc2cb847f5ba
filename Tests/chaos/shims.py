"""Compiles the preload shims of this folder and says how a process gets them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUILT = HERE.parent.parent / ".build" / "chaos"
FLAGS = ["-std=gnu11", "-O1", "-g", "-U_FORTIFY_SOURCE", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared"]


def shim(name: str) -> Path:
    """The shared library of shim/NAME.c, compiled if it is older than its source."""
    source, header, library = HERE / "shim" / f"{name}.c", HERE / "shim" / "calls.h", BUILT / f"{name}.so"
    newest = max(source.stat().st_mtime, header.stat().st_mtime)
    if not library.exists() or library.stat().st_mtime < newest:
        BUILT.mkdir(parents=True, exist_ok=True)
        # Another run may compile at the same time.
        fresh = BUILT / f"{name}.{os.getpid()}.so"
        compiler = os.environ.get("CC", "cc")
        subprocess.run([compiler, *FLAGS, "-o", str(fresh), str(source), "-lpthread"], check=True)
        fresh.replace(library)
    return library


def preloaded(name: str, settings: Mapping[str, str | int]) -> dict[str, str]:
    """The environment of a process that runs with the shim."""
    values = {key: str(value) for key, value in settings.items()}
    return os.environ | values | {"LD_PRELOAD": str(shim(name))}
