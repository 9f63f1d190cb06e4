"""`edgezip models` and `edgezip doctor`."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

import edgezip
from edgezip import api
from edgezip.container import Channel, EngineField, Header, HeaderEvent, parse, write_short
from edgezip.engine import selftest
from edgezip.models import bundled, hashing
from edgezip.pipeline import writer
from edgezip.pipeline.options import PackOptions


def test_list_and_path(cli: Any, bundled_model: Path) -> None:
    result = cli("models", "list")
    assert result.code == 0
    assert b"* edgezip-" in result.out
    (default,) = [entry for entry in cli("models", "list", "--json").json if entry["default"]]
    assert default["bundled"]
    assert os.fsdecode(cli("models", "path").out.rstrip(b"\n")) == default["path"]
    assert b"Usage: edgezip models" in cli("models").out
    cli("models", "path", "nobody").failed(4, "nobody")


def test_add_and_verify(cli: Any, stories_model: Path) -> None:
    shutil.copy(stories_model, "mine.gguf")
    assert cli("models", "add", "mine.gguf", "--name", "stories").code == 0
    os.unlink("mine.gguf")
    assert b"stories" in cli("models", "list").out
    path = Path(os.fsdecode(cli("models", "path", "stories").out.rstrip(b"\n")))
    assert path.read_bytes() == stories_model.read_bytes()
    (before,) = cli("models", "default", "--json").json
    assert cli("models", "default", "stories").code == 0
    assert b"* stories" in cli("models", "list").out
    assert cli("models", "default").out.startswith(b"stories (")
    assert cli("models", "default", before["name"]).code == 0
    assert cli("models", "default", "--json").json == [before]
    assert cli("models", "verify", "stories").code == 0
    assert b"ok stories" in cli("models", "verify").out
    Path("text.gguf").write_bytes(b"no model")
    cli("models", "add", "text.gguf").failed(4, "not a GGUF")
    cli("models", "add", "a.gguf", "b.gguf", "--name", "x").failed(2, "--name")
    assert cli("models", "remove", "stories").code == 0
    assert not path.exists()
    cli("models", "remove", before["name"]).failed(2, "comes with edgezip")


def test_doctor_without_an_engine(
    cli: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What is wrong is named, and the exit code tells it."""
    monkeypatch.setattr("edgezip.engine.library._loaded", None)
    monkeypatch.setenv("EDGEZIP_LIB_DIR", str(tmp_path))
    result = cli("doctor", "--json")
    assert result.code == 5
    (report,) = result.json
    assert not report["ok"]
    assert [c["name"] for c in report["checks"] if not c["ok"]] == ["engine"]
    result = cli("doctor")
    assert result.code == 5
    assert b"FAIL  engine" in result.out


@pytest.mark.slow
def test_doctor(cli: Any, strict_library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgezip.cli.doctor._MEASURE_SECONDS", 0.01)
    result = cli("doctor", "--json")
    assert result.code == 0, result.out
    names = [check["name"] for check in result.json[0]["checks"]]
    assert {"engine", "known answer", "prefill, decode", "speed", "round trip"} <= set(names)


def test_doctor_notices_a_wrong_round_trip(
    cli: Any, strict_library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgezip.cli.doctor._MEASURE_SECONDS", 0.01)
    monkeypatch.setattr(api, "decompress", lambda *args, **kwargs: b"something else")
    result = cli("doctor")
    assert result.code == 5
    assert b"FAIL  round trip" in result.out


def test_pack_with_the_bundled_model(cli: Any, strict_library: Path) -> None:
    content = b"The quick brown fox jumps over the lazy dog. It was a dark and stormy night."
    packed = cli("pack", stdin=content)
    assert packed.code == 0, packed.err
    assert len(packed.out) < len(content)
    assert cli("unpack", stdin=packed.out).out == content
    Path("f.ez").write_bytes(packed.out)
    (described,) = cli("info", "--json", "f.ez").json
    assert described["members"][0]["model"] is not None


def test_an_account_without_a_home(
    cli: Any, monkeypatch: pytest.MonkeyPatch, stories_model: Path
) -> None:
    """A number without a passwd entry, as containers and services have them, and no HOME."""

    def unknown(uid: int) -> None:
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    for name in ("HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name)
    monkeypatch.setattr("pwd.getpwuid", unknown)
    assert b"* edgezip-" in cli("models", "list").out
    assert cli("models", "path", "-h").code == 0
    cli("models", "path", "~/mine.gguf").failed(4, "no model file ~/mine.gguf")
    cli("models", "add", str(stories_model)).failed(1, "no home folder", "XDG_DATA_HOME")
    assert cli.names() == []


def test_what_is_no_model_is_said_in_a_line(cli: Any, notes: Path) -> None:
    os.mkfifo("pipe.gguf")
    cli("pack", "-m", "./pipe.gguf", "notes.txt").failed(4, "not a regular file")
    cli("pack", "-m", "/dev/zero", "notes.txt").failed(4, "not a regular file")
    cli("pack", "-m", "", "notes.txt").failed(2, "name is empty")
    cli("pack", "-m", "none", "--prime", "/dev/zero", "notes.txt").failed(2, "--prime", "64 MiB")
    assert cli.names() == ["notes.txt", "pipe.gguf"]


def test_a_flipped_byte_exits_4_before_the_model_is_parsed(
    cli: Any,
    notes: Path,
    stories_model: Path,
    strict_library: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Named by its file, found by its hash, and the bundled one."""
    model = Path("models/copy.gguf")
    model.parent.mkdir()
    model.write_bytes(stories_model.read_bytes())
    notes.write_bytes(b"Once upon a time there was a little girl who liked to play. " * 3)
    assert cli("pack", "-T", "1", "-m", str(model), "notes.txt", "-o", "a.ez").code == 0
    damaged = bytearray(model.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    model.write_bytes(damaged)
    edgezip.release_models()

    def parsed(path: Path) -> None:
        raise AssertionError(f"{path} was parsed")

    monkeypatch.setattr("edgezip.models.registry.read_gguf", parsed)
    cli("unpack", "-m", str(model), "a.ez", "-o", "x").failed(4, "is not the model of this file")
    monkeypatch.setenv("EDGEZIP_MODELS_PATH", str(model.parent))
    cli("unpack", "a.ez", "-o", "x").failed(4, "no model with SHA-256")
    shutil.copy(model, "models/edgezip-small.gguf")
    monkeypatch.setattr(bundled, "bundled_folders", lambda: [model.parent.resolve()])
    cli("pack", "notes.txt", "-o", "x").failed(4, "damaged")
    assert "x" not in cli.names()


def test_an_empty_variable_is_none(cli: Any, notes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("EDGEZIP_MODEL", "EDGEZIP_MODELS_PATH", "EDGEZIP_LIB_DIR", "EDGEZIP_DEBUG"):
        monkeypatch.setenv(name, "")
    result = cli("pack", "notes.txt")
    assert result.code == 0, result.err
    assert cli("test", "notes.txt.ez").code == 0


def test_info_and_the_catalogue(cli: Any, stories_model: Path) -> None:
    (default,) = cli("models", "info", "--json").json
    (stories,) = cli("models", "info", str(stories_model), "--json").json
    assert default["bundled"]
    assert default["layers"] == 8
    assert default["vocabulary"] == "llama"
    assert (stories["parameters"], stories["context"]) == (260_032, 512)
    said = cli("models", "info", str(stories_model)).out
    assert b"260,032 parameters: F32 260,032" in said
    assert b"windows of 384 tokens, 0.2 MB for the cache of each stream" in said
    assert (default["window"], default["cell_bytes"]) == (384, 2240)
    assert default["known_speed"].startswith("packs ")
    assert stories["known_speed"] is None
    assert b"speed not known here" in said
    assert default["known_speed"].encode() in cli("models", "info").out
    assert b"; packs some " in cli("models", "get").out
    assert b"smollm2-135m (98,362,432 bytes, Apache-2.0)" in cli("models", "get").out
    cli("models", "get", "nobody").failed(4, "only: smollm2-135m")


def test_info_names_a_missing_model_of_the_catalogue(cli: Any) -> None:
    """A message that was packed with SmolLM2, which is not in this empty home."""
    packed = bytes.fromhex(
        "9e455a1102b179c95286031e01016c1c220c360a114a778d00bf2c9484a57b5d84eb56f27d70e564947f13a646687d7a"
    )
    Path("message.ez").write_bytes(packed)
    said = cli("info", "message.ez").out
    assert b"smollm2-135m, not found here (edgezip models get smollm2-135m)" in said
    cli("unpack", "message.ez").failed(4, "run: edgezip models get smollm2-135m")


def test_a_packed_file_names_its_model(cli: Any, stories_model: Path) -> None:
    """The name is in the file and in the messages; it neither finds nor stands for a model."""
    shutil.copy(stories_model, "teller-v2.gguf")
    Path("t.txt").write_bytes(b"Once upon a time there was a little girl. " * 30)
    options = ["-m", "./teller-v2.gguf", "--frame-size", "1024"]
    assert cli("pack", *options, "t.txt").code == 0
    os.unlink("teller-v2.gguf")
    edgezip.release_models()
    said = cli("info", "t.txt.ez").out
    assert b"(called 'teller-v2' in the file, not found here (edgezip models list))" in said
    ((member,),) = [entry["members"] for entry in cli("info", "--json", "t.txt.ez").json]
    assert member["model_name"] == "teller-v2"
    assert member["model"] is None
    missing = cli("unpack", "-f", "t.txt.ez")
    missing.failed(4, "(called 'teller-v2' in the file) in ")
    missing.failed(4, "name its file with -m FILE")
    packed = Path("t.txt.ez").read_bytes()
    with pytest.raises(edgezip.ModelNotFoundError, match="called 'teller-v2' in the file"):
        edgezip.decompress(packed)
    other = Path(edgezip.models.resolve(None).path)
    assert cli("models", "add", str(other), "--name", "teller-v2").code == 0
    cli("unpack", "-f", "t.txt.ez").failed(4, "(called 'teller-v2' in the file) in ")
    refused = cli("unpack", "-f", "-m", "teller-v2", "t.txt.ez")
    refused.failed(4, "is not the model of this file")
    assert cli("unpack", "-f", "-m", str(stories_model), "t.txt.ez").code == 0
    assert cli("models", "add", str(stories_model), "--name", "anything").code == 0
    assert cli("test", "t.txt.ez").code == 0


def test_the_name_of_an_entry_without_a_hash_is_a_hint(cli: Any) -> None:
    header = Header(
        short=True,
        engine=EngineField("strict", 2),
        model=b"nobody's",
        model_name="smollm2-360m",
    )
    Path("x.ez").write_bytes(write_short(header, Channel(4, b"payload", 40), bytes(40)))
    cli("unpack", "x.ez").failed(4, "called 'smollm2-360m' in the file, run: edgezip models get")
    assert b"(edgezip models get smollm2-360m)" in cli("info", "x.ez").out


@pytest.mark.parametrize(
    ("name", "size", "written"),
    [
        ("teller", 500, "teller"),
        ("teller", 499, None),
        ("\u6545" * 21, 500, "\u6545" * 21),
        ("\u6545" * 22, 500, None),
        ("te\x1bller", 500, None),
        ("te\udc80ller", 500, None),
    ],
)
def test_which_names_are_written(
    stories_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    size: int,
    written: str | None,
) -> None:
    """Short members have it from 64 KiB on; what the format does not take is left out."""
    monkeypatch.setattr(writer, "NAMED_FROM", 500)
    path = tmp_path / f"{name}.gguf"
    shutil.copy(stories_model, path)
    text = (stories_model.parent / "courage.txt").read_bytes()[:size]
    packed = edgezip.compress(text, options=PackOptions(model=path, coder="plain"))
    (header,) = [e.header for e in parse(packed) if isinstance(e, HeaderEvent)]
    assert header.short
    assert header.model
    assert header.model_name == written


def test_models_that_everybody_knows_are_not_named(bundled_model: Path) -> None:
    text = bundled_model.read_bytes()[:3000]
    options = PackOptions(frame_size=2000)
    packed = edgezip.compress(b"The story goes on. " * 60 + text, options=options)
    (header,) = [e.header for e in parse(packed) if isinstance(e, HeaderEvent)]
    assert header.model
    assert not header.short
    assert header.model_name is None


def test_a_registered_model_must_answer_as_it_did(
    cli: Any, stories_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All its logits are others, batch and single tokens alike: only the stored answer tells."""
    assert cli("models", "add", str(stories_model), "--name", "stories").code == 0
    folder = edgezip.models.user_folder()
    assert folder is not None
    stored = folder / "stories.answer"
    assert len(stored.read_text().split()) == 4
    Path("t.txt").write_bytes(b"Once upon a time there was a little girl. " * 20)
    edgezip.release_models()
    assert cli("pack", "-m", "stories", "t.txt").code == 0
    packed = Path("t.txt.ez").read_bytes()

    real = selftest.fixed_logits
    monkeypatch.setattr(selftest, "fixed_logits", lambda *args, **kwargs: real(*args, **kwargs) + 1)
    for command in (["pack", "-f", "-m", "stories", "t.txt"], ["unpack", "-f", "t.txt.ez"]):
        edgezip.release_models()
        cli(*command).failed(5, "not the known ones for this model", f"remove {stored}")
    assert Path("t.txt.ez").read_bytes() == packed
    assert "not the known ones" in cli("doctor", "-m", "stories").out.decode()

    # An answer that is damaged, or of another model or version, locks nobody out.
    monkeypatch.setattr(selftest, "fixed_logits", real)
    good = stored.read_bytes()
    for broken in (b"", b"\xff", good[:-9], good.replace(b"2", b"3", 1), good.upper(), bytes(5000)):
        stored.write_bytes(broken)
        edgezip.release_models()
        assert cli("pack", "-f", "-m", "stories", "t.txt").code == 0
    assert cli("models", "remove", "stories").code == 0
    assert not list(folder.iterdir())


def test_an_answer_that_single_tokens_do_not_give_is_not_kept(
    cli: Any, stories_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One wrong bit while a model is registered would lock its owner out for ever."""
    real = selftest.long_answer
    monkeypatch.setattr(selftest, "long_answer", lambda engine: bytes(1) + real(engine)[1:])
    cli("models", "add", str(stories_model), "--name", "stories").failed(5, "single tokens")
    folder = edgezip.models.user_folder()
    assert folder is not None
    assert not list(folder.glob("*.answer"))


@pytest.mark.parametrize("name", ["default", "stories.answer", "model-hashes.json"])
def test_nobody_waits_for_a_fifo_of_that_name(
    cli: Any, stories_model: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Not in the folders of models and hashes: it would be waited for, for ever."""
    monkeypatch.setattr(hashing, "_CACHED_FROM", 0)
    folder = edgezip.models.user_folder()
    assert folder is not None
    folder.mkdir(parents=True)
    shutil.copy(stories_model, folder / "stories.gguf")
    place = hashing._cache_path() if name.endswith("json") else folder / name
    assert place is not None
    place.parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(place)
    monkeypatch.setattr(hashing, "_read_here", {})
    signal.alarm(100)  # ends the tests, where it waits
    try:
        Path("t.txt").write_bytes(b"Once upon a time there was a little girl. " * 9)
        edgezip.release_models()
        assert cli("models", "list").code == 0
        assert cli("pack", "-m", "stories", "t.txt").code == 0
        assert cli("pack", "-f", "t.txt").code == 0
    finally:
        signal.alarm(0)
