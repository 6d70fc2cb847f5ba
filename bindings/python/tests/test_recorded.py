"""What earlier versions wrote: their histories replay, their stores open and go on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from recorded import DEFINITIONS, OPEN, WAIT

import perdure
from perdure.testing import preflight, replay

pytestmark = pytest.mark.library

RECORDED = Path(__file__).parents[3] / "Tests" / "Vectors" / "recorded"
FOLDERS = sorted(folder for folder in RECORDED.iterdir() if folder.is_dir())
HISTORIES = [path for folder in FOLDERS for path in sorted(folder.glob("*.jsonl"))]

#: As the first schema had them. A history that was recorded once is not recorded anew.
KINDS = {
    "ActivityCompleted", "ActivityFailed", "ActivityScheduled", "CallAnswered", "CallAwaited", "CallReceived",
    "CancelInstanceRequested", "CancellationRequested", "CustomStatusUpdated",
    "DetachedOrchestrationScheduled",
    "EnqueueRequested", "EventRaised", "EventSubscribed", "EventSubscriptionCancelled", "KVAllCleared",
    "KVCleared", "KVReadRequested", "KVSet", "OrchestrationCancelled", "OrchestrationCompleted",
    "OrchestrationContinuedAsNew", "OrchestrationFailed", "OrchestrationStarted", "OrchestrationTerminated",
    "PatchRecorded", "Published", "QueueMessageReceived", "QueueSubscribed", "RaiseEventRequested",
    "RequestCompleted", "RequestFailed", "SubOrchestrationCompleted", "SubOrchestrationFailed",
    "SubOrchestrationScheduled", "TimerCreated", "TimerFired", "TopicAwaited", "TopicMessageReceived",
    "TopicSubscribed", "TopicUnsubscribed",
}  # fmt: skip


def test_there_are_recordings_of_all_kinds() -> None:
    text = "".join(path.read_text() for path in HISTORIES)
    assert not [kind for kind in KINDS if f'"kind":"{kind}"' not in text]


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_recorded_history_replays(path: Path) -> None:
    replay(path.read_text(), DEFINITIONS).raise_if_different()


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_recorded_instance_is_imported(path: Path) -> None:
    expected = json.loads((path.parent / "expected.json").read_text())
    with perdure.Store("memory:") as store, perdure.Client(store) as client:
        imported = client.management().import_instances(path.read_text())
        assert path.stem in imported
        for instance in imported:
            assert client.describe(instance).event_count == expected[instance]["events"]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_recorded_store_opens_and_goes_on(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    shutil.copy(folder / "store.sqlite", path)
    url = f"sqlite:{path}"
    expected = json.loads((folder / "expected.json").read_text())
    assert preflight(url, DEFINITIONS).is_clean
    with perdure.Store(url) as store, perdure.Client(store) as client:
        found = {
            row.instance: {"status": row.status, "output": row.output, "events": row.event_count}
            for row in client.list()
        }
        assert found == expected
        with perdure.Runtime(store, DEFINITIONS, activity_tags="any"):
            client.resume("open-suspended")
            for instance, output in OPEN.items():
                client.raise_event(instance, "word", "go")
                assert client.result(instance, timeout=WAIT) == output
            client.raise_event("kept", "done", "enough")
            assert client.result("kept", timeout=WAIT) == "enough"
