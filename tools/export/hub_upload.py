"""Upload exports to the Hugging Face hub, as one commit."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, HTTPError, LocalTokenNotFoundError

from stages.common.errors import UserError, first_lines
from tools.checkpoint_names import HUB_ID

# Files of an earlier export that the new one may not replace: other shards, an adapter, or a conversion.
STALE = ["*.safetensors", "model.safetensors.index.json", "adapter/*", "ctranslate2/*"]
NOT_LOGGED_IN = "not logged in to the model hub: hf auth login (with a token that can write), or set HF_TOKEN"


def check_access(name: str) -> None:
    """Check that the name is valid, the hub can be reached, and the user is logged in.

    Parameters
    ----------
    name : of the model on the hub, YOU/NAME

    Raises
    ------
    UserError
        One of them is not so; the message says what to do.
    """
    if not HUB_ID.fullmatch(name):
        raise UserError(f"--push-to-hub {name}: a model of the hub is called YOU/NAME, such as kids-lab/whisper-lora")
    with _translate_errors(name):
        HfApi().whoami()


def push(export: Path, name: str, private: bool) -> str:
    """Upload an export: the Transformers checkpoint and the card to the top folder, its other folders as folders.

    Returns
    -------
    The URL of the commit.

    Raises
    ------
    UserError
        No network, no permission, or the repository exists and is public instead of private, or the reverse.
    """
    api = HfApi()
    with _translate_errors(name):
        api.create_repo(name, private=private, exist_ok=True)
        is_private = bool(api.model_info(name).private)
        if is_private != private:  # create_repo does not change a repository that exists
            state = "private" if is_private else "public"
            raise UserError(f"{name} exists and is {state}; nothing was uploaded. Use --{state}, or another name")
        with tempfile.TemporaryDirectory(prefix="export-") as scratch:
            _arrange(export, Path(scratch))
            message = "Export the fine-tuned model"
            commit = api.upload_folder(
                repo_id=name, folder_path=scratch, commit_message=message, delete_patterns=list(STALE)
            )
    return commit.commit_url


def _arrange(export: Path, target: Path) -> None:
    """Link an export's files into the folders of the hub, where a checkpoint must be in the top folder."""
    for path in sorted(export.rglob("*")):
        if not path.is_file():
            continue
        relative = path.relative_to(export)
        if relative.parts[0] == "transformers":
            relative = relative.relative_to("transformers")
        place = target / relative
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(path.resolve())


@contextmanager
def _translate_errors(name: str) -> Iterator[None]:
    """Raise errors of the hub's client as UserErrors that say what to do."""
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
            raise UserError(
                f"this login may not write to {name}; use a token that can write, or a name of your own"
            ) from None
        raise UserError(f"the model hub refused {name} (HTTP {status}: {first_lines(error)})") from None
    except HTTPError as error:
        raise UserError(f"cannot reach the model hub ({first_lines(error)}); check the network") from None
    except ValueError as error:  # the client has no narrower error for a card that the hub refuses
        if "metadata in README.md" not in str(error):
            raise
        raise UserError(f"the model hub refuses the model card: {' '.join(str(error).split())}") from None
