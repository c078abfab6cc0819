"""Arrays and scalars of numpy in pickles of every protocol."""

from __future__ import annotations

import pickle

import numpy as np
import pruning_amr as pa
import pytest
from _helpers.errors import one_clear_sentence
from _helpers.pickled import name, text
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as stn
from pruning_amr.files.formats import read_checkpoint
from pruning_amr.files.records import Record

PROTOCOLS = st.integers(0, 5)
NUMBERS = (
    stn.boolean_dtypes()
    | stn.integer_dtypes(endianness="?")
    | stn.unsigned_integer_dtypes(endianness="?")
    | stn.floating_dtypes(endianness="?")
    | stn.complex_number_dtypes(endianness="?")
    | stn.unicode_string_dtypes(min_len=1)
)


def expected(array: np.ndarray) -> np.ndarray:
    """Return the array in the type that results have."""
    if array.dtype.kind == "f":
        return array.astype(f"f{min(max(array.dtype.itemsize, 4), 8)}")
    if array.dtype.kind == "c":
        return array.astype(f"c{min(array.dtype.itemsize, 16)}")
    return array.astype(array.dtype.newbyteorder("="))


@given(
    array=stn.arrays(NUMBERS, stn.array_shapes(min_dims=0, min_side=0)),
    order=st.sampled_from(["C", "F", "every other"]),
    protocol=PROTOCOLS,
)
def test_generated_arrays(tmp_path, array, order, protocol):
    array = array[..., ::2] if order == "every other" and array.ndim else array
    array = np.asfortranarray(array) if order == "F" else array
    path = tmp_path / "file.pkl"
    path.write_bytes(pickle.dumps([array, array], protocol))
    ours, again = read_checkpoint(path).content
    assert ours is again
    with np.errstate(all="ignore"):
        theirs = expected(array)
    assert ours.dtype == theirs.dtype
    assert ours.flags.c_contiguous
    np.testing.assert_array_equal(ours, theirs)


@given(array=stn.arrays(NUMBERS, (1,)), protocol=PROTOCOLS)
def test_generated_scalars(tmp_path, array, protocol):
    path = tmp_path / "file.pkl"
    path.write_bytes(pickle.dumps({"value": array[0]}, protocol))
    ours = read_checkpoint(path).content["value"]
    with np.errstate(all="ignore"):
        theirs = expected(array)[0].item()
    if isinstance(theirs, complex):
        assert ours.kind == "builtins.complex"
        theirs, ours = [theirs.real, theirs.imag], list(ours.arguments)
    np.testing.assert_equal(ours, theirs)


@pytest.mark.parametrize("protocol", range(6))
def test_layers_as_a_list_of_lists(tmp_path, protocol):
    layers = [[np.ones((2, 8), "f4"), np.zeros((1, 8), "f4")], [np.ones((8, 1)), np.zeros((1, 1))]]
    path = tmp_path / "weights.pkl"
    path.write_bytes(pickle.dumps(layers, protocol))
    checkpoint = read_checkpoint(path)
    assert checkpoint.kind == "pickle"
    assert [[a.shape for a in pair] for pair in checkpoint.content] == [
        [(2, 8), (1, 8)],
        [(8, 1), (1, 1)],
    ]


def test_array_pickled_by_python_2(tmp_path):
    # Its bytes are texts there.
    numbers = np.arange(3.0).tobytes()
    kind = name("numpy", "dtype") + b"U\x02f8K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xff"
    kind += b"J\xff\xff\xff\xffK\x00tb"
    made = name("numpy.core.multiarray", "_reconstruct") + name("numpy", "ndarray")
    made += b"K\x00\x85U\x01b\x87R(K\x01K\x03\x85" + kind + b"\x89U\x18" + numbers + b"tb"
    path = tmp_path / "file.pkl"
    path.write_bytes(b"\x80\x02" + made + b".")
    np.testing.assert_array_equal(read_checkpoint(path).content, np.arange(3.0))


def test_array_pickled_by_python_2_in_protocol_0(tmp_path):
    kind = b"cnumpy\ndtype\n(S'f4'\nI0\nI1\ntR(I3\nS'<'\nNNNI-1\nI-1\nI0\ntb"
    made = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR"
    numbers = b"S'\\x00\\x00\\x80?\\x00\\x00\\xe0\\xc0'\n"
    path = tmp_path / "file.pkl"
    path.write_bytes(made + b"(I1\n(I2\nt" + kind + b"I00\n" + numbers + b"tb.")
    np.testing.assert_array_equal(read_checkpoint(path).content, [1.0, -7.0])


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_arrays_of_jax_and_tensorflow(tmp_path, protocol):
    function, arguments, state = np.arange(3.0, dtype="f4").__reduce__()
    given = pickle.dumps((function, arguments, state, {"weak_type": False}), protocol)[:-1]
    path = tmp_path / "file.pkl"
    path.write_bytes(b"cjax._src.array\n_reconstruct_array\n" + given + b"R.")
    np.testing.assert_array_equal(read_checkpoint(path).content, [0, 1, 2])
    given = pickle.dumps((np.arange(3.0),), protocol)[:-1]
    path.write_bytes(b"ctensorflow.python.framework.ops\nconvert_to_tensor\n" + given + b"R.")
    np.testing.assert_array_equal(read_checkpoint(path).content, [0, 1, 2])


@pytest.mark.parametrize("text", ["S'a", "Sab", "S'a\"", "S'\\x0'", "S"])
def test_damaged_texts_of_protocol_0(tmp_path, text):
    path = tmp_path / "file.pkl"
    path.write_bytes(b"(" + text.encode() + b"\n.")
    with one_clear_sentence(pa.CheckpointError, path):
        read_checkpoint(path)


@pytest.mark.parametrize(
    "array",
    [
        np.array([{"a": 1}, None], object),
        np.zeros(2, [("a", "f4"), ("b", "i4")]),
        np.zeros(2, "M8[s]"),
        np.zeros(2, "V3"),
        np.ma.masked_array([1.0, 2.0], [True, False]),
    ],
    ids=["objects", "structure", "dates", "void", "masked"],
)
@pytest.mark.parametrize("protocol", range(6))
def test_arrays_of_anything_else_become_records(tmp_path, array, protocol):
    path = tmp_path / "file.pkl"
    path.write_bytes(pickle.dumps({"a": array, "b": 1}, protocol))
    content = read_checkpoint(path).content
    assert isinstance(content["a"], Record)
    assert content["a"].kind.startswith("numpy")
    assert content["b"] == 1


@pytest.mark.parametrize("shape", ["(K\x05t", "(J\xff\xff\xff\xfft", "(K\x02K\x02t", "(Nt", "N"])
def test_shape_that_does_not_fit_the_numbers(tmp_path, shape):
    kind = name("numpy", "dtype") + text("f4") + b"\x89\x88\x87R"
    made = name("numpy.core.numeric", "_frombuffer") + b"(C\x08" + bytes(8) + kind
    path = tmp_path / "file.pkl"
    path.write_bytes(b"\x80\x05" + made + shape.encode("latin1") + text("C") + b"tR.")
    with one_clear_sentence(pa.CheckpointError, path):
        read_checkpoint(path)
