"""The activities of the conformance kit, and what all activities of a scenario share."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any, Dict, List

from kit_expressions import Block, Program, Return, Scope, thrown

import perdure


class Board:
    """Marks, releases, counts and tokens. They outlive the runtimes of their scenario."""

    def __init__(self) -> None:
        self.runs: Counter[str] = Counter()
        self.marks: Counter[str] = Counter()
        self.tokens: Dict[str, str] = {}
        self._released: set[str] = set()
        self._changed = threading.Condition()

    def begin(self, activity: str) -> int:
        with self._changed:
            self.runs[activity] += 1
            return self.runs[activity]

    def mark(self, name: str) -> None:
        with self._changed:
            self.marks[name] += 1
            self._changed.notify_all()

    def release(self, name: str) -> None:
        with self._changed:
            self._released.add(name)
            self._changed.notify_all()

    def is_released(self, name: str, timeout: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: name in self._released, timeout)

    def wait_mark(self, name: str, count: int, timeout: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self.marks[name] >= count, timeout)


class Attempt(Program):
    """One run of the code of an activity."""

    def __init__(self, context: perdure.ActivityContext, board: Board) -> None:
        self.context = context
        self.board = board

    def run(self, block: Block, value: Any) -> Any:
        context = self.context
        scope = Scope(
            None, input=value, attempt=context.attempt, run=self.board.begin(context.name),
            heartbeat=context.last_heartbeat, key=context.idempotency_key, tag=context.tag,
            session=context.session,
        )  # fmt: skip
        try:
            return self.block(block, scope)
        except Return as end:
            return end.value

    def block(self, block: List[Dict[str, Any]], scope: Scope) -> Any:
        value = None
        for step in block:
            value = getattr(self, f"do_{self.operation(step)}")(step, scope)
            if "as" in step:
                scope.set(step["as"], value)
        return value

    def do_if(self, step: Dict[str, Any], scope: Scope) -> Any:
        return self.block(step["then"] if self.value(step["if"], scope) else step.get("else", []), scope)

    def do_heartbeat(self, step: Dict[str, Any], scope: Scope) -> None:
        self.context.heartbeat(self.value(step["heartbeat"], scope))

    def do_mark(self, step: Dict[str, Any], scope: Scope) -> None:
        # Who sees the mark may complete an attempt that is about to be deferred.
        self.board.tokens[self.context.name] = self.context.token
        self.board.mark(self.value(step["mark"], scope))

    def do_hold(self, step: Dict[str, Any], scope: Scope) -> None:
        name = self.value(step["hold"], scope)
        self.board.mark(name)
        while not self.board.is_released(name, 0.005):
            if self.context.is_cancelled():
                raise thrown({"type": "kit.Cancelled", "message": "nobody wants it any more"})

    def do_untilCancelled(self, step: Dict[str, Any], scope: Scope) -> None:
        self.context.wait_cancelled()
        self.board.mark(self.value(step["untilCancelled"], scope))

    def do_defer(self, step: Dict[str, Any], scope: Scope) -> Any:
        self.board.tokens[self.context.name] = self.context.token
        return self.context.defer()
