"""The merges of Whisper's tokenizer (byte-pair encoding), of which older copies lack the first one.

Until March 2024, the tokenizers of OpenAI's models on the hub lacked the merge of a space and t
(huggingface/transformers#29368), and copies from before that still do, such as those of faster-whisper and of many
fine-tuned models. With them " the" becomes two tokens, and training teaches two where Whisper writes one.
"""

import json
from pathlib import Path

from transformers import WhisperTokenizer

FILE = "tokenizer.json"


def complete(tokenizer: WhisperTokenizer, folder: Path) -> list[str]:
    """Write tokenizer.json with the merges that it lacks; the file stays as it is if it lacks none.

    Each token of a byte-pair encoding is made by one merge, and their ids are in the order of the merges. So the merge
    of a token of two characters follows from the vocabulary. Other tokens are left alone.

    Parameters
    ----------
    folder : that the tokenizer was loaded from

    Returns
    -------
    The tokens whose merges were lacking.
    """
    content = json.loads(tokenizer.backend_tokenizer.to_str())
    vocabulary, merges = content["model"]["vocab"], content["model"]["merges"]
    made = [vocabulary["".join(pair)] for pair in merges]
    present = {*made, *(token["id"] for token in content["added_tokens"])}
    lacking = sorted(token for token, number in vocabulary.items() if len(token) == 2 and number not in present)
    if not lacking or made != sorted(made):
        return []
    for token in lacking:
        merges.append(list(token))
    merges.sort(key=lambda pair: vocabulary["".join(pair)])
    (folder / FILE).write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    return lacking
