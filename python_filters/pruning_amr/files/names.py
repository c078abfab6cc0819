"""Names in pickles: one spelling for each, and those that only an attack asks for."""

from __future__ import annotations

_MODULES = {
    "__builtin__": "builtins",
    "posix": "os",
    "nt": "os",
    "posixpath": "os.path",
    "ntpath": "os.path",
    "copy_reg": "copyreg",
    "_pickle": "pickle",
    "cPickle": "pickle",
    "_operator": "operator",
    "_socket": "socket",
    "_ctypes": "ctypes",
    "commands": "subprocess",
    "_posixsubprocess": "subprocess",
    "torch.tensor": "torch._tensor",
}

_NAMES = {
    "builtins.xrange": "builtins.range",
    "builtins.unicode": "builtins.str",
    "builtins.long": "builtins.int",
    "builtins.reduce": "functools.reduce",
}
"""What Python 2 called otherwise; pickle writes its names in protocols 0 to 2."""

HARMLESS_BUILTINS = {
    "bool",
    "bytearray",
    "bytes",
    "complex",
    "dict",
    "float",
    "frozenset",
    "int",
    "list",
    "object",
    "range",
    "set",
    "slice",
    "str",
    "tuple",
    "type",
    "NoneType",
    "NotImplementedType",
    "Ellipsis",
    "ellipsis",
    "NotImplemented",
}
"""Types; and what pickle names for None's type, ``...`` and NotImplemented."""

_FORBIDDEN_MODULES = {
    "_frozen_importlib",
    "_frozen_importlib_external",
    "_io",
    "_posixshmem",
    "_thread",
    "_winapi",
    "asyncio",
    "bdb",
    "cProfile",
    "cffi",
    "codeop",
    "ctypes",
    "distutils",
    "doctest",
    "ensurepip",
    "fileinput",
    "ftplib",
    "gc",
    "http",
    "idlelib",
    "imp",
    "importlib",
    "inspect",
    "io",
    "linecache",
    "marshal",
    "mmap",
    "msvcrt",
    "multiprocessing",
    "os",
    "pdb",
    "pickle",
    "pip",
    "pkgutil",
    "platform",
    "profile",
    "pty",
    "pydoc",
    "requests",
    "resource",
    "runpy",
    "setuptools",
    "shelve",
    "shutil",
    "signal",
    "smtplib",
    "socket",
    "sqlite3",
    "ssl",
    "subprocess",
    "sys",
    "sysconfig",
    "tempfile",
    "threading",
    "timeit",
    "trace",
    "traceback",
    "urllib",
    "venv",
    "webbrowser",
    "winreg",
    "xmlrpc",
    "zipimport",
}
"""Modules that no checkpoint has a reason to name."""

_HARMLESS = {
    "io.BytesIO",
    "io.StringIO",
}
"""Names in such modules that objects of honest files are made of."""

_FORBIDDEN_NAMES = {
    "code.InteractiveConsole",
    "code.InteractiveInterpreter",
    "code.compile_command",
    "code.interact",
    "functools.reduce",
    "numpy.load",
    "numpy.fromfile",
    "numpy.testing._private.utils.runstring",
    "numpy.testing._private.utils.rundocs",
    "numpy.f2py.crackfortran.getlincoef",
    "numpy.f2py.crackfortran._eval_length",
    "operator.attrgetter",
    "operator.call",
    "operator.methodcaller",
    "pathlib.Path.open",
    "pathlib.Path.write_bytes",
    "pathlib.Path.write_text",
    "torch._C._jit_compile",
    "torch.compile",
    "torch.load",
    "torch.save",
    "torch.serialization.load",
    "torch.serialization.save",
    "torch.utils.collect_env.run",
    "types.CodeType",
    "types.FunctionType",
    "types.MethodType",
    "types.ModuleType",
}
_FORBIDDEN_PREFIXES = ("torch.hub.", "torch.jit.", "torch.package.", "torch.utils.cpp_extension.")
_HARMLESS_PREFIXES = ("torch.jit._pickle.",)

_WITHIN = {
    *("__builtins__", "builtins", "ctypes", "importlib", "os", "shutil", "socket", "subprocess"),
    "sys",
}
"""Modules reached through others, as in ``torch.serialization.os.system``."""


def spelled(module: str, name: str) -> str:
    """Return the one name used here for what `module` and `name` say.

    Examples
    --------
    >>> spelled("posix", "system")
    'os.system'
    """
    kind = f"{_MODULES.get(module, module)}.{name}"
    return _NAMES.get(kind, kind)


def is_forbidden(kind: str) -> bool:
    """Tell whether only an attack would name `kind` (``builtins.getattr`` is judged when called).

    Nothing named in a file is ever imported, so this list decides nothing but whether a file is
    refused as a whole or opened with an inert record in that place.
    """
    if kind in _HARMLESS or kind.startswith(_HARMLESS_PREFIXES):
        return False
    if kind in _FORBIDDEN_NAMES or kind.startswith(_FORBIDDEN_PREFIXES):
        return True
    parts = kind.split(".")
    if parts[0] == "builtins":
        return not (len(parts) == 2 and _is_harmless_builtin(parts[1]))
    return parts[0] in _FORBIDDEN_MODULES or any(p in _WITHIN for p in parts[1:-1])


def _is_harmless_builtin(name: str) -> bool:
    # Exceptions are pickled by honest programs: a NotImplementedError beside a history.
    return name in HARMLESS_BUILTINS or name == "getattr" or name.endswith(("Error", "Exception"))
