"""Wraps comments that are wider than the code may be; the formatters leave comments alone.

A paragraph is wrapped only if one of its lines is too wide. Paragraphs end at an empty comment line, at
deeper indentation (tables, samples) and at list items.
"""

from __future__ import annotations

import re
import sys
import textwrap
from pathlib import Path

WIDTH = 110
LINE_COMMENT = re.compile(r"(?P<prefix>\s*(?:///|//) )(?P<item>- )?(?P<text>\S.*)")


def wrap(first: str, rest: str, words: str, closing: str = "") -> list[str]:
    lines = textwrap.wrap(
        words,
        WIDTH - len(closing),
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [*lines[:-1], lines[-1] + closing]


def wrap_line_comments(lines: list[str]) -> list[str]:
    """Comments of `//` and `///`."""
    done: list[str] = []
    index = 0
    while index < len(lines):
        match = LINE_COMMENT.fullmatch(lines[index])
        if match is None:
            done.append(lines[index])
            index += 1
            continue
        prefix, item = match["prefix"], match["item"] or ""
        rest = prefix + " " * len(item)
        end = index + 1
        while end < len(lines) and continues(lines[end], rest):
            end += 1
        paragraph = lines[index:end]
        if max(map(len, paragraph)) > WIDTH:
            words = " ".join([match["text"], *(line[len(rest) :] for line in paragraph[1:])])
            paragraph = wrap(prefix + item, rest, words)
        done += paragraph
        index = end
    return done


def continues(line: str, prefix: str) -> bool:
    text = line.removeprefix(prefix)
    return text != line and text != "" and not text.startswith((" ", "- "))


def wrap_block_comments(lines: list[str]) -> list[str]:
    """Comments of `/*` that begin a line, whose further lines begin with ` * ` or with blanks."""
    done: list[str] = []
    index = 0
    while index < len(lines):
        end = index
        if re.match(r"\s*/\* [^-]", lines[index]):
            while "*/" not in lines[end] and end + 1 < len(lines):
                end += 1
        block = lines[index : end + 1]
        if max(map(len, block)) > WIDTH and lines[index].lstrip().startswith("/* "):
            block = wrap_block(block)
        done += block
        index = end + 1
    return done


def wrap_block(block: list[str]) -> list[str]:
    indent = block[0][: block[0].index("/*")]
    further = indent + (" * " if len(block) < 2 or block[1].lstrip().startswith("*") else "   ")
    paragraphs: list[list[str]] = [[]]
    closes_alone = block[-1].strip() == "*/"
    for line in block[:-1] if closes_alone else block:
        text = re.sub(r"^\s*(?:/\*|\*(?!/))?\s?|\s*\*/$", "", line)
        if text.strip() == "" or text.startswith((" ", "- ")):
            paragraphs += [[text], []]
        else:
            paragraphs[-1].append(text)
    done: list[str] = []
    kept = [paragraph for paragraph in paragraphs if paragraph]
    for number, paragraph in enumerate(kept):
        first = indent + "/* " if number == 0 else further
        closing = " */" if number == len(kept) - 1 and not closes_alone else ""
        words = " ".join(paragraph)
        if len(paragraph) == 1 and (words.strip() == "" or words.startswith((" ", "- "))):
            done.append((first + words).rstrip() + closing)
        else:
            done += wrap(first, further, words, closing)
    return [*done, indent + " */"] if closes_alone else done


def main(paths: list[str]) -> None:
    for path in map(Path, paths):
        text = path.read_text()
        lines = text.split("\n")
        if max(map(len, lines)) <= WIDTH:
            continue
        lines = wrap_line_comments(lines)
        if path.suffix in (".c", ".h"):
            lines = wrap_block_comments(lines)
        if "\n".join(lines) != text:
            path.write_text("\n".join(lines))


if __name__ == "__main__":
    main(sys.argv[1:])
