"""Check that data/ exists and looks like a corpus. Transcripts are read by preprocess, not here."""

from collections.abc import Iterator
from pathlib import Path

from stages.common.errors import UserError
from stages.common.files import read_json
from stages.common.params import Params
from stages.corpus.formats import registry
from stages.corpus.rows import unread_files
from stages.corpus.rows.files import LFS_POINTER
from stages.records.paths import CORPUS_FILE, DATA
from stages.scores import unknown_speakers
from tools.doctor import Finding

SPLITS = ("train", "test")
SAMPLE_MODEL = "sample/whisper-mini"


def findings(settings: Params) -> Iterator[Finding]:
    """Yield what is wrong with data/, and whether the base model suits it."""
    tracked = Path("data.dvc").is_file()
    if not DATA.is_dir():
        cure = "dvc pull data" if tracked else "git checkout data (the sample), or copy your corpus there"
        yield Finding("problem", "data/ is missing", cure)
        return
    missing = [split for split in SPLITS if not any((DATA / split).rglob("*"))]
    for split in missing:
        yield Finding("problem", f"data/{split} is missing or empty", "see docs/data.md")
    if missing:
        return
    files = [path for path in DATA.rglob("*") if path.is_file()]
    starts = {path: _start(path) for path in files}
    unreadable = [path for path, start in starts.items() if start is None]
    if unreadable:
        text = f"{len(unreadable)} files of data/ cannot be read, such as {unreadable[0]}"
        yield Finding("problem", text, "give yourself the right to read them (chmod -R u+rX data), or copy them again")
    pointers = [path for path, start in starts.items() if start == LFS_POINTER]
    if pointers:
        text = f"{len(pointers)} files of data/ are Git LFS pointers, such as {pointers[0]}"
        yield Finding("problem", text, "git lfs pull, in the repository that the corpus comes from")
    else:
        splits = sorted(path.name for path in DATA.iterdir() if path.is_dir())
        yield Finding("ok", f"data/: {len(files)} files in {', '.join(splits)}")
    yield from _unread()
    if tracked and settings.base_model == SAMPLE_MODEL:
        text = "base_model is the sample's miniature model, but data/ is not the sample"
        yield Finding("warning", text, "cp profiles/whisper-base.yaml params.yaml")
    yield from _unknown_speakers()


def _unknown_speakers() -> Iterator[Finding]:
    """Yield which splits have unknown speakers, as preprocess found them in its last run."""
    if not CORPUS_FILE.is_file():
        return
    try:
        sentence = unknown_speakers.splits_sentence(read_json(CORPUS_FILE))
    except UserError as error:
        yield Finding("problem", str(error))
        return
    if sentence:
        cure = "name the speakers (docs/data.md says where), and run dvc repro"
        yield Finding("warning", f"{CORPUS_FILE}, of the last run: {sentence}", cure)


def _unread() -> Iterator[Finding]:
    """Yield the files that preprocess will not read."""
    cure = f"move it to {DATA}/train, {DATA}/test, ..., where its recordings are"
    for name in unread_files.outside_splits(DATA):
        yield Finding("warning", f"{DATA}/{name} is in no split, so it is not read", cure)
    try:
        for split in registry.splits(DATA):
            for line in registry.unread(DATA, split):
                yield Finding("warning", f"{DATA}/{split}: not read: {line}", registry.LAYOUTS)
    except UserError as error:
        yield Finding("problem", str(error))


def _start(path: Path) -> bytes | None:
    """Return the first bytes of a file; None where it cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read(len(LFS_POINTER))
    except OSError:
        return None
