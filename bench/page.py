"""How long a browser takes to open the page of `edgezip explain`: parsed, drawn and laid out.

    python -m bench.page                       # alice29.txt with edgezip-small and SmolLM2
    python -m bench.page FILE.html --runs 9    # a page that is there

Chromium runs without a window, anew for each run. Counted from the start of navigation, without the
start of the browser, to the end of the page's own script and the layout that follows.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from bench.common import (
    EVAL,
    RESULTS,
    edgezip_cli,
    load_average,
    log,
    provenance,
    read_csv,
    require,
    write_csv,
)

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
MODELS = ("edgezip-small", "smollm2-135m")
_WATCH = """<script>
document.body.getBoundingClientRect();
document.documentElement.dataset.opened = performance.now();
</script></body>"""


def main() -> int:
    """Open the page some times and store the median; 1 if it never became ready."""
    parser = argparse.ArgumentParser(
        prog="bench.page", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("page", type=Path, nargs="?", help="HTML, else it is made first")
    parser.add_argument("--runs", type=int, default=5, help="times (5)")
    parser.add_argument("--csv", type=Path, default=RESULTS / "page.csv", help="where rows go")
    arguments = parser.parse_args()
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise SystemExit("needs a browser: apt-get install chromium")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        page = arguments.page or _made(folder)
        html = require(page, "the page").read_text("utf-8")
        watched = folder / "watched.html"
        watched.write_text(html.replace("</body>", _WATCH), "utf-8")
        times = [_opened(browser, watched, folder / "profile") for _ in range(arguments.runs)]
    asked = subprocess.run([browser, "--version"], capture_output=True, text=True, check=True)
    row = {
        "page": page.name,
        "bytes": str(len(html.encode())),
        "runs": str(len(times)),
        "seconds_median": f"{median(times):.2f}",
        "seconds_worst": f"{max(times):.2f}",
        "browser": asked.stdout.strip(),
        "load": load_average(),
    } | provenance()
    rows = [old for old in read_csv(arguments.csv) if old["page"] != page.name]
    write_csv(arguments.csv, [*rows, row])
    print(", ".join(f"{key} {value}" for key, value in row.items()))
    return 0


def _made(folder: Path) -> Path:
    """The page of alice29.txt with both models, as a user makes it."""
    text = require(EVAL / "text" / "alice29.txt", "the text")
    page = folder / "alice29.txt.html"
    log(f"edgezip explain {text.name}")
    models = [argument for model in MODELS for argument in ("-m", model)]
    done = edgezip_cli("explain", text, *models, "-o", page)
    if done.returncode:
        raise SystemExit(done.stderr.strip())
    return page


def _opened(browser: str, page: Path, profile: Path) -> float:
    """Seconds of one run."""
    options = ("--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}")
    done = subprocess.run(
        [browser, *options, "--dump-dom", page.as_uri()],
        capture_output=True,
        text=True,
        check=True,
    )
    found = re.search(r'data-opened="([0-9.]+)"', done.stdout)
    if found is None or 'data-ready="1"' not in done.stdout[:400]:
        raise SystemExit(f"{page}: the page did not become ready")
    return float(found[1]) / 1000


if __name__ == "__main__":
    sys.exit(main())
