"""A provider with one runtime, which a test can restart in the middle."""

from __future__ import annotations

import itertools
import time
from pathlib import Path
from typing import Any, Callable, Dict, Mapping, Optional

from perdure.duroxide import Client, OrchestrationResult, Runtime, RuntimeOptions, SqliteProvider

#: Milliseconds that anything may take before a test gives up on it.
WAIT = 20_000

Functions = Mapping[str, Callable[..., Any]]


class World:
    """`client` and `runtime` change with each restart, on a file the provider, too."""

    def __init__(
        self, path: Path, orchestrations: Functions, activities: Functions,
        options: Optional[RuntimeOptions] = None, *, memory: bool = False, start: bool = True,
    ) -> None:  # fmt: skip
        """The name of an orchestration may have a version: "Order@2.0.0"."""
        self._file = None if memory else path / "state" / "test.db"
        self._names = itertools.count(1)
        self._functions: Dict[str, Any] = {"orchestrations": orchestrations, "activities": activities}
        self.options = options
        self.provider = self._open()
        self.client = Client(self.provider)
        self.runtime = self.make_runtime(**self._functions)
        if start:
            self.runtime.start()

    def _open(self) -> SqliteProvider:
        return SqliteProvider.in_memory() if self._file is None else SqliteProvider.open(str(self._file))

    def make_runtime(
        self, orchestrations: Functions = {}, activities: Functions = {},  # noqa: B006
        options: Optional[RuntimeOptions] = None,
    ) -> Runtime:  # fmt: skip
        runtime = Runtime(self.provider, options or self.options)
        for name, function in activities.items():
            runtime.register_activity(name, function)
        for name, function in orchestrations.items():
            bare, _, version = name.partition("@")
            if version:
                runtime.register_orchestration_versioned(bare, version, function)
            else:
                runtime.register_orchestration(bare, function)
        return runtime

    def stop(self) -> None:
        self.runtime.shutdown(0)
        self.client._client.close()
        if self._file is not None:
            self.provider.store.close()

    def restart(self, **functions: Functions) -> None:
        """On the file, or on what is in memory; with other code, if given."""
        self.stop()
        self._functions.update(functions)
        if self._file is not None:
            self.provider = self._open()
        self.client = Client(self.provider)
        self.runtime = self.make_runtime(**self._functions)
        self.runtime.start()

    def start(self, name: str, input: Any = None) -> str:
        """Starts an instance under a new id, which it returns."""
        instance = f"{name}-{next(self._names)}"
        self.client.start_orchestration(instance, name, input)
        return instance

    def wait(self, instance: str) -> OrchestrationResult:
        return self.client.wait_for_orchestration(instance, WAIT)

    def run(self, name: str, input: Any = None) -> OrchestrationResult:
        return self.wait(self.start(name, input))

    def output(self, name: str, input: Any = None) -> Any:
        """Of a new instance, which must complete."""
        result = self.run(name, input)
        assert result.status == "Completed", result.error
        return result.output

    def status(self, instance: str, text: str) -> None:
        """Waits until the custom status is that."""
        version = 0
        while True:
            found = self.client.wait_for_status_change(instance, version, 50, WAIT)
            if found.custom_status == text:
                return
            assert found.status == "Running", found
            version = found.custom_status_version

    def until(self, condition: Callable[[], Any]) -> Any:
        """Waits for something that nothing announces. Returns what came true."""
        deadline = time.monotonic() + WAIT / 1000
        while True:
            found = condition()
            if found or time.monotonic() > deadline:
                assert found, "it did not come true"
                return found
            time.sleep(0.005)

    def kinds(self, instance: str, execution: int = 1) -> list[str]:
        return [each.kind for each in self.client.read_execution_history(instance, execution)]
