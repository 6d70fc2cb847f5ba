"""The orchestrations of the conformance kit (docs/kit.md), run with asyncio."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta, timezone
from typing import Any, Awaitable, Dict, List, Mapping

from kit_expressions import CAUGHT, Block, Program, Return, Scope, described

import perdure

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Orchestration(Program):
    """One run of the code of an orchestration. `do_` and the name of a step does it; work is awaited."""

    def __init__(self, context: perdure.OrchestrationContext) -> None:
        self.context = context
        self.calls: Dict[str, Any] = {}

    async def run(self, block: Block, value: Any) -> Any:
        try:
            return await self.block(block, Scope(None, input=value))
        except Return as end:
            return end.value

    async def block(self, block: Block, scope: Scope) -> Any:
        value = None
        for step in block:
            value = getattr(self, f"do_{self.operation(step)}")(step, scope)
            if isinstance(value, Awaitable):
                value = await value
            if "as" in step:
                scope.set(step["as"], value)
        return value

    def function(self, name: str, value: Any) -> Any:
        context = self.context
        if name == "$kv":
            return context.kv.get(value)
        if name == "$kvKeys":
            return context.kv.keys()
        if name == "$kvAll":
            return context.kv.all()
        if name == "$now":
            return context.now_ms
        if name == "$late":
            return context.should_continue_as_new
        if name == "$self":
            parent = context.parent
            return {
                "instance": context.instance_id,
                "execution": context.execution_id,
                "name": context.name,
                "version": context.version,
                "parent": parent.instance if parent else None,
            }[value]
        return super().function(name, value)

    # ---- Work and messages -----------------------------------------------------------------------

    def do_activity(self, step: Dict[str, Any], scope: Scope) -> Any:
        given = dict(step.get("options") or {})
        options: Dict[str, Any] = {
            key: given.pop(key) for key in ("tag", "session", "priority") if key in given
        }
        retry = given.pop("retry", None)
        if retry is not None:
            names = {"maxAttempts": "max_attempts", "nonRetryable": "non_retryable"}
            options["retry"] = perdure.RetryPolicy(**_durations(retry, names))
        options.update(_durations(given, {}))
        return self.context.activity(step["activity"], self.value(step.get("with"), scope), **options)

    def do_child(self, step: Dict[str, Any], scope: Scope) -> Any:
        return self.context.sub_orchestration(
            step["child"], self.value(step.get("with"), scope), version=step.get("version"),
            instance=self.value(step.get("instance"), scope), close_policy=step.get("closePolicy"),
        )  # fmt: skip

    def do_detached(self, step: Dict[str, Any], scope: Scope) -> str:
        return self.context.start_detached(
            step["detached"], self.value(step.get("with"), scope), version=step.get("version"),
            instance=self.value(step.get("instance"), scope),
        )  # fmt: skip

    def do_sleep(self, step: Dict[str, Any], scope: Scope) -> Any:
        return asyncio.sleep(step["sleep"] / 1000)

    def do_event(self, step: Dict[str, Any], scope: Scope) -> Any:
        return self.context.wait_for_event(step["event"])

    def do_queue(self, step: Dict[str, Any], scope: Scope) -> Any:
        return self.context.dequeue(step["queue"])

    def do_topic(self, step: Dict[str, Any], scope: Scope) -> Any:
        return self.context.wait_for_topic(step["topic"])

    def do_subscribe(self, step: Dict[str, Any], scope: Scope) -> None:
        self.context.subscribe(step["subscribe"])

    def do_unsubscribe(self, step: Dict[str, Any], scope: Scope) -> None:
        self.context.unsubscribe(step["unsubscribe"])

    def do_publish(self, step: Dict[str, Any], scope: Scope) -> None:
        self.context.publish(step["publish"], self.value(step.get("with"), scope))

    def do_raise(self, step: Dict[str, Any], scope: Scope) -> Any:
        to, data = self.value(step["to"], scope), self.value(step.get("with"), scope)
        return self.context.raise_event(to, step["raise"], data, step.get("keep", False))

    def do_enqueue(self, step: Dict[str, Any], scope: Scope) -> Any:
        to, data = self.value(step["to"], scope), self.value(step.get("with"), scope)
        return self.context.enqueue(to, step["enqueue"], data, step.get("keep", False))

    def do_cancelInstance(self, step: Dict[str, Any], scope: Scope) -> Any:
        return self.context.cancel_instance(self.value(step["cancelInstance"], scope), step.get("reason", ""))

    def do_readKV(self, step: Dict[str, Any], scope: Scope) -> Any:
        return self.context.read_kv(self.value(step["of"], scope), step["readKV"])

    async def do_nextCall(self, step: Dict[str, Any], scope: Scope) -> Any:
        call = self.calls[step["as"]] = await self.context.next_call(step["nextCall"])
        return call.input

    def do_answer(self, step: Dict[str, Any], scope: Scope) -> None:
        self.calls[step["answer"]].answer(self.value(step.get("with"), scope))

    def do_reject(self, step: Dict[str, Any], scope: Scope) -> None:
        self.calls[step["reject"]].reject(step["why"])

    def do_serve(self, step: Dict[str, Any], scope: Scope) -> None:
        async def handle(value: Any) -> Any:
            try:
                return await self.block(step["do"], Scope(scope, input=value))
            except Return as end:
                return end.value

        def check(value: Any) -> None:
            if not self.value(step.get("check", True), Scope(scope, input=value)):
                raise ValueError(step["why"])

        self.context.on_call(step["serve"], handle, check)

    def do_onQuery(self, step: Dict[str, Any], scope: Scope) -> None:
        answer = lambda value: self.value(step["gives"], Scope(scope, input=value))  # noqa: E731
        self.context.on_query(step["onQuery"], answer)

    # ---- Composition -----------------------------------------------------------------------------

    async def _all(self, branches: List[Awaitable[Any]]) -> Any:
        tasks = [asyncio.ensure_future(each) for each in branches]
        try:
            return list(await asyncio.gather(*tasks))
        except Exception:
            await _end(tasks)
            raise

    def do_all(self, step: Dict[str, Any], scope: Scope) -> Any:
        return self._all([self.block(each, Scope(scope)) for each in step["all"]])

    def do_each(self, step: Dict[str, Any], scope: Scope) -> Any:
        elements = self.value(step["each"], scope)
        return self._all([self.block(step["do"], Scope(scope, **{step["item"]: each})) for each in elements])

    async def do_race(self, step: Dict[str, Any], scope: Scope) -> Any:
        tasks = [asyncio.create_task(self.block(each, Scope(scope))) for each in step["race"]]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        index = next(index for index, task in enumerate(tasks) if task.done())
        await _end(tasks[:index] + tasks[index + 1 :])
        return {"index": index, "value": tasks[index].result()}

    def do_timeout(self, step: Dict[str, Any], scope: Scope) -> Any:
        return asyncio.wait_for(self.block(step["do"], Scope(scope)), step["timeout"] / 1000)

    async def do_during(self, step: Dict[str, Any], scope: Scope) -> Any:
        task = asyncio.create_task(self.block(step["during"], Scope(scope)))
        try:
            return await self.block(step["do"], Scope(scope))
        finally:
            await _end([task])

    # ---- Control ---------------------------------------------------------------------------------

    def do_if(self, step: Dict[str, Any], scope: Scope) -> Any:
        return self.block(step["then"] if self.value(step["if"], scope) else step.get("else", []), scope)

    async def do_repeat(self, step: Dict[str, Any], scope: Scope) -> None:
        for index in range(self.value(step["repeat"], scope)):
            if "item" in step:
                scope.set(step["item"], index)
            await self.block(step["do"], scope)

    async def do_while(self, step: Dict[str, Any], scope: Scope) -> None:
        while self.value(step["while"], scope):
            await self.block(step["do"], scope)

    async def do_try(self, step: Dict[str, Any], scope: Scope) -> Any:
        try:
            return await self.block(step["try"], scope)
        except CAUGHT as caught:
            catch, error = step.get("catch"), described(caught)
            if catch is None or error["type"] not in catch.get("types", [error["type"]]):
                raise
            if "error" in catch:
                scope.set(catch["error"], error)
            return await self.block(catch["do"], scope)
        except asyncio.CancelledError:
            if "cancelled" not in step:
                raise
            value = await self.block(step["cancelled"], scope)
            if not step.get("survives"):
                raise
            return value
        finally:
            await self.block(step.get("finally", []), scope)

    def do_continueAsNew(self, step: Dict[str, Any], scope: Scope) -> Any:
        self.context.continue_as_new(self.value(step["continueAsNew"], scope), version=step.get("version"))

    # ---- State -----------------------------------------------------------------------------------

    def do_status(self, step: Dict[str, Any], scope: Scope) -> None:
        self.context.set_custom_status(self.value(step["status"], scope))

    def do_kvSet(self, step: Dict[str, Any], scope: Scope) -> None:
        self.context.kv.set(self.value(step["kvSet"], scope), self.value(step["to"], scope))

    def do_kvClear(self, step: Dict[str, Any], scope: Scope) -> None:
        self.context.kv.clear(self.value(step["kvClear"], scope))

    def do_kvClearAll(self, step: Dict[str, Any], scope: Scope) -> None:
        self.context.kv.clear_all()

    def do_kvPruneBefore(self, step: Dict[str, Any], scope: Scope) -> int:
        before = EPOCH + timedelta(milliseconds=self.value(step["kvPruneBefore"], scope))
        return self.context.kv.prune_before(before)

    def do_patched(self, step: Dict[str, Any], scope: Scope) -> bool:
        return self.context.patched(step["patched"])

    def do_deprecatePatch(self, step: Dict[str, Any], scope: Scope) -> None:
        self.context.deprecate_patch(step["deprecatePatch"])

    def do_random(self, step: Dict[str, Any], scope: Scope) -> float:
        return self.context.random()

    def do_guid(self, step: Dict[str, Any], scope: Scope) -> str:
        return str(self.context.new_guid())

    def do_log(self, step: Dict[str, Any], scope: Scope) -> None:
        self.context.log.info(step["log"])

    def do_metric(self, step: Dict[str, Any], scope: Scope) -> None:
        self.context.metric(step["metric"], step["by"])


async def _end(tasks: List[Any]) -> None:
    """Cancels tasks and waits until they have ended."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _durations(given: Mapping[str, Any], names: Dict[str, str]) -> Dict[str, Any]:
    """Members in milliseconds as arguments in seconds: `startToCloseMS` as `start_to_close`."""
    arguments: Dict[str, Any] = {}
    for key, value in given.items():
        if key.endswith("MS"):
            words = "".join(f"_{each.lower()}" if each.isupper() else each for each in key[:-2])
            arguments[words] = value / 1000
        else:
            arguments[names.get(key, key)] = value
    return arguments
