"""Runs async activities on an event loop: one of our own on a thread, or that of an asyncio program."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, Coroutine, Dict, List, Optional, Set

from .activity_context import ActivityContext
from .definitions import Activity
from .errors import Closed

if TYPE_CHECKING:
    from ._workers import Attempts

#: Seconds after which an activity has failed whose task was cancelled, and not by us. A loop that ends
#: cancels all its tasks: it is gone by then, and the next runtime takes what they had begun.
_CANCELLED_WAIT = 1.0


class AsyncWorker:
    """One event loop for all async activities of a runtime."""

    def __init__(self, attempts: Attempts) -> None:
        self._attempts = attempts
        self._loop: Optional[asyncio.AbstractEventLoop] = None
        # None: the loop is not ours.
        self._thread: Optional[threading.Thread] = None
        self._running: Set[asyncio.Task[None]] = set()
        self._answers: List[str] = []

    def use_loop(self, loop: asyncio.AbstractEventLoop) -> None:
        """Before `start`: the loop of the program, which its own thread runs."""
        self._loop = loop

    def start(self) -> None:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(
                target=self._main, args=(self._loop,), name="perdure-async", daemon=True
            )
            self._thread.start()

    def _main(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_forever()
        finally:
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()

    def run(self, token: int, task: Dict[str, Any], activity: Activity[Any, Any]) -> None:
        """Starts an activity. From any thread."""
        if self._loop is None:
            return
        try:
            self._loop.call_soon_threadsafe(self._begin, token, task, activity)
        except RuntimeError:
            closed = Closed("The event loop on which this runtime runs its async activities is closed.")
            answer = self._attempts.failed(token, closed)
            self._attempts.source.poll_activities([answer], 0, False)

    def _begin(self, token: int, task: Dict[str, Any], activity: Activity[Any, Any]) -> None:
        loop = asyncio.get_running_loop()
        context = self._attempts.begin(token, task)
        running = loop.create_task(self._call(token, context, activity, task.get("input")))
        self._running.add(running)
        running.add_done_callback(self._running.discard)

        def cancel() -> None:
            try:
                loop.call_soon_threadsafe(running.cancel)
            except RuntimeError:
                pass  # The loop is closed: the activity has ended.

        context._hooks.append(cancel)

    async def _call(
        self, token: int, context: ActivityContext, activity: Activity[Any, Any], value: Any
    ) -> None:
        # In the task, so that one that was cancelled before has begun, and can tell.
        self._attempts.run(token, context)
        wait = 0.0
        try:
            work: Coroutine[Any, Any, Any] = activity.invoke(context, value)
            answer = self._attempts.ended(token, context.name, await work)
        except BaseException as error:
            answer = self._attempts.failed(token, error)
            is_foreign = isinstance(error, asyncio.CancelledError) and not context.is_cancelled()
            if is_foreign and self._thread is None:
                wait = _CANCELLED_WAIT
        self._attempts.end(token)
        if wait:
            asyncio.get_running_loop().call_later(wait, self._answer, answer)
        else:
            self._answer(answer)

    def _answer(self, answer: str) -> None:
        # Results of the same moment go in together.
        self._answers.append(answer)
        if len(self._answers) == 1:
            asyncio.get_running_loop().call_soon(self._hand_in)

    def _hand_in(self) -> None:
        answers, self._answers = self._answers, []
        self._attempts.source.poll_activities(answers, 0, False)

    def stop(self) -> None:
        """Waits a second for those that run, which were told to end; who does not is left hanging."""
        loop, thread = self._loop, self._thread
        if loop is None or loop.is_closed() or (thread is not None and not thread.is_alive()):
            return
        ended = threading.Event()
        keep: List[Any] = []

        async def finish() -> None:
            running = list(self._running)
            await asyncio.wait(running, timeout=1) if running else None
            ended.set()
            if thread is not None:
                loop.stop()

        try:
            loop.call_soon_threadsafe(lambda: keep.append(loop.create_task(finish())))
        except RuntimeError:
            return  # Closed in this moment.
        if thread is None:
            # On the thread of the loop itself, nothing could end while we wait.
            if asyncio._get_running_loop() is not loop:
                ended.wait(2)
        elif thread is not threading.current_thread():
            thread.join(2)
