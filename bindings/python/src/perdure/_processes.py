"""Activities in processes of their own: for what computes, and holds Python's lock while it does.

Processes are spawned, not forked: the engine has threads. Each is used for one attempt after the other, and
talks over a pipe in JSON. The parent sends `run` and `cancel`; the child sends `heartbeat`, and one `result`,
`deferred` or `failure` for each `run`. Whoever finds the pipe closed knows that the other one is gone.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
import threading
import time
from queue import SimpleQueue
from typing import Any, Dict, List, Optional, Tuple

from . import _failures, _json
from .activity_context import DEFERRED, ActivityContext, AttemptHost, current_attempt
from .client import Client
from .definitions import Activity
from .errors import InvalidArgument, ProcessDied, Stale, Unsupported, WrongStatus

#: Seconds between two looks at what nobody wakes us for.
_LOOK = 0.2


def reference(activity: Activity[Any, Any]) -> Tuple[str, str]:
    """Module and name under which another process finds the activity. Raises InvalidArgument."""
    function = activity.function
    module, name = function.__module__, function.__qualname__
    try:
        found = _find(module, name)
    except (AttributeError, ImportError):
        found = None
    if found is not activity and found is not function:
        raise InvalidArgument(
            f"Activity '{activity.name}' runs in a process, which must find it by its name: define "
            f"{name} at the top level of its module."
        )
    return module, name


def _find(module: str, name: str) -> Any:
    found: Any = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    return found


def refuse_in_child() -> None:
    """A child that imports the program of its parent must not become another one."""
    # Who has not imported it is nobody's child. It takes a megabyte, and most have no such activities.
    multiprocessing = sys.modules.get("multiprocessing")
    if multiprocessing and getattr(multiprocessing.current_process(), "_inheriting", False):
        raise WrongStatus(
            "A process for activities imports this program, and the program starts a runtime when it is "
            'imported. Let it do so under `if __name__ == "__main__":`.'
        )


# ---- The parent ----------------------------------------------------------------------------------


class Processes:
    """At most `most` processes, made when they are needed, kept until `close`."""

    def __init__(self, most: int, grace: float) -> None:
        """`grace`: seconds that an activity has to end after it was told to; then its process is killed."""
        self._grace = grace
        self._free = threading.Semaphore(most)
        self._lock = threading.Lock()
        self._idle: List[_Process] = []
        self._all: List[_Process] = []
        self._closed = False

    def run(self, activity: Activity[Any, Any], token: int, context: ActivityContext, task: Any) -> Any:
        """The answer of the process: `result` as JSON text, `deferred`, or `failure`. Raises ProcessDied."""
        named = reference(activity)
        while not self._free.acquire(timeout=_LOOK):
            if context.is_cancelled():
                raise Stale(f"Activity '{activity.name}' was cancelled before a process was free for it.")
        try:
            process = self._take()
            answer = process.run(named, token, context, task, self._grace)
            with self._lock:
                self._idle.append(process)
            return answer
        finally:
            self._free.release()

    def _take(self) -> _Process:
        with self._lock:
            if self._closed:
                raise Stale("The runtime is stopping.")
            while self._idle:
                process = self._idle.pop()
                if process.is_alive:
                    return process
                process.close()
            self._all = [each for each in self._all if not each.is_closed]
            process = _Process()
            self._all.append(process)
            return process

    def close(self) -> None:
        """Ends all processes, whatever they do."""
        with self._lock:
            self._closed = True
            processes, self._all, self._idle = self._all, [], []
        for each in processes:
            each.close()


class _Process:
    def __init__(self) -> None:
        import multiprocessing
        from multiprocessing import connection

        spawn = multiprocessing.get_context("spawn")
        self._wait = connection.wait
        self._pipe, theirs = spawn.Pipe()
        self._process = spawn.Process(target=serve, args=(theirs,), name="perdure-activity", daemon=True)
        self._sending = threading.Lock()
        # One at a time asks the system for its end: who comes second is told that there is no such child.
        self._asking = threading.Lock()
        self.is_closed = False
        # An interrupt of the terminal reaches all its processes. It is for the parent alone, also while the
        # child is not yet able to say so.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            self._process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()

    @property
    def is_alive(self) -> bool:
        with self._asking:
            return not self.is_closed and self._process.is_alive()

    def _send(self, message: Dict[str, Any]) -> None:
        try:
            with self._sending:
                self._pipe.send_bytes(_json.encode(message).encode())
        except OSError:
            pass  # It is gone, which the next receive finds.

    def run(
        self, named: Tuple[str, str], token: int, context: ActivityContext, task: Any, grace: float
    ) -> Any:
        told: List[float] = []

        def cancel() -> None:
            told.append(time.monotonic())
            self._send({"cancel": token})

        context._hooks.append(cancel)
        self._send({"run": token, "module": named[0], "name": named[1], "task": task})
        if context.is_cancelled():
            cancel()
        while True:
            message = self._receive()
            if message is None:
                if told and time.monotonic() > told[0] + grace:
                    self._kill()
            elif "heartbeat" in message:
                try:
                    context.heartbeat(message["heartbeat"])
                except Stale:
                    pass  # The cancellation is on its way.
            elif message.get("died"):
                raise self._death(context.name)
            else:
                return message

    def _kill(self) -> None:
        with self._asking:
            if not self.is_closed:
                self._process.kill()

    def _receive(self) -> Optional[Dict[str, Any]]:
        """The next message, None if there is none yet."""
        try:
            if self._pipe in self._wait([self._pipe, self._process.sentinel], _LOOK):
                message: Dict[str, Any] = _json.decode(self._pipe.recv_bytes())
                return message
            return None if self.is_alive or self._pipe.poll() else {"died": True}
        except (EOFError, OSError, ValueError):
            return {"died": True}

    def _death(self, activity: str) -> ProcessDied:
        code = None
        with self._asking:
            if not self.is_closed:
                self._process.join(_LOOK)
                code = self._process.exitcode
        self.close()
        if code is not None and code < 0:
            how = f"was ended by {signal.Signals(-code).name}"
        else:
            how = "was ended" if code is None else f"ended with status {code}"
        return ProcessDied(
            f"The process that ran activity '{activity}' {how} before it answered.",
            details={} if code is None else {"exitcode": code},
        )

    def close(self) -> None:
        with self._asking:
            if self.is_closed:
                return
            self.is_closed = True
            self._process.kill()
            self._process.join()
            self._pipe.close()
            self._process.close()


# ---- The child -----------------------------------------------------------------------------------


def serve(pipe: Any) -> None:
    """What a process does: runs one attempt after the other, until its parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    child = _Child(pipe)
    threading.Thread(target=child.listen, name="perdure-parent", daemon=True).start()
    while True:
        child.run(child.work.get())


class _Child(AttemptHost):
    def __init__(self, pipe: Any) -> None:
        self._pipe = pipe
        self._sending = threading.Lock()
        self._contexts: Dict[int, ActivityContext] = {}
        self.work: SimpleQueue[Dict[str, Any]] = SimpleQueue()

    def listen(self) -> None:
        while True:
            try:
                message = _json.decode(self._pipe.recv_bytes())
            except (EOFError, OSError):
                # Nobody wants anything any more, whatever runs.
                os._exit(0)
            if "cancel" in message:
                context = self._contexts.get(message["cancel"])
                if context is not None:
                    context._cancel()
            else:
                token = message["run"]
                self._contexts[token] = ActivityContext(message["task"], token, self)
                self.work.put(message)

    def run(self, message: Dict[str, Any]) -> None:
        token = message["run"]
        context = self._contexts[token]
        current_attempt.set(context)
        try:
            found = _find(message["module"], message["name"])
            activity = found if isinstance(found, Activity) else Activity[Any, Any](found, context.name)
            result = activity.invoke(context, message["task"].get("input"))
            if result is DEFERRED:
                answer: Dict[str, Any] = {"deferred": True}
            else:
                answer = {"result": _json.encode(result, f"The result of activity '{context.name}'")}
        except SystemExit:
            raise
        except BaseException as error:
            answer = {"failure": _failures.of_exception(error)}
        finally:
            self._contexts.pop(token, None)
            for stream in (sys.stdout, sys.stderr):
                if stream is not None:
                    stream.flush()
        self._send(answer)

    def _send(self, message: Dict[str, Any]) -> None:
        with self._sending:
            self._pipe.send_bytes(_json.encode(message).encode())

    def heartbeat(self, token: int, details: Any) -> None:
        context = self._contexts.get(token)
        if context is not None and context.is_cancelled():
            raise Stale(f"The result of activity '{context.name}' is no longer wanted.")
        _json.encode(details, "The details of the heartbeat")
        self._send({"heartbeat": details})

    @property
    def client(self) -> Client:
        raise Unsupported("The client of a runtime is in its own process: open a store here, and a Client.")
