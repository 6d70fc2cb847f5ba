"""`Management` for asyncio programs: the same calls, on the loop's thread pool."""

from __future__ import annotations

import asyncio
import functools
from typing import TYPE_CHECKING, Any, Callable, Coroutine, Iterator, List, TypeVar

from .management import Management

Answer = TypeVar("Answer")

if TYPE_CHECKING:
    from typing_extensions import Concatenate, ParamSpec

    P = ParamSpec("P")


def _run(
    method: Callable[Concatenate[Management, P], Answer],
) -> Callable[Concatenate[AsyncManagement, P], Coroutine[Any, Any, Answer]]:
    """The call as one to be awaited."""

    @functools.wraps(method)
    async def call(self: AsyncManagement, /, *arguments: P.args, **options: P.kwargs) -> Answer:
        asked = functools.partial(method, self.sync, *arguments, **options)
        return await asyncio.get_running_loop().run_in_executor(None, asked)

    return call


def _all(
    method: Callable[Concatenate[Management, P], Iterator[Answer]],
) -> Callable[Concatenate[Management, P], List[Answer]]:
    """What the call would give one by one, together."""

    @functools.wraps(method)
    def call(self: Management, /, *arguments: P.args, **options: P.kwargs) -> List[Answer]:
        return [*method(self, *arguments, **options)]

    return call


class AsyncManagement:
    """What `AsyncClient.management` returns. `Management` says what each call does."""

    def __init__(self, management: Management) -> None:
        self.sync = management

    nodes = _run(Management.nodes)
    inspect = _run(Management.inspect)
    why = _run(Management.why)
    executions = _run(Management.executions)
    tree = _run(Management.tree)
    ancestors = _run(Management.ancestors)
    statistics = _run(Management.statistics)
    instance_statistics = _run(Management.instance_statistics)
    queues = _run(Management.queues)
    audit = _run(_all(Management.audit))
    cancel = _run(Management.cancel)
    suspend = _run(Management.suspend)
    resume = _run(Management.resume)
    terminate = _run(Management.terminate)
    retry = _run(Management.retry)
    requeue = _run(Management.requeue)
    bulk = _run(Management.bulk)
    delete = _run(Management.delete)
    prune = _run(Management.prune)
    retry_activity = _run(Management.retry_activity)
    complete_activity = _run(Management.complete_activity)
    fail_activity = _run(Management.fail_activity)
    export_instance = _run(Management.export_instance)
    import_instances = _run(Management.import_instances)
    rewind = _run(Management.rewind)
    reset = _run(Management.reset)
    set_retention = _run(Management.set_retention)
    retention = _run(Management.retention)
    remove_retention = _run(Management.remove_retention)
    sweep = _run(Management.sweep)
    create_schedule = _run(Management.create_schedule)
    update_schedule = _run(Management.update_schedule)
    pause_schedule = _run(Management.pause_schedule)
    resume_schedule = _run(Management.resume_schedule)
    trigger_schedule = _run(Management.trigger_schedule)
    backfill_schedule = _run(Management.backfill_schedule)
    delete_schedule = _run(Management.delete_schedule)
    schedule = _run(Management.schedule)
    schedules = _run(Management.schedules)
    schedule_times = _run(Management.schedule_times)
