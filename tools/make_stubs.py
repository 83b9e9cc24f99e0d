"""Write the .pyi files of the operator modules of `mx.nd` and `mx.sym` from the registry: `python tools/make_stubs.py`.

Functions of operators are made at their first use, where editors and type checkers can't see them. A stub hides its
module, so each one also declares what the module defines itself.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import keyword
import pathlib
import sys
from typing import Any

import mxnet as mx
from mxnet.ndarray.generate import attribute_names
from mxnet.ops.namespaces import public_names
from mxnet.ops.registry import Operator, get_operator

PACKAGE = pathlib.Path(mx.__file__).parent
MODULES = {
    "op": "",
    "_internal": "_internal",
    "contrib": "contrib",
    "image": "image",
    "linalg": "linalg",
    "sparse": "sparse",
}
TYPES = {
    "a boolean": "bool", "an integer": "int", "a number": "float", "a string": "str",
    "a dtype": "Any", "a literal": "Any",
    "a tuple of integers such as (3, 3)": "int | Sequence[int]",
    "a tuple of integers or None such as (0, None)": "int | Sequence[int | None]",
    "a tuple of numbers such as (0.5, 1.0)": "float | Sequence[float]",
}  # fmt: skip
NOTE = "# Made by tools/make_stubs.py; do not edit."
HEAD = f"{NOTE}\nfrom collections.abc import Sequence\nfrom typing import Any, Literal\n"


def attribute_type(op: Operator, name: str) -> str:
    """The annotation of an attribute in a public function."""
    attribute = op.attributes.get(name)
    if attribute is None:  # the count of arrays
        return "int"
    kind = f"Literal[{', '.join(map(repr, attribute.choices))}]" if attribute.choices else TYPES[attribute.kind]
    return f"{kind} | None" if attribute.optional else kind


def operator_stub(name: str, op: Operator, kind: str) -> str:
    """The declaration of the public function of an operator; kind is NDArray or Symbol."""
    if op.variadic:
        *fixed, several = op.inputs
        parameters = [f"{item}: {kind} | None = ..." for item in fixed]
        parameters.append(f"*{several}: {kind}" if fixed else f"*{several}: {kind} | Sequence[{kind}]")
    else:
        parameters = [f"{item}: {kind} | None = ..." for item in op.inputs]
    parameters += [f"{item}: {attribute_type(op, item)} = ..." for item in attribute_names(op)]
    rest = ["out: Any = ...", "name: str | None = ..."]
    if kind == "Symbol":
        rest = ["name: str | None = ...", "attr: dict[str, str] | None = ...", "out: Any = ..."]
    single = op._num_outputs == 1 and op._num_visible in (None, 1)
    result = kind if single or kind == "Symbol" else "Any"
    return f"def {name}({', '.join([*parameters, *rest, '**kwargs: Any'])}) -> {result}: ..."


def own_stub(name: str, value: Any) -> str:
    """The declaration of a function written by hand: its parameters, without types."""
    parameters = []
    for item in inspect.signature(value).parameters.values():
        star = {item.VAR_POSITIONAL: "*", item.VAR_KEYWORD: "**"}.get(item.kind, "")
        if item.kind is item.KEYWORD_ONLY and not any(part.startswith("*") for part in parameters):
            parameters.append("*")
        parameters.append(f"{star}{item.name}: Any{'' if item.default is item.empty else ' = ...'}")
    return f"def {name}({', '.join(parameters)}) -> Any: ..."


def module_stub(package: str, module: str) -> str:
    """The text of the stub of one module."""
    kind = {"ndarray": "NDArray", "symbol": "Symbol"}[package]
    loaded = importlib.import_module(f"mxnet.{package}.{module}")
    lines = [HEAD + f"from .{package} import {kind}\n"]
    listed = getattr(loaded, "__all__", ())
    own = {
        name: value for name, value in vars(loaded).items()
        if inspect.isfunction(value) and not name.startswith("_")
        and (name in listed or value.__code__.co_filename == loaded.__file__)
    }  # fmt: skip
    functions = {name: own_stub(name, value) for name, value in own.items()}
    for name, full in public_names(MODULES[module]).items():
        if name not in own and name.isidentifier() and not keyword.iskeyword(name):
            functions[name] = operator_stub(name, get_operator(full), kind)
    names = ", ".join(repr(name) for name in sorted(functions))
    return "\n".join([*lines, f"__all__ = [{names}]\n", *(functions[name] for name in sorted(functions))]) + "\n"


def package_stub(package: str) -> str:
    """The text of the stub of the package: the imports of its __init__.py, after all operators."""
    tree = ast.parse((PACKAGE / package / "__init__.py").read_text(encoding="utf-8"))
    lines = [HEAD, "from .op import *"]
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.level == 1:
            if node.names[0].name == "*":
                lines.append(f"from .{node.module} import *")
                continue
            names = [item.name for item in node.names if item.asname is None]
            source = f".{node.module}" if node.module else "."
            lines += [f"from {source} import {name} as {name}" for name in names]
    return "\n".join(lines) + "\n"


def root_stub() -> str:
    """The text of the stub of `mxnet` itself, whose parts load at their first use."""
    lines = [NOTE, "__version__: str", "__distribution_version__: str"]
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    lines += [
        f"from .{node.module} import {item.name} as {item.name}"
        for node in tree.body if isinstance(node, ast.ImportFrom) and node.level == 1 for item in node.names
    ]  # fmt: skip
    for name, (module, attribute) in sorted(mx._LAZY.items()):
        if (PACKAGE / f"{module}.py").exists() or (PACKAGE / module / "__init__.py").exists():
            lines.append(
                f"from .{module} import {attribute} as {name}" if attribute else f"from . import {module} as {name}"
            )
    return "\n".join(lines) + "\n"


def stubs() -> dict[pathlib.Path, str]:
    """The text of every stub, by its path."""
    found = {PACKAGE / "__init__.pyi": root_stub()}
    for package in ("ndarray", "symbol"):
        found[PACKAGE / package / "__init__.pyi"] = package_stub(package)
        for module in MODULES:
            found[PACKAGE / package / f"{module}.pyi"] = module_stub(package, module)
    return found


if __name__ == "__main__":
    stale = [path for path, text in stubs().items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if "--check" in sys.argv:
        sys.exit(f"stale: {', '.join(path.name for path in stale)}; run python tools/make_stubs.py" if stale else 0)
    for path, text in stubs().items():
        path.write_text(text, encoding="utf-8")
