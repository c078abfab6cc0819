"""Writes the files that the fuzzer begins with.

    python tests/fuzz/seeds.py FOLDER

puts into FOLDER/<reader> what `fuzz_readers.packed` turns into files that the reader opens.
"""

from __future__ import annotations

import argparse
import io
import pickle
import struct
import sys
import zipfile
from collections import OrderedDict, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).parents[1]))
from _helpers.fuzzed import MEMBERS, packed
from _helpers.pickled import calls, mentions, stores


class Sine(nn.Module):
    """A layer with a frequency."""

    def __init__(self) -> None:
        super().__init__()
        self.omega_0, self.linear = 30.0, nn.Linear(2, 2)

    def forward(self, x):
        """Return the sine of a layer."""
        return torch.sin(self.omega_0 * self.linear(x))


def contents() -> list[Any]:
    """Return values of the kinds that files hold."""
    net = nn.Sequential(nn.Linear(2, 2), nn.Softplus(100))
    base = torch.arange(12.0)
    return [
        net.state_dict(),
        net,
        Sine(),
        {"a": base.view(3, 4).T, "b": base[3:], "c": base.to(torch.bfloat16)},
        {"h": base.half(), "c": torch.complex(base, base).conj(), "u": base.to(torch.uint16)},
        {"scalar": np.float64(0.5), "history": np.arange(3.0), "words": np.array(["a"])},
        {"args": argparse.Namespace(width=3), "d": defaultdict(list, {"k": [1]}), "t": (1, 2.5)},
        OrderedDict([("set", {1}), ("bytes", b"abc"), ("f", torch.sin), ("none", None)]),
        [[np.ones((2, 2), "f4"), np.zeros(2)]],
        nn.ParameterList([torch.ones(2)]),
        torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8),
    ]


def unpacked(reader: str, data: bytes) -> bytes:
    """Return the fuzzer's bytes for an archive."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        # As the fuzzer names them: all in a folder "a", but for numpy's.
        base = "" if reader == "npz" else archive.namelist()[0].partition("/")[0] + "/"
        names = {n.removeprefix(base): n for n in archive.namelist()}
        wanted = [member.removeprefix("a/") for member in MEMBERS[reader]]
        parts = [archive.read(names[m]) if m in names else b"" for m in wanted]
    return b"".join(struct.pack("<H", len(part)) + part for part in parts)


def saved(value: Any, **options: Any) -> bytes:
    """Return the bytes of a file by torch."""
    file = io.BytesIO()
    torch.save(value, file, **options)
    return file.getvalue()


def seeds() -> dict[str, list[bytes]]:
    """Return the fuzzer's bytes by reader."""
    values = contents()
    found: dict[str, list[bytes]] = {
        "zip": [unpacked("zip", saved(v)) for v in values],
        "legacy": [saved(v, _use_new_zipfile_serialization=False) for v in values],
        "pickle": [pickle.dumps(v, p) for v in values for p in (0, 2, 4, 5)],
        "torchscript": [],
        "npz": [],
        "safetensors": [
            b'{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}\0' + bytes(8),
            b'{"__metadata__":{"a":"b"},"w":{"dtype":"BF16","shape":[2,1],'
            b'"data_offsets":[0,4]},"v":{"dtype":"F8_E4M3","shape":[],"data_offsets":[4,5]}}\0'
            + bytes(5),
        ],
    }
    groups = (calls("net", "Net", "a"), mentions("net", "Net"), stores("net", "Net"))
    found["pickle"] += [data for group in groups for data in group.values()]
    for net in (nn.Sequential(nn.Linear(2, 2), nn.Softplus(100), nn.ELU(0.5)), Sine()):
        for made in (torch.jit.script(net), torch.jit.trace(net, torch.zeros(1, 2))):
            file = io.BytesIO()
            torch.jit.save(made, file)
            found["torchscript"].append(unpacked("torchscript", file.getvalue()))
    for dtype in ("f4", ">f8", "f2", "i8", "?", "c8", "U2", "M8[s]"):
        file = io.BytesIO()
        np.savez(file, w=np.ones((2, 2), dtype) if dtype != "M8[s]" else np.zeros(2, dtype), b=1)
        found["npz"].append(unpacked("npz", file.getvalue()))
    found["file"] = [packed(reader, files[0]) for reader, files in found.items()]
    return found


if __name__ == "__main__":
    for reader, files in seeds().items():
        folder = Path(sys.argv[1]) / reader
        folder.mkdir(parents=True, exist_ok=True)
        for number, data in enumerate(files):
            (folder / f"{number:03d}").write_bytes(data)
