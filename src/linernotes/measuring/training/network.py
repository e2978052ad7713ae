"""The network that is trained: MiniLM (Wang et al. 2020), of the architecture of BERT (Devlin et al. 2019).

Its teacher is one of the same form and larger, or MPNet (Song et al. 2020), which knows how far apart two
tokens are in every layer. On a processor attention is written out: backwards, PyTorch's fused one took ten
times as long there (in bfloat16); and with distances everywhere, for what PyTorch falls back on then goes
through float32.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from linernotes.retrieval.encoder_graph import rename

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from linernotes.models import Floats

HEADS = 12
"""Of the attention; the packaged encoder has as many. A layer that was narrowed may have fewer."""
OUTPUTS = 3
EPSILON = 1e-12
# Far below any logit, and still a number in bfloat16.
MASKED = -1e4
# MPNet counts positions from two, and its vocabulary is BERT's with four tokens before it.
_MPNET_FIRST, _MPNET_BEFORE = 2, 4
_PADDING, _CLS, _SEP = 0, 101, 102
_MPNET_CLS, _MPNET_PADDING, _MPNET_SEP = 0, 1, 2
_MPNET_PARTS = (("q", "self.query"), ("k", "self.key"), ("v", "self.value"), ("o", "output.dense"))
_FARTHEST = 128


class Layer(nn.Module):
    """One layer of the transformer, normalised after each half."""

    def __init__(self, width: int, inner: int, heads: int = HEADS) -> None:
        """Make a layer of ``width`` with ``inner`` units in its feed-forward half, and so many heads."""
        super().__init__()
        self.heads, self.size = heads, width // HEADS
        self.qkv = nn.Linear(width, 3 * heads * self.size)
        self.out = nn.Linear(heads * self.size, width)
        self.norm1 = nn.LayerNorm(width, eps=EPSILON)
        self.up = nn.Linear(width, inner)
        self.down = nn.Linear(inner, width)
        self.norm2 = nn.LayerNorm(width, eps=EPSILON)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """Return the output, of the shape of ``x`` (windows, tokens, width); the attention adds ``bias``."""
        rows, tokens, _ = x.shape
        parts = self.qkv(x).view(rows, tokens, 3, self.heads, self.size)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        if x.is_cuda and bias.shape[1] == 1:
            attended = functional.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        else:
            weights = torch.softmax(query * self.size**-0.5 @ key.transpose(-1, -2) + bias, -1)
            attended = weights @ value
        attended = attended.transpose(1, 2).reshape(rows, tokens, self.heads * self.size)
        x = self.norm1(x + self.out(attended))
        added: Tensor = self.norm2(x + self.down(functional.gelu(self.up(x))))
        return added


class ReaderNetwork(nn.Module):
    """Tokens -> start, end and evidence logits."""

    def __init__(
        self,
        *,
        vocabulary: int = 30_522,
        width: int = 384,
        sizes: Sequence[tuple[int, int]] = ((HEADS, 1_536),) * 6,
        longest: int = 512,
        distances: int = 0,
    ) -> None:
        """Make a network with random weights.

        ``sizes`` has for each layer its heads and the units of its feed-forward half; ``longest`` is how many
        tokens a window may have; ``distances`` how many distances between two tokens are told apart, 0 for
        none.
        """
        super().__init__()
        self.words = nn.Embedding(vocabulary, width)
        self.positions = nn.Embedding(longest, width)
        self.kinds = nn.Embedding(2, width)
        self.norm = nn.LayerNorm(width, eps=EPSILON)
        self.layers = nn.ModuleList(Layer(width, inner, heads) for heads, inner in sizes)
        self.distances = nn.Embedding(distances, HEADS) if distances else None
        self.head = nn.Linear(width, OUTPUTS)
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)

    def forward(self, ids: Tensor, kinds: Tensor, mask: Tensor) -> Tensor:
        """Return the logits, shape (windows, tokens, 3), in the precision of the head.

        Args:
            ids: shape (windows, tokens).
            kinds: 0 for the question and 1 for the rest; the same shape.
            mask: false for padding; the same shape.
        """
        x = self.norm(self.words(ids) + self.positions.weight[: ids.shape[1]] + self.kinds(kinds))
        bias = torch.where(mask, 0.0, MASKED).to(x.dtype)[:, None, None, :]
        if self.distances is not None:
            apart = _distances(ids.shape[1], self.distances.num_embeddings).to(ids.device)
            bias = bias + self.distances(apart).permute(2, 0, 1)
        for layer in self.layers:
            x = layer(x, bias)
        logits: Tensor = self.head(x.to(self.head.weight.dtype))
        return logits


class Panel(nn.Module):
    """Networks that judge together: what each makes of a token counts the same."""

    def __init__(self, networks: Iterable[ReaderNetwork]) -> None:
        """Take them as they are."""
        super().__init__()
        self.networks = nn.ModuleList(networks)

    def forward(self, ids: Tensor, kinds: Tensor, mask: Tensor) -> Tensor:
        """Return the mean of their logits; inputs and shape as a ``ReaderNetwork`` has them."""
        return torch.stack([each(ids, kinds, mask) for each in self.networks]).mean(0)


def _distances(tokens: int, count: int) -> Tensor:
    """Return which of ``count`` distances lies between two tokens, (tokens, tokens).

    As T5 has them (Raffel et al. 2020): half of them for what comes later; of each half, one a token for the
    near ones, and ever wider ones for the others.
    """
    at = torch.arange(tokens)
    apart = at[None, :] - at[:, None]
    half = count // 2
    near = half // 2
    far = near + (
        (apart.abs().clamp_min(1).float() / near).log() / math.log(_FARTHEST / near) * (half - near)
    ).long().clamp_max(half - near - 1)
    return torch.where(apart > 0, half, 0) + torch.where(apart.abs() < near, apart.abs(), far)


def from_encoder(weights: Mapping[str, Floats]) -> ReaderNetwork:
    """Return a network that starts from an encoder's ``weights``, named as transformers names them.

    The encoder is BERT or MPNet, with BERT's vocabulary.
    """
    if "encoder.relative_attention_bias.weight" not in weights:
        return from_weights(rename(weights))
    ours = rename(dict(_as_bert(weights)))
    return from_weights({**ours, "distances.weight": weights["encoder.relative_attention_bias.weight"]})


def _as_bert(weights: Mapping[str, Floats]) -> Iterator[tuple[str, Floats]]:
    """Yield MPNet's weights as if they were BERT's."""
    for name, each in weights.items():
        # Where the paths of the two differ.
        path = name.replace("attention.LayerNorm.", "attention.output.LayerNorm.")
        for short, long in _MPNET_PARTS:
            path = path.replace(f"attention.attn.{short}.", f"attention.{long}.")
        yield path, each
    words = weights["embeddings.word_embeddings.weight"]
    ours = words[_MPNET_BEFORE:-1].copy()
    ours[[_CLS, _PADDING, _SEP]] = words[[_MPNET_CLS, _MPNET_PADDING, _MPNET_SEP]]
    yield "embeddings.word_embeddings.weight", ours
    positions = weights["embeddings.position_embeddings.weight"]
    yield "embeddings.position_embeddings.weight", positions[_MPNET_FIRST:]
    yield "embeddings.token_type_embeddings.weight", np.zeros((2, words.shape[1]), np.float32)


def from_weights(ours: Mapping[str, Floats]) -> ReaderNetwork:
    """Return a network that starts from weights by the names used here; what lacks there is random."""
    width = len(ours["norm.weight"])
    depth = 1 + max(int(name.split(".")[1]) for name in ours if name.startswith("layers."))
    layers = [f"layers.{number}" for number in range(depth)]
    network = ReaderNetwork(
        vocabulary=len(ours["words.weight"]),
        width=width,
        sizes=[
            (ours[f"{at}.out.weight"].shape[1] * HEADS // width, len(ours[f"{at}.up.weight"]))
            for at in layers
        ],
        longest=len(ours["positions.weight"]),
        distances=len(ours.get("distances.weight", ())),
    )
    network.load_state_dict({name: torch.from_numpy(each) for name, each in ours.items()}, strict=False)
    return network
