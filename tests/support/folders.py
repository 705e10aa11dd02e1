"""The folders of stages/, in the order in which they may import one another."""

# A folder of stages/ imports only from those before it, a script from all of them.
ORDER = (
    "common",
    "records",
    "corpus.rows",
    "corpus.markup",
    "corpus.formats",
    "runtime",
    "cutting",
    "whisper",
    "wer",
    "decoding",
    "labelling",
    "training",
    "scores",
    "results",
    "scripts",
)
