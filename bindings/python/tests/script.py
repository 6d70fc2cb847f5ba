"""A fake engine: drives one instance through the turn host, as docs/wire-format.md describes it, without
the library.
"""

from __future__ import annotations

import json
from typing import Any, Awaitable, Callable, Dict, List, Optional, Sequence

import perdure
from perdure._sandbox import Sandbox
from perdure._turn import TurnHost

START = 1_760_000_000_000
Event = Dict[str, Any]


class Script:
    """One instance. `start` and `deliver` run warm turns; `cold` replays everything in a host of its own."""

    def __init__(
        self,
        function: Callable[..., Awaitable[Any]],
        cached: int = 100,
        limits: Optional[perdure.Limits] = None,
        kv: Sequence[Dict[str, Any]] = (),
        sandbox: Sandbox = False,
    ) -> None:
        """`kv`: the entries with which the execution begins."""
        self.sandbox = sandbox
        self.definition = perdure.orchestration(name="test")(function)
        self.limits = limits
        self.kv = list(kv)
        self.host = self.new_host(cached)
        self.events: List[Event] = []
        self.actions: List[Dict[str, Any]] = []
        self.end: Optional[Dict[str, Any]] = None
        self.logs: List[Dict[str, str]] = []
        self.metrics: List[Dict[str, Any]] = []
        self.now = START
        self._id = 0

    def new_host(self, cached: int = 100) -> TurnHost:
        return TurnHost({("test", "1.0.0"): self.definition}, cached, self.limits, self.sandbox)

    def request(self, events: List[Event], after: int, replayed: int) -> Dict[str, Any]:
        request = {
            "v": 1, "turn": 1, "instance": "test-1", "execution": 1, "orchestration": "test", "version":
            "1.0.0", "from": after, "replayed": replayed, "events": events,
        }  # fmt: skip
        if after == 0:
            # What an engine would have read from the history so far.
            recorded = [each for each in self.actions if each["kind"] == "RecordPatch"]
            request["patches"] = [each["patch"] for each in recorded if each["after"] <= replayed]
            request["kv"] = self.kv
        return request

    def event(self, kind: str, later: int = 1, **members: Any) -> Event:
        """The next event of the history, `later` milliseconds after the one before."""
        # Ids skip: the engine's own events stand in between.
        self._id += 1 if not self.events else 2
        self.now += later
        return {"id": self._id, "at": self.now, "kind": kind, **members}

    def start(self, value: Any = None) -> List[Dict[str, Any]]:
        return self.deliver(self.event("OrchestrationStarted", 0, name="test", version="1.0.0", input=value))

    def deliver(self, *events: Event) -> List[Dict[str, Any]]:
        """One warm turn with these events; returns the actions that it emitted."""
        after = self.events[-1]["id"] if self.events else 0
        answer = json.loads(self.host.run(self.request(list(events), after, after)))
        assert "miss" not in answer
        self.events += events
        self.actions += answer["actions"]
        self.logs += answer.get("logs", [])
        self.metrics += answer.get("metrics", [])
        self.end = answer.get("end")
        assert answer["retained"] is (self.end is None)
        return list(answer["actions"])

    def complete(self, action: int, result: Any = None) -> List[Dict[str, Any]]:
        return self.deliver(self.event("ActivityCompleted", action=action, result=result))

    def fail(self, action: int, type: str = "Declined", message: str = "no") -> List[Dict[str, Any]]:
        return self.deliver(
            self.event("ActivityFailed", action=action, failure={"type": type, "message": message})
        )

    def fire(self, action: int) -> List[Dict[str, Any]]:
        """Fires a timer at its time."""
        fire_at = next(each["fireAt"] for each in self.actions if each["id"] == action)
        return self.deliver(self.event("TimerFired", max(0, fire_at - self.now), action=action))

    def raise_event(self, name: str, data: Any = None) -> List[Dict[str, Any]]:
        return self.deliver(self.event("EventRaised", name=name, data=data))

    def enqueue(self, name: str, data: Any = None) -> List[Dict[str, Any]]:
        return self.deliver(self.event("QueueMessageReceived", name=name, data=data))

    def publish(self, topic: str, data: Any = None) -> List[Dict[str, Any]]:
        return self.deliver(self.event("TopicMessageReceived", name=topic, data=data))

    def call(self, call: str, name: str, data: Any = None) -> List[Dict[str, Any]]:
        return self.deliver(self.event("CallReceived", call=call, name=name, data=data))

    def query(self, name: str, value: Any = None) -> Dict[str, Any]:
        """The answer of a host that is asked beside the live code."""
        replayed = self.events[-1]["id"] if self.events else 0
        request = self.request(self.events, 0, replayed)
        answer = json.loads(self.host.run({**request, "query": {"name": name, "input": value}}))
        assert set(answer) == {"v", "query"}
        query: Dict[str, Any] = answer["query"]
        return query

    def cancel(self, reason: str = "stop") -> List[Dict[str, Any]]:
        return self.deliver(self.event("CancellationRequested", reason=reason))

    def cold(self) -> Dict[str, Any]:
        """The answer of a host that sees the whole history at once."""
        host = self.new_host()
        replayed = self.events[-1]["id"] if self.events else 0
        answer: Dict[str, Any] = json.loads(host.run(self.request(self.events, 0, replayed)))
        host.close()
        return answer

    @property
    def output(self) -> Any:
        """The output; checks that the instance completed, and that a replay gives the same actions and
        end.
        """
        self.check_replay()
        assert self.end is not None, "still running"
        assert self.end["kind"] == "Completed", self.end
        return self.end["output"]

    @property
    def failure(self) -> Dict[str, Any]:
        assert self.end is not None, "still running"
        assert self.end["kind"] == "Failed", self.end
        failure: Dict[str, Any] = self.end["failure"]
        return failure

    def check_replay(self) -> None:
        answer = self.cold()
        assert answer["actions"] == self.actions
        assert without_stack(answer.get("end")) == without_stack(self.end)
        assert "logs" not in answer, "a replay must not log again"
        assert "metrics" not in answer, "a replay must not measure again"


def without_stack(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_stack(part) for key, part in value.items() if key != "stack"}
    return value


def kinds(actions: List[Dict[str, Any]]) -> List[str]:
    """Short forms of actions, for comparing: `Activity:a`, `Timer`, `Cancel:2`."""
    short = {
        "ScheduleActivity": "Activity", "CreateTimer": "Timer", "WaitForEvent": "Event",
        "WaitForTopic": "Topic", "WaitForCall": "Call", "AnswerCall": "Answer", "RecordPatch": "Patch",
    }  # fmt: skip
    return [
        short.get(each["kind"], each["kind"])
        + next(
            (f":{each[key]}" for key in ("name", "target", "call", "key", "patch", "topic") if key in each),
            "",
        )
        for each in actions
    ]
