"""What a scenario says: who is registered, what happens from outside, and what must hold."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional, Tuple, Union, cast

from .. import _failures, _json, options
from ..activity_context import ActivityContext
from ..definitions import Activity, AnyDefinition, Orchestration, Registry
from ..descriptions import Description, StartRequest, Target, target_name
from ..errors import Failure, NotFound
from ..options import Seconds
from .stubs import Stub, answer

Choice = Union[str, int]


class World:
    """What an invariant looks at: the instances, at the end of a run or after a commit."""

    def __init__(self, instances: List[Dict[str, Any]], ended: Dict[str, Any]) -> None:
        self._instances = {each["description"]["instance"]: each for each in instances}
        self._descriptions: Dict[str, Description] = {}
        #: Lines of the script that were refused, by their number, and why: `run.event` and its like return
        #: the number.
        self.refused: Dict[int, str] = {each["line"]: each["why"] for each in ended.get("refused", ())}
        #: Virtual time since the begin, in seconds.
        self.elapsed: float = ended.get("elapsedMS", 0) / 1000

    @property
    def instances(self) -> List[Description]:
        return [self.instance(each) for each in self._instances]

    def instance(self, instance: str) -> Description:
        """Raises NotFound."""
        if instance not in self._descriptions:
            self._descriptions[instance] = Description.of_wire(self._known(instance)["description"])
        return self._descriptions[instance]

    def history(self, instance: str) -> List[Dict[str, Any]]:
        """The events of the current execution, at the end of a run only."""
        return cast(List[Dict[str, Any]], self._known(instance).get("history", []))

    def kv(self, instance: str) -> Dict[str, Any]:
        """The key-value state, at the end of a run only."""
        return {each["key"]: each["value"] for each in self._known(instance).get("kv", ())}

    def waits(self, instance: str) -> List[str]:
        """What an instance that has not ended waits for, in words."""
        return cast(List[str], self._known(instance).get("waits", []))

    def _known(self, instance: str) -> Dict[str, Any]:
        if instance not in self._instances:
            raise NotFound(f"There is no instance '{instance}' in the simulation.")
        return self._instances[instance]


Check = Callable[[World], Any]


class Simulation:
    """One run, as the scenario describes it. The scenario is called anew for each schedule: state that it
    makes is fresh.
    """

    def __init__(self) -> None:
        self._registry = Registry()
        self._stubs: Dict[str, Stub] = {}
        self._uses: Dict[str, int] = {}
        self._lines: List[str] = []
        self._count = 0
        self._instances = 0
        self._checks: List[Tuple[str, Check]] = []
        self._always: List[Tuple[str, Check]] = []
        self._patient: Optional[set[str]] = set()

    # ---- Who is registered -----------------------------------------------------------------------

    def register(self, *definitions: AnyDefinition) -> None:
        """Orchestrations, and activities that are to run as they are."""
        for definition in definitions:
            self._registry.add(definition)

    def activity(self, name: Union[str, Activity[Any, Any]], stub: Stub) -> None:
        """Runs `stub` in place of an activity: a function of `(ctx, input)`, `(input)` or `()`, plain or
        async, or whatever else a `TestEnvironment` takes for one; what is none of these is the result.
        """
        if isinstance(name, Activity):
            self._registry.add(name)
            name = name.name
        self._stubs[_json.text(name, "The name of the activity")] = stub

    def _run_stub(self, context: ActivityContext, value: Any) -> Any:
        stub = self._stubs[context.name]
        if isinstance(stub, list):
            use = self._uses.get(context.name, 0)
            self._uses[context.name] = use + 1
            stub = stub[min(use, len(stub) - 1)] if stub else None
        return answer(stub, context, value)

    # ---- What happens from outside ---------------------------------------------------------------

    def start(
        self, orchestration: Target, input: Any = None, *, instance: Optional[str] = None,
        after: Seconds = 0, **start_options: Any,
    ) -> str:  # fmt: skip
        """Starts an instance and returns its id. The options are those of `StartRequest`."""
        if instance is None:
            self._instances += 1
            instance = f"{target_name(orchestration)}-{self._instances}"
        if isinstance(orchestration, Orchestration):
            self._registry.add(orchestration)
        self._add("start", StartRequest(orchestration, input, instance, **start_options).to_json(), after)
        return instance

    def event(
        self, instance: str, name: str, data: Any = None, *, after: Seconds = 0, keep: bool = False
    ) -> int:
        """Raises an event. Simulated time may make it later. Returns a number for `World.refused`."""
        return self._send(instance, "event", name, data, after, keep)

    def enqueue(
        self, instance: str, queue: str, message: Any = None, *, after: Seconds = 0, keep: bool = False
    ) -> int:
        return self._send(instance, "queue", queue, message, after, keep)

    def publish(self, topic: str, data: Any = None, *, after: Seconds = 0) -> int:
        what = "The data of the topic"
        return self._add_object("publish", {"topic": topic, "data": data}, what, after)

    def call(self, instance: str, name: str, input: Any = None, *, after: Seconds = 0) -> int:
        """Calls a handler of the orchestration. Its answer is seen in what it does."""
        members = {"instance": instance, "name": name, "input": input, "call": f"call-{self._count}"}
        return self._add_object("call", members, "The input of the call", after)

    def cancel(
        self, instance: str, reason: str = "", *, after: Seconds = 0, grace: Optional[Seconds] = None
    ) -> int:
        return self._control("cancel", instance, reason, after, grace)

    def suspend(self, instance: str, reason: str = "", *, after: Seconds = 0) -> int:
        return self._control("suspend", instance, reason, after)

    def resume(self, instance: str, reason: str = "", *, after: Seconds = 0) -> int:
        return self._control("resume", instance, reason, after)

    def terminate(self, instance: str, reason: str = "", *, after: Seconds = 0) -> int:
        return self._control("terminate", instance, reason, after)

    def complete_activity(self, token: str, result: Any = None, *, after: Seconds = 0) -> int:
        """Ends an attempt that was deferred. Activities may call it and its like: time counts from then."""
        return self._add_object("complete", {"token": token, "result": result}, "The result", after)

    def fail_activity(self, token: str, failure: Union[Failure, BaseException], *, after: Seconds = 0) -> int:
        wire = _failures.to_wire(failure) if isinstance(failure, Failure) else _failures.of_exception(failure)
        return self._add_object("complete", {"token": token, "failure": wire}, "The failure", after)

    def _send(self, instance: str, channel: str, name: str, data: Any, after: Seconds, keep: bool) -> int:
        members = {"instance": instance, "channel": channel, "name": name, "data": data, "keep": keep}
        return self._add_object("send", members, f"The data of {channel} '{name}'", after)

    def _control(
        self, operation: str, instance: str, reason: str, after: Seconds, grace: Optional[Seconds] = None
    ) -> int:
        members: Dict[str, Any] = {"instance": instance, "operation": operation, "reason": reason}
        if grace is not None:
            members["graceMS"] = options.milliseconds(grace, "grace", 0)
        return self._add_object("control", members, "The request", after)

    def _add_object(self, kind: str, members: Dict[str, Any], what: str, after: Seconds) -> int:
        return self._add(kind, _json.encode(members, what), after)

    def _add(self, kind: str, request: str, after: Seconds) -> int:
        self._lines.append(f'{{"afterMS":{options.milliseconds(after, "after", 0)},"{kind}":{request}}}')
        self._count += 1
        return self._count - 1

    def _take_lines(self) -> str:
        lines, self._lines = self._lines, []
        return f"[{','.join(lines)}]"

    # ---- What must hold --------------------------------------------------------------------------

    def check(self, name: str, check: Check) -> None:
        """Looks at the end of the run. Fails by returning something false (None is fine), or by raising."""
        self._checks.append((name, check))

    def always(self, name: str, check: Check) -> None:
        """Looks after every commit, too. What it sees of instances has no history."""
        self._always.append((name, check))

    def may_wait(self, *instances: str) -> None:
        """These need not have ended when nothing goes on any more; without names none need."""
        if not instances:
            self._patient = None
        elif self._patient is not None:
            self._patient.update(instances)

    def _must_end(self, instance: str) -> bool:
        return self._patient is not None and instance not in self._patient
