"""Check that the mirror of checkpoints can be read. It does not use the credentials of DVC's remote."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from stages.common.errors import UserError
from stages.common.params import Params
from stages.runtime.mirror import Mirror
from tools.doctor import Finding

NO_RUN = "looked-for-by-doctor"  # fingerprint of no run, so nothing is downloaded


def findings(settings: Params) -> Iterator[Finding]:
    """Yield whether the mirror can be read, if there is one. Writing to it is not tried."""
    url = settings.runtime.checkpoint_mirror
    if url is None:
        return
    try:
        with tempfile.TemporaryDirectory() as folder:
            Mirror(url, NO_RUN).fetch(Path(folder))
    except UserError as error:
        cure = (
            "export AWS_PROFILE=..., and AWS_ENDPOINT_URL=... if the server is not Amazon's: the mirror does not use "
            "DVC's settings"
        )
        yield Finding("problem", str(error), cure if url.startswith("s3://") else "")
    else:
        yield Finding("ok", f"checkpoint mirror, {url}: can be read")
