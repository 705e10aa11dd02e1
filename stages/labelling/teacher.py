"""The teacher: the model whose hypotheses become labels."""

from dataclasses import replace
from pathlib import Path

from stages.common.errors import UserError
from stages.common.files import folder_sha256
from stages.common.params import Params
from stages.decoding import transcription
from stages.decoding.transcription import Decoder
from stages.records import paths
from stages.runtime import hub, watched
from stages.whisper import base_model, model
from stages.whisper.base_model import BaseModel
from stages.whisper.model import ADAPTER_FILE

KEY = "pseudo_labels.teacher"
STAGE = "label"
# Options of transcribe that do not count for a teacher: it takes the likeliest tokens of the speech that was found.
FIXED = {"temperature": 0.0, "speech_only": False, "retry_doubtful": False}
# Of the second decoding, in which tokens are drawn: a word that the teacher guessed comes out differently.
SECOND_TEMPERATURE = 0.4


def find(source: str) -> Path:
    """The folder of a teacher; one of the hub is downloaded into the hub client's cache.

    Parameters
    ----------
    source : base, a folder or hub-id@full-commit-hash

    Raises
    ------
    UserError
        It is none of these, or DVC would not notice a change in it.
    """
    if source == paths.BASE:
        return paths.BASE_FOLDER
    folder = Path(source)
    for name in paths.TUNED:
        if folder.resolve() == paths.MODELS[name].resolve():
            raise UserError(
                f"{KEY} is {source}, which is trained on the labels: copy the model of an earlier run to another "
                f"folder, such as teachers/{name}, and name that"
            )
    if folder.is_dir():
        watched.check(folder, STAGE, KEY)
        return folder
    name, _, revision = source.rpartition("@")
    if not name or not hub.is_commit(revision):
        raise UserError(
            f"{KEY} is {source!r}, which is no folder here; it may be base, a folder, or a model of the hub at a full "
            "commit (40 hex digits): hub-id@full-commit-hash"
        )
    try:
        return hub.cached(name, revision)
    except UserError as error:
        raise UserError(f"{KEY}: {error}") from None


def digests(folder: Path) -> list[str]:
    """Digests of what decides the hypotheses of a teacher."""
    is_adapter = (folder / ADAPTER_FILE).is_file()
    return [folder_sha256(path) for path in ([folder, paths.BASE_FOLDER] if is_adapter else [folder])]


def prepare(folder: Path, settings: Params) -> Decoder:
    """Load a teacher and check that it writes the language; it takes the likeliest tokens.

    Raises
    ------
    UserError
        It is no Whisper model or damaged, an adapter on another base, or does not know the language.
    """
    try:
        _check_base(folder)
        checkpoint = model.load_checkpoint(folder)
        whisper = model.whisper_of(checkpoint.model)
        if not model.is_multilingual(whisper) and settings.language != "en":
            raise UserError(f"it knows English only, and language is {settings.language!r}")
        model.prompt_tokens(whisper, settings.language)
    except UserError as error:
        raise UserError(f"{KEY} {settings.pseudo_labels.teacher}: {error}") from None
    decoder = transcription.prepare(checkpoint, settings)
    return replace(decoder, settings=decoder.settings.model_copy(update=FIXED))


def drawing(decoder: Decoder) -> Decoder:
    """The same teacher for the second decoding, which draws its tokens."""
    changes = {"temperature": SECOND_TEMPERATURE, "num_beams": 1}
    return replace(decoder, settings=decoder.settings.model_copy(update=changes))


def _check_base(folder: Path) -> None:
    """Raise UserError where an adapter was trained on another model than models/base."""
    if not (folder / ADAPTER_FILE).is_file():
        return
    config = model.read_json(folder, ADAPTER_FILE)
    trained_on = BaseModel(config.get("base_model_name_or_path") or "", config.get("revision"))
    base = base_model.read(paths.BASE_FOLDER)
    if base and trained_on.name not in ("", str(paths.BASE_FOLDER)) and trained_on != base:
        raise UserError(f"the adapter was trained on {_named(trained_on)}, and base_model is {_named(base)}")


def _named(base: BaseModel) -> str:
    return f"{base.name}@{base.revision}" if base.revision else base.name
