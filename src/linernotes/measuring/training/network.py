"""The network that is trained: MiniLM (Wang et al. 2020), of the architecture of BERT (Devlin et al. 2019).

Attention is written out: backwards, PyTorch's fused one took ten times as long on a processor (in bfloat16).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from linernotes.retrieval.encoder_graph import rename

if TYPE_CHECKING:
    from collections.abc import Mapping

    from linernotes.models import Floats

HEADS = 12
"""Of the attention; the packaged encoder has as many."""
OUTPUTS = 3
EPSILON = 1e-12
# Far below any logit, and still a number in bfloat16.
MASKED = -1e4


class Layer(nn.Module):
    """One layer of the transformer, normalised after each half."""

    def __init__(self, width: int, inner: int) -> None:
        """Make a layer of ``width`` with ``inner`` units in its feed-forward half."""
        super().__init__()
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.norm1 = nn.LayerNorm(width, eps=EPSILON)
        self.up = nn.Linear(width, inner)
        self.down = nn.Linear(inner, width)
        self.norm2 = nn.LayerNorm(width, eps=EPSILON)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """Return the output, of the shape of ``x`` (windows, tokens, width); the attention adds ``bias``."""
        rows, tokens, width = x.shape
        query, key, value = self.qkv(x).view(rows, tokens, 3, HEADS, width // HEADS).permute(2, 0, 3, 1, 4)
        weights = torch.softmax(query * (width // HEADS) ** -0.5 @ key.transpose(-1, -2) + bias, -1)
        attended = (weights @ value).transpose(1, 2).reshape(rows, tokens, width)
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
        depth: int = 6,
        inner: int = 1_536,
        longest: int = 512,
    ) -> None:
        """Make a network with random weights; ``longest`` is how many tokens a window may have."""
        super().__init__()
        self.words = nn.Embedding(vocabulary, width)
        self.positions = nn.Embedding(longest, width)
        self.kinds = nn.Embedding(2, width)
        self.norm = nn.LayerNorm(width, eps=EPSILON)
        self.layers = nn.ModuleList(Layer(width, inner) for _ in range(depth))
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
        for layer in self.layers:
            x = layer(x, bias)
        logits: Tensor = self.head(x.to(self.head.weight.dtype))
        return logits


def from_encoder(weights: Mapping[str, Floats]) -> ReaderNetwork:
    """Return a network that starts from an encoder's ``weights``, named as transformers names BERT's."""
    return from_weights(rename(weights))


def from_weights(ours: Mapping[str, Floats]) -> ReaderNetwork:
    """Return a network that starts from weights by the names used here; what lacks there is random."""
    network = ReaderNetwork(
        vocabulary=len(ours["words.weight"]),
        width=len(ours["norm.weight"]),
        depth=1 + max(int(name.split(".")[1]) for name in ours if name.startswith("layers.")),
        inner=len(ours["layers.0.up.weight"]),
        longest=len(ours["positions.weight"]),
    )
    network.load_state_dict({name: torch.from_numpy(each) for name, each in ours.items()}, strict=False)
    return network
