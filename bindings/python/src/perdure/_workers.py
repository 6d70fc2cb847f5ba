"""Runs activities: plain functions on threads, `async def` ones on one event loop on a thread of its own."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
from collections import deque
from typing import Any, Callable, Coroutine, Deque, Dict, List, Mapping, Optional, Set

from . import _failures, _json
from .context import ActivityContext
from .definitions import Activity

logger = logging.getLogger("perdure")

#: Seconds between looks at whether a running async activity is still wanted.
CANCELLATION_CHECK = 0.2

#: `(answers, activities at most, wait for them)` -> poll work as bytes.
Poll = Callable[[List[str], int, bool], bytes]
IsCancelled = Callable[[int], bool]


class ActivityWorkers:
    """Threads that take activities from the runtime, run them, and hand the results in.

    One thread at a time waits in the library (the leader); when it gets work it lets the next one lead. A
    new thread is made only when all others are busy, up to the slots of the runtime.
    """

    def __init__(
        self, activities: Mapping[str, Activity[Any, Any]], slots: int, poll: Poll, is_cancelled: IsCancelled
    ) -> None:
        self._activities = activities
        self._slots = slots
        self._poll = poll
        self._is_cancelled = is_cancelled
        self._lead = threading.Lock()
        self._counts = threading.Lock()
        self._idle = 0
        self._threads: List[threading.Thread] = []
        # Tasks that the leader took and nobody runs yet; touched by the leader only.
        self._taken: Deque[Dict[str, Any]] = deque()
        self._stopped = False
        self._async = AsyncWorker(poll, is_cancelled)

    def start(self) -> None:
        if any(activity.is_async for activity in self._activities.values()):
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
                self._hand_in(answers)
                answers = []
                self._lead.acquire()
            elif not answers:
                self._lead.acquire()
            try:
                task = self._next(answers)
            finally:
                self._lead.release()
            answers = []
            if task is None:
                return
            answer = self._run(task["token"], task["task"])
            if answer is not None:
                answers.append(answer)
            with self._counts:
                self._idle += 1

    def _hand_in(self, answers: List[str]) -> None:
        self._poll(answers, 0, False)

    def _next(self, answers: List[str]) -> Optional[Dict[str, Any]]:
        """Hands in `answers` and returns the next task; None when the runtime has stopped. The lead is
        held.
        """
        while not self._stopped:
            if answers or not self._taken:
                data = self._poll(answers, self._slots, not self._taken)
                answers = []
                if data:
                    work = json.loads(data)
                    self._stopped = work["stopped"]
                    self._taken.extend(work["activities"])
            while self._taken:
                task = self._taken.popleft()
                activity = self._activities.get(task["task"]["name"])
                if activity is not None and activity.is_async:
                    self._async.run(task["token"], task["task"], activity)
                    continue
                with self._counts:
                    self._idle -= 1
                    more = self._idle == 0 and len(self._threads) < self._slots
                if more:
                    self._add_thread()
                return task
        return None

    def _run(self, token: int, task: Dict[str, Any]) -> Optional[str]:
        try:
            activity = self._activities[task["name"]]
            result = activity.invoke(
                ActivityContext(task, lambda: self._is_cancelled(token)), task.get("input")
            )
            return completed(token, task["name"], result)
        except BaseException as error:
            return failed(token, error)

    def stop(self, timeout: float) -> None:
        """Waits for the threads, which end by themselves once the runtime has stopped. One that is stuck in
        user code is left behind: its result no longer counts.
        """
        self._async.stop()
        own = threading.current_thread()
        deadline = time.monotonic() + timeout
        for thread in self._threads:
            if thread is not own:
                thread.join(max(0.0, deadline - time.monotonic()))


class AsyncWorker:
    """One event loop on one thread for all async activities."""

    def __init__(self, poll: Poll, is_cancelled: IsCancelled) -> None:
        self._poll = poll
        self._is_cancelled = is_cancelled
        self._loop: Optional[asyncio.AbstractEventLoop] = None
        self._thread: Optional[threading.Thread] = None
        self._running: Dict[int, asyncio.Task[None]] = {}
        self._answers: List[str] = []
        self._keep: Set[Any] = set()

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
        if not self._running:
            loop.call_later(CANCELLATION_CHECK, self._look_at_cancellations)
        self._running[token] = loop.create_task(self._call(token, task, activity))

    async def _call(self, token: int, task: Dict[str, Any], activity: Activity[Any, Any]) -> None:
        try:
            work: Coroutine[Any, Any, Any] = activity.invoke(
                ActivityContext(task, lambda: self._is_cancelled(token)), task.get("input")
            )
            answer = completed(token, task["name"], await work)
        except BaseException as error:
            answer = failed(token, error)
        self._running.pop(token, None)
        # Results of the same moment go in together.
        self._answers.append(answer)
        if len(self._answers) == 1:
            asyncio.get_running_loop().call_soon(self._hand_in)

    def _hand_in(self) -> None:
        answers, self._answers = self._answers, []
        self._poll(answers, 0, False)

    def _look_at_cancellations(self) -> None:
        for token, task in list(self._running.items()):
            if self._is_cancelled(token):
                task.cancel()
        if self._running:
            asyncio.get_running_loop().call_later(CANCELLATION_CHECK, self._look_at_cancellations)

    def stop(self) -> None:
        loop, thread = self._loop, self._thread
        if loop is None or thread is None or not thread.is_alive():
            return

        async def finish() -> None:
            running = list(self._running.values())
            for task in running:
                task.cancel()
            await asyncio.wait(running, timeout=1) if running else None
            loop.stop()

        def begin() -> None:
            self._keep.add(loop.create_task(finish()))

        loop.call_soon_threadsafe(begin)
        if thread is not threading.current_thread():
            thread.join(2)


def completed(token: int, name: str, result: Any) -> str:
    """An element of `activities` in poll answers. Raises InvalidArgument for a result that is not JSON."""
    return f'{{"token":{token},"result":{_json.encode(result, f"The result of activity {name!r}")}}}'


def failed(token: int, error: BaseException) -> str:
    failure = _failures.of_exception(error)
    return f'{{"token":{token},"failure":{_json.encode(failure, "The failure")}}}'


def report_refusals(work: Dict[str, Any], stale: int) -> None:
    """Says in the log what the engine did not take. Results that nobody needs any more are part of life."""
    for refused in work.get("refused", ()):
        level = logging.DEBUG if refused["code"] == stale else logging.WARNING
        logger.log(level, "The engine refused an answer: %s (code %d)", refused["message"], refused["code"])
