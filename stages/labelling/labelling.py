"""Cut recordings without a transcript at their pauses, decode them with the teacher, and keep the good hypotheses.

One recording is in memory at a time, and the stretches that wait to be decoded together. The journal of hypotheses
stays after a run: with other limits of pseudo_labels, nothing is decoded again.
"""

import contextlib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from stages.common.errors import UserError
from stages.common.files import sha256
from stages.common.params import Params
from stages.corpus.rows.files import Files
from stages.corpus.rows.utterance import Refused
from stages.cutting import audio, cutting
from stages.cutting.audio import AudioError
from stages.decoding import voice
from stages.decoding.transcription import Decoder
from stages.labelling import candidates, clips, filters, hypotheses, outputs, speech, teacher
from stages.labelling.candidates import Candidate, Rejection
from stages.labelling.hypotheses import Stretch
from stages.labelling.outputs import Account
from stages.records import paths, shards, transcripts
from stages.records.units import SAMPLE_RATE, Seconds
from stages.runtime import checkpoints, cost, devices, failures
from stages.wer import normalisers
from stages.whisper import dtypes

# Of stages/: an edit of other code changes no hypothesis.
CODE_FOLDERS = ("cutting", "decoding", "labelling", "records", "whisper")
BATCHES_TOGETHER = 4  # stretches wait until they fill so many batches, so that those of a batch are of similar length


@dataclass(frozen=True)
class Labeller:
    """What decides which stretches become clips."""

    settings: Params
    decoder: Decoder
    journal: transcripts.Journal
    style: filters.Style
    normalise: Callable[[str], str]
    paths: dict[str, Path]  # of the recordings, by what untranscribed.jsonl calls them
    longest: Seconds  # clip


def label(rows: list[dict], settings: Params) -> None:
    """Label the recordings of untranscribed.jsonl; write labelled_data/ and metrics/labels.json.

    Parameters
    ----------
    rows : of untranscribed.jsonl

    Raises
    ------
    UserError
        Nothing can be labelled, or the teacher cannot label it; at the end, if no hypothesis passed the limits.
    """
    chosen, rejections = candidates.choose(rows, settings)
    folder = teacher.find(settings.pseudo_labels.teacher)
    voice.check_installed()
    device = devices.choose_device(settings.runtime.device)
    recordings = _paths_of_recordings()
    work = _work_folder(chosen, recordings, folder, settings)
    account = Account(recordings=len(rows), rejections=rejections)
    with contextlib.ExitStack() as stack:
        stack.enter_context(checkpoints.exclusive_lock(work))
        figures = stack.enter_context(cost.measured("label", device))
        journal = stack.enter_context(transcripts.Journal(work / "journal.jsonl"))
        advice = f"Lower transcribe.batch_seconds, now {settings.transcribe.batch_seconds:g}."
        progress = f"The hypotheses are kept in {work}."
        stack.enter_context(failures.explain_early_end("label", advice, lambda: progress))
        if journal.rows:
            print(f"label: {len(journal.rows)} hypotheses of an earlier run are used again")
        decoder = teacher.prepare(folder, settings)
        figures["precision"] = decoder.precision
        style = filters.style_of([clip.text for clip in shards.read_manifest(paths.split_folder("train"))])
        normalise = normalisers.load(folder, settings.language)["light"]
        longest = _longest_clip(settings, decoder)
        labeller = Labeller(settings, decoder, journal, style, normalise, recordings, longest)
        with shards.ShardWriter(paths.LABELLED, settings.preprocess.shard_megabytes) as writer:
            for stretches in _in_groups(labeller, chosen, account):
                _label_stretches(labeller, stretches, writer, account)
        outputs.write(account)
    _remove_other_runs(work)
    print(account.describe())
    if not account.clips:
        raise UserError(
            f"label: no hypothesis passed the limits of pseudo_labels; {outputs.REJECTED_FILE} has the reasons. Change "
            "a limit or the teacher, or set pseudo_labels.share to 0"
        )


def _paths_of_recordings() -> dict[str, Path]:
    files = Files(paths.DATA / "train", paths.DATA)
    return {files.shown(path): path for path in files.recordings}


def _work_folder(chosen: list[Candidate], recordings: dict[str, Path], folder: Path, settings: Params) -> Path:
    """The folder of the journal: another one where anything else decides the hypotheses, or who is decoded together."""
    device = devices.choose_device(settings.runtime.device)
    options = settings.preprocess
    relevant = [
        settings.language,
        settings.transcribe.model_dump(exclude=set(teacher.FIXED)),
        dtypes.choose_precision(settings.transcribe.precision, device, learning=False),
        [options.channel, options.min_seconds, options.max_seconds],
        [recording.source for recording in chosen],
    ]
    sources = [recordings[recording.source] for recording in chosen if recording.source in recordings]
    digests = [*map(_digest_of, [*sources, paths.SOUNDS_FILE]), *teacher.digests(folder)]
    return checkpoints.run_folder(teacher.STAGE, relevant, [*digests, *checkpoints.code_digests(CODE_FOLDERS)])


def _digest_of(path: Path) -> str:
    """The digest of a file; "" where it cannot be read, which is reported later."""
    try:
        return sha256(path)
    except OSError:
        return ""


def _longest_clip(settings: Params, decoder: Decoder) -> Seconds:
    longest = min(settings.preprocess.max_seconds, decoder.window)
    if longest < speech.SHORTEST_LIMIT:
        raise UserError(
            f"params.yaml: preprocess.max_seconds is {settings.preprocess.max_seconds:g}; pseudo-labels need at least "
            f"{speech.SHORTEST_LIMIT:g}, since speech is cut at its pauses"
        )
    return longest


def _in_groups(labeller: Labeller, chosen: list[Candidate], account: Account) -> Iterator[list[Stretch]]:
    """The stretches of all recordings, in groups that are decoded together."""
    waiting: list[Stretch] = []
    seconds = 0.0
    limit = BATCHES_TOGETHER * labeller.settings.transcribe.batch_seconds
    for stretch in _stretches(labeller, chosen, account):
        waiting.append(stretch)
        seconds += stretch.seconds
        if seconds >= limit:
            yield waiting
            waiting, seconds = [], 0.0
    if waiting:
        yield waiting


def _stretches(labeller: Labeller, chosen: list[Candidate], account: Account) -> Iterator[Stretch]:
    """The stretches of speech in all recordings, in order; what is left out is added to `account`."""
    splits = candidates.read_sounds()
    heard: dict[str, str] = {}  # sound -> the recording
    options = labeller.settings.preprocess
    for recording in tqdm(chosen, desc="label", unit="recording", disable=None):
        try:
            path = labeller.paths.get(recording.source)
            if path is None:
                raise AudioError("missing-audio", "it is not in data/ any more; run dvc repro")
            decoded = audio.decode(path, options.channel)
            if decoded.truncated:
                raise AudioError("truncated-audio", decoded.truncated)
            audio.check_audible(decoded.samples)
            sound = cutting.digest(decoded.samples)
            _check_new(sound, splits, heard)
        except AudioError as error:
            account.rejections.append(Rejection(recording.source, None, None, error.reason, error.detail))
            continue
        heard[sound] = recording.source
        account.heard += decoded.seconds
        flags = (*decoded.flags, *(["narrowband"] if decoded.source_rate < cutting.NARROWBAND else []))
        edges = speech.stretches(decoded.samples, labeller.longest)
        if not edges:
            account.rejections.append(Rejection(recording.source, None, None, "no-speech", "nobody speaks in it"))
        for start, end in edges:
            samples = decoded.samples[start:end].copy()  # not a view, which would keep the recording in memory
            account.stretches += 1
            account.speech += len(samples) / SAMPLE_RATE
            yield Stretch(recording, sound, start, end, samples, decoded.source_rate, flags)


def _check_new(sound: str, splits: dict[str, str], heard: dict[str, str]) -> None:
    """Raise AudioError where the same sound has a transcript, or is in another recording without one."""
    if sound in splits:
        raise AudioError("same-sound", f"the {splits[sound]} set has the same sound, with a transcript")
    if sound in heard:
        raise AudioError("same-sound", f"data/{heard[sound]} has the same sound")


def _label_stretches(
    labeller: Labeller, stretches: list[Stretch], writer: shards.ShardWriter, account: Account
) -> None:
    """Decode stretches, and write a clip for each hypothesis that is good enough."""
    with_second = labeller.settings.pseudo_labels.max_disagreement is not None
    decoded = hypotheses.decode(stretches, labeller.decoder, labeller.journal, with_second)
    for stretch, (first, second) in zip(stretches, decoded, strict=True):
        try:
            options = labeller.settings.preprocess
            audio.check_length(stretch.samples, options.min_seconds, options.max_seconds)
            label = filters.label_of(
                first, second, stretch.seconds, labeller.style, labeller.settings, labeller.normalise
            )
        except (AudioError, Refused) as error:
            start, end = stretch.times
            account.rejections.append(Rejection(stretch.recording.source, start, end, error.reason, error.detail))
            continue
        account.clips.append(clips.write(stretch, first, label, writer))
        account.confidences.append(clips.confidence(account.clips[-1], label))


def _remove_other_runs(work: Path) -> None:
    """Remove the journals of runs with other inputs, but not of one that is running."""
    for other in work.parent.iterdir():
        if other != work:
            with contextlib.suppress(UserError), checkpoints.exclusive_lock(other):
                shutil.rmtree(other)
