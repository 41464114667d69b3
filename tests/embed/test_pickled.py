"""A pickle is read as values or not at all: nothing in it runs, and none takes the machine down."""

from __future__ import annotations

import builtins
import functools
import operator
import os
import pickle
import struct
import tempfile
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from evenface.embed import pickled, pickled_arrays
from evenface.embed.exchange import import_vectors
from evenface.embed.pickled import load_plain
from evenface.errors import VectorError

VECTORS = np.arange(12, dtype=np.float32).reshape(4, 3) / 7
PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


def same(a: Any, b: Any) -> None:
    if isinstance(b, np.ndarray) and b.dtype != object:
        assert isinstance(a, np.ndarray)
        assert (a.dtype.str[1:], a.shape) == (b.dtype.str[1:], b.shape)
        assert a.tobytes() == b.astype(a.dtype).tobytes()
    elif isinstance(b, dict):
        assert list(a) == list(b)
        for key, value in b.items():
            same(a[key], value)
    elif isinstance(b, list | tuple | np.ndarray):
        assert len(a) == len(b)
        for one, other in zip(a, b, strict=True):
            same(one, other)
    else:
        assert a == b or a != a  # noqa: PLR0124


@pytest.fixture
def put(tmp_path: Path) -> Callable[..., Path]:
    def write(value: Any, protocol: int = 4) -> Path:
        file = tmp_path / "x.pkl"
        data = value if isinstance(value, bytes) else pickle.dumps(value, protocol)
        file.write_bytes(data)
        return file

    return write


numbers = st.sampled_from(["f2", "f4", ">f4", "f8", "i1", "u2", "i8", "?", "U3", "S2"])
arrays = numbers.flatmap(
    lambda kind: hnp.arrays(
        kind, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)
    )
).map(lambda a: a.T if a.ndim % 2 else np.asfortranarray(a))  # fmt: skip
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
plain = st.recursive(
    scalars | arrays,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
    | st.tuples(inner, inner),
    max_leaves=6,
)  # fmt: skip


@settings(max_examples=150)
@given(value=plain, protocol=st.sampled_from(PROTOCOLS))
def test_arrays_and_plain_values_come_back_the_same(value: Any, protocol: int) -> None:
    with tempfile.NamedTemporaryFile(suffix=".pkl") as file:
        file.write(pickle.dumps(value, protocol))
        file.flush()
        same(load_plain(Path(file.name)), value)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_other_containers_and_scalars_are_plain_too(
    put: Callable[..., Path], protocol: int
) -> None:
    names = defaultdict(list, {"a": [VECTORS[0]], "b": [VECTORS[1], VECTORS[2]]})
    values = [
        OrderedDict(b=1, a=2), names, np.float32(2.5), np.int64(-3), np.str_("é"),
        np.array(["a", None, 3], object), VECTORS[:, ::2],
        VECTORS.reshape(2, 2, 3).transpose(2, 0, 1),
    ]  # fmt: skip
    for value in values:
        same(load_plain(put(value, protocol)), value)


class Calls:
    """An object whose unpickling would call something."""

    def __init__(self, what: Callable[..., Any], *arguments: Any) -> None:
        self.call = (what, arguments)

    def __reduce__(self) -> Any:
        return self.call


def attacks(seen: Path) -> list[Any]:
    line = f"touch {seen}"
    return [
        Calls(os.system, line), Calls(eval, f"open({str(seen)!r}, 'w')"), Calls(exec, line),
        Calls(getattr, Calls(__import__, "os"), "system"), Calls(open, str(seen), "w"),
        Calls(functools.partial, os.system, line), Calls(operator.attrgetter("system"), 1),
        Calls(map, os.system, [line]), Calls(np.load, str(seen)), Calls(np.memmap, str(seen)),
        Calls(np.fromfile, str(seen)), Calls(np.ndarray, (10**12,)), Calls(np.zeros, 10**12),
        Calls(bytearray, 10**12), Calls(np.dtype, "V8"), Calls(np.dtype, "f4,f4"),
        Calls(Path.touch, seen), Calls(builtins.list, [1]), {"a": [(Calls(os.system, line),)]},
        np.array([Calls(os.system, line)], object), {Calls(os.system, line): 1}, Calls, object(),
        {1, 2}, frozenset([1]), 1 + 2j, np.zeros(2, complex), np.zeros(2, "M8[s]"), {(1, 2): 3},
        np.zeros(2, [("a", "f4")]), np.array([[1, "a"]], object), np.ma.array([1.0]), range(3),
    ]  # fmt: skip


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_nothing_else_is_opened_and_nothing_runs(
    put: Callable[..., Path], tmp_path: Path, protocol: int
) -> None:
    seen = tmp_path / "was-run"
    for attack in attacks(seen):
        with pytest.raises(VectorError, match=r"x\.pkl holds") as caught:
            load_plain(put(attack, protocol))
        assert len(str(caught.value).splitlines()) == 1
        assert not seen.exists()


GLOBAL = b"cnumpy\nndarray\n"
RECONSTRUCT = b"cnumpy._core.multiarray\n_reconstruct\n"
DTYPE = b"cnumpy\ndtype\n"


@pytest.mark.parametrize(
    "program",
    [
        b"cos\nsystem\n(S'true'\ntR.",
        b"(S'true'\nios\nsystem\n.",
        b"\x80\x02(cos\nsystem\nX\x04\x00\x00\x00trueo.",
        b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R.",
        b"\x80\x04\x8c\x08builtins\x8c\x11list.__reduce_ex__\x93)R.",
        b"\x80\x04\x8c\x05numpy\x8c\x14ndarray.__class__.mro\x93)R.",
        b"\x80\x02" + GLOBAL + b")\x81.",
        b"\x80\x02" + GLOBAL + b")R.",
        b"\x80\x02" + RECONSTRUCT + b"}b.",
        b"\x80\x02" + RECONSTRUCT + b"N}X\x0c\x00\x00\x00__defaults__)s\x86b.",
        b"\x80\x02" + DTYPE + b"N}X\x01\x00\x00\x00xK\x01s\x86b.",
        b"\x80\x02]}b.",
        b"Psomewhere\n.",
        b"\x80\x02K\x01Q.",
        b"\x80\x02\x82\x01.",
        b"\x80\x05\x97.",
        b"\x80\x02" + RECONSTRUCT + GLOBAL + b"K\x00\x85C\x01b\x87R.",
        b"\x80\x02" + GLOBAL + b".",
        b"\x80\x02K\x01.K\x02.",
        b"\x80\x02]q\x00h\x00a.",
        b"\x80\x02]" + b"]" * 40 + b"a" * 40 + b".",
    ],
)
def test_hand_made_programs_are_refused(put: Callable[..., Path], program: bytes) -> None:
    with pytest.raises(VectorError, match=r"x\.pkl holds"):
        load_plain(put(program))
    assert pickled_arrays.MAKERS["numpy.dtype"].__defaults__ == (None, None)


HUGE = struct.pack("<Q", 2**40)


def promising(shape: bytes, kind: bytes, raw: bytes) -> bytes:
    made = b"\x80\x04" + RECONSTRUCT + GLOBAL + shape + b"C\x01b\x87R"
    dtype = DTYPE + b"\x8c" + bytes([len(kind)]) + kind + b"\x89\x88\x87R(K\x03\x8c\x01<NNNJ\xff"
    return (
        made
        + b"(K\x01"
        + shape
        + dtype
        + b"\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89"
        + raw
        + b"tb."
    )


def test_the_programs_that_promise_are_whole_otherwise(put: Callable[..., Path]) -> None:
    made = load_plain(put(promising(b"K\x02\x85", b"f4", b"C\x08" + b"\0" * 8)))
    assert made.tolist() == [0, 0]


LONG = b"\x8a\x06\x00\x00\x00\x00\x00\x01"
BOMBS = {
    "index": b"\x80\x02]r\xff\xff\xff\x7f.",
    "bytes": b"\x80\x04\x8e" + HUGE + b"x.",
    "text": b"\x80\x04\x8d" + HUGE + b"x.",
    "bytearray": b"\x80\x05\x96" + HUGE + b"x.",
    "frame": b"\x80\x04\x95" + HUGE + b"].",
    "number": b"\x80\x02\x8b\xff\xff\xff\x7f\x01.",
    "digits": b"L" + b"9" * 100_000 + b"L\n.",
    "key": b"\x80\x02}" + b")" + b"\x85" * 100_000 + b"K\x01s.",
    "doubling": b"\x80\x02]" + b"]2aa" * 60 + b".",
    "shape": promising(LONG + b"\x85", b"f8", b"C\x08" + b"\0" * 8),
    "objects": promising(LONG + b"\x85", b"O8", b"]"),
    "nothing": promising(b"K\x00" + LONG + b"\x86", b"O8", b"]"),
    "wide text": promising(b"K\x01\x85", b"U9999999", b"C\x01x"),
    "empty text": promising(LONG + b"\x85", b"U0", b"C\x00"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_do_not_go_off(put: Callable[..., Path], name: str) -> None:
    import tracemalloc

    file = put(BOMBS[name])
    tracemalloc.start()
    try:
        # An index alone claims nothing: where the list is whole, it is read.
        if name == "index":
            assert load_plain(file) == []
        else:
            with pytest.raises(VectorError, match=r"x\.pkl"):
                load_plain(file)
        assert tracemalloc.get_traced_memory()[1] < 40_000_000
    finally:
        tracemalloc.stop()


def test_limits_are_said(put: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    file = put([1.5] * 200)
    monkeypatch.setattr(pickled, "STEPS", 100)
    with pytest.raises(VectorError, match=r"more than 100 values; keep vectors as arrays"):
        load_plain(file)
    monkeypatch.setattr(pickled, "MOST", 100)
    with pytest.raises(VectorError, match=r"bytes, more than 100"):
        load_plain(file)


def test_one_object_many_times_is_not_copied_as_often(put: Callable[..., Path]) -> None:
    vector = np.linspace(0, 1, 50_000)
    file = put({str(i): vector for i in range(5_000)})
    with pytest.raises(VectorError, match="write each once"):
        import_vectors(file, file.parent / "o", identity="sample_id")
    long = "x" * 20_000
    file = put({"v": [VECTORS[0] + i for i in range(3_000)], "identity": [long] * 3_000})
    with pytest.raises(VectorError, match="far longer labels"):
        import_vectors(file, file.parent / "o")


@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_a_file_cut_anywhere_is_refused(put: Callable[..., Path], protocol: int) -> None:
    data = pickle.dumps({"embeddings": VECTORS, "identity": ["a", "b", "c", "d"]}, protocol)
    for end in range(len(data)):
        with pytest.raises(VectorError, match=r"x\.pkl"):
            load_plain(put(data[:end]))


@settings(max_examples=150)
@given(data=st.data())
def test_damage_ends_in_one_error_or_in_plain_values(data: st.DataObject) -> None:
    good = bytearray(
        pickle.dumps({"v": VECTORS, "n": ["a", 1]}, data.draw(st.sampled_from([0, 4])))
    )
    for _ in range(data.draw(st.integers(1, 4))):
        good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    with tempfile.NamedTemporaryFile(suffix=".pkl") as file:
        file.write(good)
        file.flush()
        try:
            load_plain(Path(file.name))
        except VectorError as error:
            assert file.name in str(error)  # noqa: PT017


@pytest.mark.parametrize(
    ("head", "says"),
    [
        (b"PK\x03\x04 torch", r"ZIP archive.*tensor\.cpu"),
        (b"\x1f\x8b123", "gzip"),
        (b"\x93NUMPY", r"rename it to \.npy"),
        (b"", "too early"),
        (b"\x00\xff\xfe rubbish", "no pickle"),
        (b"ctorch._utils\n_rebuild_tensor_v2\n.", r"PyTorch's tensors; keep them as arrays"),
        (b"cpandas.core.frame\nDataFrame\n.", "DataFrame.to_parquet"),
        (b"cjoblib.numpy_pickle\nNumpyArrayWrapper\n.", "joblib"),
    ],
)
def test_what_else_may_be_in_such_a_file_gets_advice(
    put: Callable[..., Path], head: bytes, says: str
) -> None:
    with pytest.raises(VectorError, match=says):
        load_plain(put(head))


PYTHON_2 = (
    b"\x80\x02}q\x01(U\nembeddingsq\x02cnumpy.core.multiarray\n_reconstruct\nq\x03cnumpy\nndarray\n"
    b"q\x04K\x00\x85U\x01b\x87Rq\x05(K\x01K\x02K\x02\x86cnumpy\ndtype\nq\x06U\x02f4K\x00K\x01\x87R"
    b"q\x07(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89U\x10"
    + np.arange(4, dtype="<f4").tobytes()
    + b"tbU\x05namesq\x08]q\t(U\x03\xc3\xa9xU\x01beu."
)


def test_what_python_2_wrote_is_read(put: Callable[..., Path], tmp_path: Path) -> None:
    found = import_vectors(put(PYTHON_2), tmp_path / "o", identity="names")
    assert found.vectors.tolist() == [[0, 1], [2, 3]]
    assert found.rows["identity"].to_list() == ["éx", "b"]


PUBLISHED = {
    "embeddings": np.arange(24, dtype=np.float32).reshape(6, 4),
    "labels": np.arange(6),
    "eth_labels": np.arange(6) % 3,
    "gen_labels": np.array([0, 0, 0, 1, 1, 1]),
    "ids": tuple(f"100{i}@N08_identity_0" for i in range(6)),
}


def test_the_published_code_s_numbers_get_their_names(
    put: Callable[..., Path], tmp_path: Path
) -> None:
    found = import_vectors(put(PUBLISHED), tmp_path / "o")
    assert found.rows["identity"].to_list() == list(PUBLISHED["ids"])
    assert found.rows["gender"].to_list() == ["male"] * 3 + ["female"] * 3
    assert found.rows["ethnicity"].to_list() == ["Asian", "Caucasian", "Black"] * 2
    assert found.attributes == ("gender", "ethnicity")
    assert "0 Asian, 1 Caucasian, 2 Black" in found.source["notes"][0]["text"]
    # Asked for by their own names they stay numbers, as they do where they contradict each other.
    raw = import_vectors(put(PUBLISHED), tmp_path / "p", identity="ids", attributes=["gen_labels"])
    assert raw.rows["gen_labels"].to_list() == ["0", "0", "0", "1", "1", "1"]
    other = {**PUBLISHED, "labels": np.arange(6)[::-1]}
    with pytest.raises(VectorError, match=r"no column 'identity'.*it has labels, eth_labels"):
        import_vectors(put(other), tmp_path / "q")


ROWS = VECTORS.tolist()
PEOPLE = ["a", "a", "b", "b"]
PATHS = ["a/1.jpg", "a/2.jpg", "b/1.jpg", "b/2.jpg"]


@pytest.mark.parametrize(
    ("value", "options", "columns"),
    [
        ({"encodings": list(VECTORS), "names": PEOPLE}, {"identity": "names"}, {}),
        ({"embeddings": ROWS, "identity": PEOPLE, "age": [1, 2.5, None, 4]}, {},
         {"age": ["1.0", "2.5", None, "4.0"]}),
        ({"x": VECTORS, "y": VECTORS * 2, "identity": np.array(PEOPLE)}, {"vectors": "x"}, {}),
        ({"x": VECTORS[:, None], "identity": np.array(PEOPLE)[:, None]}, {}, {}),
        ({"a": VECTORS[:2], "b": list(VECTORS[2:])}, {"identity": "key"}, {}),
        (dict(zip(PATHS, VECTORS[:, None], strict=True)), {"identity": "path"}, {"path": PATHS}),
        (dict(zip("wxyz", ROWS, strict=True)), {"identity": "sample_id"}, {}),
        ({"a": dict(zip(PATHS[:2], VECTORS[:2], strict=True)),
          "b": dict(zip(PATHS[2:], VECTORS[2:], strict=True))}, {"identity": "key"},
         {"path": PATHS}),
        ([{"embedding": v, "identity": p} for v, p in zip(VECTORS, PEOPLE, strict=True)], {}, {}),
        ({k: {"v": v, "identity": p} for k, v, p in zip(PATHS, ROWS, PEOPLE, strict=True)}, {},
         {"path": PATHS}),
        ([(v, p) for v, p in zip(VECTORS, PEOPLE, strict=True)], {"identity": "item1"}, {}),
        ([[i, p, v] for i, (v, p) in enumerate(zip(ROWS, PEOPLE, strict=True))],
         {"identity": "item1"}, {"item0": ["0", "1", "2", "3"]}),
        ((VECTORS, PEOPLE), {"identity": "item1"}, {}),
    ],
)  # fmt: skip
def test_the_shapes_that_people_keep_embeddings_in(
    put: Callable[..., Path], tmp_path: Path, value: Any, options: Any, columns: Any
) -> None:
    found = import_vectors(put(value), tmp_path / "o", **options)
    assert np.allclose(found.vectors, VECTORS)
    people = found.rows["identity"].to_list()
    assert people == PEOPLE or options["identity"] in ("path", "sample_id")
    for name, wanted in columns.items():
        assert found.rows[name].to_list() == wanted


def test_an_array_alone_takes_its_labels_from_beside(
    put: Callable[..., Path], tmp_path: Path
) -> None:
    pl.DataFrame({"identity": PEOPLE}).write_csv(tmp_path / "labels.csv")
    for value in (VECTORS, list(VECTORS), ROWS):
        with pytest.raises(VectorError, match=r"holds no labels.*--labels"):
            import_vectors(put(value), tmp_path / "none")
        found = import_vectors(
            put(value), tmp_path / f"o{id(value)}", labels=tmp_path / "labels.csv"
        )
        assert np.allclose(found.vectors, VECTORS)


@pytest.mark.parametrize(
    ("value", "options", "says"),
    [
        ({}, {}, "a dict of nothing"),
        ("text", {}, "holds text"),
        ({"names": PEOPLE, "n": 4}, {}, r"a dict of 2: 'names' \(a list of 4, first text\)"),
        (
            {"x": VECTORS, "y": VECTORS, "identity": PEOPLE},
            {},
            r"several arrays of vectors \(x, y\)",
        ),
        ({"x": VECTORS, "identity": PEOPLE}, {"vectors": "z"}, "'z' holds no vectors"),
        ({"x": VECTORS, "identity": PEOPLE[:3]}, {}, r"'identity' are a list of 3, first text"),
        ({"x": VECTORS, "identity": [b"\xff"] * 4}, {}, "not UTF-8"),
        ({"x": VECTORS, "identity": ["\ud800"] * 4}, {}, "surrogate pair in row 1"),
        ({"a": VECTORS[0], "b": VECTORS[0, :2]}, {}, "lengths from 2 to 3"),
        ([{"v": VECTORS[0]}, {"w": 1}], {"vectors": "v"}, "entry 2 has no vector under 'v'"),
        ([(VECTORS[0], "a"), ("b", "c")], {}, "1 tuples have no vector at item0"),
        ({1: VECTORS[0], "1": VECTORS[1]}, {}, "same text"),
        ({"x": VECTORS * np.nan, "identity": PEOPLE}, {}, "4 of 4 vectors hold NaN"),
        ({"x": VECTORS, "identity": [10**30] * 4}, {}, "'identity' are a list"),
    ],
)
def test_values_that_can_not_be_used_say_why(
    put: Callable[..., Path], tmp_path: Path, value: Any, options: Any, says: str
) -> None:
    with pytest.raises(VectorError, match=says) as caught:
        import_vectors(put(value), tmp_path / "o", **options)
    assert "x.pkl" in str(caught.value)
