"""Shards: readable by plain tar, as WebDataset and by offset; and the message when they are damaged."""

import io
import itertools
import json
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from stages.common.errors import UserError
from stages.records import shards
from stages.records.shards import ShardWriter, read_audio, read_manifest, write_manifest
from tests.support.corpora import CLIP, noise, write_clip

SAMPLES = {f"clip{number}": noise(1 + number / 10, seed=number) for number in range(4)}


@pytest.fixture
def folder(tmp_path) -> Path:
    with ShardWriter(tmp_path / "train", megabytes=1) as writer:
        writer.limit = 100_000  # bytes, so that there are several
        clips = [
            write_clip(writer, samples, id=id, text=f"caf\u00e9 {id}", text_raw="CAF\u00c9", start=0.5)
            for id, samples in SAMPLES.items()
        ]
    write_manifest(tmp_path / "train", clips)
    return tmp_path / "train"


def test_read_back(folder):
    clips = read_manifest(folder)
    assert [clip.id for clip in clips] == list(SAMPLES)
    assert (clips[1].text, clips[1].duration, clips[1].start, clips[1].end) == ("caf\u00e9 clip1", 1.1, 0.5, None)
    for clip in clips:
        audio = read_audio(folder, clip)
        assert (audio.dtype, audio.shape) == (np.float32, SAMPLES[clip.id].shape)
        np.testing.assert_allclose(audio, SAMPLES[clip.id], atol=0.51 / 2**15)


def test_full_scale_does_not_wrap(tmp_path):
    with ShardWriter(tmp_path / "train", megabytes=1) as writer:
        clip = write_clip(writer, np.array([1.5, -1.5, 1.0] * 2000, np.float32), id="a", text="x")
    audio = read_audio(tmp_path / "train", clip)
    np.testing.assert_allclose(audio[:3], [1, -1, 1], atol=1e-4)


def test_plain_tar(folder):
    names, paths = [], sorted(folder.glob("*.tar"))
    assert [path.name for path in paths] == [f"shard-{number:05d}.tar" for number in range(len(paths))]
    assert len(paths) > 1
    assert all(path.stat().st_size < 100_000 + 20_000 for path in paths)
    for path in paths:
        with tarfile.open(path) as tar:
            for member in tar:
                assert (member.mtime, member.uid, member.gid, member.uname, member.mode) == (0, 0, 0, "", 0o644)
                names.append(member.name)
            audio, rate = soundfile.read(io.BytesIO(tar.extractfile(tar.getnames()[0]).read()))
            row = json.load(tar.extractfile(tar.getnames()[1]))
            assert (rate, audio.ndim, row["duration"]) == (16_000, 1, len(audio) / rate)
            assert row.keys() == {*CLIP, "id", "text", "duration"}
    assert names == [f"{id}.{kind}" for id, kind in itertools.product(SAMPLES, ("flac", "json"))]


def test_webdataset(folder, tmp_path):
    datasets = pytest.importorskip("datasets")
    paths = sorted(map(str, folder.glob("*.tar")))
    features = datasets.Features({"flac": datasets.Value("binary"), "json": {"text": datasets.Value("string")}})
    rows = datasets.load_dataset(
        "webdataset", data_files=paths, split="train", features=features, cache_dir=tmp_path / "cache"
    )
    assert [row["json"]["text"] for row in rows] == [f"caf\u00e9 {id}" for id in SAMPLES]
    clips = read_manifest(folder)
    assert [len(row["flac"]) for row in rows] == [clip.size for clip in clips]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda lines: [lines[0], "{"], "manifest.jsonl, line 2 is not a clip"),
        (lambda lines: [lines[0], "[1]"], "manifest.jsonl, line 2 is not a clip"),
        (lambda lines: [lines[0].replace('"text"', '"txt"')], "line 1 is not a clip.*txt"),
        (lambda lines: [lines[0].replace('"offset": 512', '"offset": "512"')], "line 1: offset is '512'"),
        (lambda lines: ["\udcff"], "manifest.jsonl is damaged"),
    ],
)
def test_broken_manifest(folder, damage, message):
    path = folder / "manifest.jsonl"
    lines = damage(path.read_text(encoding="utf-8").split("\n"))
    path.write_text("\n".join(lines), encoding="utf-8", errors="surrogateescape")
    with pytest.raises(UserError, match=message):
        read_manifest(folder)


def test_missing_manifest(tmp_path):
    with pytest.raises(UserError, match=r"train/manifest.jsonl is missing; .*dvc"):
        read_manifest(tmp_path / "train")


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:20_000])


def overwritten(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (truncated, "shard-00000.tar is damaged at clip clip0"),
        (overwritten, "shard-00000.tar is damaged at clip clip0"),
        (Path.unlink, "shard-00000.tar, which holds clip clip0, cannot be opened"),
    ],
)
def test_damaged_shard(folder, damage, message):
    damage(folder / "shard-00000.tar")
    with pytest.raises(UserError, match=message):
        read_audio(folder, read_manifest(folder)[0])


def test_offsets_of_another_run(folder):
    one, other, *_ = read_manifest(folder)
    with pytest.raises(UserError, match="is damaged at clip clip0"):
        read_audio(folder, replace(one, shard=other.shard, offset=other.offset, size=other.size))


def test_evaluation_sets(tmp_path):
    for name in ("test", "adults"):
        (tmp_path / name).mkdir()
        write_manifest(tmp_path / name, [])
    (tmp_path / "unfinished").mkdir()
    assert [path.name for path in shards.evaluation_sets(tmp_path)] == ["adults", "test"]
    with pytest.raises(UserError, match="no evaluation set"):
        shards.evaluation_sets(tmp_path / "nowhere")
