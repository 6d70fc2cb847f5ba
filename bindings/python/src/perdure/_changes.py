"""What `Management` does to instances and activities."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Dict, Literal, Optional, Tuple, Union

from . import _failures, options
from ._audit import moment
from ._filters import InstanceFilter, Selection, selected
from ._operations import Operations
from .errors import Failure, InvalidArgument
from .options import Seconds

Verb = Literal["cancel", "suspend", "resume", "terminate", "retry", "requeue", "delete"]


@dataclass(frozen=True)
class Change:
    """What became of one instance."""

    instance: str
    #: "done" (in a dry run: would be), "skipped" (the verb is not for one like this), "refused".
    outcome: str
    #: Why it was skipped or refused.
    message: Optional[str] = None
    #: Ids that are gone with it, its own first.
    deleted: Tuple[str, ...] = ()
    #: Old executions that lost their history.
    executions: int = 0


@dataclass(frozen=True)
class ChangeReport:
    """What became of each instance. As a cursor it says where to go on."""

    changes: Tuple[Change, ...]
    done: int
    skipped: int
    refused: int
    #: The filter finds more: give this to the same call as `cursor`. None at the end.
    next: Optional[int] = None

    @property
    def deleted(self) -> Tuple[str, ...]:
        """The ids of all that is gone."""
        return tuple(each for change in self.changes for each in change.deleted)

    @staticmethod
    def of_wire(wire: Dict[str, Any]) -> ChangeReport:
        changes = tuple(
            Change(
                each["instance"], each["outcome"], each.get("message"), tuple(each.get("deleted", ())),
                each.get("executions", 0),
            )
            for each in wire["instances"]
        )  # fmt: skip
        return ChangeReport(changes, wire["done"], wire["skipped"], wire["refused"], wire.get("next"))


class ChangeOperations(Operations):
    """The part of `Management` that changes instances and activities."""

    # ---- One instance ----------------------------------------------------------------------------

    def cancel(self, instance: str, reason: str = "", grace: Optional[Seconds] = None) -> str:
        """Asks the instance to end, as `Client.cancel` does. These return the status of the instance, and
        raise NotFound, or WrongStatus when it does not fit."""
        return self._control("cancel", instance, reason, grace)

    def suspend(self, instance: str, reason: str = "") -> str:
        """Stops the turns of the instance."""
        return self._control("suspend", instance, reason)

    def resume(self, instance: str, reason: str = "") -> str:
        """Lets a suspended instance go on."""
        return self._control("resume", instance, reason)

    def terminate(self, instance: str, reason: str = "") -> str:
        """Ends the instance at once: its code hears nothing of it."""
        return self._control("terminate", instance, reason)

    def retry(self, instance: str, reason: str = "") -> str:
        """Lets a quarantined instance try again, after its cause was removed."""
        return self._control("retry", instance, reason)

    def requeue(self, instance: str, reason: str = "") -> str:
        """Takes a pending or running instance from the runtime that holds it: any may go on with it."""
        return self._control("requeue", instance, reason)

    def _control(self, verb: str, instance: str, reason: str, grace: Optional[Seconds] = None) -> str:
        return str(self._ask(verb, reason, instance=instance, graceMS=_grace(grace))["status"])

    # ---- Many instances --------------------------------------------------------------------------

    def bulk(
        self, verb: Verb, instances: Selection, *, reason: str = "", dry_run: bool = False,
        limit: int = 1000, cursor: Optional[int] = None, grace: Optional[Seconds] = None, force: bool = False,
    ) -> ChangeReport:  # fmt: skip
        """The same for many instances: one, several, or up to `limit` of those that an `InstanceFilter` finds
        and the verb is for. Written in small groups, so that other work goes on meanwhile.

        `dry_run` changes nothing and reports what would be done. `grace`: of cancel. `force`: of delete.
        """
        return self._change(
            "bulk", reason, verb=verb, **selected(instances), dryRun=dry_run or None, limit=limit,
            cursor=cursor, graceMS=_grace(grace), force=force or None,
        )  # fmt: skip

    def delete(
        self, instances: Selection, *, force: bool = False, reason: str = "", dry_run: bool = False,
        limit: int = 1000, cursor: Optional[int] = None,
    ) -> ChangeReport:  # fmt: skip
        """Removes finished instances that nobody called (others with `force`) and their descendants."""
        return self._change(
            "delete", reason, **selected(instances), force=force or None, dryRun=dry_run or None,
            limit=limit, cursor=cursor,
        )  # fmt: skip

    def prune(
        self, filter: Optional[InstanceFilter] = None, *, ended_before: Optional[Union[datetime, int]] = None,
        older_than: Optional[Seconds] = None, keep_last: Optional[int] = None, executions: bool = False,
        reason: str = "", dry_run: bool = False, limit: int = 1000, cursor: Optional[int] = None,
    ) -> ChangeReport:  # fmt: skip
        """Removes finished instances that the filter finds: those that ended before a moment, or longer ago
        than that; of each orchestration the `keep_last` that were started last stay.

        With `executions` the instances stay, and lose the histories of all executions but the last
        `keep_last` (1).
        """
        return self._change(
            "prune", reason, filter=(filter or InstanceFilter()).to_wire(),
            endedBefore=moment(ended_before, "ended_before"),
            olderThanMS=None if older_than is None else options.milliseconds(older_than, "older_than", 0),
            keepLast=keep_last, executions=executions or None, dryRun=dry_run or None, limit=limit,
            cursor=cursor,
        )  # fmt: skip

    def _change(self, operation: str, reason: str, **members: Any) -> ChangeReport:
        return ChangeReport.of_wire(self._ask(operation, reason, **members))

    # ---- Activities ------------------------------------------------------------------------------

    def retry_activity(
        self, instance: str, action: int, *, execution: Optional[int] = None, reason: str = ""
    ) -> None:
        """The next attempt of a pending activity begins now: a pause is over, an attempt that runs somewhere
        or was deferred is given up. `action`: its number, as descriptions and history have it. Raises Stale
        when there is no such pending activity; of the current execution if `execution` is not given.
        """
        self._ask("retryActivity", reason, instance=instance, action=action, execution=execution)

    def complete_activity(
        self, instance: str, action: int, result: Any = None, *, execution: Optional[int] = None,
        reason: str = "",
    ) -> None:  # fmt: skip
        """Ends a pending activity by hand, with a result; whoever runs it is told that it is not wanted."""
        # The result null is a result: members that are None are left out, and null stands for none.
        self._ask("completeActivity", reason, instance=instance, action=action, execution=execution,
                  result=result)  # fmt: skip

    def fail_activity(
        self, instance: str, action: int, failure: Union[Failure, BaseException], *,
        non_retryable: bool = True, execution: Optional[int] = None, reason: str = "",
    ) -> None:  # fmt: skip
        """The same with a failure. With `non_retryable=False` it is the failure of an attempt: the retry
        policy decides whether another one follows."""
        if isinstance(failure, Failure):
            wire = _failures.to_wire(failure)
        elif isinstance(failure, BaseException):
            wire = _failures.of_exception(failure)
        else:
            raise InvalidArgument(f"A failure is a Failure or an exception, not {failure!r}.")
        self._ask("failActivity", reason, instance=instance, action=action, execution=execution, failure=wire,
                  nonRetryable=non_retryable)  # fmt: skip


def _grace(grace: Optional[Seconds]) -> Optional[int]:
    return None if grace is None else options.milliseconds(grace, "grace", 0)
