"""Models are found by path, name and hash, in a fixed order, and never half-read."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from pathlib import Path

import pytest

from edgezip import models
from edgezip.errors import InputError, ModelError, ModelNotFoundError, SettingsError
from edgezip.models import bundled, hashing, registry


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the user's own models and settings out."""
    monkeypatch.setattr(registry.platformdirs, "user_data_dir", lambda app: str(tmp_path / "data"))
    monkeypatch.setattr(hashing.platformdirs, "user_cache_dir", lambda app: str(tmp_path / "cache"))
    for name in (models.DEFAULT_MODEL_VARIABLE, models.MODELS_PATH_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def fake(path: Path, content: bytes = b"one") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"GGUF" + content)
    return path


def digest(path: Path) -> bytes:
    return hashlib.sha256(path.read_bytes()).digest()


def test_default_is_the_bundled_model() -> None:
    model = models.resolve()
    assert model.bundled is not None and model.bundled.default
    assert model.sha256 == digest(model.path) == model.bundled.sha256
    assert (model.size, model.name) == (model.path.stat().st_size, model.bundled.name)
    assert models.resolve(model.name) == model
    assert 0 < model.bundled.keep < model.bundled.window


def test_manifest_matches_the_files(root: Path) -> None:
    for entry in models.bundled_models():
        path = entry.path()
        assert path is not None and path.stat().st_size == entry.size
        assert digest(path) == entry.sha256
        assert all(len(answer) == 32 for answer in entry.known_answers.values())
    assert [entry.default for entry in models.bundled_models()].count(True) == 1


def test_order_explicit_then_environment(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = fake(home / "a.gguf", b"a"), fake(home / "b.gguf", b"b")
    monkeypatch.setenv(models.DEFAULT_MODEL_VARIABLE, str(second))
    assert models.resolve().path == second
    assert models.resolve(first).path == first
    assert models.resolve(str(first)).sha256 == digest(first)


def test_names_and_hash_prefixes(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = fake(home / "lib" / "my.model.gguf")
    monkeypatch.setenv(models.MODELS_PATH_VARIABLE, f"{home / 'none'}{os.pathsep}{path.parent}")
    expected = models.ModelFile(path, digest(path), "my.model", 7)
    for spec in ("my.model", "my.model.gguf", digest(path).hex(), digest(path).hex()[:8].upper()):
        assert models.resolve(spec) == expected
    for length in (1, 4, 8, 32):
        assert models.find_by_hash(digest(path)[:length]) == expected


def test_folder_order(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = fake(home / "lib" / "m.gguf", b"listed")
    fake(models.user_folder() / "m.gguf", b"registered")
    assert models.resolve("m").path.parent == models.user_folder()
    monkeypatch.setenv(models.MODELS_PATH_VARIABLE, str(listed.parent))
    assert models.resolve("m").path == listed
    assert [model.name for model in models.list_models()][:2] == ["m", "m"]


def test_missing_model_names_hash_and_folders(home: Path) -> None:
    with pytest.raises(ModelNotFoundError) as caught:
        models.find_by_hash(bytes.fromhex("0123456789abcdef"))
    message = str(caught.value)
    assert "0123456789abcdef" in message and "\n" not in message
    for folder in models.search_folders():
        assert str(folder) in message
    assert caught.value.exit_code == 4
    for spec in ("no-such-model", "deadbeef00", home / "absent.gguf", "/absent.gguf"):
        with pytest.raises(ModelNotFoundError):
            models.resolve(spec)


def test_missing_bundled_model_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = models.bundled_models()[0]
    monkeypatch.setattr(registry, "bundled_folders", list)
    with pytest.raises(ModelNotFoundError, match=entry.name):
        models.find_by_hash(entry.sha256[:8])


def test_ambiguous_prefix(home: Path) -> None:
    found: dict[int, Path] = {}
    for number in range(300):
        path = fake(home / "x", str(number).encode())
        start = digest(path)[0]
        target = models.user_folder() / f"m{number}.gguf"
        if start in found:
            fake(target, str(number).encode())
            with pytest.raises(ModelError, match="several models"):
                models.find_by_hash(bytes([start]))
            assert models.find_by_hash(digest(path)[:8]).path == target
            return
        found[start] = fake(target, str(number).encode())
    pytest.fail("no collision in 300 files")


@pytest.mark.parametrize("prefix", [b"", bytes(33)])
def test_impossible_prefix(prefix: bytes) -> None:
    with pytest.raises(SettingsError):
        models.find_by_hash(prefix)


def test_files_that_are_no_models(home: Path) -> None:
    text = home / "notes.gguf"
    text.write_text("hello")
    with pytest.raises(ModelError, match="not a GGUF"):
        models.resolve(text)
    empty = home / "empty.gguf"
    empty.touch()
    with pytest.raises(ModelError, match="not a GGUF"):
        models.resolve(empty)
    with pytest.raises(ModelError):
        models.resolve(home)
    fake(models.user_folder() / "good.gguf")
    (models.user_folder() / "bad.gguf").write_text("hello")
    assert "good" in [model.name for model in models.list_models()]


def test_one_flipped_byte_in_the_bundled_model(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = models.resolve()
    entry = original.bundled
    assert entry is not None
    data = bytearray(original.path.read_bytes())
    data[len(data) // 2] ^= 1
    copy = home / "gguf" / entry.file
    copy.parent.mkdir()
    copy.write_bytes(data)
    for module in (bundled, registry):
        monkeypatch.setattr(module, "bundled_folders", lambda: [copy.parent])
    with pytest.raises(ModelError, match="damaged"):
        models.resolve()
    with pytest.raises(ModelNotFoundError):
        models.find_by_hash(entry.sha256[:8])
    with pytest.raises(ModelError, match="damaged"):
        models.verify_model(original.__class__(copy, entry.sha256, entry.name, entry.size))


def test_add_links_or_copies(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = fake(home / "download.gguf")
    linked = models.add_model(source)
    assert linked.path == models.user_folder() / "download.gguf"
    assert linked.path.samefile(source)

    def refuse(*_: object) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(registry.os, "link", refuse)
    copied = models.add_model(source, "other-name")
    assert copied.name == "other-name" and not copied.path.samefile(source)
    assert copied.sha256 == linked.sha256
    assert models.resolve("other-name") == copied
    assert sorted(p.name for p in models.user_folder().iterdir()) == [
        "download.gguf",
        "other-name.gguf",
    ]


def test_add_twice_and_name_taken(home: Path) -> None:
    source = fake(home / "m.gguf")
    assert models.add_model(source) == models.add_model(source, "m.gguf")
    other = fake(home / "n.gguf", b"two")
    with pytest.raises(InputError, match="another model"):
        models.add_model(other, "m")
    assert models.resolve("m").sha256 == digest(source)


@pytest.mark.parametrize("name", ["../up", "a/b", ".hidden", "", "-x", "a\nb", "x" * 200])
def test_bad_names(home: Path, name: str) -> None:
    source = fake(home / "m.gguf")
    if name:
        with pytest.raises(SettingsError):
            models.add_model(source, name)
    assert not (models.user_folder() / "up.gguf").exists()


def test_add_refuses_what_is_no_model(home: Path) -> None:
    path = home / "x.gguf"
    path.write_text("text")
    with pytest.raises(ModelError):
        models.add_model(path)
    assert not models.user_folder().exists()


def test_verify_reads_the_file_again(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "_CACHED_FROM", 0)
    path = fake(home / "m.gguf", b"good")
    model = models.resolve(path)
    models.verify_model(model)
    status = path.stat()
    path.write_bytes(b"GGUFevil")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert models.resolve(path).sha256 == model.sha256  # what the cache cannot see
    with pytest.raises(ModelError, match="damaged or was changed"):
        models.verify_model(model)
    assert models.resolve(path).sha256 != model.sha256


def test_hash_cache_follows_size_and_time(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "_CACHED_FROM", 0)
    path = fake(home / "m.gguf", b"good")
    assert hashing.file_sha256(path) == digest(path)
    cache = home / "cache" / hashing._CACHE_FILE
    assert digest(path).hex() in json.loads(cache.read_text()).values()
    os.utime(path, ns=(1, 1))
    path.write_bytes(b"GGUFevil")
    assert hashing.file_sha256(path) == digest(path)
    path.write_bytes(b"GGUFlonger")
    assert hashing.file_sha256(path) == digest(path)
    assert [p.name for p in cache.parent.iterdir()] == [hashing._CACHE_FILE]


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"a": 3}', b'{"a": "zz"}', b"\xff\xfe"])
def test_damaged_hash_cache_is_ignored(
    home: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    monkeypatch.setattr(hashing, "_CACHED_FROM", 0)
    cache = home / "cache" / hashing._CACHE_FILE
    cache.parent.mkdir()
    cache.write_bytes(content)
    path = fake(home / "m.gguf")
    assert hashing.file_sha256(path) == digest(path)


def test_unwritable_cache_is_done_without(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "_CACHED_FROM", 0)
    (home / "cache").write_text("a file where the folder should be")
    path = fake(home / "m.gguf")
    assert hashing.file_sha256(path) == digest(path)


def test_copies_are_readable_by_their_owner(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry.os, "link", lambda *_: (_ for _ in ()).throw(OSError("no")))
    added = models.add_model(fake(home / "m.gguf"))
    assert stat.S_IMODE(added.path.stat().st_mode) & stat.S_IRUSR
