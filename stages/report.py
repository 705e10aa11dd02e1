"""Show the results: python -m stages.report

Reads metrics/, processed_data/evaluation/ and params.yaml; writes metrics/report.html, a page that needs no other file,
the figures in it as PNG (metrics/figures/), and metrics/summary.md, the scores in words for a pull request or a model
card. Decodes and scores nothing.
"""

import yaml

from stages.common import params
from stages.common.errors import exit_on_user_error
from stages.common.files import read_json
from stages.records import paths
from stages.results import figures, findings, learning_curves, origin, page, summary
from stages.results.summary import NAMES
from stages.runtime import cost
from stages.scores import score_files, scoreboard
from stages.wer import normalisers


@exit_on_user_error
def main() -> None:
    settings = params.load()
    content, unit = score_files.read(paths.SCORES_FILE)
    slices, _ = score_files.read(paths.SLICES_FILE)
    corpus, labels = read_json(paths.CORPUS_FILE), read_json(paths.LABELS_FILE)
    rules = normalisers.load(paths.BASE_FOLDER, settings.language)
    results = scoreboard.read_results(rules["whisper"])
    paths.SUMMARY_FILE.write_text(summary.markdown(content, slices, unit), encoding="utf-8")
    curves = learning_curves.read_all(paths.CURVES)
    drawn = figures.draw_all(content, slices, curves, results, unit)
    figures.FOLDER.mkdir(parents=True, exist_ok=True)
    for name, figure in drawn.items():
        (figures.FOLDER / f"{name}.png").write_bytes(figures.png(figure))
    html = page.render(
        **page.tables(content, slices, corpus, unit),
        **page.shown_examples(results, content, settings.report, rules["whisper"]),
        pseudo_labels=page.pseudo_labels_sentence(labels),
        findings=findings.findings(content, slices, cost.known(), settings.report.examples > 0, unit),
        unit=unit,
        transcribe=settings.transcribe,
        figures={name: figures.svg(figure) for name, figure in drawn.items()},
        best=NAMES[findings.best(content)],
        commit=origin.commit(),
        versions=origin.versions(),
        parameters=yaml.safe_dump(settings.model_dump(exclude={"runtime"}), sort_keys=False),  # runtime decides nothing
    )
    paths.REPORT_FILE.write_text(html, encoding="utf-8")
    print(f"{paths.REPORT_FILE}: {len(html) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
