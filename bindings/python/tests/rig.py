"""A store on SQLite with one runtime, which a test can restart in the middle."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Callable, Sequence

import perdure

#: Seconds that anything may take before a test gives up on it.
WAIT = 20.0


class Rig:
    """`client` and `runtime` change with each restart."""

    def __init__(self, path: Path, definitions: Sequence[Any], **options: Any) -> None:
        self.url = "memory:" if options.pop("memory", False) else f"sqlite:{path / 'test.sqlite'}"
        self.limits = options.pop("limits", None)
        self.options = options
        self.is_open = False
        self.start(definitions)

    def start(self, definitions: Sequence[Any]) -> None:
        """On the store that is open; opens it if none is."""
        if not self.is_open:
            self.store = perdure.Store(self.url, limits=self.limits)
            self.is_open = True
        self.definitions = definitions
        self.runtime = perdure.Runtime(self.store, definitions, **self.options).start()
        self.client = perdure.Client(self.store)

    def stop(self, *, keeps_store: bool = False) -> None:
        self.client.close()
        self.runtime.stop(0)
        if not keeps_store:
            self.store.close()
            self.is_open = False

    def restart(self, *definitions: Any) -> None:
        """Stops without grace and begins again on the file, or on what is in memory; with other code, if
        given."""
        self.stop(keeps_store=self.url == "memory:")
        self.start(definitions or self.definitions)

    def run(self, orchestration: Any, *arguments: Any, **options: Any) -> Any:
        """Starts an instance and returns its result."""
        return self.client.result(self.client.start(orchestration, *arguments, **options), WAIT)

    def until(self, condition: Callable[[], Any]) -> Any:
        """Waits for something that nothing announces. Returns what came true."""
        deadline = time.monotonic() + WAIT
        while True:
            found = condition()
            if found or time.monotonic() > deadline:
                assert found, "it did not come true"
                return found
            time.sleep(0.005)

    def until_history(self, instance: str, kind: str) -> dict[str, Any]:
        """Waits until the history has an event of that kind; returns it."""

        def find() -> Any:
            return next((each for each in self.client.history(instance) if each["kind"] == kind), None)

        event: dict[str, Any] = self.until(find)
        return event

    def kinds(self, instance: str) -> list[str]:
        return [event["kind"] for event in self.client.history(instance)]
