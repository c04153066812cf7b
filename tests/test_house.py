"""How long a file and a function may be."""

import ast
from pathlib import Path

import fcn

PACKAGE = Path(fcn.__file__).parent
MOST_LINES_OF_A_FILE = 350
MOST_LINES_OF_A_FUNCTION = 60  # docstring included


def too_long(name: str, source: str) -> list[str]:
    """What is over the limits in a file, with its length."""
    n_lines = len(source.splitlines())
    found = [f"{name}: {n_lines} lines"] if n_lines > MOST_LINES_OF_A_FILE else []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > MOST_LINES_OF_A_FUNCTION:
                found.append(f"{name}: {node.name}, {length} lines")
    return found


def test_files_and_functions_are_short():
    files = sorted(PACKAGE.rglob("*.py"))
    assert len(files) > 100
    offenders = [
        each for file in files for each in too_long(str(file.relative_to(PACKAGE)), file.read_text("utf-8"))
    ]
    assert not offenders, "split them:\n" + "\n".join(offenders)


def test_what_is_too_long_is_named():
    body = "    pass\n"
    assert too_long("a.py", "def f():\n" + 59 * body) == []
    assert too_long("a.py", "class A:\n    async def f():\n" + 60 * f"    {body}") == ["a.py: f, 61 lines"]
    assert too_long("a.py", 350 * "x = 0\n") == []
    assert too_long("a.py", 351 * "x = 0\n") == ["a.py: 351 lines"]
