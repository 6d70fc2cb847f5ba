"""Runs activities: plain functions on threads or in processes, `async def` ones on an event loop."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, Callable, Deque, Dict, Iterable, List, Mapping, Optional, Protocol, Tuple

from . import _failures, _limits
from ._async_worker import AsyncWorker
from ._limits import Limits
from ._processes import Processes, reference
from .activity_context import DEFERRED, ActivityContext, AttemptHost, current_attempt
from .definitions import Activity

logger = logging.getLogger("perdure")

#: Registered for all activities that have no function of their own.
ANY = "perdure.any"

#: Seconds that a result may wait for those of other activities: little to them, much to a short activity.
ANSWERS_WAIT = 0.001
#: Seconds that a short activity takes at most, and so many runs in succession make it one.
SHORT = 0.0002
SHORT_RUNS = 16
#: Seconds between the looks at those that run alone: so long, or twice, others may wait for one that is
#: suddenly long.
WATCH = 0.005

#: What a thread does next; its result is an answer to hand in.
Step = Callable[[], Optional[str]]


class WorkSource(AttemptHost, Protocol):
    """What the workers need of the runtime."""

    def poll_activities(self, answers: List[str], most: int, wait: bool) -> Dict[str, Any]:
        """Hands in answers, takes at most so many activities, and tells `Attempts` what was cancelled."""
        ...

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
        return self.activities.get(name) or self.activities.get(ANY)

    def begin(self, token: int, task: Dict[str, Any]) -> ActivityContext:
        return ActivityContext(task, token, self.source)

    def run(self, token: int, context: ActivityContext) -> None:
        """From now on it hears of its cancellation, and at once if that came before."""
        self._running[token] = context
        current_attempt.set(context)
        if self.source.is_cancelled(token):
            context._cancel()

    def end(self, token: int) -> None:
        self._running.pop(token, None)
        current_attempt.set(None)

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

    def answered(self, token: int, name: str, answer: Mapping[str, Any]) -> str:
        """The same for what a process has answered."""
        if "failure" in answer:
            what = "The failure of the activity"
            return f'{{"token":{token},"failure":{self.limits.payload(answer["failure"], what)}}}'
        if "deferred" in answer:
            return self.ended(token, name, DEFERRED)
        result: str = answer["result"]
        _limits.check(result, self.limits.payload_bytes, f"The result of activity '{name}'")
        return f'{{"token":{token},"result":{result}}}'

    def failed(self, token: int, error: BaseException) -> str:
        failure = _failures.payload(error, self.limits, "The failure of the activity")
        return f'{{"token":{token},"failure":{failure}}}'


class ActivityWorkers:
    """Threads that take activities from the runtime, run them, and hand the results in.

    One thread at a time waits in the library, and then runs what it took, one after the other, while another
    one is called. That one comes as soon as the first waits for anything but Python: it takes the next
    activity, or waits in the library with the results so far. Short activities are so run by one thread, and
    answered together; long ones have a thread each.

    An activity that has been short so far is run alone where activities come one at a time, one soon after
    the other: no other thread is called, and its result is handed in by the call that waits for the next. A
    thread without work watches then, and comes when it takes long after all.

    A new thread is made only when one is called and all are busy. There is one more than the runtime has
    slots: somebody waits or watches at any time, and cancellations are heard of.
    """

    def __init__(self, attempts: Attempts, slots: int, processes: int = 1, grace: float = 10) -> None:
        """`processes`: at most; `grace`: seconds until one is killed whose activity does not end."""
        self._attempts = attempts
        self._slots = slots
        self._processes = Processes(processes, grace)
        self._threads: List[threading.Thread] = []
        self._async = AsyncWorker(attempts)
        self._stopped = False
        # For what follows; held for a moment.
        self._lock = threading.Lock()
        # Somebody waits in the library; then no task is left here.
        self._polls = False
        # Tasks that nobody runs yet, results that nobody hands in yet, and until when those may wait.
        self._taken: Deque[Tuple[str, Step]] = deque()
        self._answers: List[str] = []
        self._due = 0.0
        # Threads without work, whether one was called and did not come yet, and what it hears.
        self._idle = 0
        self._called = False
        self._calls: SimpleQueue[None] = SimpleQueue()
        # When one was called, whether that was soon after the time before, whether one watches, how many run
        # alone, and how often that was.
        self._called_at = 0.0
        self._calls_often = False
        self._watched = False
        self._alone = 0
        self._runs_alone = 0
        # How often in succession an activity was short. Not under the lock: it need not be exact.
        self._short: Dict[str, int] = {}

    def use_loop(self, loop: asyncio.AbstractEventLoop) -> None:
        """For async activities, instead of one of our own."""
        self._async.use_loop(loop)

    def start(self) -> None:
        for activity in self._attempts.activities.values():
            if activity.process:
                reference(activity)
        if any(activity.is_async for activity in self._attempts.activities.values()):
            self._async.start()
        with self._lock:
            self._call()

    def _call(self) -> bool:
        """Sees to it that another thread comes; false if all are busy. The lock is held."""
        if not self._called:
            if self._idle > 0:
                self._calls.put(None)
            elif len(self._threads) <= self._slots:
                name = f"perdure-activity-{len(self._threads)}"
                thread = threading.Thread(target=self._work, name=name, daemon=True)
                thread.start()
                self._threads.append(thread)
                self._idle += 1
                self._calls.put(None)
            else:
                return False
            self._called = True
            now = time.monotonic()
            self._calls_often = now - self._called_at < WATCH
            self._called_at = now
        return True

    def _work(self) -> None:
        try:
            step: Step = self._come_when_called
            while not self._stopped:
                answer = step()
                with self._lock:
                    step = self._next(answer)
        finally:
            # The next one goes as well.
            self._calls.put(None)

    def _next(self, answer: Optional[str]) -> Step:
        """What a thread does now that has just got `answer`. The lock is held."""
        now = time.monotonic()
        if answer is not None:
            if not self._answers:
                self._due = now + ANSWERS_WAIT
            self._answers.append(answer)
        answers: List[str] = []
        if self._watched and len(self._taken) == 1 and not self._answers:
            name, run = self._taken[0]
            if self._short.get(name, 0) >= SHORT_RUNS:
                self._taken.clear()
                self._alone += 1
                self._runs_alone += 1
                return partial(self._run_alone, run)
        # Results wait for short activities only, and not without somebody who looks after them.
        if not (self._taken and self._call() and now < self._due):
            answers, self._answers = self._answers, answers
        if not self._taken and not self._polls:
            self._polls = True
            return partial(self._poll, answers)
        if answers:
            return partial(self._hand_in, answers)
        if self._taken:
            return self._taken.popleft()[1]
        self._idle += 1
        if self._calls_often and not self._watched:
            self._watched = True
            return self._watch
        return self._come_when_called

    def _come_when_called(self) -> None:
        self._calls.get()
        with self._lock:
            self._idle -= 1
            self._called = False

    def _watch(self) -> None:
        """Comes when called, or when an activity that runs alone takes long; ends when none does any more."""
        seen = -1
        while True:
            try:
                self._calls.get(timeout=WATCH)
                is_called = True
            except Empty:
                is_called = False
            with self._lock:
                if not is_called and (self._called or self._runs_alone != seen):
                    # Somebody is called, perhaps this thread; or there was work since the last look.
                    seen = self._runs_alone
                    continue
                self._watched = False
                if is_called or self._alone > 0:
                    self._idle -= 1
                    self._called = False
                    return
            return self._come_when_called()

    def _run_alone(self, run: Step) -> Optional[str]:
        try:
            return run()
        finally:
            with self._lock:
                self._alone -= 1

    def _hand_in(self, answers: List[str]) -> None:
        self._attempts.source.poll_activities(answers, 0, False)

    def _poll(self, answers: List[str]) -> None:
        """Hands in `answers` and waits for work."""
        tasks: List[Tuple[str, Step]] = []
        try:
            work = self._attempts.source.poll_activities(answers, self._slots, True)
            for each in work["activities"]:
                token, task = each["token"], each["task"]
                activity = self._attempts.find(task["name"])
                if activity is not None and activity.is_async:
                    self._async.run(token, task, activity)
                else:
                    tasks.append(
                        (activity.name if activity else "", partial(self._run, token, task, activity))
                    )
            if work["stopped"]:
                self._stopped = True
                self._attempts.cancel_all()
        finally:
            with self._lock:
                self._polls = False
                self._taken.extend(tasks)

    def _run(self, token: int, task: Dict[str, Any], activity: Optional[Activity[Any, Any]]) -> str:
        attempts = self._attempts
        begun = time.monotonic()
        try:
            if activity is None:
                raise KeyError(task["name"])
            context = attempts.begin(token, task)
            attempts.run(token, context)
            if activity.process:
                answer = self._processes.run(activity, token, context, task)
                return attempts.answered(token, task["name"], answer)
            return attempts.ended(token, task["name"], activity.invoke(context, task.get("input")))
        except BaseException as error:
            return attempts.failed(token, error)
        finally:
            attempts.end(token)
            if activity is not None:
                is_short = time.monotonic() - begun <= SHORT
                self._short[activity.name] = self._short.get(activity.name, 0) + 1 if is_short else 0

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
        self._processes.close()


def report_refusals(work: Dict[str, Any], stale: int) -> None:
    """Says in the log what the engine did not take. Results that nobody needs any more are part of life."""
    for refused in work.get("refused", ()):
        level = logging.DEBUG if refused["code"] == stale else logging.WARNING
        logger.log(level, "The engine refused an answer: %s (code %d)", refused["message"], refused["code"])
