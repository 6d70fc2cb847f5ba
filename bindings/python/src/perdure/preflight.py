"""Whether the code of a deployment can take over what is open in a store:

    python -m perdure.preflight --store sqlite:app.db app.orders:ORCHESTRATIONS app.billing

Each target is a module, or an attribute of one (an orchestration, or a list of definitions). Ends with 0
when every open instance replays, 1 when one does not, 2 when that could not be found out.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
import sys
from pathlib import Path
from typing import Any, Iterable, List, Optional, Sequence

from .definitions import Activity, AnyDefinition, Orchestration
from .errors import PerdureError
from .testing import PreflightReport, preflight

CLEAN, DIFFERENT, COULD_NOT_RUN = 0, 1, 2


class _Unusable(Exception):
    """The command line names something that is not there."""


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Runs the command and returns its exit code. Raises SystemExit(2) for arguments that it cannot read."""
    given = _parser().parse_args(arguments)
    # As for a script: modules beside the current directory are found.
    sys.path.insert(0, "")
    try:
        definitions = _definitions(given.targets)
        path = given.store[len("sqlite:") :] if given.store.startswith("sqlite:") else None
        if path is not None and not Path(path).exists():
            raise _Unusable(f"there is no store {path}")
        report = preflight(
            given.store,
            definitions,
            orchestration=given.orchestration,
            limit=given.limit,
            include_quarantined=given.include_quarantined,
            ignore_not_registered=given.ignore_not_registered,
            timeout=given.timeout,
        )
    except (_Unusable, PerdureError) as error:
        print(f"preflight could not run: {error}", file=sys.stderr)
        return COULD_NOT_RUN
    _tell(report, as_json=given.json)
    return CLEAN if report.is_clean else DIFFERENT


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m perdure.preflight", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("targets", nargs="+", metavar="MODULE[:ATTRIBUTE]", help="where the code is")
    parser.add_argument("--store", required=True, metavar="URL", help="such as sqlite:app.db")
    parser.add_argument("--orchestration", metavar="NAME", help="only instances of this name")
    parser.add_argument("--limit", type=int, metavar="N", help="at most so many instances")
    parser.add_argument("--timeout", type=float, metavar="SECONDS", help="for all of it")
    parser.add_argument("--include-quarantined", action="store_true", help="quarantined instances, too")
    parser.add_argument(
        "--ignore-not-registered", action="store_true", help="names and versions not found here are no fault"
    )
    parser.add_argument("--json", action="store_true", help="the report as JSON")
    return parser


def _definitions(targets: Iterable[str]) -> List[AnyDefinition]:
    found: List[AnyDefinition] = []
    for target in targets:
        for each in _load(target):
            if not any(each is other for other in found):
                found.append(each)
    return found


def _load(target: str) -> List[AnyDefinition]:
    name, _, attribute = target.partition(":")
    try:
        module = importlib.import_module(name)
    except Exception as error:
        raise _Unusable(f"module {name} cannot be imported: {type(error).__name__}: {error}") from error
    if not attribute:
        values: Any = [each for each in vars(module).values() if isinstance(each, Orchestration)]
        if not values:
            raise _Unusable(f"module {name} has no orchestrations")
    else:
        if not hasattr(module, attribute):
            raise _Unusable(f"module {name} has no {attribute}")
        values = getattr(module, attribute)
    found: List[AnyDefinition] = [*values] if isinstance(values, (list, tuple)) else [values]
    for each in found:
        if not isinstance(each, (Orchestration, Activity)):
            raise _Unusable(f"{target} has {each!r}, which is neither an orchestration nor an activity")
    return found


def _tell(report: PreflightReport, *, as_json: bool) -> None:
    print(json.dumps(dataclasses.asdict(report), ensure_ascii=False) if as_json else report)


if __name__ == "__main__":
    sys.exit(main())
