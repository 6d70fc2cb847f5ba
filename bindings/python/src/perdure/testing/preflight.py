"""All open instances of a store against the code of today."""

from __future__ import annotations

from typing import Optional, Sequence, Union

from .._replay import PreflightGroup, PreflightReport
from ..definitions import AnyDefinition
from ..runtime import Runtime
from ..store import Store

__all__ = ["PreflightGroup", "PreflightReport", "preflight"]


def preflight(
    store: Union[Store, str], orchestrations: Sequence[AnyDefinition], *,
    orchestration: Optional[str] = None, statuses: Optional[Sequence[str]] = None,
    limit: Optional[int] = None, include_quarantined: bool = False, ignore_not_registered: bool = False,
    timeout: Optional[float] = None,
) -> PreflightReport:  # fmt: skip
    """Replays every open instance of the store, as it stands, against code. Runs and changes nothing; the
    runtimes of the store may go on meanwhile.

    `orchestration`: only instances of that name. `statuses`: of Pending, Running, Suspended and Quarantined;
    the first three by default. `include_quarantined`: whether the new code would let those go on.
    `ignore_not_registered`: instances whose name or version is not among `orchestrations` are no fault.
    Raises TimedOut, or a StoreError.
    """
    opened = Store(store) if isinstance(store, str) else store
    try:
        with Runtime(opened, orchestrations, replay_only=True) as runtime:
            return runtime.preflight(
                orchestration=orchestration, statuses=statuses, limit=limit,
                include_quarantined=include_quarantined, ignore_not_registered=ignore_not_registered,
                timeout=timeout,
            )  # fmt: skip
    finally:
        if opened is not store:
            opened.close()
