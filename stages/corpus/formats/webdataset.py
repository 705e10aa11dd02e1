"""WebDataset tars: members of the same stem are one sample, a recording with its text.

    anna/0001.flac   anna/0001.txt           or   0001.wav   0001.json: {"text": ..., "speaker": ..., "age": ...}

The keys of the JSON are those that tables have as columns. If it names no speaker, the sample's folder is the speaker.
Members are read from within the tar: none is written to disk, and pickles are never opened. The shards of
processed_data/ are such tars, too; their texts are read as they were cleaned.
"""

from collections import defaultdict
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from stages.corpus.rows import tar_members
from stages.corpus.rows.embedded import ByteRange, path_of
from stages.corpus.rows.files import PAPERS, RECORDING_SUFFIXES, Files
from stages.corpus.rows.layout import KNOWN, layout_of
from stages.corpus.rows.named_folders import without_kinds
from stages.corpus.rows.other_splits import files_of_split, is_row_of_another_split
from stages.corpus.rows.row_utterance import add_rows, check_valid, note_unused, times_of_clip, utterance_of
from stages.corpus.rows.utterance import Refused, SplitContents, Utterance

TEXTS = (".txt", ".cls")
PICKLES = frozenset(".pyd .pickle .pkl .pth .pt .npy .npz .joblib".split())
# JSON with these keys is from this project's own shards. Its OF_SOURCE keys are about the recording before it was cut.
OWN_SHARD = frozenset(("text", "text_raw", "source", "source_rate", "flags", "age_months"))
OF_SOURCE = ("start", "end", "source", "text_raw")


@dataclass
class Sample:
    """The names of the members of one stem, by what they hold."""

    sounds: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    descriptions: list[str] = field(default_factory=list)  # .json
    pickles: list[str] = field(default_factory=list)


def claims(files: Files) -> list[Path]:
    return files.with_suffix(".tar")


def read(paths: list[Path], files: Files, reading: SplitContents) -> None:
    utterances: list[Utterance] = []
    present = {files.shown(recording) for recording in files.recordings} if paths else set()
    for path in files_of_split(paths, files, reading):
        place = files.shown(path)
        members = tar_members.index(path, place, reading)
        if _is_unpacked(files.shown(path.parent), members, present):
            reading.warn("a tar whose recordings are also unpacked beside it, passed over", place)
            continue
        samples = _samples(members, place, reading)
        if not any(sample.sounds for sample in samples.values()):
            reading.warn("a tar without recordings, passed over", place)
            continue
        for stem, sample in sorted(samples.items()):
            try:
                utterance = _utterance(stem, sample, members, path, files, reading)
            except Refused as refused:
                reading.refuse(f"{files.named(path)}-{stem}", place, None, refused.reason, f"{stem}: {refused.detail}")
            else:
                utterances += [utterance] if utterance else []
    add_rows(utterances, set(), files, reading)


def _is_unpacked(folder: str, members: dict[str, ByteRange], present: set[str]) -> bool:
    """Whether all recordings of a tar are also files in its folder: the tar was unpacked there.

    `folder` and the files that are `present` are relative to data/.
    """
    sounds = [name for name in members if PurePosixPath(name).suffix.lower() in RECORDING_SUFFIXES]
    return bool(sounds) and all(f"{folder}/{name}" in present for name in sounds)


def _samples(members: dict[str, ByteRange], place: str, reading: SplitContents) -> dict[str, Sample]:
    """The samples of a tar by their stems.

    The stem ends at the last dot (a.1.wav, a.1.txt). A text without a recording of this stem belongs to the only
    recording with the same name up to the first dot, which is WebDataset's rule (a.mono.wav, a.txt).
    """
    samples: dict[str, Sample] = defaultdict(Sample)
    by_first_dot: dict[str, list[str]] = defaultdict(list)
    for name in members:
        if PurePosixPath(name).suffix.lower() in RECORDING_SUFFIXES:
            samples[_stem(name)].sounds.append(name)
            by_first_dot[_key(name)].append(_stem(name))
    for name in members:
        suffix = PurePosixPath(name).suffix.lower()
        stem = _stem(name)
        if PurePosixPath(name).stem.lower() in PAPERS:
            continue
        if stem not in samples and len(by_first_dot[_key(name)]) == 1:
            stem = by_first_dot[_key(name)][0]
        if suffix in TEXTS:
            samples[stem].texts.append(name)
        elif suffix == ".json":
            samples[stem].descriptions.append(name)
        elif suffix in PICKLES:
            samples[stem].pickles.append(name)
            reading.warn("members that are pickles or arrays, never opened", f"{place}::{name}")
        elif suffix not in RECORDING_SUFFIXES:
            reading.warn(f"members of another kind, not read: {suffix or 'without an extension'}", f"{place}::{name}")
    return dict(samples)


def _stem(name: str) -> str:
    return name.removesuffix(PurePosixPath(name).suffix)


def _key(name: str) -> str:
    """A name up to the first dot after its folders."""
    folders, slash, last = name.rpartition("/")
    return folders + slash + last.partition(".")[0]


def _utterance(
    stem: str, sample: Sample, members: dict[str, ByteRange], path: Path, files: Files, reading: SplitContents
) -> Utterance | None:
    """The utterance of a sample; None if it belongs to another split.

    Raises
    ------
    Refused
        The sample is not one recording with one text.
    """
    place = files.shown(path)
    _check_sample(sample)
    row = _row(sample, members, path, place, reading)
    layout = layout_of(list(row), reading.options.columns)
    note_unused(layout, place, reading)
    if not layout.fields["text"]:
        detail = f"its members hold no text; the keys of its JSON are {', '.join(sorted(row)) or 'none'}"
        raise Refused("no-text", detail)
    check_valid(row)
    if is_row_of_another_split(row, reading):
        return None
    name = sample.sounds[0]
    folders = without_kinds(PurePosixPath(name).parts[:-1])
    times, clip_seconds = times_of_clip(row, layout, reading)
    id = f"{files.named(path)}-{stem}".replace("/", "-")
    speaker = folders[-1] if folders else ""
    audio, place = path_of(path, name), files.shown(path)
    utterance = utterance_of(
        row, layout, audio, times, place, None, files, reading, format="webdataset", id=id, speaker=speaker
    )
    return replace(utterance, clip_seconds=clip_seconds, embedded=members[name])


def _check_sample(sample: Sample) -> None:
    """Raise Refused if a sample is not one recording with one text."""
    if len(sample.sounds) > 1:
        raise Refused("ambiguous-audio", f"it has several recordings: {', '.join(sample.sounds)}")
    if not sample.sounds and sample.pickles:
        raise Refused("pickle", f"{sample.pickles[0]} is never opened; write the sound as FLAC or WAV")
    if not sample.sounds:
        raise Refused("missing-audio", "its text has no recording of the same name in the tar")
    if not sample.texts and not sample.descriptions:
        if sample.pickles:
            raise Refused("pickle", f"{sample.pickles[0]} is never opened; write the text as .txt or .json")
        raise Refused("untranscribed", "the recording has no .txt or .json of the same name in the tar")
    if len(sample.texts) > 1 or len(sample.descriptions) > 1:
        names = ", ".join([*sample.texts, *sample.descriptions])
        raise Refused("ambiguous-text", f"it has several texts: {names}")


def _row(
    sample: Sample, members: dict[str, ByteRange], path: Path, place: str, reading: SplitContents
) -> dict[str, object]:
    """A sample's JSON and text as a row of a table. Raises Refused if they cannot be read, or differ in their texts."""
    row: dict[str, object] = {}
    for name in sample.descriptions:
        row = tar_members.json_object(name, members[name])
        if row.keys() >= OWN_SHARD:
            reading.warn("shards of this project: the texts are taken as they were cleaned", place)
            row = {key: value for key, value in row.items() if key not in OF_SOURCE}
    for name in sample.texts:
        text = tar_members.text(name, members[name], place, reading).strip()
        if name.lower().endswith(".cls") and text.isdecimal():
            raise Refused("no-text", f"{name} holds the number of a class; write its text as .txt or .json")
        fields = layout_of(list(row), reading.options.columns).fields
        stated = [str(row[column]) for column in fields["text"] if row[column]]
        if stated and stated[0].split() != text.split():
            raise Refused("contradicting-texts", f"{name} and {sample.descriptions[0]} have different texts")
        row = {key: value for key, value in row.items() if key not in fields["text"]}
        row[KNOWN["text"][0]] = text
    return row
