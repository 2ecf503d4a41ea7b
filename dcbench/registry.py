"""Find the plug-ins of each kind, and read a plug-in's facts without importing it.

In: a kind, such as `archs`, and a name, such as `alexnet`. Out: the facts, or the imported module. A plug-in is one
file. Its name is the file's name, without the kind's word at the end where the file would otherwise shadow a library:
`faiss_backend.py` is the backend `faiss`. Its facts are one literal constant, `FACTS = {...}`, read from the syntax
tree, so that planning never imports torch. A plug-in that takes an argument is written with it, `imagefolder:PATH`,
and `FACTS["argument"]` says what the argument is.

Plug-ins come from three places: the packages of dcbench, the entry points of installed packages (groups
`dcbench.datasets`, `dcbench.archs`, ...), and the user's own folders, which hold a folder for each kind
(`my_parts/archs/tiny.py`). An entry of the search path may also be a `plugins.json` from a results folder: it
remembers the facts of the plug-ins that the runs used, so that results can be read where the files are not. It never
runs code.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import importlib.metadata
import importlib.util
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from dcbench.errors import PluginError, unknown_name


@dataclass(frozen=True)
class Kind:
    """A kind of plug-in: the word for one, the package of the built-in ones, and the facts that planning needs."""

    word: str
    package: str
    required: tuple[str, ...] = ()


KINDS = {
    "datasets": Kind("dataset", "dcbench.training.datasets", ("channels",)),
    "archs": Kind("arch", "dcbench.training.archs", ("features_32", "features_224", "smallest_image")),
    "methods": Kind("method", "dcbench.training.methods", ("network",)),
    "backends": Kind("backend", "dcbench.training.backends"),
    "executors": Kind("executor", "dcbench.execution.executors"),
    "figures": Kind("figure", "dcbench.figures", ("title", "caption", "per_axis")),
    "run_figures": Kind("figure of a run", "dcbench.inspect.figures", ("title", "place", "needs")),
}


@dataclass(frozen=True, kw_only=True)
class Plugin:
    """One plug-in: where it is, how it is imported, and what it states about itself.

    `module` is None for a plug-in of which only the facts are remembered. `sha256` is the digest of its source, None
    for the built-in ones: the commit of dcbench tells those.
    """

    kind: str
    name: str
    path: Path
    module: str | None
    facts: dict[str, Any]
    sha256: str | None = None


_search_path: tuple[Path, ...] = ()


def use_plugins(paths: Iterable[Path]) -> None:
    """Make these the folders (or plugins.json files) in which plug-ins are looked for beside the built-in ones.

    Raises PluginError where an entry does not exist or holds nothing that dcbench knows.
    """
    global _search_path
    absolute = tuple(dict.fromkeys(path.absolute() for path in paths))
    for path in absolute:
        if path.is_file() and path.suffix == ".json":
            continue
        if not path.is_dir():
            raise PluginError(f"{path}: no such folder of plug-ins; name one with --plugins")
        if not any((path / kind).is_dir() for kind in KINDS):
            raise PluginError(f"{path}: holds no plug-ins; put each into a folder of its kind: {', '.join(KINDS)}")
    _search_path = absolute


def search_path() -> tuple[Path, ...]:
    """Return the places that `use_plugins` set, for another process that shall find the same plug-ins."""
    return _search_path


def plugin_names(kind: str) -> list[str]:
    """Return the names of all plug-ins of a kind, the built-in ones first."""
    return list(_catalogue(kind, _search_path))


def split_name(plugin: str) -> tuple[str, str | None]:
    """Split a plug-in's name from its argument: `imagefolder:PATH` -> (`imagefolder`, `PATH`)."""
    name, colon, argument = plugin.partition(":")
    return name, argument if colon else None


def find(kind: str, plugin: str) -> Plugin:
    """Return the plug-in of that name, whatever its argument; PluginError when there is none."""
    name, _ = split_name(plugin)
    known = _catalogue(kind, _search_path)
    if name not in known:
        raise PluginError(unknown_name(KINDS[kind].word, name, known))
    return known[name]


def facts(kind: str, plugin: str) -> dict[str, Any]:
    """Return the FACTS of a plug-in, {} when it states none."""
    return find(kind, plugin).facts


def name_problem(kind: str, plugin: str) -> str | None:
    """Return why `plugin` names no plug-in of the kind, or None when it does."""
    name, argument = split_name(plugin)
    known, word = _catalogue(kind, _search_path), KINDS[kind].word
    if name not in known:
        shown = [f"{other}:{p.facts['argument']}" if "argument" in p.facts else other for other, p in known.items()]
        return unknown_name(word, name, shown)
    needed = known[name].facts.get("argument")
    if needed and not argument:
        return f"{word} {name!r} needs its {needed}: {name}:{needed}"
    if argument is not None and not needed:
        return f"{word} {name!r} takes no argument, but {argument!r} was given"
    return None


def load(kind: str, plugin: str) -> ModuleType:
    """Import the module of a plug-in; PluginError when the user's own file cannot be imported."""
    entry = find(kind, plugin)
    if entry.module is None:
        raise PluginError(
            f"{KINDS[kind].word} {entry.name!r} is a plug-in whose file is not at hand (it was {entry.path}); "
            "name its folder with --plugins"
        )
    if entry.sha256 is None or entry.module in sys.modules:
        return importlib.import_module(entry.module)
    try:
        if not entry.module.startswith("dcbench_plugins."):
            return importlib.import_module(entry.module)
        # A file in a folder that is no package: imported by its path, under a name that no package has.
        spec = importlib.util.spec_from_file_location(entry.module, entry.path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[entry.module] = module
        spec.loader.exec_module(module)
    except Exception as error:
        sys.modules.pop(entry.module, None)
        raise PluginError(f"{entry.path}: cannot be imported: {type(error).__name__}: {error}") from error
    return module


def plugin_name(module: ModuleType) -> str:
    """Return the name of the plug-in whose module `load` gave."""
    package, _, stem = module.__name__.rpartition(".")
    word = next((kind.word for kind in KINDS.values() if kind.package == package), None)
    return stem.removesuffix(f"_{word}") if word else stem


def own_plugins(used: Iterable[tuple[str, str]]) -> dict[str, dict[str, Any]]:
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


@cache
def _catalogue(kind: str, places: tuple[Path, ...]) -> dict[str, Plugin]:
    """Return the plug-ins of a kind by name; cached, since planning asks for each cell."""
    catalogue: dict[str, Plugin] = {}
    for plugin in (*_built_in(kind), *_entry_points(kind), *_from_places(kind, places)):
        other = catalogue.setdefault(plugin.name, plugin)
        # What is only remembered gives way to the file itself; any other second plug-in of one name is a mistake.
        if other.module is None and plugin.module is not None:
            catalogue[plugin.name] = plugin
        elif other is not plugin and plugin.module is not None and plugin.path != other.path:
            raise PluginError(
                f"{plugin.path}: {KINDS[kind].word} {plugin.name!r} exists already in {other.path}; rename the file"
            )
    return catalogue


def _built_in(kind: str) -> Iterator[Plugin]:
    package = KINDS[kind].package
    folder = Path(__file__).parent.joinpath(*package.split(".")[1:])
    for path in sorted(folder.glob("[a-z]*.py")):
        name = path.stem.removesuffix(f"_{KINDS[kind].word}")
        yield Plugin(kind=kind, name=name, path=path, module=f"{package}.{path.stem}", facts=_read_facts(path))


def _entry_points(kind: str) -> Iterator[Plugin]:
    for point in importlib.metadata.entry_points(group=f"dcbench.{kind}"):
        # Only the topmost package is looked up: that imports nothing, and the file follows from the rest of the name.
        top, *rest = point.module.split(".")
        package = importlib.util.find_spec(top)
        places = [Path(place) for place in (package.submodule_search_locations or ())] if package else []
        path = next((file for place in places if (file := place.joinpath(*rest).with_suffix(".py")).is_file()), None)
        if path is None:
            raise PluginError(f"entry point {point.name} = {point.value} of dcbench.{kind}: no such file")
        yield _own(kind, point.name, path, point.module)


def _from_places(kind: str, places: Iterable[Path]) -> Iterator[Plugin]:
    for place in places:
        if place.suffix == ".json":
            yield from _remembered(kind, place)
            continue
        for path in sorted((place / kind).glob("[a-z]*.py")):
            name = path.stem.removesuffix(f"_{KINDS[kind].word}")
            yield _own(kind, name, path, f"dcbench_plugins.{kind}.{name}")


def _own(kind: str, name: str, path: Path, module: str) -> Plugin:
    """Return a plug-in that is not built in; PluginError when its facts are not what planning needs."""
    facts = _read_facts(path)
    missing = [key for key in KINDS[kind].required if key not in facts]
    if missing:
        raise PluginError(f"{path}: FACTS lacks {', '.join(map(repr, missing))}, which every {KINDS[kind].word} states")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Plugin(kind=kind, name=name, path=path, module=module, facts=facts, sha256=digest)


def _remembered(kind: str, file: Path) -> Iterator[Plugin]:
    try:
        entries = json.loads(file.read_bytes())
        for key, entry in entries.items():
            if key.partition("/")[0] == kind:
                yield Plugin(
                    kind=kind, name=key.partition("/")[2], path=Path(entry["path"]), module=None,
                    facts=dict(entry["facts"]), sha256=str(entry["sha256"]),
                )  # fmt: skip
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        raise PluginError(f"{file}: is damaged; run the matrix again to write it again") from None


def _read_facts(path: Path) -> dict[str, Any]:
    """Return the literal FACTS of a file from its syntax tree; nothing is run."""
    try:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "FACTS" for t in node.targets):
                return dict(ast.literal_eval(node.value))
    except SyntaxError as error:
        raise PluginError(f"{path}:{error.lineno}: not valid Python: {error.msg}") from None
    except (OSError, ValueError, TypeError) as error:
        raise PluginError(f"{path}: FACTS cannot be read ({error}); it must be one literal dict") from None
    return {}
