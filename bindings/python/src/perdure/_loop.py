"""The event loop that runs one orchestration, and nothing else.

asyncio's own building blocks (`gather`, `wait`, `timeout`, `TaskGroup`, `Queue`...) only need a loop that
can queue callbacks, tell the time and call back later. This one queues first in, first out, takes its time
from the event that is being delivered, and makes a durable timer of each `call_later`. What it cannot do in
a way that a replay could repeat (threads, sockets, processes, signals) it refuses by name.

Two things in asyncio depend on addresses in memory and would differ between a live run and its replay: the
order of sets of tasks, and the numbers in task names. Tasks and futures made here hash by a counter and
carry a name from it. asyncio also keeps the tasks of all loops in one set, where equal hashes would make it
look at every one: above the counter, the hash of a task is that of its instance.
"""

from __future__ import annotations

import asyncio
import math
import sys
import weakref
import zlib
from collections import deque
from contextvars import Context
from typing import TYPE_CHECKING, Any, Callable, Deque, Dict, List, Optional, Protocol, TypeVar

from .errors import NonDurableAwait, WrongStatus

if TYPE_CHECKING:
    from .context import OrchestrationContext

T = TypeVar("T")

# What `asyncio.sleep` has called later.
_WAKE_SLEEPER = asyncio.futures._set_result_unless_cancelled  # type: ignore[attr-defined]

#: Callbacks that one event may set off before the orchestration is taken to spin.
STEPS_PER_EVENT = 1_000_000
#: Seconds beyond which a timer is as good as never: times on the wire end there.
FAR = 2.0**53 / 1000
#: Durable calls that code may make while it is being closed, before it is left hanging instead.
CLOSING_CALLS = 100


class Dropped(GeneratorExit):
    """Raised by every durable call while the coroutine is being closed."""


class DurableFuture(asyncio.Future[T]):
    """A future whose place in a set is the same in every run."""

    __slots__ = ("_order",)

    def __init__(self, *, loop: OrchestrationLoop) -> None:
        self._order = loop.next_order()
        super().__init__(loop=loop)

    def __hash__(self) -> int:
        return self._order


class DurableTask(asyncio.Task[T]):
    """A task whose place in a set, and whose name, is the same in every run."""

    __slots__ = ("_creator", "_hash")

    def __init__(self, coro: Any, *, loop: OrchestrationLoop, name: Optional[str], **options: Any) -> None:
        order = loop.next_order()
        self._hash = loop.seed + order
        creator = asyncio.current_task(loop)
        self._creator = None if creator is None else weakref.ref(creator)
        super().__init__(coro, loop=loop, name=name or f"Task-{order}", **options)

    def __hash__(self) -> int:
        return self._hash


class DurableTimer(asyncio.TimerHandle):
    """What `call_later` returns. `action` is the number of its CreateTimer, 0 if it needed none."""

    __slots__ = ("action", "sleeper")

    action: int
    #: The future that `asyncio.sleep` awaits; None for a timer that is not awaited, such as a timeout's.
    sleeper: Optional[asyncio.Future[Any]]

    def run_soon(self, loop: OrchestrationLoop) -> None:
        self._scheduled = False
        loop._ready.append(self)


class Host(Protocol):
    """What the loop asks of the one who records the orchestration."""

    instance: str
    context: OrchestrationContext

    def create_timer(self, fire_at: int, timer: DurableTimer) -> int:
        """Emits CreateTimer and returns the number of the action."""
        ...

    def cancel_action(self, action: int) -> None:
        """Emits Cancel if the action is still open."""

    def report(self, message: str) -> None:
        """Takes what asyncio has to say about an exception that nobody retrieved."""


class OrchestrationLoop(asyncio.AbstractEventLoop):
    """Runs the tasks of one orchestration until each of them waits for durable work."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._ready: Deque[asyncio.Handle] = deque()
        self._tasks: List[DurableTask[Any]] = []
        self._sweep_at = 64
        self._order = 0
        #: The same in every run, and other for each instance; zeros where `_order` counts, so that small sets
        #: keep their tasks in the order of their making.
        self.seed = zlib.crc32(host.instance.encode()) << 16
        self._closing = False
        self._closing_calls = 0
        self._foreign: Optional[str] = None
        self._frozen: Optional[str] = None
        # Tasks and handles that a cancellation of the orchestration does not reach: those under a shield,
        # and those that answer calls. Most loops need no set.
        self._spared: Optional[weakref.WeakSet[Any]] = None
        self.now_ms = 0

    # ---- What asyncio needs ----------------------------------------------------------------------

    @property
    def context(self) -> OrchestrationContext:
        """Of the orchestration that runs here."""
        return self._host.context

    def next_order(self) -> int:
        self._order += 1
        return self._order

    def time(self) -> float:
        """Seconds since 1970 at the event being delivered."""
        return self.now_ms / 1000

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: Optional[Context] = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        if not self._closing:
            self._ready.append(handle)
        return handle

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Callable[..., object], *args: Any, context: Optional[Context] = None
    ) -> asyncio.TimerHandle:
        if delay != delay or delay == math.inf:
            raise ValueError(f"A timer of {delay} seconds never fires.")
        # The margin keeps 0.1 s at 100 ms: 0.1 * 1000 may come out a hair above.
        return self._timer(self.now_ms + math.ceil(min(delay, FAR) * 1000 - 1e-6), callback, args, context)

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., object], *args: Any, context: Optional[Context] = None
    ) -> asyncio.TimerHandle:
        if when != when or when == math.inf:
            raise ValueError(f"A timer at {when} never fires.")
        # Seconds since 1970 in a double have steps of a quarter of a microsecond.
        return self._timer(math.ceil(min(when, FAR) * 1000 - 1e-2), callback, args, context)

    def _timer(
        self, fire_at: int, callback: Callable[..., object], args: Any, context: Optional[Context]
    ) -> asyncio.TimerHandle:
        self.check_open()
        timer = DurableTimer(fire_at / 1000, callback, args, self, context)
        timer.action = 0
        timer.sleeper = args[0] if callback is _WAKE_SLEEPER else None
        if fire_at <= self.now_ms:
            self._ready.append(timer)
        else:
            timer.action = self._host.create_timer(fire_at, timer)
            timer._scheduled = True
        return timer

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        # asyncio calls this from TimerHandle.cancel, fired or not.
        if isinstance(handle, DurableTimer) and handle.action and not self._closing:
            self._host.cancel_action(handle.action)

    def create_future(self) -> DurableFuture[Any]:
        caller = sys._getframe(1)
        if caller.f_code is asyncio.wrap_future.__code__:
            raise refusal("a future of a thread pool (asyncio.wrap_future)")
        if caller.f_code is asyncio.shield.__code__:
            self.spare(caller.f_locals["inner"])
        return DurableFuture(loop=self)

    def spare(self, work: Any) -> None:
        """Keeps a cancellation of the orchestration from work, and from what it gathers."""
        if self._spared is None:
            self._spared = weakref.WeakSet()
        self._spared.add(work)
        for child in getattr(work, "_children", ()):
            self.spare(child)

    def create_task(self, coro: Any, *, name: Optional[str] = None, **options: Any) -> DurableTask[Any]:
        try:
            self.check_open()
            self._refuse_unordered()
        except BaseException:
            coro.close()
            raise
        task: DurableTask[Any] = DurableTask(
            coro, loop=self, name=None if name is None else str(name), **options
        )
        self._tasks.append(task)
        if len(self._tasks) >= self._sweep_at:
            self._tasks = [task for task in self._tasks if not task.done()]
            self._sweep_at = max(64, 2 * len(self._tasks))
        return task

    def _refuse_unordered(self) -> None:
        """`as_completed` starts bare coroutines in the order of a set, which is that of their addresses."""
        frame = sys._getframe(2)
        for _ in range(4):
            if frame.f_globals.get("__name__") != "asyncio.tasks":
                return
            if frame.f_code.co_name in ("as_completed", "<setcomp>", "__init__"):
                raise NonDurableAwait(
                    "asyncio.as_completed starts bare coroutines in an order that differs from run to run. "
                    "Wrap each one with asyncio.create_task first."
                )
            if frame.f_back is None:
                return
            frame = frame.f_back

    def call_exception_handler(self, context: Dict[str, Any]) -> None:
        if self._closing:
            return
        error = context.get("exception")
        what = context.get("message") or "Unhandled exception in a callback"
        # Its text is the user's, and may hold anything: the log has its type.
        self._host.report(f"{what}: {type(error).__name__}" if error is not None else str(what))

    def default_exception_handler(self, context: Dict[str, Any]) -> None:
        self.call_exception_handler(context)

    def call_soon_threadsafe(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: Optional[Context] = None
    ) -> asyncio.Handle:
        if asyncio._get_running_loop() is not self:
            # Raising on a foreign thread reaches nobody: the orchestration fails at its next event, too.
            self._foreign = getattr(callback, "__qualname__", repr(callback))
            raise refusal("a call from another thread (call_soon_threadsafe)")
        return self.call_soon(callback, *args, context=context)

    def get_debug(self) -> bool:
        return False

    def set_debug(self, enabled: bool) -> None:
        raise refusal("the debug mode of asyncio")

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False

    def get_task_factory(self) -> None:
        return None

    def get_exception_handler(self) -> None:
        return None

    async def shutdown_asyncgens(self) -> None:
        return None

    # ---- What runs it ----------------------------------------------------------------------------

    def is_spared(self, work: Any) -> bool:
        """Whether it, or a task that made it, is left alone."""
        while work is not None and self._spared is not None:
            if work in self._spared:
                return True
            creator = work._creator
            work = None if creator is None else creator()
        return False

    def live_tasks(self) -> List[DurableTask[Any]]:
        """Those that are not done, in the order in which they were made."""
        return [task for task in self._tasks if not task.done()]

    def freeze(self, what: str) -> None:
        """From now on durable calls are refused: `what` cannot make them."""
        self._frozen = what

    @property
    def is_closing(self) -> bool:
        return self._closing

    def check_open(self) -> None:
        """Raises while the coroutine is being closed, or asked a query."""
        if self._frozen is not None and not self._closing:
            raise WrongStatus(f"{self._frozen} is a plain function: it cannot do durable work.")
        if self._closing:
            self._closing_calls += 1
            if self._closing_calls <= CLOSING_CALLS:
                raise Dropped

    def run_until_blocked(self, main: DurableTask[Any]) -> None:
        """Runs callbacks until none is left or `main` is done. The caller has made this the running loop.

        Raises NonDurableAwait when the code spins, or was called from another thread.
        """
        ready = self._ready
        for _ in range(STEPS_PER_EVENT):
            if not ready or main.done():
                break
            handle = ready.popleft()
            if handle._cancelled:
                continue
            try:
                handle._run()
            except (SystemExit, KeyboardInterrupt):
                # Tasks keep these and raise them into the loop as well.
                if not main.done():
                    main.cancel()
                    raise
        else:
            raise NonDurableAwait(
                f"The orchestration ran {STEPS_PER_EVENT} steps without waiting for durable work. "
                "Does it wait in a loop around asyncio.sleep(0)?"
            )
        if self._foreign is not None:
            raise refusal(f"a call from another thread ({self._foreign})")

    def close_tasks(self) -> None:
        """Closes all coroutines without effect: durable calls that they still make raise `Dropped`."""
        self._closing = True
        self._ready.clear()
        previous = asyncio._get_running_loop()
        asyncio._set_running_loop(self)
        try:
            for task in reversed(self._tasks):
                task._log_destroy_pending = False  # pyright: ignore[reportAttributeAccessIssue]
                if not task.done():
                    try:
                        task.get_coro().close()
                    except BaseException:
                        # Whatever a `finally` raises on the way out concerns nobody any more.
                        pass
                else:
                    task._log_traceback = False
        finally:
            asyncio._set_running_loop(previous)
            self._tasks.clear()
            self._ready.clear()


def refusal(what: str) -> NonDurableAwait:
    """The error for something that no replay could repeat."""
    return NonDurableAwait(
        f"Orchestration code cannot use {what}: it is not recorded, so a replay could not repeat it. "
        "Do such work in an activity."
    )


def _refused(name: str) -> Callable[..., Any]:
    def refuse(self: Any, *args: Any, **options: Any) -> Any:
        work = next((getattr(arg, "__qualname__", None) for arg in args if callable(arg)), None)
        raise refusal(f"{name}({work})" if work else name)

    refuse.__name__ = name
    return refuse


def _refuse_the_rest() -> None:
    """Gives each method of AbstractEventLoop that is not written above one that refuses by name."""
    for name in dir(asyncio.AbstractEventLoop):
        if not name.startswith("_") and name not in OrchestrationLoop.__dict__:
            setattr(OrchestrationLoop, name, _refused(name))


_refuse_the_rest()


def describe_wait(coro: Any) -> str:
    """Where a coroutine stands and what it awaits, for messages: `ship (order.py:41) awaits Event.wait`."""
    place, waited_for, waited = (
        getattr(coro, "__qualname__", repr(coro)),
        "a Future that nobody completes",
        coro,
    )
    for _ in range(1000):
        frame = getattr(waited, "cr_frame", None) or getattr(waited, "gi_frame", None)
        if frame is not None:
            path = frame.f_code.co_filename
            if frame.f_globals.get("__name__", "").startswith("asyncio."):
                name = getattr(waited, "__qualname__", frame.f_code.co_name)
                waited_for = waited_for if name.startswith("_") else name
            else:
                place = f"{frame.f_code.co_name} ({path.rsplit('/', 1)[-1]}:{frame.f_lineno})"
        inner = getattr(waited, "cr_await", None) or getattr(waited, "gi_yieldfrom", None)
        if inner is None:
            break
        waited = inner
    return f"{place} awaits {waited_for}"
