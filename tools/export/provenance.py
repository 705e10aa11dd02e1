"""Whether what lies in the workspace is what dvc.lock records: a model, and the scores that were made with it."""

from collections.abc import Iterator, Sequence

from dvc.exceptions import DvcException, NotDvcRepoError
from dvc.repo import Repo

from stages.common.errors import UserError, first_lines

CODE = "stages/"  # an edit there changes no number that was measured before it


def check(stages: Sequence[str]) -> None:
    """Raise an error where parameters, data, models or scores of these stages are not those of their last run.

    Code that changed since is let pass, and so are files that are not here. Outside a DVC repository nothing is known.

    Raises
    ------
    UserError
        Names what changed, or why that cannot be found out.
    """
    try:
        repo = Repo()
    except NotDvcRepoError:
        return
    with repo:
        try:
            status = repo.status(targets=list(stages))
        except DvcException as error:  # such as another dvc at work
            raise UserError(f"dvc status: {first_lines(error)}") from None
    changed = [f"{path} ({stage})" for stage, path in _changed(status)]
    if changed:
        more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
        raise UserError(
            f"the model and its scores are not of one run: {', '.join(changed[:3])}{more} changed since; run dvc "
            "repro, or bring back what was (git checkout and dvc checkout); dvc status tells all"
        )


def _changed(status: dict) -> Iterator[tuple[str, str]]:
    """Stage, and path or section of parameters, of everything that `dvc status` calls changed."""
    for stage, entries in status.items():
        for entry in entries:
            if isinstance(entry, str):  # "changed command"
                yield stage, "its command"
                continue
            for path, state in (item for paths in entry.values() for item in paths.items()):
                if isinstance(state, dict):  # a file of parameters
                    yield from ((stage, f"{path}: {key}") for key in state)
                elif state != "deleted" and not path.startswith(CODE):
                    yield stage, path
