"""Measure how readable the package is: how finely it is split, how much is commented, and how long it is.

    python -m benchmarks.house [PACKAGE] [TESTS]

Prints one table for the whole package and, with `--by-package`, one line for each package in it. A private function
is one whose name begins with an underscore (dunder methods are not private); it is used once when its name occurs
exactly once in its file outside its own definition. A comment line is a line with a comment on it; comments that
only switch a tool off or draw a rule are not counted. Code lines are the lines without blank lines, docstrings and
lines that hold nothing but a comment.
"""

import argparse
import ast
import io
import re
import tokenize
from collections import Counter
from pathlib import Path

SHORT_FILE = 50
DIRECTIVE = re.compile(r"#\s*(noqa|type:|fmt:|pragma|-{3,}|={3,})")


def functions(tree):
    """Yield every function and method of a module, nested ones included."""
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def names_used(tree):
    """Count how often each name is read, as a variable, an attribute or an import."""
    used = Counter()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            used[node.id] += 1
        elif isinstance(node, ast.Attribute):
            used[node.attr] += 1
        elif isinstance(node, ast.ImportFrom):
            used.update(alias.name for alias in node.names)
    return used


def comment_lines(text):
    """Count the lines with a comment for the reader."""
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return sum(token.type == tokenize.COMMENT and not DIRECTIVE.match(token.string) for token in tokens)


def code_lines(text):
    """Count the lines that hold code: no blank lines, no docstrings, no lines with only a comment."""
    docstrings = set()
    for node in ast.walk(ast.parse(text)):
        for inner in getattr(node, "body", []) if isinstance(getattr(node, "body", None), list) else []:
            if (
                isinstance(inner, ast.Expr)
                and isinstance(inner.value, ast.Constant)
                and isinstance(inner.value.value, str)
            ):
                docstrings.update(range(inner.lineno, inner.end_lineno + 1))
    silent = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
    lines = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in silent:
            lines.update(range(token.start[0], token.end[0] + 1))
    return len(lines - docstrings)


def measure(files):
    """Return the figures of some files."""
    texts = {path: path.read_text(encoding="utf-8") for path in files}
    defined = once = 0
    for text in texts.values():
        tree = ast.parse(text)
        used = names_used(tree)
        names = [node.name for node in functions(tree)]
        defined += len(names)
        once += sum(name.startswith("_") and not name.startswith("__") and used[name] == 1 for name in names)
    lines = [text.count("\n") for text in texts.values()]
    comments = sum(map(comment_lines, texts.values()))
    return {
        "files": len(files),
        "lines": sum(lines),
        "code lines": sum(map(code_lines, texts.values())),
        "functions": defined,
        "private used once": f"{once / max(1, defined):.1%}",
        "comments in 1,000": f"{1000 * comments / max(1, sum(lines)):.1f}",
        f"files under {SHORT_FILE}": sum(count < SHORT_FILE for count in lines),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("package", type=Path, nargs="?", default=Path("dcbench"))
    parser.add_argument("tests", type=Path, nargs="?", default=Path("tests"))
    parser.add_argument("--by-package", action="store_true", help="one line for each package, too")
    options = parser.parse_args()
    files = sorted(options.package.rglob("*.py"))
    whole = measure(files)
    tests = measure(sorted(options.tests.rglob("*.py")))
    whole["modules at the root"] = len(list(options.package.glob("*.py")))
    whole["tests over source"] = f"{tests['lines'] / whole['lines']:.2f}"
    whole["the same, code lines"] = f"{tests['code lines'] / whole['code lines']:.2f}"
    for name, value in whole.items():
        print(f"{name:<22}{value:>10,}" if isinstance(value, int) else f"{name:<22}{value:>10}")
    if options.by_package:
        groups = {}
        for path in files:
            groups.setdefault(path.relative_to(options.package).parent.as_posix(), []).append(path)
        for name, group in groups.items():
            print(f"{name:<28}", "  ".join(f"{key}: {value}" for key, value in measure(group).items()))


if __name__ == "__main__":
    main()
