"""Archives give back what went in, member by member, and decode no more than that takes."""

from __future__ import annotations

import contextlib
import inspect
import io
import itertools
import os
import random
import sys
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import edgezip
from edgezip.archive import collect, table, writing
from edgezip.archive.contents import Contents, encode
from edgezip.archive.names import Selection, member_name, stripped
from edgezip.archive.writing import plan
from edgezip.container import constants as c
from edgezip.container.source import Source
from edgezip.errors import FormatError, InputError, SettingsError
from edgezip.pipeline import content
from edgezip.pipeline.auxiliary import pack_auxiliary
from edgezip.pipeline.options import PackOptions
from tests.archive.second_table import read_table

NOISE = random.Random(3).randbytes(4000)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder of files of several kinds, with links, modes and times."""
    root = tmp_path / "tree"
    (root / "deep" / ("d" * 120)).mkdir(parents=True)
    (root / "a.txt").write_bytes(b"some words in a text\n" * 30)
    (root / "deep" / "b.py").write_bytes(b"def f():\n    return 1\n" * 20)
    (root / "full.bin").write_bytes(NOISE[:1024])
    (root / "empty").write_bytes(b"")
    (root / "deep" / ("d" * 120) / os.fsdecode(b"odd\xff\n")).write_bytes(b"odd")
    os.link(root / "a.txt", root / "deep" / "hard.txt")
    os.symlink("deep/b.py", root / "link")
    os.chmod(root / "full.bin", 0o4751)
    os.chmod(root / "deep", 0o750)
    os.utime(root / "a.txt", ns=(5, 1_600_000_000_123_456_789))
    os.utime(root / "deep", (0, 7))
    return root


def look(root: Path) -> dict[str, tuple[object, ...]]:
    """What there is below a folder."""
    found: dict[str, tuple[object, ...]] = {}
    for path in root.rglob("*"):
        status = path.lstat()
        what: object = os.readlink(path) if path.is_symlink() else b""
        if path.is_file() and not path.is_symlink():
            what = path.read_bytes()
        mode = status.st_mode & 0o170777
        found[str(path.relative_to(root))] = (mode, status.st_mtime_ns, what, status.st_nlink)
    return found


def test_a_folder_comes_back_with_modes_links_and_times(tree: Path, tmp_path: Path) -> None:
    os.makedirs(tmp_path / "x")
    if hasattr(os, "setxattr"):
        with contextlib.suppress(OSError):
            os.setxattr(tree / "a.txt", "user.note", b"\xffbytes")
            os.setxattr(tree / "a.txt", "user.a=b%3D", b"odd")
    with edgezip.Archive(tmp_path / "x.tar.ez", "w", model="none") as archive:
        archive.add(tree, "tree")
    with edgezip.Archive(tmp_path / "x.tar.ez") as archive:
        assert archive.names() == sorted(archive.names(), key=lambda name: name.split("/"))
        assert archive.extract(tmp_path / "back") == len(archive.names()) == 10
    before, after = look(tree), look(tmp_path / "back" / "tree")
    # Everything but set-uid bits and, of links, nothing.
    assert after == before
    if hasattr(os, "listxattr") and os.listxattr(tree / "a.txt"):
        assert os.getxattr(tmp_path / "back/tree/a.txt", "user.note") == b"\xffbytes"
        assert os.getxattr(tmp_path / "back/tree/a.txt", "user.a=b%3D") == b"odd"


def test_the_content_is_a_tar_and_equal_input_gives_equal_files(tree: Path) -> None:
    rules = collect.Rules(owner=("me", 1), group=("us", 2), mtime=3, order="name")
    packed = []
    for _ in range(2):
        target = io.BytesIO()
        with edgezip.Archive(target, "w", model="none", rules=rules) as archive:
            archive.add(tree, "tree")
            archive.add_bytes("more", b"text", mtime=9)
        packed.append(target.getvalue())
        os.utime(tree / "empty")
    assert packed[0] == packed[1]
    with tarfile.open(fileobj=io.BytesIO(edgezip.decompress(packed[0]))) as tar:
        members = tar.getmembers()
    assert {(m.uid, m.gid, m.uname, m.gname, m.mtime) for m in members} == {(1, 2, "me", "us", 3)}
    names = [m.name.split("/") for m in members]
    assert names == sorted(names)


def many(count: int = 100, size: int = 600) -> bytes:
    target = io.BytesIO()
    with edgezip.Archive(target, "w", model="none", frame_size=16 << 10) as archive:
        for number in range(count):
            text = b"line %d of a log\n" % number * (size // 17)
            archive.add_bytes(f"log/{number:03}.log", text, mtime=number)
    return target.getvalue()


def test_listing_decodes_nothing_and_a_member_only_its_frame(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    packed = many()
    decoded: list[int] = []
    real = content.decode_frame

    def counting(frame, context):  # type: ignore[no-untyped-def]
        decoded.append(frame.raw_size)
        return real(frame, context)

    monkeypatch.setattr(content, "decode_frame", counting)
    file = io.BytesIO(packed)
    with edgezip.open(file) as stream, tarfile.open(fileobj=stream, mode="r:") as tar:
        assert len(tar.getnames()) == 100
    assert not decoded
    file.seek(0)
    with edgezip.open(file) as stream, tarfile.open(fileobj=stream) as tar:
        assert len(tar.getnames()) == 100
    assert sum(decoded) <= 16 << 10  # what tarfile looks at to see that nothing is compressed
    decoded.clear()
    file.seek(0)
    with edgezip.Archive(file) as archive:
        assert "log/042.log" in archive
        assert not decoded
        assert archive.read("log/042.log").startswith(b"line 42 ")
        assert archive.members()[42].mtime == 42
    assert len(decoded) == 1
    assert decoded[0] <= 16 << 10


def test_equal_files_cost_less_than_100_bytes_each() -> None:
    sizes = []
    for copies in (1, 6):
        target = io.BytesIO()
        with edgezip.Archive(target, "w", model="none", frame_size=8 << 10) as archive:
            for number in range(copies):
                # Far apart by name and kind; one content for which frames are too small.
                archive.add_bytes(f"{number}/noise{number}.txt" * 2, NOISE * 5, mtime=1)
                archive.add_bytes(f"{number}/own{number}.py", b"%d" % number * 9000, mtime=1)
                archive.add_bytes(f"{number}/small.c", NOISE[:700], mtime=1)
        sizes.append(len(target.getvalue()))
        names = {f"{number}/small.c" for number in range(copies)}
        target.seek(0)
        with edgezip.Archive(target) as archive:
            assert {name for name in archive.names() if archive.read(name) == NOISE[:700]} == names
    # Two copies and a file of its own that is nothing but a digit, for each of five.
    assert sizes[1] - sizes[0] < 5 * 2 * 100 + 5 * 120


def test_a_wrong_table_is_not_believed() -> None:
    packed = many(30)
    other = io.BytesIO()
    with edgezip.Archive(other, "w", model="none", frame_size=16 << 10) as archive:
        for number in range(30):
            text = b"line %d of a log\n" % number * (600 // 17)
            archive.add_bytes(f"log/{number + 1:03}.log", text, mtime=number)
    start, begin = (
        file.rindex(c.MAGIC, 0, file.rindex(c.END_MARK)) for file in (packed, other.getvalue())
    )
    wrong = packed[:start] + other.getvalue()[begin:]
    with edgezip.Archive(io.BytesIO(wrong)) as archive, pytest.raises(FormatError, match="table"):
        archive.read("log/030.log")
    # Reading from the start needs no table, and a table for less than the tar is none.
    assert edgezip.decompress(wrong) == edgezip.decompress(packed)
    with pytest.raises(FormatError):
        Contents(encode(b"x" * 700, b""), 10_000)
    with pytest.raises(FormatError):
        Contents(b"\x05", 10_000)


@pytest.mark.parametrize(
    "sizes", [[0], [20_000], [9000, 10_000], [8190], [8193], [3, 18_430], [3, 18_400], [511] * 40]
)
def test_a_table_without_the_last_members_is_not_used(
    sizes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[bytes] = []

    def encoding(headers: bytes, last: bytes) -> bytes:
        kept.append(encode(headers, last))
        return encode(headers[:-512], last)

    monkeypatch.setattr("edgezip.archive.contents.encode", encoding)
    target = io.BytesIO()
    with edgezip.Archive(target, "w", model="none") as archive:
        for number, size in enumerate(sizes):
            archive.add_bytes(f"{number:02}", b"x" * size, mtime=1)
    size = len(edgezip.decompress(target.getvalue()))
    names = [f"{number:02}" for number in range(len(sizes))]
    assert sorted(info.name for info in Contents(kept[0], size).members) == names
    target.seek(0)
    with edgezip.Archive(target) as archive:
        assert archive.names() == names
        assert len(archive.read(names[-1])) == sizes[-1]


def test_concatenated_archives_have_both_tables() -> None:
    packed = many(5)
    with edgezip.open(io.BytesIO(packed + packed)) as stream:
        assert len(stream.read()) == 2 * len(edgezip.decompress(packed))
        stream.seek(0)
        with tarfile.open(fileobj=stream, mode="r:", ignore_zeros=True) as tar:
            assert len(tar.getnames()) == 10


def test_frames_end_with_members() -> None:
    rules = collect.Rules()
    entries = [
        collect.from_bytes(f"{number}.txt", b"%d" % (number % 3 or number) * size, rules)
        for number, size in enumerate([100, 9000, 30_000, 100, 9000, 30_000, 100, 200])
    ]
    arranged = collect.arranged(entries, "kind", lambda path, message: None)
    parts = plan(arranged, 16 << 10)
    assert [entry for part in parts for entry in part] == arranged
    for part in parts:
        small = sum(entry.blocks_size for entry in part) <= 16 << 10
        assert small or len(part) == 1 or part[0].twins is not None
    twins = [[entry.twins for entry in part if entry.twins is not None] for part in parts]
    assert all(len(set(found)) <= 1 or len(found) > 1 for found in twins)


def test_frames_are_of_one_size() -> None:
    """A small frame at the end would cost as much context as a large one."""
    rules = collect.Rules()

    def sizes(*members: int) -> list[int]:
        entries = [
            collect.from_bytes(f"{i:03}", bytes([i]) * size, rules)
            for i, size in enumerate(members)
        ]
        parts = plan(entries, 100_000)
        assert [entry for part in parts for entry in part] == entries
        return [sum(entry.blocks_size for entry in part) for part in parts]

    even = sizes(*range(3000, 3075))
    assert len(even) == 3
    assert max(even) - min(even) < 8000
    assert [size > 100_000 for size in sizes(50, 60, 200_000, 70, 300_000, 80)] == [
        False, True, False, True, False,
    ]  # fmt: skip
    # Large members cannot be dealt out evenly, and no frame is much longer than it may be.
    assert all(size <= 112_500 for size in sizes(*[90_000, 30_000] * 9))


@pytest.mark.parametrize(("size", "decoded"), [(300_000, 1), (600_000, 8192)])
def test_a_first_look_decodes_little(size: int, decoded: int) -> None:
    """`tarfile.open` reads 8 KiB before it knows that this is a tar."""
    packed = io.BytesIO()
    with edgezip.Archive(packed, "w", options=PackOptions(model="none", coder="plain")) as archive:
        for number in range(30):
            archive.add_bytes(f"{number}", b"%d" % (number % 10) * (size // 30))
    packed.seek(0)
    frames = [frame.raw_size for frame in edgezip.read_index(packed)]
    assert frames[0] == decoded if decoded > 1 else len(frames) == 1


@pytest.mark.parametrize(
    ("size", "frames"), [(1_400_000, 1), (1_600_000, 2), (10_000_000, 11), (40_000_000, 20)]
)
def test_how_much_is_decoded_for_a_member(
    size: int, frames: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 200 files in 10 MB less than a tenth."""
    planned: list[int] = []

    def planner(entries: list[collect.Entry], frame_size: int) -> list[list[collect.Entry]]:
        planned.extend(
            sum(entry.blocks_size for entry in part) for part in plan(entries, frame_size)
        )
        raise ZeroDivisionError

    monkeypatch.setattr(writing, "plan", planner)
    archive = edgezip.Archive(io.BytesIO(), "w", model="none")
    for number in range(200):
        archive.add_bytes(f"{number:03}", b"%03d" % number * (size // 600))
    with pytest.raises(ZeroDivisionError):
        archive.close()
    assert len(planned) == frames
    assert max(planned) - min(planned) < max(planned) // 8
    if frames > 10:
        assert max(planned) < sum(planned) // 10


def test_a_large_member_has_no_small_frame_at_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "DEFAULT_FRAME_SIZE", 1 << 20)
    monkeypatch.setattr(writing, "MOST_PIECE", 3 << 19)
    packed = io.BytesIO()
    options = PackOptions(model="none", coder="plain")
    for size, count in ((1_100_000, 1), (3_300_000, 3)):
        packed = io.BytesIO()
        with edgezip.Archive(packed, "w", options=options) as archive:
            archive.add_bytes("zeros", bytes(size))
        packed.seek(0)
        first, *frames = [frame.raw_size for frame in edgezip.read_index(packed)]
        assert first == 8192
        assert len(frames) == count
        assert max(frames) - min(frames) < 30_000


def test_an_archive_is_no_member_of_itself(tree: Path) -> None:
    for _ in range(2):
        with edgezip.Archive(tree / "own.tar.ez", "w", model="none") as archive:
            archive.add(tree, "tree")
        with edgezip.Archive(tree / "own.tar.ez") as archive:
            assert "tree/a.txt" in archive
            assert "tree/own.tar.ez" not in archive
    with (
        open(tree / "other.tar.ez", "wb") as file,
        edgezip.Archive(file, "w", model="none") as archive,
    ):
        archive.add(tree, "tree")
    with edgezip.Archive(tree / "other.tar.ez") as archive:
        assert "tree/own.tar.ez" in archive
        assert "tree/other.tar.ez" not in archive


def test_other_links_to_the_old_archive_are_members(tree: Path) -> None:
    own = tree / "own.tar.ez"
    own.write_bytes(b"old")
    (tree / "more").mkdir()
    os.link(own, tree / "old.tar.ez")
    os.link(own, tree / "more/own.tar.ez")
    with edgezip.Archive(own, "w", model="none") as archive:
        archive.add(tree, "tree")
    with edgezip.Archive(own) as archive:
        assert "tree/own.tar.ez" not in archive
        assert archive.read("tree/old.tar.ez") == archive.read("tree/more/own.tar.ez") == b"old"


def test_folders_deeper_than_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    depth = 200
    os.makedirs("a/" + "/".join("d" * depth))
    Path("a", *"d" * depth, "leaf").write_bytes(b"leaf")
    packed = io.BytesIO()
    limit = sys.getrecursionlimit()
    with edgezip.Archive(packed, "w", model="none") as archive:
        sys.setrecursionlimit(len(inspect.stack(0)) + depth // 2)
        try:
            archive.add("a")
        finally:
            sys.setrecursionlimit(limit)
    packed.seek(0)
    with edgezip.Archive(packed) as archive:
        assert archive.names() == ["a"] + [f"a{'/d' * i}" for i in range(1, depth + 1)] + [
            f"a{'/d' * depth}/leaf"
        ]
        archive.extract("out")
    assert Path("out", "a", *"d" * depth, "leaf").read_bytes() == b"leaf"


def test_files_that_claim_to_be_empty_have_their_content(tmp_path: Path) -> None:
    """As all of /proc does. 512 bytes: their last byte is in the table of contents."""
    names = [name for name in ("/proc/sys/kernel/ostype", "/proc/version") if os.path.exists(name)]
    late = {"late": b"x" * 511 + b"y", "long": b"z" * ((1 << 20) + 5), "empty": b""}
    for name in late:
        (tmp_path / name).touch()
    archive = edgezip.Archive(tmp_path / "x.tar.ez", "w", model="none")
    for name in names:
        archive.add(name, name.lstrip("/"))
    for name, held in late.items():
        archive.add(tmp_path / name, name)
        (tmp_path / name).write_bytes(held)
    with pytest.warns(RuntimeWarning, match="long: has grown"):
        archive.close()
    with edgezip.Archive(tmp_path / "x.tar.ez") as archive:
        archive.extract(tmp_path / "out")
    for name in names:
        assert (tmp_path / "out" / name.lstrip("/")).read_bytes() == Path(name).read_bytes() != b""
    for name, held in late.items():
        assert (tmp_path / "out" / name).read_bytes() == held[: 1 << 20]


def test_what_happens_to_files_while_they_are_packed(tmp_path: Path) -> None:
    """Links to a file whose first name is gone keep its content."""
    os.makedirs(tmp_path / "a")
    for name in ("first", "gone", "grown", "shrunk"):
        (tmp_path / "a" / name).write_bytes(name.encode() * 300)
    for number in range(3):
        os.link(tmp_path / "a/first", tmp_path / f"a/link{number}")
    with edgezip.Archive(tmp_path / "x.tar.ez", "w", model="none") as archive:
        archive.add(tmp_path / "a", "a")
        for name in ("first", "gone", "link0"):
            os.unlink(tmp_path / "a" / name)
        (tmp_path / "a/grown").write_bytes(b"grown" * 400)
        os.truncate(tmp_path / "a/shrunk", 600)
        with pytest.warns(RuntimeWarning) as warned:
            archive.close()
    told = "\n".join(str(warning.message) for warning in warned)
    assert "gone: No such file" in told
    assert "grown: has grown" in told
    assert "shrunk: 1,200 bytes less than at first; zeros fill its place" in told
    with edgezip.Archive(tmp_path / "x.tar.ez") as archive:
        assert archive.names() == ["a", "a/grown", "a/link1", "a/link2", "a/shrunk"]
        assert archive.read("a/link1") == archive.read("a/link2") == b"first" * 300
        assert archive.read("a/grown") == b"grown" * 300
        assert archive.read("a/shrunk") == b"shrunk" * 100 + bytes(1200)
        archive.extract(tmp_path / "back")
    assert (tmp_path / "back/a/link1").stat().st_nlink == 2


def test_a_file_written_to_in_place_is_told(tmp_path: Path) -> None:
    """Its size is what it was, its time is not."""
    for name in ("same", "changed"):
        (tmp_path / name).write_bytes(b"first" * 300)
    archive = edgezip.Archive(io.BytesIO(), "w", model="none")
    archive.add(tmp_path, "a")
    (tmp_path / "changed").write_bytes(b"later" * 300)
    os.utime(tmp_path / "changed", (1, 1))
    with pytest.warns(RuntimeWarning) as warned:
        archive.close()
    (told,) = [str(warning.message) for warning in warned]
    assert told.endswith(
        "changed: it changed while it was read; the 1,500 bytes that were read are packed"
    )


def test_a_link_that_is_gone_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "link").symlink_to("nowhere")
    (tmp_path / "other").write_bytes(b"other")

    def late(path: str) -> str:
        raise FileNotFoundError(2, "No such file or directory", path)

    archive = edgezip.Archive(io.BytesIO(), "w", model="none")
    with monkeypatch.context() as patch:
        patch.setattr(os, "readlink", late)
        archive.add(tmp_path, "a")
    assert archive.names() == ["a", "a/other"]
    with pytest.warns(RuntimeWarning, match="link: No such file"):
        archive.close()


@pytest.mark.skipif(not hasattr(os, "setxattr"), reason="no extended attributes")
def test_an_attribute_whose_name_is_not_utf8_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    try:
        for name in (b"user.\xff", b"user.note"):
            os.setxattr(tmp_path / "file", name, b"value")
    except OSError:
        pytest.skip("no extended attributes here")
    packed = io.BytesIO()
    archive = edgezip.Archive(packed, "w", model="none")
    archive.add(tmp_path / "file", "file")
    with pytest.warns(RuntimeWarning, match="attribute .* is not in UTF-8"):
        archive.close()
    packed.seek(0)
    with edgezip.Archive(packed) as archive:
        archive.extract(tmp_path / "back")
    assert os.listxattr(tmp_path / "back/file") == ["user.note"]


def test_names_and_selections() -> None:
    assert member_name("../a/./b//c") == "a/b/c"
    assert member_name("/etc/x") == "etc/x"
    assert member_name(".") == ""
    assert stripped("a/b/c", 2) == "c"
    assert stripped("a/b", 2) is None
    select = Selection(["docs", "*.py", "nothing"], ["*.tmp", "docs/old"])
    names = ["docs/a", "docs/old/b", "docs/x.tmp", "a/b/c.py", "other"]
    assert [name for name in names if select(name)] == ["docs/a", "a/b/c.py"]
    assert select.missing == ["nothing"]


def test_an_archive_of_nothing() -> None:
    packed = io.BytesIO()
    with edgezip.Archive(packed, "w", model="none"):
        pass
    packed.seek(0)
    with edgezip.Archive(packed) as archive:
        assert archive.names() == []


def test_mistakes(tmp_path: Path) -> None:
    with pytest.raises(SettingsError):
        edgezip.Archive(tmp_path / "x", "a")  # type: ignore[arg-type]
    (tmp_path / "there").write_bytes(b"")
    with pytest.raises(InputError):
        edgezip.Archive(tmp_path / "there", "x")
    with pytest.raises(FileNotFoundError), edgezip.Archive(tmp_path / "y", "w") as archive:
        archive.add(tmp_path / "nothing")
    assert not (tmp_path / "y").exists()
    with pytest.raises(FormatError, match="tar"):
        edgezip.Archive(io.BytesIO(edgezip.compress(b"no tar" * 200, model="none")))
    with edgezip.Archive(io.BytesIO(many(3))) as archive:
        with pytest.raises(KeyError):
            archive.open("log/9")
        with pytest.raises(KeyError):
            archive.extract(tmp_path / "to", ["log/9"])
        with pytest.raises(SettingsError):
            archive.add(tmp_path)
    with pytest.raises(ValueError, match="closed archive"):
        archive.read("log/000.log")


def test_broken_tables_only_raise_format_errors() -> None:
    headers = b"".join(
        collect.from_bytes(f"{'long' * 40}/{number}", b"text", collect.Rules(), number).header
        for number in range(4)
    )
    written = encode(headers, b"")
    size = len(headers) + 4 * 512 + 1024
    assert len(Contents(written, size).members) == 4
    rng = random.Random(4)
    for _ in range(400):
        broken = bytearray(written)
        for _ in range(rng.randrange(1, 4)):
            broken[rng.randrange(len(broken))] = rng.choice(b"\0xgLKS057/9\xff")
        with contextlib.suppress(FormatError):
            Contents(bytes(broken), size)
    good = Contents(written, size)
    assert good.piece(size - 1024) == (size - 1024, bytes(1024))
    assert good.piece(size) is None
    good.check(size - 1000, bytes(100))
    with pytest.raises(FormatError):
        good.check(size - 1000, b"\0" * 50 + b"\1")
    for other in (size - 10240, size - 1, size + 1, size + 10240, 1 << 20, (1 << 63) - 1):
        with pytest.raises(FormatError, match="table"):
            Contents(written, other)
    nested = tarfile.TarInfo("x")
    nested.type = tarfile.XHDTYPE
    with pytest.raises(FormatError):
        Contents(encode(nested.tobuf(tarfile.USTAR_FORMAT) * 3000 + headers, b""), 1 << 30)
    nested.type = tarfile.REGTYPE
    back = bytearray(nested.tobuf(tarfile.USTAR_FORMAT))
    back[124:136] = b"-1000".ljust(12, b"\0")
    crafted = bytearray(encode(bytes(back), b""))
    # 512 bytes less than none: here again, if it is an extended one.
    assert crafted[-512 + 156] == ord("0")
    crafted[-512 + 156] = ord("x")
    with pytest.raises(FormatError, match="table"):
        Contents(bytes(crafted), 1 << 30)


@pytest.mark.parametrize("where", ["header", "pax"])
def test_sizes_below_zero_are_refused(where: str) -> None:
    """In Python 3.11.7 they send `tarfile` back to where it was."""
    first = collect.from_bytes("a", b"text", collect.Rules(), 1).header + b"text".ljust(512)
    info = tarfile.TarInfo("b")
    if where == "pax":
        info.pax_headers = {"size": "-1536"}
        second = info.tobuf(tarfile.PAX_FORMAT)
    else:
        info.size = -1024
        second = info.tobuf(tarfile.GNU_FORMAT)
    packed = edgezip.compress((first + second).ljust(10_240, b"\0"), model="none")
    with edgezip.Archive(io.BytesIO(packed)) as archive, pytest.raises(FormatError, match="below"):
        archive.names()
    with pytest.raises(FormatError, match="table"):
        Contents(encode(first[:512] + second, b""), 10_240)


_TEXTS = st.text("ab/\u00e9\udcff", min_size=1, max_size=130)
_NUMBERS = st.integers(0, 1 << 40)


@st.composite
def headers_of_a_tar(draw: st.DrawFn) -> bytes:
    """Headers as tar programs write them, and others."""
    out = b""
    for _ in range(draw(st.integers(0, 6))):
        info = tarfile.TarInfo(draw(_TEXTS))
        info.type = draw(st.sampled_from([b"0", b"5", b"2", b"1", b"3", b"\0", b"7"]))
        info.linkname, info.uname = draw(_TEXTS), draw(st.sampled_from(["", "me", "root"]))
        info.mode, info.uid, info.gid = draw(st.integers(0, 0o7777)), draw(_NUMBERS), 5
        info.size, info.mtime = draw(_NUMBERS), draw(st.integers(-(1 << 33), 1 << 40))
        if draw(st.booleans()):
            time = draw(st.sampled_from(["0.5", "-3.25", "17.123456789", "1e3", "9.0", "x", "4."]))
            info.pax_headers = {"mtime": time}
        if draw(st.integers(0, 2)):
            header = bytearray(info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape"))
        else:
            header = bytearray(info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape"))
        if draw(st.integers(0, 9)) == 0:  # of the last block: no program writes that
            header[draw(st.integers(-512, -1))] = draw(st.sampled_from(b"\0 079\xff"))
        out += header if header[-512:][156] not in b"xgXLK" else b""
    return out


@settings(max_examples=150, deadline=None)
@given(headers_of_a_tar(), st.binary(max_size=3))
def test_a_table_gives_back_every_header(headers: bytes, behind: bytes) -> None:
    written = table.encode(headers) + behind
    source = Source(written, closed=True)
    assert table.headers_size(written) == len(headers)
    decoded = table.decode(source)
    assert bytes(source.buffer) == behind
    assert read_table(written) == (decoded, behind)
    back = bytearray(decoded)
    position = 0
    while position < len(headers):
        assert not any(back[position + 148 : position + 156])
        back[position + 148 : position + 156] = headers[position + 148 : position + 156]
        position += 512 + table.content_size(headers[position : position + 512])
    assert bytes(back) == headers


def test_a_table_of_old_is_read(root: Path) -> None:
    with edgezip.Archive(root / "tests/vectors/good-contents.ez") as archive:
        assert archive.names() == ["texts/noise", "texts/numbers", "texts/story"]
        assert [member.size for member in archive] == [600, 1200, 700]


def test_a_table_is_small() -> None:
    """Times that follow each other, and names in one folder, cost a few bytes each."""
    rng = random.Random(5)
    time, headers = 1_700_000_000 * 10**9, b""
    for number in range(1000):
        info = tarfile.TarInfo(f"photos/2026/picture-{number:05}.jpg")
        time += rng.randrange(1 << 16)
        info.size = rng.randrange(1 << 16)
        collect._set_time(info, time)
        headers += info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
    packed = pack_auxiliary(encode(headers, b""), c.CONTENTS)
    # 16 bits of time and of size are 4,000 bytes.
    assert len(packed) < 6500
    assert len(pack_auxiliary(headers, c.CONTENTS)) > 10_000


def test_the_limit_of_output_bounds_what_is_dropped(tree: Path) -> None:
    """A table is decoded only to be checked: no more of it than there may be content."""
    packed = io.BytesIO()
    with edgezip.Archive(packed, "w", model="none") as archive:
        archive.add(tree, "tree")
    size = len(edgezip.decompress(packed.getvalue()))
    limit = edgezip.UnpackOptions(max_output=size)
    assert len(edgezip.decompress(packed.getvalue(), options=limit)) == size
    many = packed.getvalue() + pack_auxiliary(bytes(size), 7) * 2
    assert len(edgezip.decompress(many)) == size
    with pytest.raises(edgezip.LimitError):
        edgezip.decompress(many, options=limit)


def test_what_is_there_stays_where_a_link_cannot_be_made(tmp_path: Path) -> None:
    """Its target is longer than any file system takes; the file of that name was removed first."""
    blob = io.BytesIO()
    with tarfile.open(fileobj=blob, mode="w") as tar:
        for name, target in (("keep", "x" * 5000), ("link", "keep")):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            tar.addfile(member)
    for name in ("keep", "link"):
        (tmp_path / name).write_text("precious")
    packed = edgezip.compress(blob.getvalue(), model="none")
    with edgezip.Archive(io.BytesIO(packed)) as archive:
        told: list[str] = []
        archive.extract(tmp_path, overwrite=True, report=lambda name, _: told.append(name))
    assert told == ["keep"]
    assert (tmp_path / "keep").read_text() == "precious"
    assert (tmp_path / "link").is_symlink()
    assert sorted(os.listdir(tmp_path)) == ["keep", "link"]


def test_of_two_members_of_a_name_the_last_one_counts(tmp_path: Path) -> None:
    """In what is told before and after, read and extracted; as `tarfile` has it."""
    for name in ("one", "two"):
        (tmp_path / name).write_bytes(name.encode() * 3)
    adds = {
        "path": lambda archive: archive.add(tmp_path / "one", "x"),
        "other": lambda archive: archive.add(tmp_path / "two", "./x"),
        "bytes": lambda archive: archive.add_bytes("x", b"bytes", mtime=1),
        "again": lambda archive: archive.add_bytes("x", b"again", mtime=1),
    }
    contents = {"path": b"oneoneone", "other": b"twotwotwo", "bytes": b"bytes", "again": b"again"}
    for first, second in itertools.product(adds, adds):
        packed = io.BytesIO()
        archive = edgezip.Archive(packed, "w", model="none")
        adds[first](archive)
        adds[second](archive)
        assert archive.names() == ["x"]
        assert [member.size for member in archive] == [len(contents[second])]
        with contextlib.ExitStack() as stack:
            if first != second:
                stack.enter_context(pytest.warns(RuntimeWarning, match="x: is the name of two"))
            archive.close()
        packed.seek(0)
        with edgezip.Archive(packed) as archive:
            assert archive.names() == ["x"]
            assert archive.read("x") == contents[second]
            assert archive.extract(tmp_path / first / second) == 1
        assert (tmp_path / first / second / "x").read_bytes() == contents[second]


def test_a_tar_with_members_of_one_name(tmp_path: Path) -> None:
    """What was there before is not replaced for that, nor what another name left."""
    blob = io.BytesIO()
    with tarfile.open(fileobj=blob, mode="w") as tar:

        def add(name: str, content: bytes = b"", kind: bytes = tarfile.REGTYPE) -> None:
            info = tarfile.TarInfo(name)
            info.type, info.size = kind, 0 if kind == tarfile.SYMTYPE else len(content)
            info.linkname = content.decode() if kind == tarfile.SYMTYPE else ""
            tar.addfile(info, io.BytesIO(content))

        add("a", b"first")
        add("b", b"a", tarfile.SYMTYPE)
        add("c", b"only")
        add("sub/d", b"one")
        add("./a", b"second")
        add("b", b"no link")
        add("c", b"a", tarfile.SYMTYPE)
        add("other/d", b"two")
    packed = edgezip.compress(blob.getvalue(), model="none")
    with edgezip.Archive(io.BytesIO(packed)) as archive:
        names = ["./a", "b", "c", "other/d", "sub/d"]
        assert archive.names() == names
        assert [archive.read(name) for name in names[:4]] == [
            b"second",
            b"no link",
            b"second",
            b"two",
        ]
        assert archive.read("a") == b"second"
        assert archive.extract(tmp_path / "out") == 5
        told: list[str] = []
        archive.extract(tmp_path / "out", report=lambda name, _: told.append(name))
        assert told == ["a", "b", "c", "sub/d", "./a", "b", "c", "other/d"]
        told.clear()
        assert archive.extract(tmp_path / "flat", ["*/d"], strip=1,
                               report=lambda name, _: told.append(name)) == 1  # fmt: skip
        assert told == ["other/d"]
    assert (tmp_path / "out/a").read_bytes() == b"second"
    assert (tmp_path / "out/b").read_bytes() == b"no link"
    assert os.readlink(tmp_path / "out/c") == "a"
    assert (tmp_path / "flat/d").read_bytes() == b"one"
