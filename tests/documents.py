"""The pages of the repository and what is in them: code blocks, commands, links, headings."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(
    [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "experiments").glob("*/*.md"),
    ]
)
_FENCE = re.compile(r"^```(\w*)\s*$")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_COMMAND = re.compile(r"python (?:-m fcn\.\w+|(?:docs|experiments)/[\w/]+\.py)\b")


def name_of(page: Path) -> str:
    """Its place in the repository, for the names of tests."""
    return page.relative_to(ROOT).as_posix()


def blocks(text: str) -> Iterator[tuple[str, str]]:
    """Language and content of every code block, in order; blocks by indentation have no language."""
    fence: str | None = None
    block: list[str] = []
    indented, above = False, ""
    for line in [*text.splitlines(), ""]:
        found = _FENCE.match(line)
        if fence is not None:
            if found:
                yield fence, "\n".join(block)
                fence, block = None, []
            else:
                block.append(line)
        elif line.startswith("    ") and (indented or not above.strip()):
            indented = True
            block.append(line[4:])
        elif indented and line.strip():
            yield "", "\n".join(block)
            indented, block = False, []
            fence = found[1] if found else None
        elif found:
            fence = found[1]
        above = line
    if indented:
        yield "", "\n".join(block)


def python_blocks(text: str) -> list[str]:
    """What is fenced as Python."""
    return [block for language, block in blocks(text) if language == "python"]


def commands(text: str) -> list[list[str]]:
    """Every command line of ours, in blocks and in backticks, as the words a shell would make of it."""
    lines = [
        line
        for language, block in blocks(text)
        if language != "python"
        for line in re.sub(r"\\\n\s*", " ", block).splitlines()
    ]
    code = [match for match in re.findall(r"`([^`\n]+)`", text) if match.startswith("python ")]
    found = []
    for line in [*lines, *code]:
        if _COMMAND.match(line.strip()):
            found.append(shlex.split(line.strip(), comments=True))
    return found


def links(text: str) -> list[str]:
    """Targets of links and pictures that lie in the repository, code left out."""
    prose = re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)
    return [target for target in _LINK.findall(prose) if "://" not in target and not target.startswith("#")]
