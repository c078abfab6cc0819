"""Files that are small and claim, or become, much.

    python bombs.py FOLDER MB BYTES SECONDS

writes each into FOLDER and reads it with ``checkpoint_mb=MB``, in a process of its own with no more
than BYTES of memory beside what Python has taken by then, and no more than SECONDS. It prints a
line of JSON for each: its name, the sentence with which it is refused, and the seconds it took.
"""

from __future__ import annotations

import json
import os
import signal
import struct
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

from _helpers import pickled
from _helpers.pickled import name, tensor, text, whole
from pruning_amr.errors import CheckpointError
from pruning_amr.files.formats import read_checkpoint

MANY = 6_000_000


def _laughs(path: Path) -> None:
    # Each list holds the one before ten times.
    lines = b"".join(b"](" + b"h%c" % (k - 1) * 10 + b"eq%c" % k for k in range(1, 40))
    path.write_bytes(b"]q\x00" + lines + b".")


def _laughing_modules(path: Path) -> None:
    made = b"cnet\nNet\n)\x81"
    lines = b"".join(
        made + b"}(" + b"".join(text(str(n)) + b"h%c" % (k - 1) for n in range(10)) + b"ubq%c" % k
        for k in range(1, 40)
    )
    path.write_bytes(b"\x80\x02]q\x00" + lines + b".")


def _deep(path: Path) -> None:
    path.write_bytes(b"]" * 100_000 + b"a" * 99_999 + b".")


def _deep_tuples(path: Path) -> None:
    path.write_bytes(b"N" + b"\x85" * 1_000_000 + b".")


def _deep_records(path: Path) -> None:
    call = b"\x85q\x000cnet\nf\nh\x00R"
    path.write_bytes(b"N" + call * 200_000 + b".")


def _many_calls_of_calls(path: Path) -> None:
    path.write_bytes(b"cnet\nf\n" + b")R" * 1_000_000 + b".")


def _memo(path: Path) -> None:
    path.write_bytes(b"\x80\x04N" + b"\x94" * 2_500_000 + b".")


def _colliding_memo(path: Path) -> None:
    puts = b"".join(b"p%d\n" % (k * (2**61 - 1)) for k in range(200_000))
    path.write_bytes(b"\x80\x02N" + puts + b".")


def _instructions(path: Path) -> None:
    path.write_bytes(b"N" * MANY + b".")


def _dicts(path: Path) -> None:
    path.write_bytes(b"\x80\x02(" + b"}" * 4_000_000 + b"l.")


def _names(path: Path) -> None:
    names = b"".join(b"cnet\nNet%d\n" % number for number in range(150_000))
    path.write_bytes(b"\x80\x02(" + names + b"l.")


def _marks(path: Path) -> None:
    path.write_bytes(b"(" * MANY + b".")


def _colliding_keys(path: Path) -> None:
    keys = b"".join(whole(k * (2**61 - 1)) + b"N" for k in range(200_000))
    path.write_bytes(b"}(" + keys + b"u.")


def _repeated_long_keys(path: Path) -> None:
    # One text of 20 MB is three parts of a key in each of two hundred dicts.
    dicts = b"}h\x00h\x00h\x00\x87Ns" * 200
    path.write_bytes(text("x" * 20_000_000) + b"q\x00(" + dicts + b"l.")


def _repeated_copies(path: Path) -> None:
    copy = name("_codecs", "encode") + b"h\x00" + text("latin1") + b"\x86R"
    path.write_bytes(text("x" * 20_000_000) + b"q\x00" + copy * 1000 + b".")


def _repeated_lists(path: Path) -> None:
    copy = name("builtins", "list") + b"h\x00\x85R"
    path.write_bytes(b"\x80\x02(" + b"N" * 500_000 + b"lq\x00" + copy * 2000 + b".")


def _repeated_long_names(path: Path) -> None:
    names = b"h\x00h\x00\x93" * 1000
    path.write_bytes(b"\x80\x04" + text("x" * 20_000_000) + b"\x94" + names + b".")


def _repeated_shapes(path: Path) -> None:
    shape = b"(" + b"K\x01" * 500_000 + b"tq\x00"
    made = name("torch._utils", "_rebuild_tensor_v2") + b"(h\x01K\x00h\x00h\x00\x89}tR"
    data = shape + b"0" + pickled.storage("0", 1) + b"q\x01" + made * 10_000 + b"."
    pickled.as_zip(path, data, **{"0": b"\0" * 4})


def _scalars_of_long_texts(path: Path) -> None:
    kind = name("numpy", "dtype") + text("S20000000") + b"\x89\x88\x87R" + b"q\x01"
    scalar = name("numpy.core.multiarray", "scalar") + b"h\x01h\x00\x86R"
    path.write_bytes(text("x" * 20_000_000) + b"q\x00" + kind + scalar * 1000 + b".")


def _tensors(path: Path) -> None:
    made = tensor("0", 1, (), ())
    pickled.as_zip(path, b"(" + made * 110_000 + b"l.", **{"0": b"\0" * 4})


def _zero_strides(path: Path) -> None:
    data = tensor("0", 1, (10**6, 10**6), (0, 0)) + b"."
    pickled.as_zip(path, data, **{"0": b"\0" * 4})


def _many_zero_strides(path: Path) -> None:
    data = b"(" + tensor("0", 1, (1000, 100_000), (0, 0)) * 10 + b"l."
    pickled.as_zip(path, data, **{"0": b"\0" * 4})


def _absurd_shape(path: Path) -> None:
    pickled.as_zip(path, tensor("0", 1, (2**900,) * 30, (0,) * 30) + b".", **{"0": b"\0" * 4})


def _nested_files(path: Path) -> None:
    data = b"N."
    for _ in range(30):
        inner = pickled.legacy_bytes(data)
        whole_text = text(inner.decode("latin1"))
        encoded = name("_codecs", "encode") + whole_text + text("latin1") + b"\x86R"
        data = name("torch.storage", "_load_from_bytes") + encoded + b"\x85R."
        if len(data) > 10**7:
            break
    path.write_bytes(data)


def _repeated_nested_files(path: Path) -> None:
    inner = text(pickled.legacy_bytes(b"N0" * 10_000 + b"N.").decode("latin1"))
    encoded = name("_codecs", "encode") + inner + text("latin1") + b"\x86Rq\x00"
    load = name("torch.storage", "_load_from_bytes") + b"h\x00\x85R"
    path.write_bytes(encoded + load * 100_000 + b".")


def _deflated(path: Path, member: str, head: bytes, part: bytes, count: int) -> None:
    archive = zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1)
    with archive, archive.open(member, "w", force_zip64=True) as file:
        file.write(head)
        for _ in range(count):
            file.write(part)


def _zip_bomb(path: Path) -> None:
    _deflated(path, "archive/data.pkl", b"", b"N0" * 2**19, 100)


def _npz_bomb(path: Path) -> None:
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (%d,), }" % (2**24)
    head = b"\x93NUMPY\x01\0" + struct.pack("<H", len(header)) + header
    _deflated(path, "w.npy", head, bytes(2**20), 100)


def _npz_header_bomb(path: Path) -> None:
    head = b"\x93NUMPY\x02\0" + struct.pack("<I", 2**30)
    _deflated(path, "w.npy", head, bytes(2**20), 60)


def _npz_literal(path: Path) -> None:
    header = b"{'descr': " + b"-" * 9000 + b"1, 'fortran_order': False, 'shape': (1,), }"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("w.npy", b"\x93NUMPY\x01\0" + struct.pack("<H", len(header)) + header)


def _bzip2(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("archive/data.pkl", b"N0" * 1000 + b"N.")


def _members(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(21_000):
            archive.writestr(f"{number}.npy", b"")


def _directory(path: Path) -> None:
    entry = b"PK\x01\x02" + bytes(42)
    data = b"PK\x03\x04" + bytes(26) + entry * 200_000
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 65535, 65535, len(entry) * 200_000, 30, 0)
    path.write_bytes(data + end)


def _declared_members(path: Path) -> None:
    # A stored member of 101 bytes that claims 10 MB, in the directory and in front of it.
    pickled.as_zip(path, b"N" * 100 + b".")
    sizes, claimed = struct.pack("<II", 101, 101), struct.pack("<II", 10**7, 10**7)
    path.write_bytes(path.read_bytes().replace(sizes, claimed))


def _safetensors_header(path: Path) -> None:
    path.write_bytes(struct.pack("<Q", 2**35) + b'{"a":' + bytes(100))


def _legacy_storage(path: Path) -> None:
    data = pickled.legacy_bytes(tensor("0", 2**40, (2**40,), (1,)) + b".", **{"0": b"\0" * 4})
    path.write_bytes(data)


def _torchscript_calls(path: Path) -> None:
    code = "class Net(Module):\n  def forward(self):\n" + "torch.sin(" * 90_000
    classes = b"".join(name("__torch__", f"Net{n}" if n else "Net") + b")\x81" for n in range(2000))
    pickled.as_torchscript(path, b"(" + classes + b"l.", code)


def _cycle(path: Path) -> None:
    path.write_bytes(b"]q\x00h\x00a.")


def _cycle_of_dicts(path: Path) -> None:
    path.write_bytes(b"}q\x00" + text("a") + b"}" + text("b") + b"h\x00ss.")


BOMBS: dict[str, tuple[Callable[[Path], None], str]] = {
    "billion laughs": (_laughs, "4,000,000 values"),
    "billion laughing modules": (_laughing_modules, "4,000,000 values"),
    "deep lists": (_deep, "120 levels"),
    "deep tuples": (_deep_tuples, "120 levels"),
    "deep records": (_deep_records, "120 levels"),
    "calls of calls": (_many_calls_of_calls, "opened"),
    "a list in itself": (_cycle, "holds itself"),
    "a dict in itself": (_cycle_of_dicts, "holds itself"),
    "memo": (_memo, "2,000,000 entries in the memos"),
    "colliding places in the memo": (_colliding_memo, "memo"),
    "instructions": (_instructions, "5,000,000 instructions"),
    "dicts": (_dicts, "1,000,000 lists, dicts and objects"),
    "names": (_names, "100,000 names"),
    "marks": (_marks, "5,000,000 instructions"),
    "colliding keys": (_colliding_keys, "opened"),
    "one long text in many keys": (_repeated_long_keys, "opened"),
    "one text encoded often": (_repeated_copies, "copies of parts"),
    "one list copied often": (_repeated_lists, "copies of parts"),
    "one long text in many names": (_repeated_long_names, "too long"),
    "one long shape in many tensors": (_repeated_shapes, "shape"),
    "one long text in many scalars": (_scalars_of_long_texts, "copies of parts"),
    "tensors": (_tensors, "100,000 tensors"),
    "zero strides": (_zero_strides, "arrays"),
    "many zero strides": (_many_zero_strides, "arrays"),
    "absurd shape": (_absurd_shape, "an absurd amount"),
    "files within files": (_nested_files, "files within files"),
    "one file read often": (_repeated_nested_files, "instructions"),
    "zip bomb": (_zip_bomb, "stored parts"),
    "npz bomb": (_npz_bomb, "stored parts"),
    "npz with a long header": (_npz_header_bomb, "header"),
    "npz with a header to evaluate": (_npz_literal, "header"),
    "bzip2": (_bzip2, "deflate"),
    "members": (_members, "20,000 members"),
    "directory": (_directory, "directory"),
    "members that claim more": (_declared_members, "more bytes than it can hold"),
    "safetensors header": (_safetensors_header, "header"),
    "legacy storage": (_legacy_storage, "arrays"),
    "TorchScript calls": (_torchscript_calls, "opened"),
}
"""By what they are: who writes them, and what the sentence has to say."""


def main() -> None:
    """Write and read all of them."""
    folder = Path(sys.argv[1])
    for number, (bomb, (write, _)) in enumerate(BOMBS.items()):
        path = folder / f"{number}.pt"
        write(path)
        child = os.fork()
        if not child:
            signal.alarm(int(sys.argv[4]))
            sentence, seconds = _outcome(path, float(sys.argv[2]), int(sys.argv[3]))
            print(json.dumps([bomb, sentence, seconds]), flush=True)
            os._exit(0)
        os.waitpid(child, 0)
        path.unlink()


def _outcome(path: Path, checkpoint_mb: float, n_bytes: int) -> tuple[str, float]:
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + n_bytes,) * 2)
    start = time.monotonic()
    try:
        read_checkpoint(path, checkpoint_mb)
    except CheckpointError as error:
        return str(error), time.monotonic() - start
    return "opened.", time.monotonic() - start


if __name__ == "__main__":
    import resource

    main()
