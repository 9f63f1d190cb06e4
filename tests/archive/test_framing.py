"""Frames of large archives: one kind each, by what decoding takes."""

from __future__ import annotations

import random

import pytest

from edgezip.archive import collect, framing, kinds, writing
from edgezip.archive.collect import Entry

ZEROS = memoryview(bytes(4 << 20))


def entries_of(*files: tuple[str, int], order: collect.Order = "kind") -> list[Entry]:
    rules = collect.Rules()
    made = []
    for name, size in files:
        entry = collect.from_bytes(name, b"text", rules)
        entry.info.size = size
        made.append(entry)
    return collect.in_order(made, order, lambda path, message: None)


def planned(entries: list[Entry]) -> list[list[str]]:
    parts = writing._planned(entries)
    assert [entry for part in parts for entry in part] == entries
    return [[entry.info.name for entry in part] for part in parts]


def effort(entries: list[Entry]) -> int:
    return sum(
        writing._cost(entry) * kinds.effort(entry.kind, entry.info.name) for entry in entries
    )


def test_frames_end_where_another_kind_begins() -> None:
    """Records and words would be cut into two of one size, in the middle of the words."""
    files = [(f"{n}.json", 100_000) for n in range(14)]
    files += [(f"{n}.txt", 100_000) for n in range(20)] + [
        (f"{n}.wav", 100_000) for n in range(100)
    ]
    frames = planned(entries_of(*files))
    assert all(len({name.split(".")[1] for name in frame}) == 1 for frame in frames)
    assert [len(frame) for frame in frames if "0.json" in frame or "0.txt" in frame] == [14, 10]


def test_a_kind_that_is_a_little_larger_is_one_frame() -> None:
    """Half of it twice would have half of the context."""
    files = [(f"{n}.wav", 100_000) for n in range(100)]
    assert len(planned(entries_of(*files, *[(f"{n}.txt", 100_000) for n in range(12)]))[-1]) == 12
    assert len(planned(entries_of(*files, *[(f"{n}.txt", 100_000) for n in range(14)]))[-1]) == 7
    assert len(planned(entries_of(*files, *[(f"{n}.txt", 100_000) for n in range(24)]))[-1]) == 12


def test_small_kinds_share_frames() -> None:
    files = [(f"{n}.txt", 100_000) for n in range(60)]
    files += [("a.bin", 2000), ("b.wav", 900), ("c.json", 5000), ("d.png", 100)]
    frames = planned(entries_of(*files))
    assert all(len(frame) >= 8 for frame in frames)
    # Three quarters of the least frame each: together there is room for them.
    files = [("a.wav", 400_000), ("b.json", 400_000), *((f"{n}.py", 90_000) for n in range(60))]
    assert planned(entries_of(*files))[0] == ["a.wav", "b.json"]


def test_pictures_that_are_slow_have_small_frames_and_fast_ones_large_ones() -> None:
    texts = [(f"{n}.txt", 100_000) for n in range(28)]
    photos = [(f"{n}.jpg", 100_000) for n in range(40)]
    slow = [(f"{n}.png", 100_000) for n in range(40)]
    entries = entries_of(*texts, *photos, *slow)
    frames = planned(entries)
    counts = {
        kind: [len(frame) for frame in frames if frame[0].endswith(kind)]
        for kind in (".txt", ".jpg", ".png")
    }
    assert counts[".jpg"] == [40]
    assert len(counts[".txt"]) == 1
    assert len(counts[".png"]) == 3
    assert max(counts[".png"]) - min(counts[".png"]) <= 1


def test_equal_files_go_with_the_first_of_them() -> None:
    entries = entries_of(*[(f"{n}.txt", 100_000) for n in range(30)], ("x.log", 2_000_000))
    twin = next(entry for entry in entries if entry.info.name == "x.log")
    first = next(entry for entry in entries if entry.info.name == "3.txt")
    entries.remove(twin)
    entries.insert(entries.index(first) + 1, twin)
    twin.twins = first.twins = 1
    runs = list(framing.runs(entries, writing._cost, (2, 21), 960 << 10, 4 << 20))
    assert [run for run, _ in runs] == [entries]


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("order", ["kind", "name"])
def test_no_frame_takes_long(seed: int, order: collect.Order) -> None:
    """A tenth of the time, of pictures three; but none need be smaller than the least one."""
    rng = random.Random(seed)
    suffixes = rng.sample(["txt", "log", "json", "png", "jpg", "wav", "bin", "py", "bmp"], 5)
    files = [
        (f"{n:03}.{rng.choice(suffixes)}", rng.choice([0, 200, 30_000, 300_000]))
        for n in range(rng.choice([50, 300]))
    ]
    entries = entries_of(*files, order=order)
    parts = writing._planned(entries)
    whole, size = effort(entries), sum(map(writing._cost, entries))
    for part in parts:
        cost = sum(map(writing._cost, part))
        pictures = any(kinds.effort(entry.kind, entry.info.name) > kinds.EFFORT for entry in part)
        share = effort(part) / whole / (framing.PICTURE_SHARE if pictures else 1)
        assert cost <= writing._most(writing.MOST_FRAME)
        assert (
            len(part) == 1 or share <= 0.12 or cost <= 1.4 * writing.LEAST_FRAME or size < 4 << 20
        )
    if order == "name":
        assert len(parts) <= 2 * size / writing.LEAST_FRAME + 2
