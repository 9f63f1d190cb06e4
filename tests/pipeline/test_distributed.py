"""Files over URLs: packed by any worker, complete or not there, and the same bytes wherever."""

from __future__ import annotations

import hashlib
import io
import os
import pickle
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import edgezip
from edgezip.errors import FormatError, InputError, ModelError
from edgezip.pipeline.options import PackOptions

fsspec = pytest.importorskip("fsspec", reason="needs edgezip[dask]")

from edgezip import distributed  # noqa: E402
from edgezip.distributed import bag, tasks  # noqa: E402

NONE = PackOptions(model="none", threads=1)


@pytest.fixture
def logs(tmp_path: Path) -> list[str]:
    folder = tmp_path / "logs"
    folder.mkdir()
    for number in range(5):
        lines = [f"{number} line {i} of a log\n" for i in range(40)]
        (folder / f"{number}.log").write_text("".join(lines))
    return [str(path) for path in sorted(folder.iterdir())]


def test_a_folder_there_and_back(logs: list[str], tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    packed = distributed.pack_urls(
        [f"{tmp_path}/logs/*.log"],
        f"file://{tmp_path}/packed",
        options=NONE,
        progress=lambda done, total: told.append((done, total)),
    )
    assert not packed.failed
    assert told[-1] == (5, 5)
    assert packed.raw_size == sum(Path(log).stat().st_size for log in logs)
    for done, log in zip(packed.done, logs, strict=True):
        data = Path(log).read_bytes()
        assert done.sha256 == hashlib.sha256(data).hexdigest()
        blob = (tmp_path / "packed" / (Path(log).name + ".ez")).read_bytes()
        assert done.packed_sha256 == hashlib.sha256(blob).hexdigest()
        assert blob == edgezip.compress(data, options=NONE)
    back = distributed.unpack_urls([f"{tmp_path}/packed/*.ez"], f"{tmp_path}/back")
    assert [done.sha256 for done in back.done] == [done.sha256 for done in packed.done]
    assert (tmp_path / "back/3.log").read_bytes() == Path(logs[3]).read_bytes()
    assert packed.as_json()["done"][0]["source"].endswith("0.log")


def test_what_is_there_is_left_alone_if_it_is_right(logs: list[str], tmp_path: Path) -> None:
    target = f"{tmp_path}/x.ez"
    first = tasks.pack_url(logs[0], target, NONE, resume=True)
    again = tasks.pack_url(logs[0], target, NONE, resume=True)
    assert (first.skipped, again.skipped) == (False, True)
    assert (again.sha256, again.packed_sha256) == (first.sha256, first.packed_sha256)
    Path(target).write_bytes(Path(target).read_bytes()[:-3])
    assert not tasks.pack_url(logs[0], target, NONE, resume=True).skipped
    assert not tasks.pack_url(logs[1], target, NONE, resume=True).skipped
    assert pickle.loads(pickle.dumps(again)) == again


def test_what_else_is_there_is_kept_unless_it_is_to_be_replaced(
    logs: list[str], tmp_path: Path
) -> None:
    packed = tmp_path / "packed"
    packed.mkdir()
    kept = packed / "1.log.ez"
    kept.write_bytes(b"nobody may lose this")
    for resume in (False, True):
        report = distributed.pack_urls(logs[:3], str(packed), options=NONE, resume=resume)
        ((source, reason),) = report.failed
        assert source == logs[1]
        assert "exists already" in reason
        assert kept.read_bytes() == b"nobody may lose this"
    assert [done.skipped for done in report.done] == [True, True]
    report = distributed.pack_urls(logs[:3], str(packed), options=NONE, overwrite=True)
    assert not report.failed
    assert edgezip.decompress(kept.read_bytes()) == Path(logs[1]).read_bytes()
    back = tmp_path / "back"
    back.mkdir()
    (back / "0.log").write_bytes(b"nor this")
    report = distributed.unpack_urls([f"{packed}/*.ez"], str(back))
    assert len(report.done) == 2
    assert (back / "0.log").read_bytes() == b"nor this"
    assert not distributed.unpack_urls([f"{packed}/*.ez"], str(back), overwrite=True).failed
    with pytest.raises(InputError, match="exists already"):
        distributed.pack_big(logs[0], str(kept), options=NONE)


def test_a_source_is_never_replaced(
    logs: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By none of its names."""
    monkeypatch.chdir(tmp_path)
    Path("link").symlink_to("logs/0.log")
    Path("folder").symlink_to("logs")
    before = Path(logs[0]).read_bytes()
    names = ["logs/0.log", "./logs/../logs/0.log", "folder/0.log", "link", logs[0]]
    names += [f"{kind}://{logs[0]}" for kind in ("file", "local", "simplecache::file")]
    for source, target in [(names[0], name) for name in names] + [(n, names[0]) for n in names]:
        with pytest.raises(InputError, match=r"^[^\n]* is the source and would be replaced"):
            distributed.pack_big(source, target, options=NONE, overwrite=True)
        for task in (tasks.pack_url, tasks.unpack_url):
            with pytest.raises(InputError, match="is the source"):
                task(source, target)
        with pytest.raises(InputError, match="is the source"):
            tasks.pack_range(source, target, 0, 9)
        with pytest.raises(InputError, match="is the source"):
            tasks.join([source], target)
    with fsspec.open("memory://a/source", "wb") as file:
        file.write(before)
    with pytest.raises(InputError, match="is the source"):
        distributed.pack_big("memory://a/source", "memory:///a/source", overwrite=True)
    with fsspec.open("memory://a/source", "rb") as file:
        assert file.read() == before
    part = Path("x.ez.parts/000000.ez")
    part.parent.mkdir()
    part.write_bytes(before)
    with pytest.raises(InputError, match=r"lies in x\.ez\.parts"):
        distributed.pack_big(str(part), "x.ez", options=NONE)
    assert part.read_bytes() == before
    for name in ("logs/0.log", "link"):
        assert Path(name).read_bytes() == before
    os.symlink("0.log", "logs/0.log.ez")
    with pytest.raises(InputError, match="is a source"):
        distributed.pack_urls(["logs/0.log"], "folder", options=NONE, overwrite=True)
    assert Path(logs[0]).read_bytes() == before


def test_what_was_packed_with_a_primer_is_known_again(logs: list[str], tmp_path: Path) -> None:
    primed = PackOptions(model="none", threads=1, prime=b"0 line 1 of a log\n" * 20)
    target = f"{tmp_path}/x.ez"
    tasks.pack_url(logs[0], target, primed)
    assert tasks.pack_url(logs[0], target, primed, resume=True).skipped
    assert not tasks.pack_url(logs[0], target, NONE, resume=True).skipped  # needs what is not here


def test_a_model_at_a_path_is_known_again(
    logs: list[str], tmp_path: Path, stories_model: Path
) -> None:
    model = tmp_path / "moved.gguf"
    model.write_bytes(stories_model.read_bytes())
    options = PackOptions(model=model, threads=1, coder="mix")
    target = f"{tmp_path}/x.ez"
    tasks.pack_url(logs[0], target, options)
    assert tasks.pack_url(logs[0], target, options, resume=True).skipped


def test_a_failure_leaves_nothing_and_stops_no_other(logs: list[str], tmp_path: Path) -> None:
    sources = [logs[0], f"{tmp_path}/nowhere", logs[1]]
    report = distributed.pack_urls(sources, f"{tmp_path}/packed", options=NONE)
    assert len(report.done) == 2
    ((source, reason),) = report.failed
    assert source.endswith("nowhere")
    assert reason.startswith("FileNotFoundError")
    broken = tmp_path / "broken.ez"
    broken.write_bytes((tmp_path / "packed/0.log.ez").read_bytes()[:-5])
    with pytest.raises(FormatError):
        tasks.unpack_url(str(broken), f"{tmp_path}/out/broken")
    assert list((tmp_path / "out").iterdir()) == []
    with pytest.raises(InputError, match="same name"):
        distributed.pack_urls([logs[0], logs[0]], str(tmp_path))
    again = tmp_path / "logs/0.log.ez"
    again.write_bytes(b"something else")
    with pytest.raises(InputError, match="is a source and would be replaced"):
        distributed.pack_urls([f"{tmp_path}/logs/*"], f"{tmp_path}/logs/", options=NONE)
    assert again.read_bytes() == b"something else"
    with pytest.raises(InputError, match="no files"):
        distributed.pack_urls([], str(tmp_path))


def test_other_file_systems(logs: list[str]) -> None:
    target = "memory://packed/0.log.ez"
    done = tasks.pack_url(logs[0], target, NONE)
    with fsspec.open(target, "rb") as file:
        assert edgezip.decompress(file.read()) == Path(logs[0]).read_bytes()
    assert done.packed_size == fsspec.filesystem("memory").size("/packed/0.log.ez")


def test_half_a_file_does_not_appear(tmp_path: Path) -> None:
    half = f"{tmp_path}/new/half"
    with pytest.raises(ZeroDivisionError), tasks.committed(half) as file:  # noqa: PT012 (a body)
        file.write(b"half")
        raise ZeroDivisionError
    assert list((tmp_path / "new").iterdir()) == []


def test_one_large_file_in_ranges_and_its_lines(tmp_path: Path) -> None:
    lines = [f"line {i} {'x' * (i % 37)} \u00e4\n" for i in range(900)] + ["the last has no end"]
    data = "".join(lines).encode()
    source = tmp_path / "big.log"
    source.write_bytes(data)
    target = str(tmp_path / "big.log.ez")
    options = PackOptions(model="none", threads=1, frame_size=4096)
    report = distributed.pack_big(str(source), target, options=options, range_size=9000)
    assert len(report.done) == -(-len(data) // 9000)
    assert not report.failed
    assert sorted(path.name for path in tmp_path.iterdir()) == ["big.log", "big.log.ez"]
    left = Path(f"{target}.parts")
    left.mkdir()
    (left / ".edgezip-0.tmp").write_bytes(b"of a worker that died")
    assert not distributed.pack_big(
        str(source), target, options=options, range_size=9000, overwrite=True
    ).failed
    blob = Path(target).read_bytes()
    assert edgezip.decompress(blob) == data
    parts = bag.ranges(target, 7000)
    assert parts[0][0] == 0
    assert parts[-1][1] == len(data)
    assert len(parts) > 3
    assert all(a[1] == b[0] for a, b in pairwise(parts))
    found = [line for a, b in parts for line in bag.lines(target, a, b, "utf-8", "strict", None)]
    assert found == lines
    dask = pytest.importorskip("dask", reason="needs edgezip[dask]")
    pytest.importorskip("toolz")
    with dask.config.set(scheduler="synchronous"):
        assert distributed.read_text(target, blocksize=7000).compute() == lines
        assert (
            distributed.read_text(target).filter(lambda line: "99" in line).count().compute() == 9
        )


class Worker:
    def __init__(self, folder: Path) -> None:
        self.local_directory = str(folder)


def test_a_model_is_fetched_once_and_checked(
    tmp_path: Path, stories_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEZIP_MODELS_PATH", "")
    sha256 = hashlib.sha256(stories_model.read_bytes()).hexdigest()
    plugin: Any = pickle.loads(
        pickle.dumps(distributed.ModelPlugin(stories_model.as_uri(), sha256))
    )
    plugin.setup(Worker(tmp_path))
    from edgezip import models

    assert models.resolve(sha256[:20]).path.parent == tmp_path / "edgezip-models"
    plugin.url = "file:///nowhere"
    plugin.setup(Worker(tmp_path))  # is there
    with pytest.raises(ModelError, match="is not the model"):
        distributed.ModelPlugin(stories_model.as_uri(), "0" * 64).setup(Worker(tmp_path / "b"))
    assert not list((tmp_path / "b").rglob("*.gguf"))


def test_limited_reads_end_where_they_should() -> None:
    limited = tasks._Limited(io.BytesIO(b"0123456789"), 7)
    assert [limited.read(3), limited.read(), limited.read(3)] == [b"012", b"3456", b""]


def test_on_a_cluster_of_dask(
    logs: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`python -m bench.cluster` has processes, and kills one; this has a thread."""
    dask = pytest.importorskip("dask.distributed", reason="needs edgezip[dask]")
    # It would look for a way to the network.
    monkeypatch.setattr("distributed.utils._get_ip", lambda *_args, **_more: "127.0.0.1")
    with (
        dask.LocalCluster(
            n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None,
            protocol="inproc://",
        ) as cluster,
        dask.Client(cluster) as client,
    ):  # fmt: skip
        sources = [*logs, f"{tmp_path}/nowhere"]
        report = distributed.pack_urls(
            sources, f"{tmp_path}/packed", client=client, options=NONE, retries=0
        )
    assert [done.source for done in report.done] == logs
    assert [source for source, _ in report.failed] == sources[-1:]
    for done in report.done:
        assert edgezip.decompress(Path(done.target).read_bytes()) == Path(done.source).read_bytes()
