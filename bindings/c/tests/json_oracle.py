"""The JSON reader in C against Python's: a table, and some thousand texts that were spoiled at random.

bindings/c/tests/json_oracle.py PROGRAM [SEED]      PROGRAM: json.c
"""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from typing import Any

ROUNDS = 5000
SEEDS = [
    b'{"a":[1,-2.5e3,0.1,1e999,true,false,null],"b":{"c":"d\\u00e4\\n\\"\\ud83d\\ude80","":[]},"e":{}}',
    b'[18446744073709551615,18446744073709551616,-9223372036854775808,-9223372036854775809]',
    b"[1.0,1e2,12e-1,100e-2,-0,10000000000000000000e-19,1.5]",
    '["ä","\u20ac","🚀","/\u007f",{"k":[[[]]]}]'.encode(),
    b' [ 1 , { "x" : "y" } , [ ] ] ',
    b'"text"', b"-17", b"true", b"null", b"{}", b"0.000000000000000000000000001e27",
]  # fmt: skip
TABLE = [
    b"", b" ", b"[", b"]", b"{", b"[1,]", b"[,1]", b"{,}", b'{"a"}', b'{"a":}', b'{"a":1,}', b"01", b"-",
    b"+1", b"1.", b".1", b"1e", b"1e+", b"tru", b"nul", b"NaN", b"Infinity", b'"', b'"\\"', b'"\\x"',
    b'"\\u12"',
    b'"\\u0000"', b'"a\x00b"', b'"\\ud800"', b'"\\udc00"', b'"\\ud800\\u0041"', b'"\x01"', b'"\xff"',
    b'"\xc0\xaf"', b'"\xed\xa0\x80"', b'"\xf4\x90\x80\x80"', b'"\xe2\x82"', b"1 2", b"[1] ]", b"'a'",
    b"[" * 512 + b"]" * 512, b"[" * 513 + b"]" * 513, b'{"a":' * 512 + b"1" + b"}" * 512, b"\xef\xbb\xbf1",
]  # fmt: skip


def refuse(word: str) -> Any:
    raise ValueError(word)


def depth(text: str) -> int:
    """Levels of arrays and objects, outside of strings."""
    bare, level, most = re.sub(r'"(?:[^"\\]|\\.)*"', "", text), 0, 0
    for character in bare:
        level += (character in "[{") - (character in "]}")
        most = max(most, level)
    return most


class Pairs(list):  # type: ignore[type-arg]
    """The members of an object, each as often as it stands there."""


class Number(str):
    pass


def number(text: str) -> str:
    """What the reader says of a number."""
    mantissa, _, exponent = text.lower().partition("e")
    before, _, behind = mantissa.lstrip("-").partition(".")
    power = int(exponent or 0)
    said = ""
    digits, place = before + behind, len(before) + power
    whole: int | None = None
    if not digits.strip("0"):
        whole = 0
    elif place < 60 and not digits[max(place, 0) :].strip("0"):
        whole = int((digits[: max(place, 0)] + "0" * max(place - len(digits), 0)) or "0")
    if whole is not None:
        signed = -whole if text.startswith("-") else whole
        said += f"i{signed}" if -(2**63) <= signed < 2**63 else ""
        said += f"u{signed}" if 0 <= signed < 2**64 else ""
    real = float(text)
    return said + (f"d{real:.17g}" if abs(real) != float("inf") else "")


def quoted(text: str) -> str:
    escaped = "".join(
        f"\\{each}" if each in '"\\' else f"\\u{ord(each):04x}" if each < " " else each for each in text
    )
    return f's"{escaped}"'


def walk(value: Any) -> str:
    if isinstance(value, Pairs):
        return "{" + ",".join([str(len(value)), *(quoted(k) + walk(v) for k, v in value)]) + "}"
    if isinstance(value, list):
        return "[" + ",".join([str(len(value)), *map(walk, value)]) + "]"
    if isinstance(value, Number):
        return number(value)
    if isinstance(value, str):
        return quoted(value)
    return json.dumps(value)


def expected(data: bytes) -> str | None:
    """None: it must be refused."""
    try:
        text = data.decode()
        if depth(text) > 512 or "\ufeff" in text[:1]:
            return None
        value = json.loads(
            text, parse_constant=refuse, parse_int=Number, parse_float=Number, object_pairs_hook=Pairs
        )
        said = walk(value)
        said.encode()  # half surrogates cannot be
        return None if "\\u0000" in said and "\0" in repr_strings(value) else said
    except (ValueError, RecursionError):
        return None


def repr_strings(value: Any) -> str:
    if isinstance(value, (Pairs, list)):
        return "".join(repr_strings(each) for each in value)
    if isinstance(value, tuple):
        return "".join(repr_strings(each) for each in value)
    return value if isinstance(value, str) else ""


def spoil(data: bytes, chance: random.Random) -> bytes:
    text = bytearray(data)
    for _ in range(chance.randint(1, 3)):
        at = chance.randint(0, len(text))
        what = chance.randrange(4)
        if what == 0:
            del text[at:]
        elif what == 1 and at < len(text):
            text[at] = chance.choice(b'[]{}",:\\0123456789.eE+-truefalsn \xc3\xa4\xff\x01u')
        elif what == 2:
            del text[at : at + 1]
        else:
            text[at:at] = bytes([chance.choice(b'[]{}",:\\019.eE+-u \xc3\x80\x1e')])
    return bytes(text)


def main(program: str, seed: int) -> int:
    sys.setrecursionlimit(10_000)
    chance = random.Random(seed)
    texts = SEEDS + TABLE + [spoil(chance.choice(SEEDS), chance) for _ in range(ROUNDS)]
    texts = [each.replace(b"\n", b" ") for each in texts]
    done = subprocess.run([program], input=b"\n".join(texts) + b"\n", capture_output=True, timeout=300)
    lines = done.stdout.split(b"\n")[:-1]
    wrong = [
        f"seed {seed}: {text!r} gave {line!r} instead of {wanted!r}"
        for text, line in zip(texts, lines, strict=False)
        for wanted in [expected(text.replace(b"\x1e", b"\n"))]
        if (wanted is None and not line.startswith(b"bad "))
        or (wanted is not None and line != b"ok " + wanted.encode())
    ]
    if done.returncode != 0 or len(lines) != len(texts):
        wrong.append(f"{len(lines)} answers to {len(texts)} texts: {done.stderr[-1000:]!r}")
    for line in wrong[:10]:
        print(f"FAIL {line}")
    if not wrong:
        print(f"ok {len(texts)} texts are read as Python reads them")
    print(f"{0 if wrong else 1} passed, {min(len(wrong), 10)} failed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1))
