"""For tests of orchestrations, and for continuous integration. See docs/guides/testing.md and replay.md."""

from .environment import TestEnvironment
from .preflight import PreflightGroup, PreflightReport, preflight
from .replay import ReplayReport, replay
from .stubs import NEVER, ActivityCall, NotRegistered, Stub

__all__ = [
    "NEVER",
    "ActivityCall",
    "NotRegistered",
    "PreflightGroup",
    "PreflightReport",
    "ReplayReport",
    "Stub",
    "TestEnvironment",
    "preflight",
    "replay",
]
