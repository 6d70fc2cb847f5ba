"""What a power cut may have left of a folder, told from the journal of shim/power.c.

A file keeps what was written before a sync of it began that has ended; an entry of the folder (made,
removed, renamed) what was done before such a sync of the folder. Of all else anything may be there or
not, as the policy has it:

    none     nothing of it
    prefix   everything up to some operation
    subset   each operation or not, by chance
    torn     as subset, but of each write each 512-byte sector or not
"""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

POLICIES = ("none", "prefix", "subset", "torn")
SECTOR = 512
CREATE, WRITE, TRUNCATE, SYNC_BEGIN, SYNC_END, UNLINK, RENAME, NOTE = range(1, 9)
RECORD = struct.Struct("=IIQQQ")


@dataclass(frozen=True)
class Operation:
    kind: int
    name: str
    file: int
    offset: int
    data: bytes

    @property
    def is_of_folder(self) -> bool:
        return self.kind in (CREATE, UNLINK, RENAME)


def journal(path: Path) -> list[Operation]:
    """The operations, in order. What was cut off in the middle is left out."""
    return [*_parse(path.read_bytes())] if path.exists() else []


def _parse(whole: bytes) -> Iterator[Operation]:
    at = 0
    # A new file may get the number of one that was removed.
    numbers: dict[int, int] = {}
    made = 1 << 64
    while at + RECORD.size <= len(whole):
        kind, name_size, file, offset, size = RECORD.unpack_from(whole, at)
        at += RECORD.size
        has_data = kind in (WRITE, RENAME, NOTE)
        end = at + name_size + (size if has_data else 0)
        if end > len(whole):
            return
        if kind == CREATE:
            made += 1
            numbers[file] = made
        name, data = whole[at : at + name_size].decode(), whole[at + name_size : end]
        yield Operation(kind, name, numbers.get(file, file), offset, data)
        at = end


@dataclass
class Folder:
    """What is sure to be there, and what was done since."""

    entries: dict[str, int] = field(default_factory=dict)
    contents: dict[int, bytearray] = field(default_factory=dict)
    # Not synced, in order.
    pending: list[Operation] = field(default_factory=list)
    # Which of them a sync under way covers.
    _tickets: dict[int, int] = field(default_factory=dict)
    _count: int = 0

    @staticmethod
    def of(folder: Path) -> Folder:
        """As it lies there; taken for synced."""
        image = Folder()
        for path in folder.iterdir():
            if not path.name.endswith("-shm"):
                number = path.stat().st_ino
                image.entries[path.name] = number
                image.contents[number] = bytearray(path.read_bytes())
        return image

    def copy(self) -> Folder:
        contents = {file: bytearray(content) for file, content in self.contents.items()}
        return Folder(dict(self.entries), contents, list(self.pending), dict(self._tickets), self._count)

    def add(self, operation: Operation) -> None:
        if operation.kind == SYNC_BEGIN:
            self._tickets[operation.offset] = len(self.pending)
        elif operation.kind == SYNC_END:
            self._keep(operation.file, self._tickets.pop(operation.offset, 0))
        elif operation.kind != NOTE:
            self.pending.append(operation)

    def _keep(self, file: int, upto: int) -> None:
        """A sync of the file (0: the folder) has ended; it covers what was pending before `upto`."""
        left: list[Operation] = []
        moved = dict.fromkeys(self._tickets, 0)
        for index, operation in enumerate(self.pending):
            covers = operation.file == file and not operation.is_of_folder
            if index < upto and (operation.is_of_folder if file == 0 else covers):
                apply(operation, self.entries, self.contents)
                for ticket, limit in self._tickets.items():
                    moved[ticket] += index < limit
            else:
                left.append(operation)
        for ticket, count in moved.items():
            self._tickets[ticket] -= count
        self.pending = left

    def cut(self, policy: str, chance: random.Random) -> dict[str, bytes]:
        """The files after a power cut now. Does not change this."""
        left = self.copy()
        for operation in _surviving(self.pending, policy, chance):
            apply(operation, left.entries, left.contents)
        return {name: bytes(left.contents.get(file, b"")) for name, file in left.entries.items()}


def _surviving(pending: list[Operation], policy: str, chance: random.Random) -> list[Operation]:
    if policy == "none":
        return []
    if policy == "prefix":
        return pending[: chance.randint(0, len(pending))]
    share = chance.choice((0.1, 0.5, 0.9))
    survivors = []
    for operation in pending:
        if policy == "torn" and operation.kind == WRITE:
            survivors += [part for part in sectors(operation) if chance.random() < share]
        elif chance.random() < share:
            survivors.append(operation)
    return survivors


def sectors(write: Operation) -> Iterator[Operation]:
    """The parts of a write that a device writes whole."""
    at, end = write.offset, write.offset + len(write.data)
    while at < end:
        stop = min(end, (at // SECTOR + 1) * SECTOR)
        yield Operation(WRITE, "", write.file, at, write.data[at - write.offset : stop - write.offset])
        at = stop


def apply(operation: Operation, entries: dict[str, int], contents: dict[int, bytearray]) -> None:
    if operation.kind == CREATE:
        entries[operation.name] = operation.file
        contents.setdefault(operation.file, bytearray())
    elif operation.kind == UNLINK:
        entries.pop(operation.name, None)
    elif operation.kind == RENAME:
        moved = entries.pop(operation.name, None)
        if moved is not None:
            entries[operation.data.decode()] = moved
    else:
        content = contents.setdefault(operation.file, bytearray())
        size = operation.offset + len(operation.data)
        if len(content) < size:
            content.extend(bytes(size - len(content)))
        if operation.kind == TRUNCATE:
            del content[size:]
        else:
            content[operation.offset : size] = operation.data
