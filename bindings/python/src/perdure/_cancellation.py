"""How the cancellation of an orchestration reaches its awaits: docs/wire-format.md, "Matching, in the host".

asyncio alone would cancel the main task and what that awaits through `gather`, `wait_for` or a task group,
but not what it awaits through `asyncio.wait` or a queue of its own. Here `CancelledError` is raised at
every await of every task, once, and what is awaited there is given up. Work under `asyncio.shield` goes on,
and so do the handlers that answer calls.
"""

from __future__ import annotations

from typing import Any, List, Optional, Union

from ._loop import DurableTask, DurableTimer, OrchestrationLoop
from .handles import Handle


def spread(
    loop: OrchestrationLoop,
    main: DurableTask[Any],
    work: List[Union[Handle[Any], DurableTimer]],
    reason: Optional[str],
) -> None:
    """Cancels all tasks and the open `work` that is awaited, without running any code."""
    # The main task first, then in the order of their making: one that waits for others (a task group) hears
    # of it before they do, so that it does not cancel them again while they clean up.
    main.cancel(reason)
    for task in loop.live_tasks():
        if task is not main and not loop.is_spared(task):
            task.cancel(reason)
    for each in work:
        if isinstance(each, DurableTimer):
            # The sleepers were woken above; their timers must not wait until their code cleans up.
            if each.sleeper is not None and each.sleeper.cancelled():
                each.cancel()
        # Awaited by something that its cancellation does not go through, such as `asyncio.wait`.
        elif each._callbacks and not each.done() and not loop.is_spared(each):
            each.cancel(reason)
