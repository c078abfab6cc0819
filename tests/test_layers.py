"""Folders import only those before them, and no module imports itself by way of others."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pruning_amr
import pytest

PACKAGE = Path(pruning_amr.__file__).parent
ORDER = (
    "files",
    "inr",
    "cells",
    "pruning",
    "mesh",
    "refinement",
    "views",
    "datasets",
    "algorithms",
)
LEAVES = {"errors", "output_types", "environment", "torch_library", "imported_when_used"}
"""Modules beside the folders that any of them may import."""
FRONT = {("api",), ("api_views",)}
LAYERED_IN = {
    "pruning": ("decomposition", "local", "evaluation"),
}
"""Folders within a folder, in their order."""


OFFERING = [p for p in PACKAGE.rglob("__init__.py") if "imported_when_used(" in p.read_text()]
"""Packages whose names are imported when they are used."""


def module_of(path: Path) -> tuple[str, ...]:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" else parts


def imported(path: Path, modules: set[tuple[str, ...]]) -> set[tuple[str, ...]]:
    """Return the modules of the package that a module imports anywhere, by whatever name."""
    package = path.relative_to(PACKAGE).parent.parts
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            assert not any(a.name.startswith("pruning_amr") for a in node.names), path
        if not isinstance(node, ast.ImportFrom) or not node.level:
            continue
        base = package[: len(package) - node.level + 1] + tuple((node.module or "").split("."))
        base = tuple(part for part in base if part)
        for name in node.names:
            found.add((*base, name.name) if (*base, name.name) in modules else base)
    return found


@pytest.fixture(scope="module")
def imports() -> dict[tuple[str, ...], set[tuple[str, ...]]]:
    paths = [*PACKAGE.rglob("*.py")]
    modules = {module_of(p) for p in paths}
    return {module_of(p): imported(p, modules) for p in paths}


def allowed(module: tuple[str, ...], other: tuple[str, ...], order: tuple[str, ...]) -> bool:
    """Tell whether a module of one of the folders `order` may import another."""
    if not other or other[0] not in order:
        # Beside the folders only leaves; `algorithms` uses the front door.
        at_the_door = module[0] == order[-1] and other in FRONT
        return other[:1] in {(leaf,) for leaf in LEAVES} or at_the_door
    return order.index(other[0]) <= order.index(module[0])


def arrows_up(imports, order: tuple[str, ...], within: tuple[str, ...] = ()) -> list[str]:
    """Return the imports of a later folder by an earlier one."""
    depth, wrong = len(within), []
    for module, others in imports.items():
        if module[:depth] != within or len(module) == depth or module[depth] not in order:
            continue
        for other in others:
            if other[:depth] == within and not allowed(module[depth:], other[depth:], order):
                wrong.append(f"{module} -> {other}")
    return wrong


def test_every_folder_has_its_place(imports):
    folders = {module[0] for module in imports if (PACKAGE / Path(*module[:1])).is_dir() if module}
    assert folders <= set(ORDER)


def test_folders_import_only_those_before_them(imports):
    assert arrows_up(imports, ORDER) == []
    for folder, order in LAYERED_IN.items():
        # Modules beside the folders inside one may use all of them.
        inner = {m: {o for o in others if len(o) > 2} for m, others in imports.items()}
        assert arrows_up(inner, order, (folder,)) == []


def test_an_arrow_up_is_found(imports):
    wrong = imports | {("inr", "chain"): {("mesh", "tree")}, ("cells", "codes"): {("cli",)}}
    assert len(arrows_up(wrong, ORDER)) == 2
    deep = {("pruning", "local", "plan"): {("pruning", "evaluation", "factory")}}
    assert len(arrows_up(deep, LAYERED_IN["pruning"], ("pruning",))) == 1


def test_only_the_last_two_folders_know_vtk():
    for path in PACKAGE.rglob("*.py"):
        folder = path.relative_to(PACKAGE).parts[0]
        if folder in ORDER[:7]:
            text = path.read_text()
            assert "import vtk" not in text and "from vtk" not in text, path


def literal(nodes: list[ast.stmt], name: str) -> ast.expr:
    """Return what is assigned to a name."""
    assigned = (node for node in nodes if isinstance(node, ast.Assign))
    return next(n.value for n in assigned if name in ast.unparse(n.targets[0]))


def names_of(nodes: list[ast.stmt]) -> dict[str, tuple[str, ...]]:
    """Return what is imported from where."""
    found = (node for node in nodes if isinstance(node, ast.ImportFrom))
    return {f".{node.module}": tuple(a.name for a in node.names) for node in found if node.level}


@pytest.mark.parametrize("path", OFFERING, ids=lambda p: p.parent.name)
def test_names_imported_when_used_are_those_that_type_checkers_see(path):
    nodes = ast.parse(path.read_text()).body
    checked = next(n for n in nodes if isinstance(n, ast.If) and "TYPE_CHECKING" in ast.dump(n))
    table = ast.literal_eval(literal(nodes, "__getattr__").args[1])
    assert table == names_of(checked.body)
    later = {name for names in table.values() for name in names}
    offered = set(ast.literal_eval(literal(nodes, "__all__")))
    at_once = {name for names in names_of(nodes).values() for name in names}
    assert offered == later | (at_once - {"imported_when_used", "torch_library"})
    # A module that something imports takes the place of a name in its package.
    assert not later & {p.stem for p in path.parent.iterdir()}


def test_no_module_imports_itself_by_way_of_others(imports):
    # Folders as a whole are their `__init__`: what asks for it asks for all that it imports.
    TopologicalSorter({m: o - {m} for m, o in imports.items()}).prepare()


def test_a_circle_is_found(imports):
    circle = imports | {("inr", "chain"): {("inr", "field")}}
    with pytest.raises(CycleError):
        TopologicalSorter({m: o - {m} for m, o in circle.items()}).prepare()


def test_no_folder_holds_more_than_a_quarter_of_the_lines():
    lines: dict[str, int] = {}
    for path in PACKAGE.rglob("*.py"):
        folder = path.relative_to(PACKAGE).parts[0]
        lines[folder] = lines.get(folder, 0) + len(path.read_text().splitlines())
    assert max(lines.values()) <= 0.25 * sum(lines.values()), lines
