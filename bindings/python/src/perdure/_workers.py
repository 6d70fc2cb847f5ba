"""Runs activities: plain functions on threads, `async def` ones on one event loop on a thread of its own."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from typing import Any, Coroutine, Deque, Dict, Iterable, List, Mapping, Optional, Protocol, Set

from . import _failures, _json
from ._limits import Limits
from .activity_context import DEFERRED, ActivityContext, AttemptHost
from .definitions import Activity
from .errors import LimitExceeded

logger = logging.getLogger("perdure")


class WorkSource(AttemptHost, Protocol):
    """What the workers need of the runtime."""

    def poll_activities(self, answers: List[str], most: int, wait: bool) -> Dict[str, Any]:
        """Hands in answers, takes at most so many activities, and tells `Attempts` what was cancelled."""

    def is_cancelled(self, token: int) -> bool: ...


class Attempts:
    """The attempts that run here, by token, and what they must hear."""

    def __init__(
        self, source: WorkSource, activities: Mapping[str, Activity[Any, Any]], limits: Limits
    ) -> None:
        self.source = source
        self.activities = activities
        self.limits = limits
        self._running: Dict[int, ActivityContext] = {}

    def find(self, name: str) -> Optional[Activity[Any, Any]]:
        """What runs an activity of that name; the one without a name runs all that have none of their own."""
        return self.activities.get(name) or self.activities.get("")

    def begin(self, token: int, task: Dict[str, Any]) -> ActivityContext:
        return ActivityContext(task, token, self.source)

    def run(self, token: int, context: ActivityContext) -> None:
        """From now on it hears of its cancellation, and at once if that came before."""
        self._running[token] = context
        if self.source.is_cancelled(token):
            context._cancel()

    def end(self, token: int) -> None:
        self._running.pop(token, None)

    def cancel(self, tokens: Iterable[int]) -> None:
        for token in tokens:
            context = self._running.get(token)
            if context is not None:
                context._cancel()

    def cancel_all(self) -> None:
        self.cancel(list(self._running))

    def ended(self, token: int, name: str, result: Any) -> str:
        """An element of `activities` in poll answers. Raises InvalidArgument or LimitExceeded for a result
        that cannot be sent.
        """
        if result is DEFERRED:
            return f'{{"token":{token},"deferred":true}}'
        payload = self.limits.payload(result, f"The result of activity '{name}'")
        return f'{{"token":{token},"result":{payload}}}'

    def failed(self, token: int, error: BaseException) -> str:
        try:
            failure = self.limits.payload(_failures.of_exception(error), "The failure of the activity")
        except LimitExceeded as too_large:
            failure = _json.encode(_failures.of_exception(too_large))
        return f'{{"token":{token},"failure":{failure}}}'


class ActivityWorkers:
    """Threads that take activities from the runtime, run them, and hand the results in.

    One thread at a time waits in the library (the leader); when it gets work it lets the next one lead. A
    new thread is made only when all others are busy. There is one more than the runtime has slots: somebody
    always waits, and hears of cancellations.
    """

    def __init__(self, attempts: Attempts, slots: int) -> None:
        self._attempts = attempts
        self._slots = slots
        self._lead = threading.Lock()
        self._counts = threading.Lock()
        self._idle = 0
        self._threads: List[threading.Thread] = []
        # Tasks that the leader took and nobody runs yet; touched by the leader only.
        self._taken: Deque[Dict[str, Any]] = deque()
        self._stopped = False
        self._async = AsyncWorker(attempts)

    def start(self) -> None:
        if any(activity.is_async for activity in self._attempts.activities.values()):
            self._async.start()
        self._add_thread()

    def _add_thread(self) -> None:
        thread = threading.Thread(
            target=self._work, name=f"perdure-activity-{len(self._threads)}", daemon=True
        )
        self._threads.append(thread)
        with self._counts:
            self._idle += 1
        thread.start()

    def _work(self) -> None:
        answers: List[str] = []
        while True:
            if answers and not self._lead.acquire(blocking=False):
                # Someone else waits for work: this result must not wait with them.
                self._attempts.source.poll_activities(answers, 0, False)
                answers = []
                self._lead.acquire()
            elif not answers:
                self._lead.acquire()
            try:
                task = self._next(answers)
            finally:
                self._lead.release()
            if task is None:
                return
            answers = [self._run(task["token"], task["task"])]
            with self._counts:
                self._idle += 1

    def _next(self, answers: List[str]) -> Optional[Dict[str, Any]]:
        """Hands in `answers` and returns the next task; None when the runtime has stopped. The lead is
        held.
        """
        while not self._stopped:
            if answers or not self._taken:
                work = self._attempts.source.poll_activities(answers, self._slots, not self._taken)
                answers = []
                self._stopped = work["stopped"]
                self._taken.extend(work["activities"])
            while self._taken:
                task = self._taken.popleft()
                activity = self._attempts.find(task["task"]["name"])
                if activity is not None and activity.is_async:
                    self._async.run(task["token"], task["task"], activity)
                    continue
                with self._counts:
                    self._idle -= 1
                    more = self._idle == 0 and len(self._threads) <= self._slots
                if more:
                    self._add_thread()
                return task
        self._attempts.cancel_all()
        return None

    def _run(self, token: int, task: Dict[str, Any]) -> str:
        attempts = self._attempts
        try:
            activity = attempts.find(task["name"])
            if activity is None:
                raise KeyError(task["name"])
            context = attempts.begin(token, task)
            attempts.run(token, context)
            return attempts.ended(token, task["name"], activity.invoke(context, task.get("input")))
        except BaseException as error:
            return attempts.failed(token, error)
        finally:
            attempts.end(token)

    def stop(self, timeout: float) -> None:
        """Waits for the threads, which end by themselves once the runtime has stopped. One that is stuck in
        user code is left behind: its result no longer counts.
        """
        self._attempts.cancel_all()
        self._async.stop()
        own = threading.current_thread()
        deadline = time.monotonic() + timeout
        for thread in self._threads:
            if thread is not own:
                thread.join(max(0.0, deadline - time.monotonic()))


class AsyncWorker:
    """One event loop on one thread for all async activities."""

    def __init__(self, attempts: Attempts) -> None:
        self._attempts = attempts
        self._loop: Optional[asyncio.AbstractEventLoop] = None
        self._thread: Optional[threading.Thread] = None
        self._running: Set[asyncio.Task[None]] = set()
        self._answers: List[str] = []

    def start(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._main, name="perdure-async", daemon=True)
        self._thread.start()

    def _main(self) -> None:
        loop = self._loop
        if loop is None:
            return
        asyncio.set_event_loop(loop)
        try:
            loop.run_forever()
        finally:
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()

    def run(self, token: int, task: Dict[str, Any], activity: Activity[Any, Any]) -> None:
        """Starts an activity. From any thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._begin, token, task, activity)

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
        try:
            work: Coroutine[Any, Any, Any] = activity.invoke(context, value)
            answer = self._attempts.ended(token, context.name, await work)
        except BaseException as error:
            answer = self._attempts.failed(token, error)
        self._attempts.end(token)
        # Results of the same moment go in together.
        self._answers.append(answer)
        if len(self._answers) == 1:
            asyncio.get_running_loop().call_soon(self._hand_in)

    def _hand_in(self) -> None:
        answers, self._answers = self._answers, []
        self._attempts.source.poll_activities(answers, 0, False)

    def stop(self) -> None:
        loop, thread = self._loop, self._thread
        if loop is None or thread is None or not thread.is_alive():
            return
        keep: List[Any] = []

        async def finish() -> None:
            # They were told to end; who does not within a second is left hanging.
            running = list(self._running)
            await asyncio.wait(running, timeout=1) if running else None
            loop.stop()

        loop.call_soon_threadsafe(lambda: keep.append(loop.create_task(finish())))
        if thread is not threading.current_thread():
            thread.join(2)


def report_refusals(work: Dict[str, Any], stale: int) -> None:
    """Says in the log what the engine did not take. Results that nobody needs any more are part of life."""
    for refused in work.get("refused", ()):
        level = logging.DEBUG if refused["code"] == stale else logging.WARNING
        logger.log(level, "The engine refused an answer: %s (code %d)", refused["message"], refused["code"])
