"""Write known answers: of the strict engine into edgezip/models/manifest.json, of the coders into
edgezip/pipeline/known_payloads.json.

    python scripts/known_answers.py
    python scripts/known_answers.py --renew image audio

Run it when a bundled model or a coder is added or when the engine's arithmetic version goes up. An
answer that is there already is compared, never replaced: the same version must mean the same bits.
--renew names coders whose format has changed on purpose.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from edgezip.engine import Engine, selftest
from edgezip.pipeline import selftest as coders

ROOT = Path(__file__).resolve().parent.parent
MANIFEST = ROOT / "edgezip" / "models" / "manifest.json"


def main() -> None:
    """Fill in what is missing; SystemExit when an answer differs from the stored one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--renew", nargs="+", default=[], metavar="CODER")
    _payloads(parser.parse_args().renew)
    manifest = json.loads(MANIFEST.read_text(encoding="utf-8"))
    for entry in manifest["models"]:
        with Engine.load(ROOT / "models" / "gguf" / entry["file"]) as engine:
            version, answer = str(engine.identity.version), selftest.long_answer(engine).hex()
        stored = entry["known_answers"].setdefault(version, answer)
        if stored != answer:
            raise SystemExit(
                f"{entry['name']}: engine version {version} answers {answer}, {stored} is stored; "
                "raise the version (edgezip_engine_version) when the arithmetic changes"
            )
        print(f"{entry['name']}: version {version}, {answer}")
    MANIFEST.write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


def _payloads(renewed: list[str]) -> None:
    stored = coders.known() if coders.PAYLOADS.exists() else {}
    found = {}
    for name, make in coders.makers().items():
        sample = make()
        payload = sample.encode()
        if not sample.decode(payload):
            raise SystemExit(f"{name} does not decode what it codes")
        found[name] = payload if name in renewed else stored.get(name, payload)
        if found[name] != payload:
            raise SystemExit(f"{name} codes something else; --renew if that is on purpose")
        print(f"{name}: {len(payload)} bytes")
    text = json.dumps({name: payload.hex() for name, payload in found.items()}, indent=2)
    coders.PAYLOADS.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
