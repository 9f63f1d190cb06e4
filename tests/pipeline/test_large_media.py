"""What `bench.large_media` measures on is right in size and the same every time."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from bench.large_media import main, parser
from bench.large_media_worker import RATE, picture, sound


def test_options() -> None:
    """No size, a size and a frame out of range."""
    chosen = parser().parse_args(["--megapixels", "1", "6", "--minutes", "--frame-mib", "8", "64"])
    assert (chosen.megapixels, chosen.minutes, chosen.frame_mib) == ([1, 6], [], [8, 64])
    for wrong in (["--frame-mib", "65"], ["--megapixels", "0"], ["--level", "best"]):
        with pytest.raises(SystemExit):
            parser().parse_args(wrong)


def test_made_up_files(tmp_path: Path) -> None:
    """A picture and a sound have the size asked for, and come out equal twice."""
    request = {"pixels": 10000, "seconds": 1.5, "inputs": []}
    for name, make in (("picture", picture), ("sound", sound)):
        both = [tmp_path / name, tmp_path / f"{name} again"]
        for path in both:
            make({**request, "output": str(path)})
        assert both[0].read_bytes() == both[1].read_bytes()
    data = (tmp_path / "picture").read_bytes()
    assert data.startswith(b"P6\n122 82\n255\n")
    assert len(data) == 14 + 122 * 82 * 3
    with wave.open(str(tmp_path / "sound")) as file:
        assert (file.getnchannels(), file.getnframes()) == (2, int(1.5 * RATE))


def test_recordings_do_not_repeat(tmp_path: Path) -> None:
    """A recording shorter than what is asked for comes again, not as the same samples."""
    take, long = tmp_path / "take.wav", tmp_path / "long.wav"
    sound({"seconds": 0.5, "inputs": [], "output": str(take)})
    sound({"seconds": 1.25, "inputs": [str(take)], "output": str(long)})
    with wave.open(str(long)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    half = RATE  # values in half a second of stereo
    assert len(samples) == RATE * 2.5
    assert not np.array_equal(samples[:half], samples[half : 2 * half])


def test_stored_rows_are_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without any rows there is an empty table, and nothing is measured."""
    assert main(["--show", "--csv", str(tmp_path / "none.csv")]) == 0
    assert "frame MiB" in capsys.readouterr().out
