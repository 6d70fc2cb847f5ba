"""Seeds for the fuzz targets: JSON of the tests and the vectors, and bytes that stand for programs."""

from __future__ import annotations

import argparse
import itertools
import json
import random
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Readers of the wire target; see WireTarget.readers.
READERS = 54
# Strings of Swift and Python sources that may be JSON.
LITERALS = re.compile(r'#"(\{.*?\}|\[.*?\])"#|\'(\{.*?\}|\[.*?\])\'', re.DOTALL)


def literals() -> Iterator[str]:
    """All JSON values that stand somewhere in the tests."""
    for path in sorted((ROOT / "Tests" / "Vectors").rglob("*.json")):
        vector = json.loads(path.read_text())
        if "given" in vector:
            yield vector["given"]
        for step in vector.get("steps", []):
            yield json.dumps(step["request"], ensure_ascii=False)
            yield json.dumps(step["answer"], ensure_ascii=False)
    sources = itertools.chain((ROOT / "Tests").rglob("*.swift"), (ROOT / "bindings").rglob("test_*.py"))
    for path in sorted(sources):
        for match in LITERALS.finditer(path.read_text()):
            text = match.group(1) or match.group(2)
            # What the source puts in stands for a number.
            yield re.sub(r"\\#?\([^()]*\)", "1", text)


def zones() -> Iterator[bytes]:
    folder = Path("/usr/share/zoneinfo")
    for name in (
        "UTC",
        "Europe/Berlin",
        "Africa/Casablanca",
        "America/Nuuk",
        "Australia/Lord_Howe",
        "Asia/Gaza",
    ):
        if (folder / name).is_file():
            data = (folder / name).read_bytes()
            # The second block alone, which is the short way to the interesting part.
            second = data.find(b"TZif", 4)
            yield data[:44].replace(data[15:44], bytes(29)) + data[second:] if second > 0 else data


def words() -> list[str]:
    """What the wire format knows by name: a dictionary for the fuzzer."""
    text = (ROOT / "docs" / "wire-format.md").read_text()
    return sorted(set(re.findall(r'"([A-Za-z@-]{1,40})"', text)))


def write(folder: Path, seeds: Iterator[bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds):
        (folder / f"seed-{number:05}").write_bytes(seed)


def text_seeds() -> Iterator[bytes]:
    lines = [
        "0 0 * * *",
        "*/5 9-17 * * mon-fri",
        "0 0 L * ?",
        "@daily",
        "30 2 29 feb 1,3",
        "0 30 8 1-7 */2 7",
    ]
    for line in lines:
        yield bytes([0, 0]) + line.encode()
    for zone in zones():
        yield bytes([2, 5, 9]) + zone
    yield bytes([3, 5]) + b"1.2.3" + b"1.2.3-rc.1"
    yield bytes([4, 1, 3]) + b"abc" + bytes([1, 1]) + b"7.1.2.order.1"
    yield bytes([5, 1]) + b"i" + b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01 a=b"
    yield bytes([6, 230]) + "t\tä\u0301".encode()
    random.seed(1)
    for _ in range(200):
        yield bytes([1]) + random.randbytes(60)


def program_seeds(count: int, size: int) -> Iterator[bytes]:
    random.seed(2)
    for number in range(count):
        yield random.randbytes(8 + number % size)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the seeds go, a folder for each target")
    folder: Path = parser.parse_args().folder
    texts = sorted({text for text in literals() if len(text) < 2_000})
    write(folder / "json", (bytes([mode]) + text.encode() for text in texts for mode in (0, 1)))
    write(folder / "wire", (bytes([place]) + text.encode() for text in texts for place in range(READERS)))
    write(folder / "text", text_seeds())
    write(folder / "history", program_seeds(400, 200))
    write(folder / "abi", program_seeds(200, 300))
    write(folder / "rows", program_seeds(100, 100))
    (folder / "words.dict").write_text("".join(f'"\\"{word}\\""\n' for word in words()))


if __name__ == "__main__":
    main()
