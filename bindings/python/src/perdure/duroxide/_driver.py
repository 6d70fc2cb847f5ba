"""Runs a generator as an orchestration: what it yields is scheduled, and what comes of it is sent in.

yield task --> begin (table below) --> await --> send(result) | throw(Exception(text))
yield continue_as_new, or a cancellation --> thrown in, so that `finally` runs, and let out at the top
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from typing import Any, Callable, Coroutine, Dict, List, Optional

from .. import _json
from ..context import OrchestrationContext as Live
from ..errors import MessageRefused, WorkFailed
from ..handles import ContinueAsNew, Handle
from ..options import RetryPolicy
from . import errors
from .context import OrchestrationContext
from .tasks import MAX_TAG_NAME_BYTES, Task, plain

logger = logging.getLogger("perdure")

#: The pauses of a retry, by the name of the back-off.
BACKOFFS: Dict[str, Dict[str, Any]] = {
    "exponential": {"backoff": "exponential"},
    "linear": {"backoff": "linear"},
    "fixed": {"backoff": "fixed", "initial_interval": 1.0},
}


def orchestration(function: Callable[..., Any]) -> Callable[[Live, Any], Coroutine[Any, Any, Any]]:
    """An async function that runs `function`, which is a generator function or returns its output at once."""

    async def run(live, value):  # type: ignore[no-untyped-def]
        context = OrchestrationContext._of(live)
        steps = function(context, value)
        if not inspect.isgenerator(steps):
            return _at_once(steps)
        step: Callable[[Any], Any] = steps.send
        argument: Any = None
        try:
            while True:
                try:
                    task = step(argument)
                except StopIteration as end:
                    return end.value
                try:
                    step, argument = steps.send, await _perform(live, task)
                except (Exception, asyncio.CancelledError, ContinueAsNew) as error:
                    step, argument = steps.throw, error
        except ContinueAsNew:
            context._carry_status()
            raise
        finally:
            steps.close()

    return run


def _at_once(output: Any) -> Any:
    if inspect.isawaitable(output):
        if inspect.iscoroutine(output):
            output.close()
        raise TypeError(
            "An orchestration is a generator function here. Those that are an async def are registered with "
            "perdure.Runtime, and decorated with @perdure.orchestration."
        )
    return output


async def _perform(live: Live, task: Any) -> Any:
    kind = task.get("type") if isinstance(task, dict) else None
    if kind in _AT_ONCE:
        return _AT_ONCE[kind](live, task)
    if kind in _BEGIN:
        return await _settle(task, _BEGIN[kind](live, task))
    if kind in _GROUPS:
        return await _GROUPS[kind](live, task)
    raise TypeError(
        f"An orchestration yields what the schedule_..., wait_... and similar calls of its context return, "
        f"not {task!r}."
    )


# ---- Groups --------------------------------------------------------------------------------------


async def _all(live: Live, task: Task) -> List[Any]:
    _refuse_nesting(task["tasks"], "join")
    begun = _begin(live, task["tasks"])
    results: List[Any] = []
    for each, handle in zip(task["tasks"], begun):
        if handle is None:
            results.append({"err": "unsupported task in join"})
            continue
        try:
            value = await _settle(each, handle)
            results.append(value if task.get("typed") else {"ok": value})
        except Exception as error:
            results.append({"err": str(error)})
        except asyncio.CancelledError:
            # Those that are not awaited yet would go on until the code has cleaned up.
            _give_up(begun)
            raise
    return results


async def _race(live: Live, task: Task) -> Dict[str, Any]:
    tasks = task["tasks"]
    if len(tasks) != 2:
        raise Exception("select currently supports exactly 2 tasks")
    _refuse_nesting(tasks, "select")
    for each in tasks:
        if not isinstance(each, dict) or each.get("type") not in _BEGIN:
            raise Exception("unsupported task in select")
    first, second = (handle for handle in _begin(live, tasks) if handle is not None)
    if not first.done() and not second.done():
        await asyncio.wait([first, second], return_when=asyncio.FIRST_COMPLETED)
    index = 0 if first.done() else 1
    winner, loser = (first, second) if index == 0 else (second, first)
    loser.cancel()
    return {"index": index, "value": await _settle(tasks[index], winner)}


def _begin(live: Live, tasks: List[Any]) -> List[Optional[Handle[Any]]]:
    """Schedules them, all or none. None for one that is not of a kind that can be awaited."""
    begun: List[Optional[Handle[Any]]] = []
    try:
        for each in tasks:
            start = _BEGIN.get(each.get("type", "")) if isinstance(each, dict) else None
            begun.append(None if start is None else start(live, each))
    except BaseException:
        _give_up(begun)
        raise
    return begun


def _give_up(begun: List[Optional[Handle[Any]]]) -> None:
    for handle in begun:
        if handle is not None:
            handle.cancel()


def _refuse_nesting(tasks: List[Any], outer: str) -> None:
    if any(isinstance(each, dict) and each.get("type") in _GROUPS for each in tasks):
        raise Exception(f"nested join/select inside {outer} is not supported")


# ---- Work that is awaited ------------------------------------------------------------------------


async def _settle(task: Task, handle: Handle[Any]) -> Any:
    """The result of the work as the generator gets it."""
    try:
        value = await handle
    except MessageRefused as error:
        if error.type == "perdure.NotFound":
            return None
        raise errors.of_work(error) from error
    except WorkFailed as error:
        activity = task["name"] if task["type"] == "activity" else ""
        raise errors.of_work(error, activity) from error
    return plain(value) if task["type"] == "getKvValue" and value is not None else value


def _activity(live: Live, task: Task) -> Handle[Any]:
    name, tag = task["name"], task.get("tag")
    size = len(tag.encode("utf-8", "replace")) if isinstance(tag, str) else 0
    if size > MAX_TAG_NAME_BYTES:
        raise Exception(
            f"Activity '{name}' tag size ({size} bytes) exceeds limit ({MAX_TAG_NAME_BYTES} bytes)"
        )
    options: Dict[str, Any] = {"tag": tag, "session": task.get("sessionId")}
    if "retry" in task:
        options.update(_retry(name, task["retry"]))
    return live.activity(name, _json.decode(task["input"]), **options)


def _retry(name: str, given: Dict[str, Any]) -> Dict[str, Any]:
    """A retry dict as options of an activity. Time limits hold for an attempt, and are not retried."""
    unknown = set(given) - {
        "max_attempts", "maxAttempts", "timeout_ms", "timeoutMs", "total_timeout_ms", "totalTimeoutMs",
        "backoff",
    }  # fmt: skip
    if unknown and not _told.intersection(unknown):
        _told.update(unknown)
        logger.warning("Activity '%s': retry has no %s; it is ignored.", name, ", ".join(sorted(unknown)))

    def value(key: str, alias: str) -> Any:
        return given.get(key, given.get(alias))

    attempts = value("max_attempts", "maxAttempts")
    attempts = 3 if attempts is None else attempts
    if attempts < 1:
        raise Exception(f"Activity '{name}': max_attempts must be at least 1, not {attempts}")
    limits = [
        value("timeout_ms", "timeoutMs"), value("total_timeout_ms", "totalTimeoutMs"),
    ]  # fmt: skip
    limit = min((max(each, 1) for each in limits if each is not None), default=None)
    backoff = BACKOFFS.get(given.get("backoff") or "exponential", BACKOFFS["linear"])
    retry = RetryPolicy(max_attempts=attempts, non_retryable=("perdure.Timeout",), **backoff)
    if limit is None:
        return {"retry": retry}
    # An attempt that nobody takes is one that takes too long.
    return {"retry": retry, "start_to_close": limit / 1000, "schedule_to_start": limit / 1000}


#: Retry options without a meaning that the log has been told of, once in a process.
_told: set[str] = set()


def _timer(live: Live, task: Task) -> Handle[Any]:
    return live.timer(max(task["delayMs"], 0) / 1000)


def _event(live: Live, task: Task) -> Handle[Any]:
    return live.wait_for_event(task["name"])


def _message(live: Live, task: Task) -> Handle[Any]:
    return live.dequeue(task["name"])


def _sub_orchestration(live: Live, task: Task) -> Handle[Any]:
    instance = task["instanceId"]
    if instance is None:
        # The next action; the event that begins the execution comes before the first.
        number = int(live._execution.child_id().rpartition(".")[2]) + 1
        suffix = f"{number}" if live.execution_id == 1 else f"{live.execution_id}_{number}"
        instance = f"{live.instance_id}::sub::{suffix}"
    elif instance.startswith("sub::"):
        raise Exception(f"The instance id '{instance}' is reserved: ids of children begin with sub:: there")
    return live.sub_orchestration(
        task["name"], _json.decode(task["input"]), version=task["version"], instance=instance
    )


def _kv_value(live: Live, task: Task) -> Handle[Any]:
    return live.read_kv(task["instanceId"], task["key"])


# ---- What needs no waiting -----------------------------------------------------------------------


def _start(live: Live, task: Task) -> None:
    live.start_detached(
        task["name"], _json.decode(task["input"]), version=task["version"], instance=task["instanceId"]
    )


def _continue_as_new(live: Live, task: Task) -> None:
    live.continue_as_new(_json.decode(task["input"]), version=task["version"])


_BEGIN: Dict[str, Callable[[Live, Task], Handle[Any]]] = {
    "activity": _activity,
    "timer": _timer,
    "waitEvent": _event,
    "dequeueEvent": _message,
    "subOrchestration": _sub_orchestration,
    "getKvValue": _kv_value,
}
_AT_ONCE: Dict[Any, Callable[[Live, Task], Any]] = {
    "startOrchestration": _start,
    "continueAsNew": _continue_as_new,
    "newGuid": lambda live, _: str(live.new_guid()),
    "utcNow": lambda live, _: live.now_ms,
}
_GROUPS: Dict[Any, Callable[[Live, Task], Coroutine[Any, Any, Any]]] = {"all": _all, "race": _race}
