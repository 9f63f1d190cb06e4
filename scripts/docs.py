"""The documentation as a site in build/site, with every link checked.

The pages of docs/, README and CHANGELOG as HTML, the reference of the Python API from its
docstrings, and the man pages, as groff sets them if it is there. Needs `pip install markdown`.

    python scripts/docs.py            # build/site/index.html
    python scripts/docs.py --check    # links only, writes nothing
"""

from __future__ import annotations

import argparse
import html
import importlib
import inspect
import re
import shutil
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SITE = ROOT / "build" / "site"
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)[^)]*\)")
FENCE = re.compile(r"^(```|~~~).*?^\1", re.M | re.S)
ORDER = [
    "README.md", "docs/tutorial.md", "docs/howto.md", "docs/cli.md", "docs/faq.md",
    "docs/distributed.md", "docs/scale.md", "docs/models.md", "docs/determinism.md",
    "docs/reliability.md", "docs/format.md", "docs/coding.md", "docs/modelling.md", "docs/media.md",
    "docs/architecture.md", "docs/bench.md", "docs/scaling.md", "docs/paper.md", "docs/errors.md",
    "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md",
]  # fmt: skip
STYLE = """body{font:16px/1.5 system-ui,sans-serif;margin:0;display:flex;color:#222;background:#fff}
nav{min-width:14em;padding:1.5em;background:#f4f4f2;min-height:100vh}
nav a{display:block;margin:.2em 0}
main{max-width:52em;padding:1.5em 2.5em;overflow-x:auto}a{color:#1a5599;text-decoration:none}
pre{background:#f4f4f2;padding:.8em;overflow-x:auto}code{font-size:90%}img{max-width:100%}
table{border-collapse:collapse}td,th{border:1px solid #ccc;padding:.25em .6em;text-align:left}
@media(max-width:50em){body{display:block}nav{min-height:0}}"""


def pages() -> list[Path]:
    """All pages: those of ORDER first, then whatever else lies in docs/."""
    first = [ROOT / name for name in ORDER if (ROOT / name).is_file()]
    return [*first, *(path for path in sorted((ROOT / "docs").glob("*.md")) if path not in first)]


def anchors(text: str) -> set[str]:
    """Anchors of the headings, as GitHub makes them."""
    found = set(re.findall(r'<a id="([^"]+)">', text))
    for match in re.finditer(r"^#{1,6} +(.+?) *#*$", FENCE.sub("", text), re.M):
        title = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", match[1]).replace("`", "")
        slug = "".join(
            c for c in title.lower() if c in " -_" or unicodedata.category(c)[0] in "LN"
        ).replace(" ", "-")
        while slug in found:
            slug += "-1"
        found.add(slug)
    return found


def broken_links(path: Path) -> Iterator[str]:
    """Links of a page to files or headings that are not there."""
    text = path.read_text(encoding="utf-8")
    for match in LINK.finditer(FENCE.sub("", text)):
        target, _, anchor = match[1].partition("#")
        if "://" in target or target.startswith("mailto:"):
            continue
        other = path if not target else (path.parent / target).resolve()
        if not other.exists():
            yield f"{path.relative_to(ROOT)}: {match[1]} is not there"
        elif anchor and other.suffix == ".md" and anchor not in anchors(other.read_text("utf-8")):
            yield f"{path.relative_to(ROOT)}: {match[1]} has no such heading"


def name_of(path: Path) -> str:
    """A page's file in the site."""
    return "index.html" if path.name == "README.md" else path.with_suffix(".html").name.lower()


def title_of(path: Path) -> str:
    """A page's first heading."""
    match = re.search(r"^# +(.+)$", path.read_text(encoding="utf-8"), re.M)
    return match[1] if match else path.stem


def build() -> None:
    """Write the site."""
    try:
        markdown: Any = importlib.import_module("markdown")
    except ModuleNotFoundError:
        raise SystemExit("the pages need markdown: .venv/bin/pip install markdown") from None
    shutil.rmtree(SITE, ignore_errors=True)
    SITE.mkdir(parents=True)
    entries = [(name_of(path), title_of(path)) for path in pages()]
    entries += [("api.html", "Python API"), ("man.html", "Man pages")]
    menu = "".join(f'<a href="{name}">{html.escape(title)}</a>' for name, title in entries)
    known = {path.resolve(): name_of(path) for path in pages()}
    for path in pages():
        text = path.read_text(encoding="utf-8")

        def moved(match: re.Match[str], path: Path = path) -> str:
            target, hash_, anchor = match[1].partition("#")
            if not target or "://" in target:
                return match[0]
            other = (path.parent / target).resolve()
            if other in known:
                place = known[other]
            elif other.is_file():
                place = f"files/{other.relative_to(ROOT)}"
                (SITE / place).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(other, SITE / place)
            else:
                return match[0]
            return match[0].replace(f"({match[1]}", f"({place}{hash_}{anchor}")

        extensions = ["tables", "fenced_code", "toc", "sane_lists"]
        body = markdown.markdown(LINK.sub(moved, text), extensions=extensions)
        write(name_of(path), title_of(path), menu, body)
    write("api.html", "Python API", menu, api())
    write("man.html", "Man pages", menu, man())
    print(f"{SITE / 'index.html'}: {len(entries)} pages")


def write(name: str, title: str, menu: str, body: str) -> None:
    """Write one page."""
    (SITE / name).write_text(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style>'
        f"<nav>{menu}</nav><main>{body}</main></html>\n",
        encoding="utf-8",
    )


def api() -> str:
    """The reference of what `edgezip` and `edgezip.distributed` make public."""
    import edgezip
    from edgezip import distributed

    parts = ["<h1>Python API</h1>"]
    for module in (edgezip, distributed):
        parts.append(f"<h2>{module.__name__}</h2><pre>{html.escape(module.__doc__ or '')}</pre>")
        for name in module.__all__:
            value = getattr(module, name)
            parts.append(f'<h3 id="{name}"><code>{name}{signature(value)}</code></h3>')
            parts.append(documented(value))
            if inspect.isclass(value):
                for method, function in vars(value).items():
                    if method.startswith("_") or not inspect.getdoc(function):
                        continue
                    head = f"{name}.{method}{signature(function)}"
                    parts.append(f"<h4><code>{head}</code></h4>{documented(function)}")
    return "\n".join(parts)


def signature(value: object) -> str:
    """Parameters of a callable, escaped; empty for others."""
    try:
        return html.escape(str(inspect.signature(value)))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return ""


def documented(value: object) -> str:
    """A docstring."""
    text = inspect.getdoc(value) or "" if callable(value) or isinstance(value, property) else ""
    return f"<pre>{html.escape(text)}</pre>" if text else ""


def man() -> str:
    """The man pages as text."""
    from edgezip.cli.app import app
    from edgezip.cli.manual import files

    parts = ["<h1>Man pages</h1>"]
    for name, text in files(app).items():
        if name.startswith("man/"):
            shown = text
            if groff := shutil.which("groff"):
                command = [groff, "-man", "-Tascii", "-P-cbou"]
                done = subprocess.run(
                    command, input=text, capture_output=True, text=True, check=False
                )
                shown = done.stdout
            parts.append(f"<h2>{Path(name).stem}(1)</h2><pre>{html.escape(shown.strip())}</pre>")
    return "\n".join(parts)


def main() -> int:
    """Build the site, or check its links; returns the exit code."""
    parser = argparse.ArgumentParser(description="Build the documentation as a site.")
    parser.add_argument("--check", action="store_true", help="only look whether all links lead on")
    check = parser.parse_args().check
    problems = [problem for path in pages() for problem in broken_links(path)]
    print("\n".join(problems) or f"{len(pages())} pages: all links lead on")
    if not check and not problems:
        build()
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
