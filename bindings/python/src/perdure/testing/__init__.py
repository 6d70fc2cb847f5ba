"""For tests of orchestrations. See docs/guides/testing.md."""

from .environment import TestEnvironment
from .stubs import NEVER, ActivityCall, NotRegistered, Stub

__all__ = ["NEVER", "ActivityCall", "NotRegistered", "Stub", "TestEnvironment"]
