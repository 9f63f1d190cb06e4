"""Write the strict engine's known answers into edgezip/models/manifest.json.

    python scripts/known_answers.py

Run it when a bundled model is added or when the engine's arithmetic version goes up. An answer that
is there already is compared, never replaced: the same version must mean the same bits.
"""

from __future__ import annotations

import json
from pathlib import Path

from edgezip.engine import Engine

ROOT = Path(__file__).resolve().parent.parent
MANIFEST = ROOT / "edgezip" / "models" / "manifest.json"


def main() -> None:
    """Fill in what is missing; SystemExit when an answer differs from the stored one."""
    manifest = json.loads(MANIFEST.read_text(encoding="utf-8"))
    for entry in manifest["models"]:
        with Engine.load(ROOT / "models" / "gguf" / entry["file"]) as engine:
            version, answer = str(engine.identity.version), engine.known_answer().hex()
        stored = entry["known_answers"].setdefault(version, answer)
        if stored != answer:
            raise SystemExit(
                f"{entry['name']}: engine version {version} answers {answer}, {stored} is stored; "
                "raise the version (edgezip_engine_version) when the arithmetic changes"
            )
        print(f"{entry['name']}: version {version}, {answer}")
    MANIFEST.write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
