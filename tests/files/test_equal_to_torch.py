"""What PyTorch's own loader gives, bit by bit."""

from __future__ import annotations

import argparse
import pickle
from collections import Counter, OrderedDict, defaultdict, deque
from pathlib import PurePosixPath
from typing import Any
from zipfile import ZipFile

import numpy as np
import pruning_amr as pa
import pytest
import torch
from _helpers.errors import one_clear_sentence
from _helpers.pickled import same
from hypothesis import given
from hypothesis import strategies as st
from pruning_amr.files.formats import read_checkpoint
from pruning_amr.files.records import Record

NARROW = [torch.bfloat16, torch.float16]
FLOATS = [torch.float32, torch.float64]
WHOLE = [torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.bool]
NEW = [torch.uint16, torch.uint32, torch.uint64]
COMPLEX = [torch.complex64, torch.complex128]
EIGHT_BITS = [
    getattr(torch, f"float8_{name}")
    for name in ("e4m3fn", "e4m3fnuz", "e5m2", "e5m2fnuz", "e8m0fnu")
    if hasattr(torch, f"float8_{name}")
]
WAYS = {
    "zip": lambda value, path: torch.save(value, path),
    "legacy": lambda value, path: torch.save(value, path, _use_new_zipfile_serialization=False),
    "zip, protocol 4": lambda value, path: torch.save(value, path, pickle_protocol=4),
    "pickle 2": lambda value, path: path.write_bytes(pickle.dumps(value, 2)),
    "pickle 5": lambda value, path: path.write_bytes(pickle.dumps(value, 5)),
}


def array(tensor: torch.Tensor) -> np.ndarray:
    """Return what a tensor has to become."""
    tensor = tensor.detach().resolve_conj().resolve_neg()
    if tensor.dtype in (*NARROW, *EIGHT_BITS):
        tensor = tensor.float()
    return tensor.numpy()


def check(ours: Any, theirs: Any) -> None:
    """Compare nested dicts and lists of tensors."""
    if isinstance(theirs, dict):
        assert list(ours) == [str(k) for k in theirs]
        for mine, other in zip(ours.values(), theirs.values(), strict=True):
            check(mine, other)
    elif isinstance(theirs, list | tuple):
        assert len(ours) == len(theirs)
        for mine, other in zip(ours, theirs, strict=True):
            check(mine, other)
    elif isinstance(theirs, torch.Tensor):
        expected = array(theirs)
        assert isinstance(ours, np.ndarray)
        assert ours.dtype == expected.dtype
        assert ours.shape == expected.shape
        assert ours.flags.c_contiguous
        np.testing.assert_array_equal(ours, expected)
    else:
        assert same(ours, theirs)


@st.composite
def tensors(draw) -> torch.Tensor:
    """Draw a tensor of any type, shape and stride, often a view of another."""
    dtype = draw(st.sampled_from(NARROW + FLOATS + WHOLE + COMPLEX))
    shape = draw(st.lists(st.integers(0, 4), max_size=4))
    seed = draw(st.integers(0, 2**16))
    numbers = torch.from_numpy(np.array(np.random.default_rng(seed).normal(0, 100, shape)))
    tensor = numbers.abs().to(dtype) if dtype in WHOLE else numbers.to(dtype)
    change = draw(st.sampled_from(["as is", "transpose", "part", "every other", "expand", "conj"]))
    if change == "transpose" and shape:
        return tensor.permute(*reversed(range(tensor.ndim)))
    if change == "part" and shape and shape[0]:
        return tensor[draw(st.integers(0, shape[0] - 1)) :]
    if change == "every other" and shape:
        return tensor[..., ::2]
    if change == "expand":
        return tensor.expand(3, *shape)
    if change == "conj" and dtype in COMPLEX:
        return tensor.conj()
    return tensor


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12)
PLAIN = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | NAMES
CONTENTS = st.recursive(
    tensors() | PLAIN,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(NAMES, inner, max_size=3)
        | st.dictionaries(NAMES, inner, max_size=3).map(OrderedDict)
    ),
    max_leaves=8,
)


@pytest.mark.parametrize("way", WAYS)
@given(content=st.dictionaries(NAMES, CONTENTS, min_size=1, max_size=4))
def test_generated_content(tmp_path, way, content):
    path = tmp_path / "net.pt"
    WAYS[way](content, path)
    check(read_checkpoint(path).content, content)


@pytest.mark.parametrize("way", WAYS)
@given(numbers=tensors(), data=st.data())
def test_views_of_one_storage(tmp_path, way, numbers, data):
    base = numbers.contiguous().reshape(-1)
    cuts = [data.draw(st.integers(0, len(base))) for _ in range(3)]
    views = {"base": base, **{str(n): base[cut:] for n, cut in enumerate(cuts)}, "same": base}
    path = tmp_path / "net.pt"
    WAYS[way](views, path)
    check(read_checkpoint(path).content, views)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("dtype", NARROW + FLOATS + WHOLE + NEW + COMPLEX + EIGHT_BITS, ids=str)
def test_every_pattern_of_a_type(tmp_path, way, dtype):
    bits = torch.arange(2**16, dtype=torch.int32).to(torch.int16).view(torch.uint8)
    tensor = bits.to(torch.bool) if dtype == torch.bool else bits.view(dtype)
    path = tmp_path / "net.pt"
    WAYS[way]({"w": tensor, "p": torch.nn.Parameter(tensor, requires_grad=False)}, path)
    check(read_checkpoint(path).content, {"w": tensor, "p": tensor})


def test_half_complex(tmp_path):
    tensor = torch.randn(5, dtype=torch.complex64).to(torch.complex32)
    torch.save({"w": tensor}, tmp_path / "net.pt")
    ours = read_checkpoint(tmp_path / "net.pt").content["w"]
    np.testing.assert_array_equal(ours, tensor.to(torch.complex64).numpy())


@pytest.mark.parametrize("way", WAYS)
def test_parameters_and_their_kin(tmp_path, way):
    parameter = torch.nn.Parameter(torch.randn(3, 2))
    parameter.note = "kept by torch as state of the parameter"
    content = {
        "parameter": parameter,
        "buffer": torch.nn.Buffer(torch.randn(2)) if hasattr(torch.nn, "Buffer") else torch.ones(2),
        "negative": torch.randn(4, dtype=torch.complex64).conj().imag,
        "scalar": torch.tensor(2.5),
        "empty": torch.empty(0, 3),
    }
    path = tmp_path / "net.pt"
    WAYS[way](content, path)
    check(read_checkpoint(path).content, content)


@pytest.mark.parametrize("way", WAYS)
def test_optimizers_as_they_are(tmp_path, way):
    net = torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))
    optimizer = torch.optim.Adam(net.parameters(), amsgrad=True)
    net(torch.randn(3, 2)).sum().backward()
    optimizer.step()
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 10)
    content = {
        "epoch": 3,
        "state_dict": net.state_dict(),
        "optimizer": optimizer.state_dict(),
        "scheduler": schedule.state_dict(),
    }
    path = tmp_path / "net.pt"
    WAYS[way](content, path)
    check(read_checkpoint(path).content, content)


class Level(str):
    """A text of a class of its own."""


@pytest.mark.parametrize("way", WAYS)
def test_checkpoint_of_lightning(tmp_path, way):
    content = {
        "pytorch-lightning_version": "2.1.0",
        "state_dict": OrderedDict([("net.0.weight", torch.ones(2, 2))]),
        "hparams_name": "args",
        "hyper_parameters": argparse.Namespace(width=64, dims=(2, 1), root=PurePosixPath("a/b")),
        "callbacks": defaultdict(dict, {"best": {"score": torch.tensor(1.0)}}),
        "loops": Counter(["fit", "fit"]),
        "recent": deque([1, 2], maxlen=5),
        "size": torch.Size([3, 4]),
        "device": torch.device("cpu"),
        "dtype": torch.float16,
        "function": torch.nn.functional.softplus,
        "names": {"one"},
        "frozen": frozenset(["two"]),
        "range": range(1, 9, 2),
        "slice": slice(1, None),
        "ellipsis": ...,
        "level": Level("debug"),
        "number": 3 + 4j,
    }
    path = tmp_path / "net.ckpt"
    WAYS[way](content, path)
    ours = read_checkpoint(path).content
    assert list(ours) == list(content)
    args = ours["hyper_parameters"]
    assert args.kind == "argparse.Namespace"
    assert args.state["width"] == 64
    assert args.state["dims"] == [2, 1]
    assert args.state["root"].kind == "pathlib.PurePosixPath"
    check(ours["callbacks"], dict(content["callbacks"]))
    assert ours["loops"] == {"fit": 2}
    assert (ours["recent"], ours["size"]) == ([1, 2], [3, 4])
    assert (ours["names"], ours["frozen"]) == (["one"], ["two"])
    assert ours["device"].kind == "torch.device"
    assert ours["dtype"].kind == "torch.float16"
    assert "softplus" in ours["function"].kind
    assert isinstance(ours["level"], Record)
    assert ours["range"].arguments == (1, 9, 2)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", ["quantised", "sparse", "meta", "nested"])
def test_tensors_that_cannot_be_read_become_records(tmp_path, kind, way):
    tensor = {
        "quantised": lambda: torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8),
        "sparse": lambda: torch.ones(2, 2).to_sparse(),
        "meta": lambda: torch.ones(2, device="meta"),
        "nested": lambda: torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]),
    }[kind]()
    path = tmp_path / "net.pt"
    WAYS[way]({"w": tensor, "b": torch.ones(2)}, path)
    content = read_checkpoint(path).content
    assert isinstance(content["w"], Record)
    assert content["w"].kind.startswith("torch._utils._rebuild_")
    check(content["b"], torch.ones(2))


def test_big_endian_files(tmp_path):
    path = tmp_path / "net.pt"
    content = {"w": torch.randn(3, 2), "h": torch.randn(2).half(), "b": torch.randn(2).bfloat16()}
    content["c"] = torch.randn(2, dtype=torch.complex64)
    torch.save(content, path)
    with ZipFile(path) as archive:
        members = {n: archive.read(n) for n in archive.namelist()}
    sizes = {"0": 4, "1": 2, "2": 2, "3": 4}
    with ZipFile(path, "w") as archive:
        for name, data in members.items():
            folder, _, key = name.rpartition("/")
            if name.endswith("byteorder"):
                data = b"big"
            if folder.endswith("/data"):
                data = np.frombuffer(data, f"<u{sizes[key]}").astype(f">u{sizes[key]}").tobytes()
            archive.writestr(name, data)
    check(read_checkpoint(path).content, content)


@pytest.mark.parametrize("value", [torch.ones(3), [torch.ones(3)], 5, "text", None])
@pytest.mark.parametrize("way", WAYS)
def test_content_of_any_type(tmp_path, way, value):
    path = tmp_path / "net.pt"
    WAYS[way](value, path)
    check(read_checkpoint(path).content, value)


# In protocol 0 torch writes what it cannot read.
@pytest.mark.parametrize("protocol", range(1, 6))
@pytest.mark.parametrize("new", [True, False])
def test_every_protocol(tmp_path, protocol, new):
    content = {"w": torch.ones(2, 2), "p": torch.nn.Parameter(torch.ones(1)), "t": (1, 2.5, "a")}
    path = tmp_path / "net.pt"
    torch.save(content, path, pickle_protocol=protocol, _use_new_zipfile_serialization=new)
    checkpoint = read_checkpoint(path)
    assert checkpoint.kind == ("torch zip" if new else "torch legacy")
    check(checkpoint.content, content)


def test_shared_parts_are_shared(tmp_path):
    weight = torch.ones(2, 2)
    torch.save({"a": weight, "b": weight, "list": (one := [weight]), "again": one}, tmp_path / "x")
    content = read_checkpoint(tmp_path / "x").content
    assert content["a"] is content["b"]
    assert content["list"] is content["again"]


@pytest.mark.parametrize("way", ["zip", "legacy"])
@pytest.mark.parametrize("part", [0.2, 0.5, 0.9, 0.999])
def test_truncated_file(tmp_path, way, part):
    path = tmp_path / "net.pt"
    WAYS[way]({"w": torch.ones(100, 100)}, path)
    path.write_bytes(path.read_bytes()[: int(part * path.stat().st_size)])
    with one_clear_sentence(pa.CheckpointError, path):
        read_checkpoint(path)
