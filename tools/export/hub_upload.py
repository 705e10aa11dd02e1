"""Exports on the Hugging Face hub: pushed as one commit, private by default."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, HTTPError, LocalTokenNotFoundError

from stages.common.errors import UserError, first_lines
from tools.sources import HUB_ID

# Of an earlier export, which may have had other shards, or a conversion that this one has not.
STALE = ["*.safetensors", "model.safetensors.index.json", "ctranslate2/*"]
NOT_LOGGED_IN = "not logged in to the model hub: hf auth login (with a token that may write), or set HF_TOKEN"


def check_access(name: str) -> None:
    """Find out before the work whether there is a network and a login, and whether the name can be one.

    Raises
    ------
    UserError
        There is not; says what to do.
    """
    if not HUB_ID.fullmatch(name):
        raise UserError(f"--push-to-hub {name}: a model of the hub is called YOU/NAME, such as kids-lab/whisper-lora")
    with _translate_errors(name):
        HfApi().whoami()


def push(export: Path, name: str, private: bool) -> str:
    """Upload an export: the Transformers checkpoint and the card at the repository's top, ctranslate2/ below.

    Returns
    -------
    The commit's address.

    Raises
    ------
    UserError
        No network, no permission, or the repository is there and as visible as was not asked for.
    """
    api = HfApi()
    with _translate_errors(name):
        api.create_repo(name, private=private, exist_ok=True)
        is_private = bool(api.model_info(name).private)
        if is_private != private:  # it was there before: then create_repo changes nothing
            seen = "private" if is_private else "public"
            raise UserError(f"{name} exists and is {seen}; nothing was uploaded. Say --{seen}, or choose another name")
        with tempfile.TemporaryDirectory(prefix="export-") as scratch:
            _arrange(export, Path(scratch))
            message = "Export the fine-tuned model"
            commit = api.upload_folder(
                repo_id=name, folder_path=scratch, commit_message=message, delete_patterns=list(STALE)
            )
    return commit.commit_url


def _arrange(export: Path, target: Path) -> None:
    """Links to an export's files, as they lie on the hub: there, a checkpoint is looked for at the top."""
    for path in sorted(path for path in export.rglob("*") if path.is_file()):
        relative = path.relative_to(export)
        place = target / (relative.relative_to("transformers") if relative.parts[0] == "transformers" else relative)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(path.resolve())


@contextmanager
def _translate_errors(name: str) -> Iterator[None]:
    """Turn what the client says into a UserError."""
    try:
        yield
    except LocalTokenNotFoundError:
        raise UserError(NOT_LOGGED_IN) from None
    except HFValidationError as error:
        raise UserError(f"--push-to-hub {name}: {first_lines(error)}") from None
    except HfHubHTTPError as error:
        status = error.response.status_code
        if status == 401:
            raise UserError(NOT_LOGGED_IN) from None
        if status == 403:
            raise UserError(f"this login may not write to {name}; take a token that may, or your own name") from None
        raise UserError(f"the model hub did not take {name} (HTTP {status}: {first_lines(error)})") from None
    except HTTPError as error:
        raise UserError(f"cannot reach the model hub ({first_lines(error)}); check the network") from None
    except ValueError as error:  # the client raises nothing closer for a card that the hub does not take
        if "metadata in README.md" not in str(error):
            raise
        raise UserError(f"the model hub refuses the model card: {' '.join(str(error).split())}") from None
