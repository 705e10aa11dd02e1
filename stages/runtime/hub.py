"""Download checkpoints from the Hugging Face hub: safetensors, JSON and text files of one commit; no pickles."""

import fnmatch
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from huggingface_hub import HfApi, ModelInfo, snapshot_download
from huggingface_hub.errors import (  # HTTPError: of whichever HTTP library this version of the client uses
    GatedRepoError,
    HFValidationError,
    HTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from stages.common.errors import DISK_ERRORS, UserError, first_lines
from stages.common.files import sha256

COMMIT = re.compile(r"[0-9a-f]{40}")
WANTED = ("*.json", "*.txt", "model.safetensors", "model-*-of-*.safetensors", "adapter_model.safetensors")


def is_wanted(name: str) -> bool:
    """Whether a file of a checkpoint, on the hub or in a local folder, is used by this project."""
    return any(fnmatch.fnmatch(name, pattern) for pattern in WANTED)


def is_commit(revision: str) -> bool:
    """Whether a revision is a full commit hash: branches and tags can move."""
    return bool(COMMIT.fullmatch(revision))


def download(name: str, revision: str | None, target: Path) -> str:
    """Download a model's files at a revision (None: the newest) into a folder, and check the weights' SHA-256.

    Returns
    -------
    The commit hash of what was downloaded.

    Raises
    ------
    UserError
        There is no such model or commit, no access, no network, or a file is damaged. The message names which.
    """
    advice = "run 'dvc pull models/base' if it has been pushed, or set base_model to a local folder"
    with _translate_errors(name, revision, advice):
        listing = HfApi().model_info(name, revision=revision, files_metadata=True)
        snapshot_download(name, revision=listing.sha, allow_patterns=list(WANTED), local_dir=target)
    shutil.rmtree(target / ".cache", ignore_errors=True)  # of the client; it has timestamps
    _check_digests(listing, target)
    return listing.sha


def cached(name: str, revision: str | None) -> Path:
    """Download as `download` does, but into the hub client's cache; without a network, use the cached copy.

    Returns
    -------
    The folder; its name is the commit hash.
    """
    with _translate_errors(name, revision, "name a folder with the model instead"):
        try:
            listing = HfApi().model_info(name, revision=revision, files_metadata=True)
        except (HTTPError, OfflineModeIsEnabled) as error:  # the latter with HF_HUB_OFFLINE=1
            try:
                return Path(snapshot_download(name, revision=revision, local_files_only=True))
            except LocalEntryNotFoundError:
                raise error from None
        # Not revision=listing.sha: the cache would not know which commit the branch is at, and not find it offline.
        folder = Path(snapshot_download(name, revision=revision, allow_patterns=list(WANTED)))
    _check_digests(listing, folder)
    return folder


@contextmanager
def _translate_errors(name: str, revision: str | None, advice: str) -> Iterator[None]:
    """Turn the client's errors into a UserError; that the disk is full stays an OSError.

    Parameters
    ----------
    advice : what to do where the hub cannot be reached
    """
    try:
        yield
    except GatedRepoError:
        raise UserError(
            f"model {name!r} is gated: accept its terms on the hub, then log in with: hf auth login"
        ) from None
    except (HFValidationError, RepositoryNotFoundError):
        raise UserError(f"the hub has no model {name!r}, or it is private (log in with: hf auth login)") from None
    except RevisionNotFoundError:
        raise UserError(f"model {name!r} has no commit {revision!r} on the hub") from None
    except PermissionError as error:
        raise UserError(
            f"{name!r} cannot be stored: {error.filename}: {error.strerror}; make the folder writable (HF_HOME says "
            "where the hub's client keeps models)"
        ) from None
    except (HTTPError, LocalEntryNotFoundError, OSError) as error:
        if getattr(error, "errno", None) in DISK_ERRORS:
            raise
        raise UserError(
            f"cannot fetch {name!r} from the model hub ({first_lines(error)}); check the network, or {advice}"
        ) from None


def _check_digests(listing: ModelInfo, folder: Path) -> None:
    """Compare the weights' SHA-256 with the hub's, because the client itself compares only sizes."""
    for sibling in listing.siblings:
        path = folder / sibling.rfilename
        if sibling.lfs and path.is_file() and sibling.lfs.sha256 != sha256(path):
            raise UserError(f"{sibling.rfilename} arrived damaged: its SHA-256 is not the hub's; run again")
