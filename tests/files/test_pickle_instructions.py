"""Every instruction that could import or call something imports and calls nothing."""

from __future__ import annotations

import contextlib
import copyreg
import pickle
import pickletools
import sys
import zipfile

import pruning_amr as pa
import pytest
from _helpers.errors import one_clear_sentence
from _helpers.pickled import WRITERS, calls, mentions, stores, text
from pruning_amr.files.formats import read_checkpoint
from pruning_amr.files.pickles import _STEPS
from pruning_amr.files.records import Record

MODULE = "canary_module_of_the_tests"
CANARY = """
from pathlib import Path

touched = Path(__file__).with_name("touched")
touched.write_text("imported")


def function(*arguments):
    touched.write_text("called")
    return {}


class Class:
    def __new__(cls, *arguments, **keywords):
        touched.write_text("made")
        return object.__new__(cls)

    def __setstate__(self, state):
        touched.write_text("state")

    def __setitem__(self, key, value):
        touched.write_text("item")

    def append(self, value):
        touched.write_text("entry")

    add = extend = append
"""

PICKLES = {
    **{f"{k}, function": v for k, v in calls(MODULE, "function", "x").items() if k != "NEWOBJ"},
    **{f"{k}, class": v for k, v in calls(MODULE, "Class", "x").items()},
    **mentions(MODULE, "function"),
    **stores(MODULE, "Class"),
}


@pytest.fixture
def canary(tmp_path, monkeypatch):
    """A module on the path that leaves a file behind when it is imported or used."""
    folder = tmp_path / "modules"
    folder.mkdir()
    (folder / f"{MODULE}.py").write_text(CANARY)
    monkeypatch.syspath_prepend(folder)
    yield folder / "touched"
    sys.modules.pop(MODULE, None)


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("pickled", PICKLES)
def test_unknown_names_become_records_and_nothing_runs(tmp_path, canary, kind, pickled):
    path = tmp_path / "file.pt"
    WRITERS[kind](path, PICKLES[pickled])
    known = set(sys.modules)
    checkpoint = read_checkpoint(path)
    assert checkpoint.kind == kind
    assert isinstance(checkpoint.content, Record)
    assert checkpoint.content.kind.startswith(MODULE)
    assert not canary.exists()
    assert {m for m in set(sys.modules) - known if not m.startswith("encodings")} == set()


# What Python's own unpickler stops at before it comes to the call.
REFUSED_BY_PYTHON = (
    *("NEWOBJ_EX, function", "copyreg.__newobj__, function"),
    "copyreg._reconstructor",
)


@pytest.mark.parametrize("pickled", [p for p in PICKLES if not p.startswith(REFUSED_BY_PYTHON)])
def test_the_same_pickles_run_where_they_are_let(canary, pickled):
    """The control of the test above."""
    with contextlib.suppress(TypeError, AttributeError, pickle.UnpicklingError):
        pickle.loads(PICKLES[pickled])
    assert canary.exists()


FORBIDDEN = [
    ("os", "system", "os.system"),
    ("posix", "system", "os.system"),
    ("nt", "system", "os.system"),
    ("builtins", "eval", "builtins.eval"),
    ("builtins", "exec", "builtins.exec"),
    ("builtins", "compile", "builtins.compile"),
    ("builtins", "open", "builtins.open"),
    ("builtins", "__import__", "builtins.__import__"),
    ("__builtin__", "eval", "builtins.eval"),
    ("subprocess", "Popen", "subprocess.Popen"),
    ("sys", "exit", "sys.exit"),
    ("shutil", "rmtree", "shutil.rmtree"),
    ("socket", "create_connection", "socket.create_connection"),
    ("ctypes", "CDLL", "ctypes.CDLL"),
    ("importlib", "import_module", "importlib.import_module"),
    ("runpy", "run_path", "runpy.run_path"),
    ("pty", "spawn", "pty.spawn"),
    ("code", "interact", "code.interact"),
    ("pickle", "loads", "pickle.loads"),
    ("_pickle", "loads", "pickle.loads"),
    ("webbrowser", "open", "webbrowser.open"),
    ("pip", "main", "pip.main"),
    ("torch.hub", "load", "torch.hub.load"),
    ("torch", "load", "torch.load"),
    ("torch.jit", "load", "torch.jit.load"),
    ("torch.serialization", "os.system", "torch.serialization.os.system"),
    ("operator", "attrgetter", "operator.attrgetter"),
    ("operator", "methodcaller", "operator.methodcaller"),
    ("types", "CodeType", "types.CodeType"),
    ("numpy", "load", "numpy.load"),
]


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize(("module", "function", "said"), FORBIDDEN)
def test_what_only_an_attack_asks_for_is_refused_by_name(tmp_path, kind, module, function, said):
    path = tmp_path / "file.pt"
    for data in [*calls(module, function, "true").values(), *mentions(module, function).values()]:
        WRITERS[kind](path, data)
        with one_clear_sentence(pa.UnsafeCheckpointError, path, said, "nothing of it was executed"):
            read_checkpoint(path)


@pytest.mark.parametrize("kind", WRITERS)
def test_getattr_is_refused_but_for_functions_of_torch(tmp_path, kind):
    path = tmp_path / "file.pt"
    get = b"cbuiltins\ngetattr\n"
    WRITERS[kind](path, get + b"cos\npath\n" + text("join") + b"\x86R.")
    with one_clear_sentence(pa.UnsafeCheckpointError, path, "builtins.getattr", "os.path"):
        read_checkpoint(path)
    WRITERS[kind](path, get + b"ctorch._C\n_VariableFunctionsClass\n" + text("sin") + b"\x86R.")
    assert read_checkpoint(path).content.kind == "torch.sin"


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("data", [b"\x82\x01.", b"\x83\x01\x00.", b"\x84\x01\x00\x00\x00."])
def test_extensions_of_copyreg_are_refused(tmp_path, canary, kind, data):
    path = tmp_path / "file.pt"
    WRITERS[kind](path, data)
    copyreg.add_extension(MODULE, "function", 1)
    try:
        with one_clear_sentence(pa.CheckpointError, path, "extension 1"):
            read_checkpoint(path)
    finally:
        copyreg.remove_extension(MODULE, "function", 1)
    assert not canary.exists()


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize(
    "data", [b"Panything\n.", *(text("anything") + q for q in (b"Q.", b"\x85Q."))]
)
def test_foreign_persistent_objects_are_refused(tmp_path, kind, data):
    path = tmp_path / "file.pt"
    WRITERS[kind](path, data)
    with one_clear_sentence(pa.CheckpointError, path, "anything", "outside the file"):
        read_checkpoint(path)


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("data", [b"\x97.", b"\x97\x98."])
def test_buffers_outside_the_file_are_refused(tmp_path, kind, data):
    path = tmp_path / "file.pt"
    WRITERS[kind](path, data)
    with one_clear_sentence(pa.CheckpointError, path, "buffer"):
        read_checkpoint(path)


def test_names_that_are_not_ascii(tmp_path):
    path = tmp_path / "file.pt"
    path.write_bytes("créseau\nSirène\n)\x81.".encode().replace(b"\xc2\x81", b"\x81"))
    assert read_checkpoint(path).content.kind == "réseau.Sirène"


def test_every_instruction_of_every_protocol_is_known():
    assert set(_STEPS) == {opcode.name for opcode in pickletools.opcodes}


def test_names_of_an_attack_cannot_break_the_sentence(tmp_path):
    path = tmp_path / "file.pt"
    path.write_bytes(b"\x80\x04" + text("os") + text("sys\n\x1b[31mtem" + 150 * "x") + b"\x93.")
    with one_clear_sentence(pa.UnsafeCheckpointError, path, "os.sys?"):
        read_checkpoint(path)


def test_second_pickle_in_a_zip_cannot_hide(tmp_path):
    path = tmp_path / "two.pt"
    WRITERS["torch zip"](path, b"}.")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("archive/deep/data.pkl", b"}.")
    with one_clear_sentence(pa.CheckpointError, path, "2 pickles"):
        read_checkpoint(path)
