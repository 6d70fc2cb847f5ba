"""Runs the scenarios of the conformance kit (docs/kit.md) with the public API of the package."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional

from kit_activities import Attempt, Board
from kit_expressions import Block, Unknown, thrown
from kit_orchestrations import Orchestration

import perdure

#: Seconds that anything may take.
WAIT = 20.0

POLICIES = {
    "fail": "fail",
    "useExisting": "use_existing",
    "restartIfFinished": "restart_if_finished",
    "terminateAndRestart": "terminate_and_restart",
}
#: Names of the kit, and those of the package.
LIMITS = {
    "payloadBytes": "payload_bytes", "customStatusBytes": "custom_status_bytes", "kvKeys": "kv_keys",
    "kvValueBytes": "kv_value_bytes", "historyEvents": "history_events", "historyBytes": "history_bytes",
    "pendingActions": "pending_actions", "inboxMessages": "inbox_messages",
    "subOrchestrationDepth": "sub_orchestration_depth",
}  # fmt: skip
RUNTIME = {
    "activitySlots": "activity_slots", "activityTags": "activity_tags",
    "untaggedActivities": "untagged_activities", "nondeterminism": "nondeterminism",
}  # fmt: skip
ERRORS = {
    "notFound": perdure.NotFound, "alreadyExists": perdure.AlreadyExists, "wrongStatus": perdure.WrongStatus,
    "limitExceeded": perdure.LimitExceeded, "timedOut": perdure.TimedOut, "stale": perdure.Stale,
    "unsupported": perdure.Unsupported, "invalidArgument": perdure.InvalidArgument,
}  # fmt: skip
STATE = {
    "status": "status", "output": "output", "customStatus": "custom_status",
    "customStatusVersion": "custom_status_version", "execution": "execution", "version": "version",
    "attributes": "attributes", "memo": "memo", "priority": "priority", "pendingReason": "pending_reason",
    "suspendReason": "suspend_reason",
}  # fmt: skip


class Mismatch(Exception):
    """Something is not as the scenario says."""


def require(condition: bool, what: str) -> None:
    if not condition:
        raise Mismatch(what)


class Names:
    """What `$same` and `$other` have compared."""

    def __init__(self, known: Optional[Dict[str, Any]] = None) -> None:
        self.known = dict(known or {})

    def match(self, pattern: Any, found: Any) -> bool:
        if isinstance(pattern, list):
            return (
                isinstance(found, list)
                and len(found) == len(pattern)
                and all(self.match(*pair) for pair in zip(pattern, found))
            )
        if not isinstance(pattern, dict):
            return type(pattern) is type(found) and bool(pattern == found)
        if len(pattern) == 1:
            ((name, argument),) = pattern.items()
            if name.startswith("$"):
                return self._special(name, argument, found)
        return (
            isinstance(found, dict)
            and found.keys() == pattern.keys()
            and all(self.match(each, found[key]) for key, each in pattern.items())
        )

    def _special(self, name: str, argument: Any, found: Any) -> bool:
        if name == "$any":
            return found is not None
        if name == "$has":
            return isinstance(found, dict) and all(
                key in found and self.match(each, found[key]) for key, each in argument.items()
            )
        if name == "$contains":
            return isinstance(found, str) and argument in found
        if name == "$oneOf":
            return any(self.match(each, found) for each in argument)
        if name == "$same":
            return found is not None and bool(self.known.setdefault(argument, found) == found)
        if name == "$other":
            return found is not None and bool(self.known.get(argument) != found)
        raise Unknown(f"there is no pattern {name!r}")


class Site:
    """A store with a runtime, and the script that goes over them."""

    def __init__(self, scenario: Dict[str, Any], path: Path, *, cache: bool) -> None:
        self.scenario = scenario
        self.url = f"sqlite:{path / 'kit.sqlite'}"
        self.cache = cache
        self.board = Board()
        self.names = Names()
        self.code: Dict[str, Any] = scenario
        self.runtime: Optional[perdure.Runtime] = None
        self.open()
        self.begin({})

    # ---- Life ------------------------------------------------------------------------------------

    def open(self) -> None:
        given = self.scenario.get("limits", {})
        limits = perdure.Limits(**{LIMITS[key]: value for key, value in given.items()}) if given else None
        self.store = perdure.Store(self.url, limits=limits)
        self.client = perdure.Client(self.store)

    def begin(self, how: Dict[str, Any]) -> None:
        if "code" in how:
            self.code = self.scenario["code"][how["code"]]
        settings = how.get("runtime", self.scenario.get("runtime", {}))
        options = {RUNTIME[key]: value for key, value in settings.items()}
        definitions = [
            *(self.orchestration(name, block) for name, block in self.code["orchestrations"].items()),
            *(self.activity(name, steps) for name, steps in self.code.get("activities", {}).items()),
        ]
        self.runtime = perdure.Runtime(self.store, definitions, cache=self.cache, **options).start()

    def stop(self) -> None:
        if self.runtime is not None:
            self.runtime.stop(0)
        self.runtime = None

    def close(self) -> None:
        self.client.close()
        self.stop()
        self.store.close()

    def orchestration(self, name: str, block: Block) -> Any:
        async def run(ctx: perdure.OrchestrationContext, value: Any) -> Any:
            return await Orchestration(ctx).run(block, value)

        name, _, version = name.partition("@")
        return perdure.orchestration(name=name, version=version or "1.0.0")(run)

    def activity(self, name: str, steps: Block) -> Any:
        def run(ctx: perdure.ActivityContext, value: Any) -> Any:
            return Attempt(ctx, self.board).run(steps, value)

        return perdure.activity(name=name)(run)

    # ---- Script ----------------------------------------------------------------------------------

    def run(self) -> None:
        for number, command in enumerate(self.scenario["script"], 1):
            try:
                found = [key for key in command if hasattr(self, f"on_{key}")]
                if not found:
                    raise Unknown("there is no such command")
                getattr(self, f"on_{found[0]}")(command)
            except Exception as error:
                error.args = (f"command {number}, {command}: {error}",)
                raise

    def call(
        self, command: Dict[str, Any], function: Callable[..., Any], *arguments: Any, **named: Any
    ) -> None:
        """Makes a call and compares what comes of it with `gives`, `failure` or `error`."""
        try:
            given = function(*arguments, **named)
        except perdure.errors.WorkFailed as error:
            require("failure" in command, f"it failed: {error}")
            differences = self.failure(command["failure"], error.failure, self.names)
            require(not differences, "; ".join(differences))
        except perdure.PerdureError as error:
            require("error" in command, f"it was refused: {error!r}")
            require(isinstance(error, ERRORS[command["error"]]), f"another error: {error!r}")
        else:
            require(not {"failure", "error"} & command.keys(), f"it gave {given!r}")
            if "gives" in command:
                require(self.names.match(command["gives"], given), f"it gave {given!r}")

    def on_start(self, command: Dict[str, Any]) -> None:
        options: Dict[str, Any] = {
            key: command[key]
            for key in ("instance", "version", "priority", "attributes", "memo")
            if key in command
        }
        if "policy" in command:
            options["policy"] = POLICIES[command["policy"]]
        if "delayMS" in command:
            options["delay"] = command["delayMS"] / 1000
        if "dedupKey" in command:
            options["dedup_key"] = command["dedupKey"]
        self.call(command, self.client.start, command["start"], command.get("with"), **options)

    def on_raise(self, command: Dict[str, Any]) -> None:
        self.send(command, self.client.raise_event, command["raise"])

    def on_enqueue(self, command: Dict[str, Any]) -> None:
        self.send(command, self.client.enqueue, command["enqueue"])

    def send(self, command: Dict[str, Any], function: Callable[..., bool], name: str) -> None:
        self.call(command, function, command["to"], name, command.get("with"), command.get("keep", False))

    def on_publish(self, command: Dict[str, Any]) -> None:
        self.call(command, self.client.publish, command["publish"], command.get("with"))

    def on_call(self, command: Dict[str, Any]) -> None:
        timeout = command.get("timeoutMS", WAIT * 1000) / 1000
        self.call(
            command, self.client.call, command["of"], command["call"], command.get("with"), timeout,
            command.get("id"),
        )  # fmt: skip

    def on_query(self, command: Dict[str, Any]) -> None:
        self.call(command, self.client.query, command["of"], command["query"], command.get("with"), WAIT)

    def on_cancel(self, command: Dict[str, Any]) -> None:
        grace = command["graceMS"] / 1000 if "graceMS" in command else None
        self.call(command, self.client.cancel, command["cancel"], command.get("reason", ""), grace)

    def on_suspend(self, command: Dict[str, Any]) -> None:
        self.call(command, self.client.suspend, command["suspend"], command.get("reason", ""))

    def on_resume(self, command: Dict[str, Any]) -> None:
        self.call(command, self.client.resume, command["resume"])

    def on_terminate(self, command: Dict[str, Any]) -> None:
        self.call(command, self.client.terminate, command["terminate"], command.get("reason", ""))

    def on_retry(self, command: Dict[str, Any]) -> None:
        self.call(command, self.client.retry, command["retry"])

    def on_rewind(self, command: Dict[str, Any]) -> None:
        self.call(command, self.client.management("kit").rewind, command["rewind"])

    def on_reset(self, command: Dict[str, Any]) -> None:
        self.call(command, self.client.management("kit").reset, command["reset"], command["toEvent"])

    def on_delete(self, command: Dict[str, Any]) -> None:
        self.call(command, self.client.delete, command["delete"], force=command.get("force", False))

    def on_complete(self, command: Dict[str, Any]) -> None:
        self.deferred(command, self.client.complete_activity, command["complete"], command.get("with"))

    def on_failActivity(self, command: Dict[str, Any]) -> None:
        failure = thrown(command["failureIs"])
        self.deferred(command, self.client.fail_activity, command["failActivity"], failure)

    def on_heartbeatActivity(self, command: Dict[str, Any]) -> None:
        activity = command["heartbeatActivity"]
        self.deferred(command, self.client.heartbeat_activity, activity, command.get("with"))

    def deferred(
        self, command: Dict[str, Any], function: Callable[..., Any], activity: str, value: Any
    ) -> None:
        def patiently() -> None:
            deadline = time.monotonic() + WAIT
            while True:
                try:
                    return function(self.board.tokens[activity], value)
                except perdure.WrongStatus:
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(0.005)

        self.call(command, patiently)

    def on_release(self, command: Dict[str, Any]) -> None:
        self.board.release(command["release"])

    def on_waitMark(self, command: Dict[str, Any]) -> None:
        name, count = command["waitMark"], command.get("count", 1)
        require(self.board.wait_mark(name, count, WAIT), f"{self.board.marks[name]} marks")

    def on_stop(self, command: Dict[str, Any]) -> None:
        self.stop()

    def on_begin(self, command: Dict[str, Any]) -> None:
        self.begin(command["begin"])

    def on_restart(self, command: Dict[str, Any]) -> None:
        self.close()
        self.open()
        self.begin(command["restart"])

    def on_runs(self, command: Dict[str, Any]) -> None:
        found = {name: self.board.runs[name] for name in command["runs"]}
        require(found == command["runs"], f"there were {found}")

    def on_metrics(self, command: Dict[str, Any]) -> None:
        deadline = time.monotonic() + WAIT
        while True:
            metrics = self.store.metrics()
            found = {name: metrics.value(name) for name in command["metrics"]}
            if found == command["metrics"]:
                return
            require(time.monotonic() < deadline, f"they are {found}")
            time.sleep(0.005)

    # ---- Looking ---------------------------------------------------------------------------------

    def on_wait(self, command: Dict[str, Any]) -> None:
        deadline = time.monotonic() + WAIT
        while True:
            # What has ended stays as it is, so that it need not be looked at again.
            has_ended = self.has_ended(command["wait"])
            differences = self.differences(command["wait"], command)
            if not differences:
                return
            require(not has_ended and time.monotonic() < deadline, "; ".join(differences))
            time.sleep(0.005)

    def on_expect(self, command: Dict[str, Any]) -> None:
        differences = self.differences(command["expect"], command)
        require(not differences, "; ".join(differences))

    def has_ended(self, instance: str) -> bool:
        try:
            return self.client.describe(instance).is_ended
        except perdure.NotFound:
            return False

    def differences(self, instance: str, state: Dict[str, Any]) -> List[str]:
        """What is not as the members of `state` say."""
        try:
            row = self.client.describe(instance)
        except perdure.NotFound:
            return [] if state.get("exists") is False else ["there is no such instance"]
        if state.get("exists") is False:
            return ["it exists"]
        names = Names(self.names.known)
        found = {key: getattr(row, STATE[key]) for key in state if key in STATE}
        if "parent" in state:
            found["parent"] = row.parent["instance"] if row.parent else None
        if "kv" in state:
            found["kv"] = self.client.kv(instance)
        if "children" in state:
            found["children"] = len([*self.client.list(parent=instance)])
        kinds = self.kinds(instance, state)
        if "history" in state:
            found["history"] = kinds
        if "counts" in state:
            found["counts"] = {kind: kinds.count(kind) for kind in state["counts"]}
        unknown = state.keys() - found.keys() - {"wait", "expect", "failure", "in"}
        if unknown:
            raise Unknown(f"there is no {unknown}")
        wrong = [f"{key} is {each!r}" for key, each in found.items() if not names.match(state[key], each)]
        if "failure" in state:
            wrong += self.failure(state["failure"], row.failure, names)
        if not wrong:
            self.names = names
        return wrong

    def kinds(self, instance: str, state: Dict[str, Any]) -> List[str]:
        if not {"history", "counts"} & state.keys():
            return []
        return [event["kind"] for event in self.client.history(instance, state.get("in"))]

    def failure(self, pattern: Dict[str, Any], found: Optional[perdure.Failure], names: Names) -> List[str]:
        if found is None:
            return ["there is no failure"]
        members = {
            "type": found.type, "message": found.message, "details": found.details,
            "nonRetryable": found.non_retryable,
        }  # fmt: skip
        wrong = [
            f"failure.{key} is {members[key]!r}"
            for key in pattern
            if key != "cause" and not names.match(pattern[key], members[key])
        ]
        if "cause" in pattern:
            wrong += [f"cause: {each}" for each in self.failure(pattern["cause"], found.cause, names)]
        return wrong
