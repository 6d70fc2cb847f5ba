"""File systems of a test's own, where the system permits that: in a namespace that nobody else sees."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

MARK = "CHAOS_MAY_MOUNT"


def enter() -> bool:
    """Begins the program anew where it may mount. Returns whether it may, which is not so everywhere."""
    if os.environ.get(MARK):
        return True
    unshare = shutil.which("unshare")
    if unshare is None:
        return False
    alone = [unshare, "--user", "--map-root-user", "--mount"]
    trial = subprocess.run([*alone, "mount", "-t", "tmpfs", "none", "/tmp"], capture_output=True)
    if trial.returncode != 0:
        return False
    os.environ[MARK] = "1"
    os.execv(unshare, [*alone, sys.executable, *sys.argv])


def mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


def unmount(folder: Path) -> None:
    subprocess.run(["umount", "-l", str(folder)], check=True)
