"""Files into archives: which of them, in which frames, and what changes meanwhile."""

from __future__ import annotations

import bisect
import contextlib
import io
import itertools
import os
import random
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

import edgezip
from edgezip.archive import collect, writing
from edgezip.archive.writing import plan
from edgezip.pipeline.options import PackOptions
from tests.archive.tars import NOISE, extracts


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


@pytest.mark.parametrize("size", [300_000, 600_000])
@pytest.mark.parametrize("folders", [0, 11, 12, 20])
def test_a_first_look_decodes_nothing(size: int, folders: int, decoded: list[int]) -> None:
    """`tarfile.open` reads 8 KiB before it knows that this is a tar. In small ones it may."""
    packed = io.BytesIO()
    with edgezip.Archive(packed, "w", options=PackOptions(model="none", coder="plain")) as archive:
        for number in range(30):
            archive.add_bytes(f"{number}", b"%d" % (number % 10) * (size // 30))
        for number in range(folders):
            archive.add_bytes("\u00fc" * (number % 2) + f"{number}.z", b"")
    packed.seek(0)
    with edgezip.open(packed) as stream:
        stream.read(writing.FIRST_LOOK)
        assert not decoded or size < writing.AT_ONCE
        stream.seek(0)
        with tarfile.open(fileobj=stream, mode="r:") as tar:
            assert sum(member.size for member in tar) == size
            assert all(member.isreg() for member in tar)


@pytest.mark.parametrize(
    ("size", "frames"), [(4_000_000, 1), (4_400_000, 5), (10_000_000, 11), (40_000_000, 11)]
)
def test_how_much_is_decoded_for_a_member(
    size: int, frames: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 200 files in 10 MB less than a tenth."""
    planned: list[int] = []

    def planner(
        entries: list[collect.Entry], frame_size: int, size_of: Callable[[collect.Entry], int]
    ) -> list[list[collect.Entry]]:
        planned.extend(
            sum(entry.blocks_size for entry in part) for part in plan(entries, frame_size, size_of)
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
    monkeypatch.setattr(writing, "MOST_FRAME", 1 << 20)
    monkeypatch.setattr(writing, "MOST_PIECE", 3 << 19)
    packed = io.BytesIO()
    options = PackOptions(model="none", coder="plain")
    for size, count in ((1_100_000, 1), (3_300_000, 3)):
        packed = io.BytesIO()
        with edgezip.Archive(packed, "w", options=options) as archive:
            archive.add_bytes("zeros", bytes(size))
        packed.seek(0)
        frames = [frame.raw_size for frame in edgezip.read_index(packed)]
        assert len(frames) == count
        assert max(frames) - min(frames) < 30_000


def _frames_of_members(packed: io.BytesIO) -> tuple[list[int], list[int]]:
    """Bytes of the tar in each frame, and how many frames each member lies in."""
    packed.seek(0)
    ends = list(itertools.accumulate(frame.raw_size for frame in edgezip.read_index(packed)))
    with tarfile.open(fileobj=io.BytesIO(edgezip.decompress(packed.getvalue()))) as tar:
        members = [(m.offset, m.offset_data - 1 + -(-m.size // 512) * 512) for m in tar]
    seams = [bisect.bisect(ends, last) - bisect.bisect(ends, first) for first, last in members]
    return [end - start for start, end in itertools.pairwise([0, *ends])], [n + 1 for n in seams]


@pytest.mark.parametrize(
    ("count", "size", "frame_size", "most_tar", "frames"),
    [
        (500, 60, None, 16 << 20, 1),  # half a megabyte of tar counts as 94 KB
        (500, 60, None, 400_000, 2),
        (10, 55_000, 100_000, 16 << 20, 6),  # two are a little more than a frame
    ],
)
def test_frames_end_where_members_end(
    count: int,
    size: int,
    frame_size: int | None,
    most_tar: int,
    frames: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(writing, "DEFAULT_FRAME_SIZE", 64 << 10)
    monkeypatch.setattr(writing, "MOST_FRAME", 128 << 10)
    monkeypatch.setattr(writing, "MOST_TAR", most_tar)
    options = PackOptions(model="none", coder="plain")
    packed = io.BytesIO()
    with edgezip.Archive(packed, "w", options=options, frame_size=frame_size) as archive:
        for number in range(count):
            archive.add_bytes(f"{number:03}", (b"%03d " % number * size)[:size])
    sizes, touched = _frames_of_members(packed)
    assert touched == [1] * count
    assert len(sizes) == frames
    assert max(sizes) <= most_tar + writing.FIRST_LOOK + 2048


def test_frames_of_any_members_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    """By what they have in the tar, too: members of nothing, of equal content, of long names."""
    monkeypatch.setattr(writing, "MOST_TAR", 100_000)
    monkeypatch.setattr(writing, "MOST_EQUAL", 150_000)
    random_ = random.Random(5)
    rules = collect.Rules()
    for frame_size in (3000, 40_000, 88_000, 100_000, 1_000_000):
        entries = []
        for number in range(400):
            name = "d" * random_.choice([1, 150]) + f"{number}"
            size = random_.choice([0, 1, 60, 511, 513, 5000])
            entries.append(collect.from_bytes(name, bytes(size), rules))
            entries[-1].twins = number // 40 if number // 40 % 2 else None
        for size_of in (writing._cost, writing._blocks):
            parts = plan(entries, frame_size, size_of)
            assert list(itertools.chain.from_iterable(parts)) == entries
            for part in parts:
                equal = len({entry.twins for entry in part}) == 1 and part[0].twins is not None
                tar = sum(entry.blocks_size for entry in part)
                most = max(100_000, min(frame_size * 9 // 8, 150_000))
                assert tar <= (150_000 if equal else most)


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


def test_a_name_of_a_descriptor_is_written_where_that_stands(tree: Path) -> None:
    """And no link is replaced; what is open there is no member."""
    (tree / "out.ez").write_bytes(b"before")
    with open(tree / "out.ez", "ab") as file:
        name = f"/dev/fd/{file.fileno()}"
        os.symlink(name, tree / "stdout")
        with edgezip.Archive(tree / "stdout", "w", model="none") as archive:
            archive.add(tree, "tree")
        assert os.readlink(tree / "stdout") == name
        file.write(b"behind")
    content = (tree / "out.ez").read_bytes()
    assert content.startswith(b"before")
    assert content.endswith(b"behind")
    with edgezip.Archive(io.BytesIO(content[6:-6])) as archive:
        assert "tree/a.txt" in archive
        assert "tree/out.ez" not in archive
    with (
        open(tree / "out.ez", "rb") as source,
        pytest.raises(edgezip.EdgezipError, match="not open for writing"),
        edgezip.Archive(f"/dev/fd/{source.fileno()}", "w", model="none") as archive,
    ):
        archive.add_bytes("a", b"text")


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


@extracts
def test_files_that_claim_to_be_empty_have_their_content(tmp_path: Path) -> None:
    """As all of /proc does. 512 bytes: their last byte is in the head of the frame."""
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


@extracts
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


@extracts
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


@extracts
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
