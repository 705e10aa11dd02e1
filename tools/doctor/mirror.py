"""Whether the second place of checkpoints can be reached: its credentials are not those of DVC's remote."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from stages.common.errors import UserError
from stages.common.params import Params
from stages.runtime.mirror import Mirror
from tools.doctor import Finding

NOWHERE = "looked-for-by-doctor"  # a run that never was: it is looked for, and nothing is fetched


def findings(settings: Params) -> Iterator[Finding]:
    """Nothing where there is no mirror; whether it can be written to is not tried."""
    url = settings.runtime.checkpoint_mirror
    if url is None:
        return
    try:
        with tempfile.TemporaryDirectory() as folder:
            Mirror(url, NOWHERE).fetch(Path(folder))
    except UserError as error:
        cure = (
            "export AWS_PROFILE=..., and AWS_ENDPOINT_URL=... where it is not Amazon's: it does not read DVC's settings"
        )
        yield Finding("problem", str(error), cure if url.startswith("s3://") else "")
    else:
        yield Finding("ok", f"checkpoint mirror, {url}: can be read")
