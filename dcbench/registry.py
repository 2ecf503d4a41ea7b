"""Find the plug-ins of each kind, and read a plug-in's facts without importing it.

In: a kind, such as `archs`, and a name, such as `alexnet`. Out: the facts, or the imported module. A plug-in is one
file. Its name is the file's name, without the kind's word at the end where the file would otherwise shadow a library:
`faiss_backend.py` is the backend `faiss`. Its facts are one literal constant, `FACTS = {...}`, read from the syntax
tree, so that planning never imports torch. A plug-in that takes an argument is written with it, `imagefolder:PATH`,
and `FACTS["argument"]` says what the argument is.

Plug-ins come from three places: the packages of dcbench, the entry points of installed packages (groups
`dcbench.datasets`, `dcbench.archs`, ...), and the user's own folders, which hold a folder for each kind
(`my_parts/archs/tiny.py`). Beside them, a results folder remembers the facts of the plug-ins that its runs used, so
that the results can be read where the files are not. What is remembered never runs code.
"""

from __future__ import annotations

import ast
import difflib
import hashlib
import importlib
import importlib.metadata
import importlib.util
import shlex
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from dcbench.errors import PluginError, unknown_name


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of plug-in: the word for one, the package of the built-in ones, and what their FACTS may state."""

    word: str
    package: str
    facts: Mapping[str, type]
    """Key of FACTS -> type of its value."""
    required: tuple[str, ...] = ()
    """Keys that planning needs of every plug-in of the kind."""


KINDS = {
    "datasets": Kind(
        word="dataset",
        package="dcbench.training.datasets",
        facts={
            "train": int, "test": int, "classes": int, "channels": int, "side": int, "duplicates": int,
            "class_names": list, "files": list, "argument": str,
        },
        required=("channels",),
    ),
    "archs": Kind(
        word="arch",
        package="dcbench.training.archs",
        facts={"features_32": int, "features_224": int, "smallest_image": int},
        required=("features_32", "features_224", "smallest_image"),
    ),
    "methods": Kind(
        word="method",
        package="dcbench.training.methods",
        facts={"network": bool, "supervised": bool, "baseline": dict},
        required=("network",),
    ),
    "backends": Kind(word="backend", package="dcbench.training.backends", facts={"library": str}),
    "executors": Kind(word="executor", package="dcbench.execution.executors", facts={}),
    "figures": Kind(
        word="figure",
        package="dcbench.figures",
        facts={"title": str, "caption": str, "per_axis": bool, "axes": str, "needs": str},
        required=("title", "caption", "per_axis"),
    ),
    "run_figures": Kind(
        word="figure of a run",
        package="dcbench.inspect.figures",
        facts={"title": str, "place": int, "needs": list},
        required=("title", "place", "needs"),
    ),
}  # fmt: skip

TYPE_WORDS = {int: "a whole number", str: "text", bool: "True or False", list: "a list", dict: "a dict"}
"""Type of a fact -> what a message calls it."""

REMEMBERED_KINDS = ("datasets", "archs", "methods", "backends")
"""The kinds whose facts planning and reports need: those that a run spec names."""


@dataclass(frozen=True, kw_only=True)
class Plugin:
    """One plug-in: where it is, how it is imported, and what it states about itself."""

    kind: str
    name: str
    path: Path
    module: str | None = None
    """Name under which it is imported; None for the user's own files, whose name depends on their content."""
    facts: dict[str, Any] = field(default_factory=dict)
    sha256: str | None = None
    """Digest of the source; None for built-in plug-ins, which the commit of dcbench identifies."""
    remembered: bool = False
    """Whether only the facts are known, from a results folder."""
    problem: str = ""
    """Why it cannot be used. Raised only where it is used, so that one broken file does not stop everything else."""


_folders: tuple[Path, ...] = ()
_memory: dict[tuple[str, str], Plugin] = {}


def use_plugins(folders: Iterable[Path]) -> None:
    """Look for plug-ins in these folders of the user's own, and in no others.

    Raises PluginError where a folder does not exist or holds no folder of a known kind.
    """
    global _folders
    resolved = tuple(dict.fromkeys(folder.resolve() for folder in folders))
    for folder in resolved:
        if problem := _find_folder_problem(folder):
            raise PluginError(f"{folder}: {problem}")
    _folders = resolved


def _find_folder_problem(folder: Path) -> str | None:
    """Return why a folder cannot be one of plug-ins, and what to do about it, or None if it can."""
    if folder.is_file():
        if folder.parent.name in KINDS:
            return f"is a file; name the folder that holds {folder.parent.name}/: --plugins {folder.parent.parent}"
        return f"is a file; put it into a folder of its kind ({', '.join(KINDS)}), and name the folder that holds that"
    if not folder.is_dir():
        return "no such folder of plug-ins; name one with --plugins"
    if any((folder / kind).is_dir() for kind in KINDS):
        return None
    if folder.name in KINDS:
        return f"holds plug-ins of one kind; name the folder above it: --plugins {folder.parent}"
    for other in sorted(path.name for path in folder.iterdir() if path.is_dir()):
        # A folder named after one plug-in, such as arch/, or mistyped.
        for kind in difflib.get_close_matches(other, KINDS, n=1, cutoff=0.7):
            return f"holds no plug-ins; rename {other}/ to {kind}/"
    return f"holds no plug-ins; put each into a folder of its kind: {', '.join(KINDS)}"


def search_path() -> tuple[Path, ...]:
    """Return the folders that `use_plugins` set, for a worker that must find the same plug-ins."""
    return _folders


def remember(facts: Mapping[str, Any], source: Path) -> None:
    """Use these facts of plug-ins whose files are missing: `kind/name` -> facts, sha256 and path.

    The newest facts win, and a file that is found wins over what is remembered. Raises PluginError where `source`, the
    file that the facts come from, does not hold what `describe_own_plugins` returns.
    """
    for key, entry in facts.items():
        kind, _, name = str(key).partition("/")
        try:
            plugin = Plugin(
                kind=kind, name=name, path=Path(entry["path"]), facts=dict(entry["facts"]),
                sha256=str(entry["sha256"]), remembered=True,
            )  # fmt: skip
        except (TypeError, KeyError, ValueError):
            raise PluginError(f"{source}: is damaged; run the matrix again to write it again") from None
        if kind not in REMEMBERED_KINDS or not name or find_fact_problem(kind, plugin.facts):
            raise PluginError(f"{source}: is damaged at {key!r}; run the matrix again to write it again")
        _memory[kind, name] = plugin


def get_state() -> tuple[tuple[Path, ...], dict[tuple[str, str], Plugin]]:
    """Return everything that `use_plugins` and `remember` set, for another process; `set_state` takes it."""
    return _folders, dict(_memory)


def set_state(state: tuple[tuple[Path, ...], dict[tuple[str, str], Plugin]]) -> None:
    """Know the same plug-ins as the process that `get_state` was called in."""
    global _folders
    _folders = state[0]
    _memory.clear()
    _memory.update(state[1])


def plugin_names(kind: str) -> list[str]:
    """Return the names of the plug-ins of a kind that can be used, the built-in ones first."""
    return [name for name, plugin in _catalogue(kind).items() if not plugin.problem]


def split_name(plugin: str) -> tuple[str, str | None]:
    """Split a plug-in's name from its argument: `imagefolder:PATH` -> (`imagefolder`, `PATH`)."""
    name, colon, argument = plugin.partition(":")
    return name, argument if colon else None


def name_of_file(kind: str, file: Path) -> str:
    """Return the name of the plug-in in a file: `faiss` for `faiss_backend.py`."""
    return file.stem.removesuffix(f"_{KINDS[kind].word}")


def find_fact_problem(kind: str, facts: Mapping[str, Any]) -> str | None:
    """Return everything that is wrong with the FACTS of a plug-in, or None if they are as planning expects them."""
    known = KINDS[kind].facts
    problems = [unknown_name("key of FACTS", key, known) for key in facts if key not in known]
    for key, expected in known.items():
        # `type`, since True is an instance of int.
        if key in facts and type(facts[key]) is not expected:
            problems.append(f"FACTS[{key!r}] must be {TYPE_WORDS[expected]}, not {facts[key]!r}")
    if missing := [key for key in KINDS[kind].required if key not in facts]:
        problems.append(f"FACTS lacks {', '.join(map(repr, missing))}, which every {KINDS[kind].word} states")
    return "; ".join(problems) or None


def find(kind: str, plugin: str) -> Plugin:
    """Return the plug-in of that name, whatever its argument; PluginError when there is none or it cannot be used."""
    name, _ = split_name(plugin)
    catalogue = _catalogue(kind)
    if name not in catalogue:
        raise PluginError(unknown_name(KINDS[kind].word, name, catalogue))
    if catalogue[name].problem:
        raise PluginError(catalogue[name].problem)
    return catalogue[name]


def facts(kind: str, plugin: str) -> dict[str, Any]:
    """Return the FACTS of a plug-in, {} when it states none."""
    return find(kind, plugin).facts


def name_problem(kind: str, plugin: str) -> str | None:
    """Return why `plugin` names no plug-in of the kind that can be used, or None when it does."""
    name, argument = split_name(plugin)
    catalogue, word = _catalogue(kind), KINDS[kind].word
    if name not in catalogue:
        arguments = {other: entry.facts.get("argument") for other, entry in catalogue.items()}
        names = [f"{other}:{needed}" if needed else other for other, needed in arguments.items()]
        return unknown_name(word, name, names)
    if catalogue[name].problem:
        return catalogue[name].problem
    needed = catalogue[name].facts.get("argument")
    if needed and not argument:
        return f"{word} {name!r} needs its {needed}: {name}:{needed}"
    if argument is not None and not needed:
        return f"{word} {name!r} takes no argument, but {argument!r} was given"
    return None


def load(kind: str, plugin: str) -> ModuleType:
    """Import the module of a plug-in; PluginError when the user's own file cannot be imported."""
    entry = find(kind, plugin)
    require_files([(kind, plugin)])
    if entry.sha256 is None and entry.module is not None:
        module = importlib.import_module(entry.module)
    else:
        try:
            module = importlib.import_module(entry.module) if entry.module else _import_file(entry)
        except (Exception, SystemExit) as error:  # a file that calls sys.exit() must not end the command silently
            raise PluginError(f"{entry.path}: cannot be imported: {type(error).__name__}: {error}") from error
    module.__dict__["__plugin_name__"] = entry.name
    return module


def require_files(used: Iterable[tuple[str, str]]) -> None:
    """Raise PluginError for the first of these (kind, plug-in) pairs of which only the facts are remembered."""
    for kind, name in used:
        plugin = find(kind, name)
        if plugin.remembered:
            raise PluginError(
                f"{KINDS[kind].word} {plugin.name!r}: the file of this plug-in was not found (it was {plugin.path}); "
                "name its folder with --plugins"
            )


def _import_file(plugin: Plugin) -> ModuleType:
    """Import a file in a folder that is no package.

    Its module is named after its content: another file of the same name, or the same file after a change, is another
    module.
    """
    source = plugin.path.read_bytes()
    digest = hashlib.sha256(str(plugin.path).encode() + source).hexdigest()
    name = f"dcbench_plugins.{plugin.kind}.{plugin.name}_{digest[:12]}"
    if name not in sys.modules:
        module = ModuleType(name)
        module.__file__ = str(plugin.path)
        sys.modules[name] = module
        try:
            exec(compile(source, str(plugin.path), "exec"), module.__dict__)
        except BaseException:
            del sys.modules[name]
            raise
    return sys.modules[name]


def read_digest(plugin: Plugin) -> str | None:
    """Return the digest of the source as it is now, None for a built-in plug-in.

    Of a plug-in of which only the facts are remembered, the file is read where it was; it is not run.
    """
    if plugin.remembered and plugin.path.is_file():
        with suppress(OSError):
            return hashlib.sha256(plugin.path.read_bytes()).hexdigest()
    return plugin.sha256


def format_plugins_options(used: Iterable[tuple[str, str]]) -> str:
    """Return ` --plugins DIR` for each folder of the user's own that holds one of these (kind, plug-in) pairs.

    For a command that a message suggests: it must find the same files.
    """
    own = [plugin for plugin in (find(kind, name) for kind, name in used) if plugin.sha256 and plugin.module is None]
    # A remembered plug-in of an installed package lies in no folder of its kind, and is found without an option.
    folders = dict.fromkeys(plugin.path.parent.parent for plugin in own if plugin.path.parent.name == plugin.kind)
    return "".join(f" --plugins {shlex.quote(str(folder))}" for folder in folders)


def plugin_name(module: ModuleType) -> str:
    """Return the name of the plug-in whose module `load` gave."""
    return str(module.__dict__["__plugin_name__"])


def describe_own_plugins(used: Iterable[tuple[str, str]]) -> dict[str, dict[str, Any]]:
    """Return what a results folder remembers of those (kind, plug-in) pairs that are not built in.

    The keys are `kind/name`; each value has the facts, the digest of the source and the path of the file.
    """
    plugins = [find(kind, plugin) for kind, plugin in dict.fromkeys(used)]
    return {
        f"{plugin.kind}/{plugin.name}": {"facts": plugin.facts, "sha256": plugin.sha256, "path": str(plugin.path)}
        for plugin in plugins
        if plugin.sha256 is not None
    }


# --- where plug-ins come from -----------------------------------------------------------------


def _catalogue(kind: str) -> dict[str, Plugin]:
    """Return the plug-ins of a kind by name."""
    catalogue = dict(_installed(kind))
    for folder in _folders:
        for path in sorted((folder / kind).glob("[a-z]*.py")):
            stat = path.stat()
            # The time and size are part of the key, so that a file that is edited while a notebook runs is read again.
            plugin = _read_file(kind, path, stat.st_mtime_ns, stat.st_size)
            other = catalogue.setdefault(plugin.name, plugin)
            if other.path != plugin.path:
                word = KINDS[kind].word
                raise PluginError(f"{path}: {word} {plugin.name!r} exists already in {other.path}; rename the file")
    for (remembered_kind, name), plugin in _memory.items():
        if remembered_kind == kind:
            catalogue.setdefault(name, plugin)
    return catalogue


@cache
def _installed(kind: str) -> dict[str, Plugin]:
    """Return the built-in plug-ins of a kind, and those of installed packages."""
    package = KINDS[kind].package
    catalogue = {}
    for path in sorted(Path(__file__).parent.joinpath(*package.split(".")[1:]).glob("[a-z]*.py")):
        name = name_of_file(kind, path)
        catalogue[name] = Plugin(
            kind=kind, name=name, path=path, module=f"{package}.{path.stem}", facts=_read_facts(path.read_text("utf-8"))
        )
    for point in importlib.metadata.entry_points(group=f"dcbench.{kind}"):
        # Only the topmost package is looked up: that imports nothing, and the file follows from the rest of the name.
        top, *rest = point.module.split(".")
        package_spec = importlib.util.find_spec(top)
        files = [Path(package_spec.origin)] if package_spec and package_spec.origin and not rest else []
        for location in (package_spec.submodule_search_locations or ()) if package_spec else ():
            files += [Path(location, *rest).with_suffix(".py"), Path(location, *rest, "__init__.py")]
        file = next((file for file in files if file.is_file()), None)
        problem = f"entry point {point.name} = {point.value} of dcbench.{kind}: no such file"
        plugin = Plugin(kind=kind, name=point.name, path=Path(point.value), problem=problem)
        if file is not None:
            plugin = replace(_read_file(kind, file, 0, 0), name=point.name, module=point.module)
        catalogue.setdefault(point.name, plugin)
    return catalogue


@cache
def _read_file(kind: str, path: Path, modified_ns: int, size: int) -> Plugin:
    """Return the plug-in in a file that is not built in; its `problem` says why planning cannot use it."""
    name = name_of_file(kind, path)
    try:
        source = path.read_bytes()
        facts = _read_facts(source.decode("utf-8"))
    except SyntaxError as error:
        return Plugin(kind=kind, name=name, path=path, problem=f"{path}:{error.lineno}: not valid Python: {error.msg}")
    except (OSError, ValueError, TypeError) as error:
        problem = f"{path}: FACTS cannot be read ({error}); it must be one literal dict"
        return Plugin(kind=kind, name=name, path=path, problem=problem)
    wrong_facts = find_fact_problem(kind, facts)
    return Plugin(
        kind=kind, name=name, path=path, facts=facts, sha256=hashlib.sha256(source).hexdigest(),
        problem=f"{path}: {wrong_facts}" if wrong_facts else "",
    )  # fmt: skip


def _read_facts(source: str) -> dict[str, Any]:
    """Return the literal FACTS of a source text from its syntax tree; nothing is run."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(target, ast.Name) and target.id == "FACTS" for target in targets):
                return dict(ast.literal_eval(node.value))
    return {}
