"""Copy or download the base model to models/base: python -m stages.fetch_base

params.yaml's base_model is a local folder, or hub-id@full-commit-hash.
"""

import shutil
from pathlib import Path

from stages.common import params
from stages.common.errors import UserError, exit_on_user_error
from stages.records import paths
from stages.runtime import hub, model_limits, watched


@exit_on_user_error
def main() -> None:
    settings = params.load()
    check_source(settings.base_model)
    # Not at the top: torch takes 10 seconds, and mistakes are found before.
    from stages.whisper.quiet import quiet_transformers

    quiet_transformers()
    fetch(settings.base_model, paths.BASE_FOLDER)
    model_limits.check(settings, paths.BASE_FOLDER)  # check_params could not, without the model


def fetch(source: str, target: Path) -> None:
    """Copy or download a checkpoint, and check that it loads as Whisper; only then is `target` written.

    Raises
    ------
    UserError
        Names what is wrong with the source, the hub or the checkpoint, and what to do.
    """
    from stages.whisper import base_model  # not at the top: imports torch

    check_source(source)
    incoming = target.with_name(target.name + ".incoming")
    shutil.rmtree(incoming, ignore_errors=True)
    try:
        if "@" in source:
            name, revision = source.rsplit("@", 1)
            hub.download(name, revision, incoming)
        else:
            _copy(Path(source), incoming)
        _check(incoming)
        base_model.write(incoming, base_model.parse(source))
        shutil.rmtree(target, ignore_errors=True)
        incoming.rename(target)
    finally:
        shutil.rmtree(incoming, ignore_errors=True)


def check_source(source: str) -> None:
    """Raise UserError if params.yaml's base_model is no name of a model at a commit, and no folder that DVC watches."""
    if "@" in source:
        if not hub.is_commit(source.rsplit("@", 1)[1]):
            raise UserError(
                f"params.yaml: base_model {source!r}: after the @ comes a full commit hash (40 hex digits), since "
                "branches and tags can move; copy it from the model's 'Files' page on the hub"
            )
        return
    if not Path(source).is_dir():
        raise UserError(
            f"params.yaml: base_model {source!r} is not a folder here; a model of the hub is written "
            "hub-id@full-commit-hash, as in profiles/whisper-base.yaml"
        )
    watched.check(Path(source), "fetch_base", "base_model")


def _check(folder: Path) -> None:
    """Check what later stages need; complete generation_config.json and tokenizer.json where they lack something."""
    from stages.whisper import consistency, generation_defaults, merges, model  # not at the top: imports torch

    whisper, processor = model.load_whisper(folder), model.load_processor(folder)
    if generation_defaults.complete(whisper, processor.tokenizer):
        whisper.generation_config.save_pretrained(folder)
        print("fetch_base: generation_config.json lacked ids of special tokens; they were read from the tokenizer")
    consistency.check(whisper, processor, folder)
    lacking = merges.complete(processor.tokenizer, folder)
    if lacking:
        names = ", ".join(token.replace("Ġ", " ") for token in lacking)
        print(f"fetch_base: tokenizer.json lacked the merges of {names!r}, as copies from before March 2024 do; added")


def _copy(source: Path, target: Path) -> None:
    target.mkdir(parents=True)
    for path in sorted(source.iterdir()):
        if path.is_file() and hub.is_wanted(path.name):
            shutil.copyfile(path, target / path.name)


if __name__ == "__main__":
    main()
