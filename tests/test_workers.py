"""The clips are the same, cut in one process, in several, or on a Dask cluster."""

import itertools
from pathlib import Path

import pytest

from stages.common import params
from stages.common.errors import UserError
from stages.cutting import cutting, workers
from tests.support.corpora import options, utterance, write, write_audio

pytestmark = pytest.mark.slow


@pytest.fixture
def recordings(tmp_path) -> list[cutting.Recording]:
    """Three hundred clips in recordings of one, of many, and a broken one."""
    found = []
    for number, rows in enumerate([1] * 100 + [150] + [1] * 48 + [0]):
        path = write_audio(tmp_path / f"{number}.wav", 0.4 * max(rows, 1), seed=number)
        spans = [(0.4 * place, 0.4 * place + 0.4) for place in range(rows)]
        utterances = [utterance(id=f"{number}-{start}", start=start, end=end) for start, end in spans]
        found.append(cutting.Recording(path, utterances, spans))
    write(tmp_path / "broken.wav", b"<html>")
    return [*found, cutting.Recording(tmp_path / "broken.wav", [utterance(id="broken")], [])]


def cut(recordings: list[cutting.Recording], **changes) -> list:
    runtime = params.load(Path(__file__).parent.parent / "params.yaml").runtime.model_copy(update=changes)
    with workers.pool(runtime) as pool:
        return list(pool.cut(recordings, options(), True))


def test_batches_keep_the_order_and_a_session_alone(recordings):
    made = list(workers.batches(recordings))
    assert list(itertools.chain.from_iterable(made)) == recordings
    assert [len(batch) for batch in made] == [64, 36, 1, 50]
    assert list(workers.batches([])) == []


def test_number_of_workers_changes_nothing(recordings):
    alone = cut(recordings, preprocess_workers=1)
    assert len(alone) == len(recordings)
    assert alone[-1][0].reason == "unreadable-audio"
    assert cut(recordings, preprocess_workers=2) == alone


def test_dask_cluster(recordings):
    distributed = pytest.importorskip("distributed", reason="needs Dask, which is optional")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        assert cut(recordings, dask_scheduler=cluster.scheduler_address) == cut(recordings, preprocess_workers=1)


def test_no_scheduler_there(monkeypatch):
    pytest.importorskip("distributed", reason="needs Dask, which is optional")
    monkeypatch.setattr(workers, "SCHEDULER_SECONDS", 0.5)
    with pytest.raises(UserError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9"):
        cut([], dask_scheduler="tcp://127.0.0.1:9")


def test_dask_is_not_installed(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "distributed", None)
    with pytest.raises(UserError, match="pip install distributed"):
        cut([], dask_scheduler="tcp://127.0.0.1:9")
