"""Puts libdx.so into the package: the one that PERDURE_LIBRARY names, the one beside the sources, the one
that the clone around them has built; else the clone builds it now, which takes Swift and some minutes.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from setuptools import Distribution, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py

HERE = Path(__file__).resolve().parent
CLONE = HERE.parent.parent
NAME = "libdx.so"


def find() -> Path:
    """The library to put into the package. Ends with a message if there is none."""
    given = os.environ.get("PERDURE_LIBRARY")
    if given:
        if not Path(given).is_file():
            sys.exit(f"perdure: PERDURE_LIBRARY is {given}, and there is no such file.")
        return Path(given)
    built = CLONE / ".build" / "release" / NAME
    for path in (HERE / "src" / "perdure" / NAME, built):
        if path.is_file():
            return path
    if not (CLONE / "Package.swift").is_file():
        sys.exit(
            f"perdure: {NAME} is not here, and neither is its source: set PERDURE_LIBRARY to the library, "
            "install from a clone of the repository (pip install ./bindings/python), or install a wheel."
        )
    swift = os.environ.get("SWIFT", "swift")
    if shutil.which(swift) is None:
        sys.exit(
            f"perdure: {NAME} is yet to be built, and there is no swift on the PATH: install Swift 6.2 or "
            "later from https://swift.org/install, or set PERDURE_LIBRARY to a library built elsewhere."
        )
    print(f"perdure: building {NAME}, which takes some minutes", file=sys.stderr)
    done = subprocess.run([swift, "build", "-c", "release", "--product", "dx"], cwd=CLONE, check=False)
    if done.returncode != 0 or not built.is_file():
        sys.exit(f"perdure: {NAME} could not be built; `make build` in {CLONE} says what is wrong.")
    return built


class Build(build_py):
    def run(self) -> None:
        # What an earlier build has left must not come along.
        shutil.rmtree(self.build_lib, ignore_errors=True)
        super().run()
        if getattr(self, "editable_mode", False):
            return  # The package looks for it in the clone that it stays in.
        target = Path(self.build_lib) / "perdure" / NAME
        shutil.copyfile(find(), target)
        if shutil.which("strip"):
            subprocess.run(["strip", "--strip-unneeded", str(target)], check=False)


class Wheel(bdist_wheel):
    """One wheel for all versions of Python, and for systems with the C library that libdx needs."""

    def get_tag(self) -> tuple[str, str, str]:
        platform = super().get_tag()[2]
        library = Path(self.get_finalized_command("build_py").build_lib) / "perdure" / NAME
        if library.is_file():
            needed = re.findall(rb"\0GLIBC_2\.(\d+)(?=\0)", library.read_bytes())
            if needed:
                platform = f"manylinux_2_{max(map(int, needed))}_{os.uname().machine}"
        return ("py3", "none", platform)


class Package(Distribution):
    def has_ext_modules(self) -> bool:
        return True


# In a clone everything that is built is in one folder.
base = CLONE / ".build" / "python" if (CLONE / "Package.swift").is_file() else HERE / "build"
base.mkdir(parents=True, exist_ok=True)
setup(
    distclass=Package,
    cmdclass={"build_py": Build, "bdist_wheel": Wheel},
    options={"build": {"build_base": str(base)}, "egg_info": {"egg_base": str(base)}},
)
