"""Models are found by path, name and hash, in a fixed order, and never half-read."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from pathlib import Path

import platformdirs
import pytest

from edgezip import models
from edgezip.errors import InputError, ModelError, ModelNotFoundError, SettingsError
from edgezip.models import bundled, hashing, registry


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the user's own models and settings out."""
    monkeypatch.setattr(platformdirs, "user_data_dir", lambda app: str(tmp_path / "data"))
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda app: str(tmp_path / "cache"))
    monkeypatch.setattr(hashing, "_read_here", {})
    for name in (models.DEFAULT_MODEL_VARIABLE, models.MODELS_PATH_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def fake(path: Path, content: bytes = b"one") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"GGUF" + content)
    return path


def own_folder() -> Path:
    folder = models.user_folder()
    assert folder is not None
    return folder


def digest(path: Path) -> bytes:
    return hashlib.sha256(path.read_bytes()).digest()


def test_default_is_the_bundled_model() -> None:
    model = models.resolve()
    assert model.bundled is not None
    assert model.bundled.default
    assert model.sha256 == digest(model.path) == model.bundled.sha256
    assert (model.size, model.name) == (model.path.stat().st_size, model.bundled.name)
    assert models.resolve(model.name) == model


def test_manifest_matches_the_files(root: Path) -> None:
    for entry in models.bundled_models():
        path = entry.path()
        assert path is not None
        assert path.stat().st_size == entry.size
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
    fake(own_folder() / "m.gguf", b"registered")
    assert models.resolve("m").path.parent == own_folder()
    monkeypatch.setenv(models.MODELS_PATH_VARIABLE, str(listed.parent))
    assert models.resolve("m").path == listed
    assert [model.name for model in models.list_models()][:2] == ["m", "m"]


def test_missing_model_names_hash_and_folders(home: Path) -> None:
    with pytest.raises(ModelNotFoundError) as caught:
        models.find_by_hash(bytes.fromhex("0123456789abcdef"))
    message = str(caught.value)
    assert "0123456789abcdef" in message
    assert "\n" not in message
    for folder in models.search_folders():
        assert str(folder) in message
    assert caught.value.exit_code == 4
    assert "-m FILE" in message
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
        target = own_folder() / f"m{number}.gguf"
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
    fake(own_folder() / "good.gguf")
    (own_folder() / "bad.gguf").write_text("hello")
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
    assert linked.path == own_folder() / "download.gguf"
    assert linked.path.samefile(source)

    def refuse(*_: object) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(os, "link", refuse)
    copied = models.add_model(source, "other-name")
    assert copied.name == "other-name"
    assert not copied.path.samefile(source)
    assert copied.sha256 == linked.sha256
    assert models.resolve("other-name") == copied
    assert sorted(p.name for p in own_folder().iterdir()) == [
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
    assert not (own_folder() / "up.gguf").exists()


def test_add_refuses_what_is_no_model(home: Path) -> None:
    path = home / "x.gguf"
    path.write_text("text")
    with pytest.raises(ModelError):
        models.add_model(path)
    assert not own_folder().exists()


def test_verify_reads_the_file_again(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = models.resolve(fake(home / "m.gguf", b"good"))
    models.verify_model(model)
    monkeypatch.setattr(hashing, "_read_here", {hashing._key(model.path): bytes(32)})
    models.verify_model(model)
    unchanged(model.path, b"GGUFevil")
    with pytest.raises(ModelError, match="damaged or was changed"):
        models.verify_model(model)


def unchanged(path: Path, content: bytes) -> None:
    """Write `content` into `path` and put its times back."""
    status = path.stat()
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_a_change_that_keeps_the_time_is_seen(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "_CACHED_FROM", 0)
    path = fake(home / "m.gguf", b"good")
    assert models.resolve(path).sha256 == digest(path)
    unchanged(path, b"GGUFevil")
    assert models.resolve(path).sha256 == digest(path)


@pytest.fixture
def rotten(home: Path, monkeypatch: pytest.MonkeyPatch) -> models.ModelFile:
    """A registered model that its disk has damaged: no time, no inode tells of it. The model as the
    cache of hashes knows it."""
    monkeypatch.setattr(hashing, "_CACHED_FROM", 0)
    model = models.load_file(fake(own_folder() / "m.gguf", b"good"))
    before = hashing._key(model.path)
    unchanged(model.path, b"GGUFevil")
    monkeypatch.setattr(hashing, "_key", lambda path: before)
    monkeypatch.setattr(hashing, "_read_here", {})  # as another process
    assert models.load_file(model.path, cached=True).sha256 == model.sha256
    return model


def test_the_cache_finds_models_and_does_not_vouch_for_them(rotten: models.ModelFile) -> None:
    assert models.resolve(rotten.path).sha256 == digest(rotten.path) != rotten.sha256


def test_a_damaged_model_is_not_used_for_a_file(rotten: models.ModelFile) -> None:
    with pytest.raises(ModelError, match="damaged or was changed") as caught:
        models.find_by_hash(rotten.sha256[:8])
    assert caught.value.exit_code == 4
    assert rotten.sha256.hex() in str(caught.value)


def test_a_sound_copy_is_preferred_to_a_damaged_one(
    rotten: models.ModelFile, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = fake(home / "lib" / "copy.gguf", b"good")
    before = hashing._key(rotten.path)
    other = (str(sound), 1, 8, 1, 1)
    monkeypatch.setattr(hashing, "_key", lambda path: other if path == sound else before)
    monkeypatch.setenv(models.MODELS_PATH_VARIABLE, str(sound.parent))
    assert models.find_by_hash(rotten.sha256).path == sound


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
    monkeypatch.setattr(os, "link", lambda *_: (_ for _ in ()).throw(OSError("no")))
    added = models.add_model(fake(home / "m.gguf"))
    assert stat.S_IMODE(added.path.stat().st_mode) & stat.S_IRUSR


def test_an_account_without_a_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Versions of platformdirs differ in what they do then: they raise, or give back the ~."""
    source = fake(home / "m.gguf")
    for found in (RuntimeError("no home"), KeyError("getpwuid(): uid not found"), "~/.local/share"):

        def nowhere(app: str, found: object = found) -> str:
            if isinstance(found, Exception):
                raise found
            return str(found)

        monkeypatch.setattr(platformdirs, "user_data_dir", nowhere)
        monkeypatch.setattr(platformdirs, "user_cache_dir", nowhere)
        monkeypatch.setattr(hashing, "_CACHED_FROM", 0)
        assert models.user_folder() is None
        assert models.resolve().bundled is not None
        assert models.list_models()
        assert models.load_file(source).sha256 == digest(source)
        with pytest.raises(InputError, match="XDG_DATA_HOME"):
            models.add_model(source)


def test_what_is_no_regular_file_is_not_opened(home: Path) -> None:
    fifo = home / "pipe.gguf"
    os.mkfifo(fifo)
    for path in (fifo, Path("/dev/null"), home):
        with pytest.raises(ModelError, match="not a regular file"):
            models.resolve(path)


def test_empty_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(models.DEFAULT_MODEL_VARIABLE, "")
    assert models.resolve().bundled is not None
    with pytest.raises(SettingsError, match="empty"):
        models.resolve("")


def test_the_default_is_chosen_and_removed(
    home: Path, stories_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundled = models.resolve()
    with pytest.raises(SettingsError, match="edgezip models add"):
        models.set_default(str(stories_model))
    own = models.add_model(stories_model, "mine")
    assert models.set_default("mine") == own
    assert models.resolve() == own
    monkeypatch.setenv(models.DEFAULT_MODEL_VARIABLE, bundled.name)
    assert models.resolve() == bundled
    monkeypatch.delenv(models.DEFAULT_MODEL_VARIABLE)
    assert models.set_default(bundled.name) == models.resolve() == bundled
    assert not (own_folder() / "default").exists()

    models.set_default("mine")
    own.path.rename(own.path.with_name("other.gguf"))
    with pytest.raises(ModelNotFoundError, match=f"edgezip models default {bundled.name}"):
        models.resolve()
    own.path.with_name("other.gguf").rename(own.path)
    assert models.remove_model("mine") == own
    assert not own.path.exists()
    assert models.resolve() == bundled


def test_only_registered_models_are_removed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = fake(home / "folder" / "m.gguf")
    monkeypatch.setenv(models.MODELS_PATH_VARIABLE, str(other.parent))
    with pytest.raises(SettingsError, match="comes with edgezip"):
        models.remove_model(models.bundled_models()[0].name)
    for name in ("m", str(other)):
        with pytest.raises(SettingsError, match="not put there by edgezip"):
            models.remove_model(name)
    with pytest.raises(ModelNotFoundError):
        models.remove_model("nobody")
    own = fake(own_folder() / "m.gguf", b"another")
    assert models.remove_model("m").path == own
    assert other.exists()
    assert not own.exists()
    damaged = own_folder() / "broken.gguf"
    damaged.write_bytes(b"no model")
    models.remove_model("broken")
    assert not damaged.exists()
