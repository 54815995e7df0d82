"""BN-LSTM in PyTorch, as fast as its operations allow (Cooijmans et al. 2016, eq. 6-8)."""
import torch
from torch import Tensor, nn


class BnLstm(nn.Module):
    """One layer, population statistics per step. Scriptable.

    `unbind` matters: with xw[t] instead, the backward pass of each step makes a zero tensor of the
    whole sequence, which at 784 steps is a hundred times slower.
    """

    def __init__(self, inputs: int, hidden: int, steps: int, tokens: bool):
        super().__init__()
        self.hidden = hidden
        self.tokens = tokens
        bound = hidden**-0.5
        self.wx = nn.Parameter(torch.empty(inputs, 4 * hidden).uniform_(-bound, bound))
        self.wh = nn.Parameter(torch.empty(hidden, 4 * hidden).uniform_(-bound, bound))
        self.b = nn.Parameter(torch.zeros(4 * hidden))
        self.gamma_x = nn.Parameter(torch.full((4 * hidden,), 0.1))
        self.gamma_h = nn.Parameter(torch.full((4 * hidden,), 0.1))
        self.gamma_c = nn.Parameter(torch.full((hidden,), 0.1))
        self.beta_c = nn.Parameter(torch.zeros(hidden))
        for name, width in (("x", 4 * hidden), ("h", 4 * hidden), ("c", hidden)):
            self.register_buffer(f"mean_{name}", torch.zeros(steps, width))
            self.register_buffer(f"var_{name}", torch.ones(steps, width))

    def forward(self, x: Tensor) -> Tensor:
        if self.tokens:
            xw = nn.functional.embedding(x, self.wx).unbind(0)
        else:
            xw = torch.matmul(x, self.wx).unbind(0)
        mean_x, var_x = self.mean_x.unbind(0), self.var_x.unbind(0)
        mean_h, var_h = self.mean_h.unbind(0), self.var_h.unbind(0)
        mean_c, var_c = self.mean_c.unbind(0), self.var_c.unbind(0)
        h = torch.zeros(x.size(1), self.hidden, dtype=self.wh.dtype)
        c = torch.zeros(x.size(1), self.hidden, dtype=self.wh.dtype)
        out: list[Tensor] = []
        for t in range(x.size(0)):
            a = nn.functional.batch_norm(
                xw[t], mean_x[t], var_x[t], self.gamma_x, self.b, self.training, 0.1, 1e-5
            ) + nn.functional.batch_norm(
                torch.mm(h, self.wh), mean_h[t], var_h[t], self.gamma_h, None, self.training, 0.1, 1e-5
            )
            f, i, o, g = a.chunk(4, 1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            normalised = nn.functional.batch_norm(
                c, mean_c[t], var_c[t], self.gamma_c, self.beta_c, self.training, 0.1, 1e-5
            )
            h = torch.sigmoid(o) * torch.tanh(normalised)
            out.append(h)
        return torch.stack(out)


class OneHot(nn.Module):
    """nn.LSTM has no input of tokens: it gets one-hot vectors, made beforehand."""

    def __init__(self, lstm: nn.LSTM, vocabulary: int):
        super().__init__()
        self.lstm = lstm
        self.vocabulary = vocabulary
        self.vectors: Tensor | None = None

    def forward(self, tokens: Tensor) -> Tensor:
        dtype = self.lstm.weight_hh_l0.dtype
        if self.vectors is None or self.vectors.dtype != dtype:
            self.vectors = nn.functional.one_hot(tokens, self.vocabulary).to(dtype)
        return self.lstm(self.vectors)[0]
