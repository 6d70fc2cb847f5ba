"""A store with virtual time, a runtime on it, and stubs in place of activities."""

from __future__ import annotations

from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Dict, List, Mapping, Optional, Sequence, Type, Union

from ..client import Client
from ..definitions import Activity, AnyDefinition
from ..errors import TimedOut
from ..options import Seconds, epoch_ms
from ..runtime import Runtime
from ..store import Store
from .stubs import ActivityCall, Stub, StubbedActivity, Stubs, UnknownActivity


class TestEnvironment:
    """For tests of orchestrations.

        with TestEnvironment([subscription], stubs={"charge": [CardDeclined(), "paid"]}) as env:
            assert env.run(subscription, "ada") == 12
            assert len(env.calls("charge")) == 13

    Time stands still while anything is at work, and skips to the next moment at which something is due while
    the test waits: for a result, a status, the answer to a call. A year takes milliseconds. Retries, time
    limits, timers and delayed starts follow it. An activity that runs holds it.

    An activity that is neither defined nor stubbed fails with `perdure.NotRegistered`, and is not retried.
    """

    # Not a class of tests, whatever its name begins with.
    __test__ = False

    def __init__(
        self, definitions: Sequence[AnyDefinition], *, start: Optional[datetime] = None,
        stubs: Optional[Mapping[str, Stub]] = None, store: str = "memory:", timeout: float = 30.0,
        **options: Any,
    ) -> None:  # fmt: skip
        """Starts the runtime at once.

        `definitions`: orchestrations, and activities that may be stubbed later. `start`: the time at which it
        begins, 2026-01-01 UTC without. `stubs`: see `stub`. `store`: "memory:" or "sqlite:PATH". `timeout`:
        how many seconds of the system's time `run`, `advance` and `settle` wait. `options`: of the runtime.
        """
        clock: Dict[str, Any] = {"mode": "virtual"}
        if start is not None:
            clock["startMS"] = epoch_ms(start, "start")
        self.timeout = timeout
        self.store = Store(store, {"clock": clock})
        self.client = Client(self.store)
        self._definitions = list(definitions)
        self._options = {"activity_tags": "any", "sandbox": "strict", **options}
        self._stubs = Stubs(stubs or {}, self.store.now)
        try:
            self.runtime = self._begin()
        except BaseException:
            self.client.close()
            self.store.close()
            raise

    def _begin(self) -> Runtime:
        definitions: List[AnyDefinition] = [
            StubbedActivity(each, self._stubs) if isinstance(each, Activity) else each
            for each in self._definitions
        ]
        return Runtime(self.store, [*definitions, UnknownActivity(self._stubs)], **self._options).start()

    # ---- Stubs -----------------------------------------------------------------------------------

    def stub(self, activity: Union[str, Activity[Any, Any]], stub: Stub) -> None:
        """What runs in place of an activity, defined or not, from its next attempt on.

        A function of the input, of the context and the input, or of nothing; an activity; an exception, its
        class, or a `Failure` to fail with; `NEVER`; a list of such stubs, one for each attempt, the last one
        again and again; anything else is the result. (For a list as a result: a function that returns it.)
        """
        self._stubs.set(_name(activity), stub)

    def unstub(self, activity: Union[str, Activity[Any, Any]]) -> None:
        """The activity runs as it is defined again."""
        self._stubs.remove(_name(activity))

    def calls(self, activity: Union[str, Activity[Any, Any], None] = None) -> List[ActivityCall]:
        """The attempts so far, of one activity or of all, stubbed or not, in the order of their beginning."""
        return self._stubs.calls(None if activity is None else _name(activity))

    # ---- Time ------------------------------------------------------------------------------------

    @property
    def now(self) -> datetime:
        """The virtual time, in UTC."""
        return self.store.now()

    def advance(self, duration: Seconds) -> datetime:
        """Moves time, stopping at each moment on the way at which something is due, until nothing is at work.
        Returns the time that it is then.

        Raises TimedOut when something goes on, such as an activity that does not answer.
        """
        return self.store.advance(duration, self.timeout)

    def advance_to(self, time: datetime) -> datetime:
        """The same to a moment; one that has passed is as good as now."""
        return self.advance(max(time - self.now, timedelta()))

    def settle(self) -> None:
        """Waits until nothing is at work, without moving time."""
        self.advance(0)

    # ---- Instances -------------------------------------------------------------------------------

    def run(self, orchestration: Any, input: Any = None, *, of: Any = None, **options: Any) -> Any:
        """Starts an instance and returns its result, however long that takes in virtual time. The options are
        those of `Client.start`; `of` is that of `Client.result`.

        Raises what `Client.result` raises; TimedOut says what the instance waits for, if that is known.
        """
        instance = self.client.start(orchestration, input, **options)
        try:
            return self.client.result(instance, self.timeout, of=of)
        except TimedOut as error:
            reason = self.client.describe(instance).pending_reason
            if reason is None:
                raise
            raise TimedOut(f"{error.message}: {reason}", details=error.details) from None

    # ---- Life ------------------------------------------------------------------------------------

    def restart(self, definitions: Optional[Sequence[AnyDefinition]] = None) -> None:
        """Stops the runtime and starts another one on the same store, as a deployment does; with other code,
        if given. Stubs and the record of calls stay."""
        self.runtime.stop(0)
        if definitions is not None:
            self._definitions = list(definitions)
        self.runtime = self._begin()

    def close(self) -> None:
        """Ends the runtime and drops the store. A second call does nothing."""
        self.runtime.stop(0)
        self.client.close()
        self.store.close()

    def __enter__(self) -> TestEnvironment:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.close()


def _name(activity: Union[str, Activity[Any, Any]]) -> str:
    return activity if isinstance(activity, str) else activity.name
