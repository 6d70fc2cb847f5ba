"""Answers turn requests, with a bounded number of live coroutines kept between turns."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Dict, Mapping, Optional, Tuple

from . import _json
from ._execution import Execution
from ._limits import Limits
from ._sandbox import Sandbox, watched
from .definitions import Orchestration
from .errors import NotFound

MISS = '{"v":1,"miss":true}'


class TurnHost:
    """Runs the turns of many instances, one after the other, on the caller's thread."""

    def __init__(
        self,
        orchestrations: Mapping[Tuple[str, str], Orchestration[Any, Any]],
        cached: int,
        limits: Optional[Limits] = None,
        sandbox: Sandbox = False,
    ) -> None:
        """`cached`: live coroutines kept at most, those used last; 0 keeps none. `limits`: of the store."""
        self._sandbox: Sandbox = sandbox
        self._orchestrations = orchestrations
        self._cached = cached
        self._limits = limits or Limits()
        self._live: OrderedDict[str, Execution] = OrderedDict()

    def run(self, request: Dict[str, Any]) -> str:
        """The turn answer as JSON text. Raises NotFound for an orchestration that is not registered here."""
        if request.get("query"):
            return self._query(request, request["query"])
        if request.get("replay"):
            return self._replay(request)
        instance: str = request["instance"]
        live = self._live.pop(instance, None)
        execution: Optional[Execution]
        if request["from"] == 0:
            if live is not None:
                live.close()
            execution = self._begin(request)
        elif live is not None and (live.number, live.after) == (request["execution"], request["from"]):
            execution = live
        else:
            if live is not None:
                live.close()
            return MISS
        execution.run(request["events"], request["replayed"])
        return self._answer(execution)

    def _begin(self, request: Dict[str, Any]) -> Execution:
        key = (request["orchestration"], request["version"])
        definition = self._orchestrations.get(key)
        if definition is None:
            raise NotFound(f"No orchestration '{key[0]}' version {key[1]} is registered in this process.")
        return Execution(definition, request, self._limits, watched(self._sandbox, definition))

    def _query(self, request: Dict[str, Any], query: Dict[str, Any]) -> str:
        """Beside a live coroutine: builds the code anew, asks it, and drops everything."""
        execution = self._begin(request)
        try:
            events = request["events"]
            execution.run(events, events[-1]["id"] if events else 0)
            return f'{{"v":1,"query":{{{execution.query(query["name"], query.get("input"))}}}}}'
        finally:
            execution.close()

    def _replay(self, request: Dict[str, Any]) -> str:
        """Beside a live coroutine as well: tells what the code does, and keeps and logs nothing."""
        execution = self._begin(request)
        try:
            execution.run(request["events"], request["replayed"])
            answer = f'{{"v":1,"actions":[{",".join(execution.take_actions())}]'
            answer += "" if execution.end is None else f',"end":{execution.end}'
            return answer + ',"retained":false}'
        finally:
            execution.close()

    def _answer(self, execution: Execution) -> str:
        answer = f'{{"v":1,"actions":[{",".join(execution.take_actions())}]'
        for member, lines in execution.take_said().items():
            answer += f',"{member}":{_json.encode(lines)}'
        if execution.end is not None:
            answer += f',"end":{execution.end}'
        retained = execution.end is None and self._cached > 0
        if retained:
            self._live[execution.instance] = execution
            if len(self._live) > self._cached:
                self._live.popitem(last=False)[1].close()
        else:
            execution.close()
        return answer + (',"retained":true}' if retained else ',"retained":false}')

    def __len__(self) -> int:
        return len(self._live)

    def close(self) -> None:
        """Closes all coroutines."""
        while self._live:
            self._live.popitem()[1].close()
