"""Check this machine, the parameters, the corpus and the remote: python -m tools.doctor

Checks the environment, versions, accelerator, free disk, params.yaml, data/, git, and credentials in files that git
tracks. Checks that the remote can be reached and that every object that dvc.lock and *.dvc name is there and not
corrupted, and that the mirror of checkpoints can be read. Changes nothing. The exit status is 1 if there is a problem.

With --no-remote, no network is used. With --read-remote, every object is downloaded and compared with its hash: some
servers do not report hashes, and then only this finds a corrupted object.
"""

import argparse
import sys
from collections.abc import Iterator

from stages.common import params
from stages.common.errors import UserError, exit_on_user_error
from stages.runtime import model_limits
from tools.doctor import Finding

MARKS = {"ok": "ok      ", "warning": "warning ", "problem": "PROBLEM "}


@exit_on_user_error
def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tools.doctor", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    remote_options = parser.add_mutually_exclusive_group()
    remote_options.add_argument("--no-remote", action="store_true", help="skip the remote and the mirror")
    remote_options.add_argument("--read-remote", action="store_true", help="download every object and check its hash")
    arguments = parser.parse_args()
    problems = 0
    for finding in findings(arguments.no_remote, arguments.read_remote):
        print(MARKS[finding.level] + finding.text)
        if finding.cure:
            print(f"{'':8}-> {finding.cure}")
        problems += finding.level == "problem"
    if problems:
        sys.exit(1)


def findings(no_remote: bool, read_remote: bool) -> Iterator[Finding]:
    """Yield all findings, in the order in which they should be corrected."""
    # Not at the top: torch takes 10 seconds, and a mistyped option is found before.
    from tools.doctor import corpus, credentials, disk, environment, git, mirror, remote

    yield from environment.findings()
    try:
        settings = params.load()
    except UserError as error:
        yield Finding("problem", str(error))
        settings = None
    else:
        yield Finding("ok", "params.yaml: every key and value")
        try:
            model_limits.check(settings)
        except UserError as error:
            yield Finding("problem", str(error))
        yield from environment.accelerator(settings)
        yield from corpus.findings(settings)
        yield from disk.findings(settings)
    yield from git.findings()
    yield from credentials.findings()
    if not no_remote:
        yield from remote.findings(read_remote)
        if settings:
            yield from mirror.findings(settings)


if __name__ == "__main__":
    main()
