"""Locks of the whole process, for a process that forks."""

from __future__ import annotations

import os
from typing import Any, Protocol, TypeVar


class Lock(Protocol):
    def acquire(self) -> Any: ...
    def release(self) -> None: ...


AnyLock = TypeVar("AnyLock", bound=Lock)


def held_at_forks(lock: AnyLock) -> AnyLock:
    """The lock, which no other thread has while this process forks: a child would wait for that thread for
    ever. For what is held for moments.
    """
    os.register_at_fork(before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release)
    return lock
