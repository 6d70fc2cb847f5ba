"""Damages the files of a store, then opens it and works on it.

    Tests/chaos/damaged_files.py [--flips 300] [--seed N]

Whatever was done to it: the answer comes within two seconds and names path and cause, or the store opens and
each instance ends right or says what is wrong; nothing crashes, nothing hangs, and files of others stay as
they are. SQLite's database pages have no checksums: a flipped bit in the middle of somebody's text is that
text from then on. Such changes are counted, not judged.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import victims
from judge import Verdicts
from victims import Answer, Judge, Templates

MARK = 0x4458_7064


class Damage:
    """A folder of its own for each case."""

    def __init__(self, folder: Path, templates: Templates, judge: Judge, verdicts: Verdicts) -> None:
        self.folder = folder
        self.templates = templates
        self.judge = judge
        self.verdicts = verdicts
        self._count = 0

    def place(self) -> Path:
        self._count += 1
        return self.folder / f"case-{self._count}"

    def store(self, template: str = "closed") -> Path:
        return self.templates.copy(template, self.place())

    def refused(self, name: str, path: Path, cause: str, untouched: bool = True) -> None:
        """Judges that the store is refused, with a word of the cause in the error."""
        before = files(path)
        answer, wrong = self.judge.ask(str(path))
        if not answer.is_refused:
            wrong.append(f"it opened: {Counter(answer.instances.values())}")
        elif cause not in answer.error:
            wrong.append(f"the error does not say '{cause}': {answer.error}")
        if untouched and files(path) != before:
            wrong.append("its files were changed")
        self.verdicts.check(f"{name} is refused ({answer.seconds * 1000:.0f} ms)", wrong)

    def opens(self, name: str, path: Path, is_new: bool = False) -> None:
        """Judges that the store opens, and that its instances end right; a new one has none."""
        answer, wrong = self.judge.ask(str(path))
        if answer.is_refused:
            wrong.append(f"it is refused: {answer.error}")
        state = "not found" if is_new else "right"
        wrong += [f"{one} is {what}" for one, what in answer.instances.items() if not what.startswith(state)]
        self.verdicts.check(name, wrong)


def files(path: Path) -> dict[str, bytes]:
    """Everything that lies beside the path, and it."""
    if not os.path.isdir(path.parent):
        return {}
    return {one.name: one.read_bytes() for one in path.parent.iterdir() if one.is_file()}


def log_of(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


# ---- What stands at the path --------------------------------------------------------------------------


def strangers(damage: Damage) -> None:
    """Things that are no stores."""
    directory = damage.place()
    directory.mkdir()
    damage.refused("a directory", directory, "directory")
    damage.refused("a missing folder", damage.place() / "none" / "store.sqlite", "does not exist")
    for name, content in {
        "garbage": random.Random(7).randbytes(100_000),
        "a text file": b"To whom it may concern,\n" * 300,
        "one byte": b"S",
        "NUL bytes": bytes(8_192),
        "the magic alone": b"SQLite format 3\0",
    }.items():
        path = damage.place() / "store.sqlite"
        path.parent.mkdir()
        path.write_bytes(content)
        damage.refused(name, path, "not an SQLite database")
    pipe = damage.place()
    os.mkfifo(pipe)
    damage.refused("a FIFO", pipe, "regular file")
    damage.refused("a device", Path("/dev/zero"), "regular file", untouched=False)
    loop = damage.place()
    loop.symlink_to(loop)
    damage.refused("a link to itself", loop, "symbolic links")
    empty = damage.place()
    empty.touch()
    damage.opens("an empty file becomes a store", empty, is_new=True)
    to_nothing = damage.place()
    to_nothing.mkdir()
    link = to_nothing / "link.sqlite"
    link.symlink_to(to_nothing / "store.sqlite")
    damage.opens("a link to nothing yet is followed", link, is_new=True)
    linked = damage.store("killed")
    link = linked.with_name("link.sqlite")
    link.symlink_to(linked)
    damage.opens("a link to a store with a log is followed, and the log found", link)


def foreign(damage: Damage) -> None:
    """Databases of others, and of other versions."""

    def database(script: str, stays_open: bool = False) -> Path:
        path = damage.place() / "store.sqlite"
        path.parent.mkdir()
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.executescript(script)
            if stays_open:
                # As a killed process leaves it: with its log.
                shutil.copytree(path.parent, path.parent.with_suffix(".copy"))
        return path.parent.with_suffix(".copy") / path.name if stays_open else path

    table = "CREATE TABLE instances(id INTEGER PRIMARY KEY, host TEXT); INSERT INTO instances VALUES(1, 'a');"
    another = "another application"
    damage.refused("an application with a table 'instances'", database(table), another)
    wal = "PRAGMA journal_mode=WAL;"
    damage.refused("one that uses WAL", database(wal + table), another)
    damage.refused("one whose tables are in its log only", database(wal + table, stays_open=True), another)
    damage.refused(
        "one of another application_id", database(f"PRAGMA application_id={MARK + 1};" + table), another
    )
    damage.refused(
        "one that has our user_version", database("PRAGMA user_version=1; PRAGMA encoding='UTF-16';" + table),
        another,
    )  # fmt: skip
    damage.refused("one with our mark and its own tables", database(
        f"PRAGMA application_id={MARK};" + table), "schema", untouched=False)  # fmt: skip
    for version in (-1, 99, 2**31 - 1):
        newer = damage.store()
        with closing(sqlite3.connect(newer)) as connection:
            connection.execute(f"PRAGMA user_version={version}")
        damage.refused(f"schema {version}", newer, f"schema {version}")
    gone = damage.store()
    with closing(sqlite3.connect(gone)) as connection:
        connection.execute("DROP TABLE history")
    damage.refused("a store without its table 'history'", gone, "history", untouched=False)
    column = damage.store()
    with closing(sqlite3.connect(column)) as connection:
        connection.execute("ALTER TABLE instances RENAME COLUMN revision TO revised")
    damage.refused("a store with a renamed column", column, "revision", untouched=False)


# ---- Damaged stores -----------------------------------------------------------------------------------


def truncated(damage: Damage) -> None:
    size = (damage.templates.folder / "closed" / "store.sqlite").stat().st_size
    lengths = [1, 16, 99, 100, 511, 512, 4_095, 4_096, 4_097, 8_192, size // 2, size - 4_096, size - 1]
    for length in lengths:
        path = damage.store()
        os.truncate(path, length)
        cause = "not an SQLite database" if length < 100 else "truncated"
        damage.refused(f"a database cut to {length} of {size} bytes", path, cause)
    path = damage.store()
    os.truncate(path, 0)
    damage.opens("a database cut to nothing is a new store", path, is_new=True)
    for length in (0, 100, 4_096, size // 2):
        path = damage.store("killed")
        full = path.stat().st_size
        os.truncate(path, min(length, full - 1))
        answer, wrong = damage.judge.ask(str(path))
        if not answer.is_refused:
            wrong += [f"{one} is {what}" for one, what in answer.instances.items() if what != "right"]
        end = "is refused" if answer.is_refused else "is whole again from its log"
        damage.verdicts.check(f"a database cut to {length} bytes beside its log {end}", wrong)


def logs(damage: Damage, seed: int) -> None:
    """The log has checksums: what does not fit ends it, and what was before is there."""
    randomness = random.Random(seed)
    size = log_of(damage.templates.folder / "killed" / "store.sqlite").stat().st_size

    def damaged(name: str, change: Callable[[Path], None], all_right: bool = False) -> None:
        path = damage.store("killed")
        change(log_of(path))
        answer, wrong = damage.judge.ask(str(path))
        wrong += answer.silently(but="not found")
        if all_right and (answer.is_refused or {*answer.instances.values()} != {"right"}):
            wrong.append(f"not all is there: {answer.error or Counter(answer.instances.values())}")
        states = Counter("right" if what == "right" else "not there" for what in answer.instances.values())
        end = "refused" if answer.is_refused else ", ".join(f"{n} {what}" for what, n in states.items())
        damage.verdicts.check(f"{name}: {end}", wrong)

    for length in (0, 1, 31, 32, 33, size // 2, size - 1):
        damaged(f"a log cut to {length} of {size} bytes", lambda log, n=length: os.truncate(log, n))
    garbage = randomness.randbytes(10_000)
    damaged("a log with garbage behind it", lambda log: append(log, garbage), all_right=True)
    damaged("a log of garbage", lambda log: log.write_bytes(garbage) and None)
    damaged("a log with a garbage header", lambda log: flip(log, range(32), randomness))
    other = damage.store("killed")
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE other(x)")
    stranger = damage.place()
    stranger.mkdir()
    with closing(sqlite3.connect(stranger / "other.sqlite", isolation_level=None)) as connection:
        connection.executescript("PRAGMA journal_mode=WAL; CREATE TABLE t(x); INSERT INTO t VALUES(7);")
        content = log_of(stranger / "other.sqlite").read_bytes()
    damaged("the log of another database", lambda log: log.write_bytes(content) and None)
    damaged("no log (what was in it is gone: nobody can know)", lambda log: log.unlink())
    for name, shm in {"garbage": garbage[:32_768], "NUL bytes": bytes(32_768), "nothing": b""}.items():
        path = damage.store("killed")
        path.with_name(path.name + "-shm").write_bytes(shm)
        damage.opens(f"a -shm of {name} is made anew, and all is there", path)


def append(path: Path, what: bytes) -> None:
    with path.open("ab") as file:
        file.write(what)


def flip(path: Path, among: range, randomness: random.Random, bits: int = 1) -> None:
    """Flips random bits among the bytes of a range."""
    content = bytearray(path.read_bytes())
    for _ in range(bits):
        content[randomness.choice(among)] ^= 1 << randomness.randrange(8)
    path.write_bytes(content)


def flips(damage: Damage, count: int, seed: int) -> None:
    """Bits of header, pages and log."""
    size = (damage.templates.folder / "closed" / "store.sqlite").stat().st_size
    logged = log_of(damage.templates.folder / "killed" / "store.sqlite").stat().st_size
    kinds: dict[str, tuple[str, range, int]] = {
        "one bit of the header": ("database", range(100), 1),
        "one bit of the first page": ("database", range(100, 4_096), 1),
        "one bit of any page": ("database", range(100, size), 1),
        "32 bits of any page": ("database", range(100, size), 32),
        "one bit of the log": ("log", range(logged), 1),
    }
    for name, (where, among, bits) in kinds.items():
        ends: Counter[str] = Counter()
        wrong: list[str] = []
        slowest = 0.0
        for number in range(count // len(kinds)):
            case = f"{seed}/{name}/{number}"
            path = damage.store("closed" if where == "database" else "killed")
            flip(path if where == "database" else log_of(path), among, random.Random(case), bits)
            answer, found = damage.judge.ask(str(path))
            slowest = max(slowest, answer.seconds)
            # Of the log its checksums end it there; nobody can know what followed.
            lost = "Completed" if where == "database" else "not found"
            silent = answer.silently(but=lost)
            ends[end_of(answer, len(silent) < len(answer.silent))] += 1
            wrong += [f"{case}: {what}" for what in found + silent]
            shutil.rmtree(path.parent, ignore_errors=True)
        figure = ", ".join(f"{n} {what}" for what, n in ends.most_common())
        damage.verdicts.check(
            f"{name}, {ends.total()} times: {figure}; opened or not in {slowest:.2f} s", wrong
        )


def end_of(answer: Answer, is_changed: bool) -> str:
    if answer.is_refused:
        return "refused"
    if is_changed:
        return "without what was hit"
    return "with a cause" if any(what != "right" for what in answer.instances.values()) else "unharmed"


# ---- Names --------------------------------------------------------------------------------------------


def names(damage: Damage) -> None:
    """Paths are taken as they are (T6)."""
    for name in (
        "a?mode=memory", "a#b", "a%20b", "a b", "'a'", '"a"', "a\nb", "ö ü 数据", "-wal", "--help",
        ":memory:",
        "file:a?mode=memory", "a;DROP TABLE instances", "a\\b", "*", "~", "$HOME", "a\tb", "\x01", "e\u0301",
        "x" * 240,
    ):  # fmt: skip
        folder = damage.place()
        folder.mkdir()
        wrong: list[str] = []
        path = folder / name
        damage.judge.ask(str(path))
        # The store closes behind the call that gives it up.
        wanted = sorted([name, name + "-dxlock"])
        if not victims.until(lambda f=folder, w=wanted: sorted(one.name for one in f.iterdir()) == w, 5):
            wrong.append(f"it made {sorted(one.name for one in folder.iterdir())}")
        elif path.read_bytes()[:6] != b"SQLite":
            wrong.append("there is no database of that name")
        damage.verdicts.check(f"the name {name[:30]!r} is taken as it is", wrong)
    for name in ("x" * 250, "x" * 255, "x" * 5_000, "y/" * 3_000 + "z"):
        damage.refused(f"a name of {len(name)} bytes", damage.place().parent / name, "too long")
    inner = damage.place() / "inner"
    inner.mkdir(parents=True)
    damage.opens("a path with .. leads where it says", inner / ".." / "store.sqlite", is_new=True)
    found = (inner.parent / "store.sqlite").exists()
    damage.verdicts.check("and nowhere else", [] if found else ["there is nothing"])


def main() -> int:
    parser = argparse.ArgumentParser(description="Damages the files of a store, then works on it.")
    parser.add_argument("--flips", type=int, default=300, help="stores with flipped bits")
    parser.add_argument("--seed", type=int, default=None, help="of the bits")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1_000_000)
    print(f"damaged files: {options.flips} with flipped bits, --seed {seed}")
    verdicts = Verdicts()
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="perdure-damage-") as folder, victims.judging() as judge:
        templates = Path(folder) / "templates"
        templates.mkdir()
        damage = Damage(Path(folder), Templates.make(templates), judge, verdicts)
        strangers(damage)
        foreign(damage)
        truncated(damage)
        logs(damage, seed)
        names(damage)
        flips(damage, options.flips, seed)
    print(f"damaged files: {time.monotonic() - begin:.1f} s")
    return verdicts.end()


if __name__ == "__main__":
    sys.exit(main())
