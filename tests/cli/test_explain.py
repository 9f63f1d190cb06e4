"""`edgezip explain`: the page, and what a browser makes of it."""

from __future__ import annotations

import base64
import json
import os
import shutil
import struct
import subprocess
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgezip.cli import heatmap

TEXT = 'Once upon a time, a <b>caf\u00e9</b> & "tea" in \u5317\u4eac \U0001f388.\n\n</script>\n' * 9
TAIL = b"end \x00\xff\r\n"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")

# What a reader does: hover over tokens, press every button. All that comes of it is put into the
# body, and every error, too.
READER = """<script>
const seen = [];
const token = () => document.querySelectorAll(".text i")[3];
const look = () => {
  token().dispatchEvent(new MouseEvent("mousemove", {bubbles: true, clientX: 50, clientY: 50}));
  const tip = document.getElementById("tip");
  seen.push(tip.style.display + ":" + tip.textContent);
};
look();
for (const button of document.querySelectorAll("#modes button")) {
  button.click();
  look();
  seen.push(button.textContent + "=" + button.getAttribute("aria-pressed"));
}
const before = document.documentElement.dataset.theme;
document.getElementById("theme").click();
seen.push(before !== document.documentElement.dataset.theme);
document.querySelector("a[data-row]").click();
seen.push(document.querySelectorAll(".mark").length);
document.body.innerHTML = "";
const ready = document.documentElement.dataset.ready;
document.body.textContent = JSON.stringify({seen, failures, ready});
</script>"""
WATCH = """<script>const failures = [];
addEventListener("error", event => failures.push(String(event.message)));</script>"""


def content(page: str) -> Any:
    """The data inside of a page."""
    start = page.index('id="data">') + len('id="data">')
    return json.loads(page[start : page.index("</script>", start)])


def numbers(column: dict[str, Any]) -> list[int]:
    raw = base64.b64decode(column["d"])
    form = {1: "B", 2: "H", 4: "I"}[column["w"]]
    return list(struct.unpack(f"<{len(raw) // column['w']}{form}", raw))


@pytest.fixture(scope="module")
def models(stories_model: Path, bundled_model: Path, strict_library: Path) -> tuple[str, ...]:
    return "-m", str(bundled_model), "-m", str(stories_model), "-T", "1"


def make(cli: Any, *args: str) -> str:
    result = cli("explain", *args, "-o", "page.html", "-f")
    assert result.code == 0, result.err
    return Path("page.html").read_text("utf-8")


def test_two_models_on_one_text(cli: Any, models: tuple[str, ...]) -> None:
    data = TEXT.encode() + TAIL
    Path("<story>.txt").write_bytes(data)
    page = make(cli, "<story>.txt", *models)
    assert "<story>" not in page
    assert page.count("</script>") == 2  # none from the text
    assert "http:" not in page
    assert "https:" not in page
    assert " src=" not in page
    found = content(page)
    assert [model["name"] for model in found["models"]] == ["edgezip-small", "stories260K"]
    shown = found["text"]
    assert shown == TEXT + "end \u2400\ufffd\n"
    units = len(shown.encode("utf-16-le")) // 2
    for number, model in enumerate(found["models"]):
        columns = {name: numbers(column) for name, column in model["columns"].items()}
        assert sum(columns["sizes"]) == len(data)
        assert sum(columns["lengths"]) == units
        count = len(columns["bits"])
        assert len(columns["mixed"]) == len(columns["ranks"]) == count
        assert len(columns["othersIds"]) == model["others"] * count
        assert max(columns["othersIds"]) < len(model["pieces"])
        assert [found["rows"][0][number], found["rows"][-1][number]] == [0, count]
    assert found["lines"][0]["number"] == 1


def test_the_page_in_a_browser(cli: Any, models: tuple[str, ...], tmp_path: Path) -> None:
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        pytest.skip("needs a browser: apt-get install chromium")
    Path("story.txt").write_bytes(TEXT.encode() + TAIL)
    page = make(cli, "story.txt", *models)
    page = page.replace("<style>", WATCH + "<style>", 1).replace("</body>", READER + "</body>")
    Path("read.html").write_text(page, "utf-8")
    profile = f"--user-data-dir={tmp_path / 'profile'}"
    where = Path("read.html").absolute().as_uri()
    options = ("--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr")
    done = subprocess.run(
        [browser, *options, profile, "--dump-dom", where],
        capture_output=True,
        timeout=120,
        check=False,
    )
    dom, log = done.stdout.decode(), done.stderr.decode()
    assert "CONSOLE" not in log, log
    body = dom[dom.index("<body>") + len("<body>") : dom.index("</body>")]
    told = json.loads(body.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
    assert (told["failures"], told["ready"]) == ([], "1")
    alone, *rest = told["seen"]
    assert alone.startswith("block:")
    assert "rank" in alone
    assert "instead" in alone
    assert [row for row in rest if isinstance(row, str) and row.endswith("=true")] == [
        "model alone=true",
        "after mixing=true",
        "difference, alone=true",
        "difference after mixing=true",
    ]
    assert "stories260K: " in rest[-4]
    assert "edgezip-small: " in rest[-4]
    assert rest[-2:] == [True, 1]


def test_context_mixing_and_the_cap(cli: Any) -> None:
    Path("story.txt").write_bytes(b"The rain in Spain. " * 20)
    result = cli("explain", "story.txt", "-m", "none", "--limit", "100")
    assert result.code == 0
    assert "only the first 100 of 380 bytes" in result.err
    page = Path("story.txt.html").read_text("utf-8")
    assert "Only the first 100 of 380 bytes" in page
    bits = numbers(content(page)["models"][0]["columns"]["bits"])
    assert len(bits) == 100
    assert sum(bits[-19:]) < sum(bits[:19])
    # Before anything is computed: not even the model is looked for.
    cli("explain", "story.txt", "-m", "none").failed(1, "exists already")
    cli("explain", "story.txt", "-m", "no-such-model").failed(1, "exists already")
    cli("explain", "story.txt", "-m", "no-such-model", "-o", "new.html").failed(4, "no-such-model")
    assert sorted(os.listdir()) == ["story.txt", "story.txt.html"]
    cli("explain", "story.txt", "-m", "a", "-m", "b", "-m", "c").failed(2, "at most 2 models")
    cli("explain", "-", "-m", "none").failed(2, "-o page.html")


def pixels_of(page: str) -> list[tuple[int, int]]:
    """Sizes of the pictures inside of a page."""
    sizes = []
    for part in page.split("data:image/png;base64,")[1:]:
        png = base64.b64decode(part[: part.index('"')])
        width, height = struct.unpack(">II", png[16:24])
        at = png.index(b"IDAT")
        raw = zlib.decompress(png[at + 4 : at + 4 + int.from_bytes(png[at - 4 : at], "big")])
        assert len(raw) % height == 0
        sizes.append((width, height))
    return sizes


def test_pictures_and_sounds_are_heat_maps(cli: Any) -> None:
    rows = bytes((x * y // 7 + 3 * c) & 255 for y in range(24) for x in range(40) for c in range(3))
    Path("picture.ppm").write_bytes(b"P6\n40 24\n255\n" + rows)
    page = make(cli, "picture.ppm")
    assert pixels_of(page) == [(40, 24), (40, 24)]
    assert "bits per pixel by the picture coder" in page
    samples = bytes((x * x // 50) & 255 for x in range(1600))
    Path("sound.raw").write_bytes(samples)
    page = make(cli, "sound.raw", "--as", "audio:8000,1,8")
    assert page.count("<rect") == 1200 + 1
    assert "1,600 moments of 1 channel," in page
    assert "bits per sample by the sound coder" in page
    assert "100 % of what 8 bits hold" in page


def test_colours_of_a_heat_map_reach_from_nothing_to_the_costliest_hundredth() -> None:
    rates = np.linspace(0, 30, 1001)
    step = heatmap.step_of(rates)
    assert step == 4  # nine steps reach 29.7
    counts = np.bincount(heatmap.levels(rates, step), minlength=10)
    assert counts[:7].tolist() == [134, 133, 133, 134, 133, 133, 134]
    assert not counts[8:].any()
    assert heatmap.step_of(np.full(9, 0.9)) == 0.1
    assert heatmap.step_of(np.zeros(0)) > 0
    shown = heatmap.legend(step, "bits")
    assert ">4</span>" in shown
    assert ">36 +</span>" in shown
