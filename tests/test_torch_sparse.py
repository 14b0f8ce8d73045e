"""Sparse gradients of torch, as of an embedding: by rows, where they lie."""

from typing import Any

import numpy as np
import pytest

import fallline as fl

N_ROWS, WIDTH = 50, 8


def table(torch: Any, dtype: str = "float64") -> Any:
    values = np.random.default_rng(0).standard_normal((N_ROWS, WIDTH))
    return torch.tensor(values, dtype=getattr(torch, dtype), requires_grad=True)


def give_gradient(torch: Any, w: Any, seed: int) -> tuple[Any, Any]:
    """Give weights the gradient of some rows, one of them twice; return these and the values."""
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, N_ROWS, 7)
    rows[0] = rows[1]
    values = torch.tensor(rng.standard_normal((7, WIDTH)), dtype=w.dtype)
    w.grad = torch.sparse_coo_tensor(
        torch.tensor(rows)[None], values, w.shape, check_invariants=True
    )
    return rows, values


@pytest.mark.parametrize("sparse", ["lazy", "exact"])
@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16"])
@pytest.mark.parametrize("kind", ["AdamW", "Adam", "RMSprop", "SGD"])
def test_steps_have_the_bits_of_those_over_rows(
    kind: str, dtype: str, sparse: str, torch: Any
) -> None:
    w, v = table(torch, dtype), table(torch, dtype)
    options: dict[str, Any] = {"weight_decay": 0.1, "clip_norm": 1.0, "sparse": sparse}
    optimizer = getattr(fl.torch, kind)([w], lr=0.1, **options)
    plain = getattr(fl.optim, kind)(0.1, **options)
    for t in range(6):
        rows, values = give_gradient(torch, w, t)
        optimizer.step()
        plain.step(v, fl.optim.RowGradient(rows, values))
    assert torch.equal(w, v)


@pytest.mark.filterwarnings("ignore:Sparse invariant checks")  # of Adagrad's own tensors
@pytest.mark.parametrize(
    ("kind", "options"),
    [("SGD", {}), ("SGD", {"momentum": 0.9, "sparse": "exact"}), ("Adagrad", {"lr_decay": 0.1})],
)
def test_steps_are_those_of_torch_where_it_takes_sparse_gradients(
    kind: str, options: dict[str, Any], torch: Any
) -> None:
    w, v = table(torch), table(torch)
    of_torch = {name: value for name, value in options.items() if name != "sparse"}
    core = getattr(fl.torch, kind)([w], lr=0.1, **options)
    other = getattr(torch.optim, kind)([v], lr=0.1, **of_torch)
    for t in range(50):
        give_gradient(torch, w, t)
        give_gradient(torch, v, t)
        core.step()
        other.step()
    np.testing.assert_allclose(w.detach(), v.detach(), rtol=1e-12, atol=1e-12)


def test_an_embedding_is_trained_beside_dense_layers(torch: Any) -> None:
    torch.manual_seed(0)
    embedding = torch.nn.Embedding(N_ROWS, WIDTH, sparse=True, dtype=torch.float32)
    layer = torch.nn.Linear(WIDTH, 1, dtype=torch.float32)
    before = embedding.weight.detach().clone()
    optimizer = fl.torch.AdamW([*embedding.parameters(), *layer.parameters()], lr=0.05)
    words = torch.arange(20)
    target = torch.linspace(-1.0, 1.0, 20, dtype=torch.float32)[:, None]
    losses = []
    for _ in range(100):
        optimizer.zero_grad()
        loss = (layer(embedding(words)) - target).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.01 * losses[0]
    assert torch.equal(embedding.weight[20:], before[20:])
    assert not torch.equal(embedding.weight[:20], before[:20])


def test_gradients_may_be_sparse_and_dense_in_turns(torch: Any) -> None:
    w, v = table(torch), table(torch)
    first, second = fl.torch.Adam([w], sparse="exact"), fl.torch.Adam([v])
    for t in range(6):
        give_gradient(torch, w, t)
        v.grad = w.grad.to_dense()
        if t % 2:
            w.grad = v.grad
        first.step()
        second.step()
    assert torch.equal(w, v)


def test_what_may_leave_out_no_rows_is_refused(torch: Any) -> None:
    w = table(torch)
    give_gradient(torch, w, 0)
    for optimizer in (fl.torch.Rprop([w]), fl.torch.Adam([w], ema=0.9)):
        with pytest.raises(ValueError, match=r"sparse must be 'exact' for a RowGradient with"):
            optimizer.step()
        assert not optimizer.state
    w.grad = torch.ones(N_ROWS, WIDTH).to_sparse()
    with pytest.raises(ValueError, match=r"a sparse gradient must have rows of contiguous weights"):
        fl.torch.Adam([w]).step()
