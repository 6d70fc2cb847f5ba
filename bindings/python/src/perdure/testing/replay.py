"""Recorded histories against the code of today."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Mapping, Optional, Sequence, Union

from .. import _json
from .._replay import ReplayReport
from ..definitions import AnyDefinition
from ..runtime import Runtime
from ..store import Store

__all__ = ["ReplayReport", "replay"]

History = Union[str, "os.PathLike[str]", Mapping[str, Any]]


def replay(
    history: History, orchestrations: Sequence[AnyDefinition], *, timeout: Optional[float] = 60
) -> ReplayReport:
    """Replays a recorded history against code, without a store:

        replay("tests/order-7.jsonl", [order]).raise_if_different()

    `history`: a file or the text of an exported instance (`Management.export_instance`), or one execution
    as a dict or JSON ("Recorded history" in docs/wire-format.md). Activities are not run. Raises
    InvalidArgument for what is no history, and TimedOut.
    """
    recorded = _text(history)
    with Store("memory:") as store, Runtime(store, orchestrations, replay_only=True) as runtime:
        return runtime.replay(recorded, timeout=timeout)


def _text(history: History) -> str:
    if isinstance(history, Mapping):
        return _json.encode(history, "The history")
    if isinstance(history, str) and history.lstrip().startswith("{"):
        return history
    return Path(history).read_text(encoding="utf-8")
