"""Graph convolution against torch_geometric's own, against dense matrices, and what a mask does to it."""

import tempfile
from pathlib import Path

import pytest
import torch
from torch import Tensor

from models.layers.graph_convolution import AdaptiveChebConv, LearnedGraph, normalised_links

WIDTH, NAMES, ORDER = 5, 6, 3


def adjacency(seed: int = 0, graphs: int = 2) -> Tensor:
    """Symmetric graphs in which some pairs are not linked."""
    torch.manual_seed(seed)
    raw = torch.rand(graphs, NAMES, NAMES)
    both = torch.triu((raw * (raw > 0.4)), 1)
    return both + both.mT


def dense_scaled(graph: Tensor) -> Tensor:
    root = graph.sum(-1).clamp(min=1e-12).rsqrt() * (graph.sum(-1) > 0)
    return root[:, :, None] * graph * root[:, None]


def dense_oracle(layer: AdaptiveChebConv, x: Tensor, embedding: Tensor, graph: Tensor) -> Tensor:
    """The formula of the module's docstring as dense matrices: x (b, s, m), embedding (b, s, e)."""
    scaled = dense_scaled(graph)
    terms = [x, scaled @ x]
    while len(terms) < layer.order:
        terms.append(2 * scaled @ terms[-1] - terms[-2])
    weights = layer.pool.reshape(-1, layer.order, WIDTH, WIDTH)
    out = torch.einsum("bse,bskm,ekmo->bso", embedding, torch.stack(terms[: layer.order], 2), weights)
    return out + embedding @ layer.bias


def layer_of(order: int = ORDER, embedding: int = 4) -> AdaptiveChebConv:
    torch.manual_seed(1)
    layer = AdaptiveChebConv(WIDTH, order, embedding)
    torch.nn.init.normal_(layer.bias)
    return layer


def nodes(embedding: int = 4) -> tuple[Tensor, Tensor]:
    torch.manual_seed(2)
    return torch.randn(2, NAMES, WIDTH), torch.randn(2, NAMES, embedding)


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_it_is_the_dense_formula(order: int) -> None:
    layer, (x, embedding), graph = layer_of(order), nodes(), adjacency()

    sparse = layer(x.flatten(0, 1), embedding.flatten(0, 1), normalised_links(graph))

    torch.testing.assert_close(sparse.view_as(x), dense_oracle(layer, x, embedding, graph))


def test_with_the_same_embedding_everywhere_it_is_torch_geometric_s_chebyshev_convolution() -> None:
    from torch_geometric.nn import ChebConv

    graph, layer = adjacency(graphs=1), layer_of(embedding=1)
    x, _ = nodes()
    theirs = ChebConv(WIDTH, WIDTH, ORDER)
    theirs._set_jittable_templates = lambda *_: None
    index = graph[0].nonzero().T
    with torch.no_grad():
        for place, linear in enumerate(theirs.lins):  # its scaled Laplacian is minus our scaled adjacency
            own = layer.pool[0].view(ORDER, WIDTH, WIDTH)[place]
            linear.weight.copy_((-1) ** place * own.T)
        theirs.bias.copy_(layer.bias[0])

    ours = layer(x[0], torch.ones(NAMES, 1), normalised_links(graph))

    wanted = theirs(x[0], index, graph[0][index[0], index[1]], lambda_max=torch.tensor(2.0))
    torch.testing.assert_close(ours, wanted)


def test_gradients_reach_every_weight_and_the_graph_itself() -> None:
    layer, graph = layer_of().double(), adjacency(graphs=1).double()
    x, own = (of[0].double() for of in nodes())
    linked = graph > 0

    def of_links(values: Tensor) -> Tensor:
        return layer(x, own, normalised_links(torch.zeros_like(graph).masked_scatter(linked, values)))

    def of_weights(pool: Tensor) -> Tensor:
        return torch.func.functional_call(layer, {"pool": pool}, (x, own, normalised_links(graph)))

    assert torch.autograd.gradcheck(of_links, graph[linked].requires_grad_(), fast_mode=True)
    assert torch.autograd.gradcheck(of_weights, layer.pool.detach().requires_grad_(), fast_mode=True)


def test_a_node_without_links_hears_nothing_and_one_graph_hears_nothing_of_another() -> None:
    graph = adjacency()
    graph[0, 0], graph[0, :, 0] = 0.0, 0.0
    layer, (x, embedding) = layer_of(2), nodes()
    changed = x.clone()
    changed[0, 1:], changed[1] = 7.0, 9.0

    one, other = (
        layer(of.flatten(0, 1), embedding.flatten(0, 1), normalised_links(graph)) for of in (x, changed)
    )

    assert one[0].tolist() == other[0].tolist()
    assert not torch.equal(one[1], other[1])


def joined(embedding: Tensor, given: Tensor, present: Tensor, share: float = 0.0) -> Tensor:
    graph = LearnedGraph()
    torch.nn.init.constant_(graph.share, share)
    return graph(embedding, given, present)


def test_the_learned_graph_is_a_gaussian_kernel_joined_with_the_given_one() -> None:
    embedding = torch.tensor([[[0.0], [1.0], [3.0]]])
    given = torch.tensor([[[0.0, 0.8, 0.0], [0.8, 0.0, 0.0], [0.0, 0.0, 0.0]]])

    found = joined(embedding, given, torch.ones(1, 3, dtype=torch.bool))[0]

    kernel = torch.exp(-torch.log(torch.tensor(2.0)) * torch.tensor([1.0, 9.0, 4.0]))  # softplus(0) = log 2
    wanted = 0.5 * kernel + 0.5 * torch.tensor([0.8, 0.0, 0.0])
    torch.testing.assert_close(found[[0, 0, 1], [1, 2, 2]], wanted)
    torch.testing.assert_close(found, found.T)
    assert found.diagonal().tolist() == [0.0] * 3


def test_an_absent_name_has_no_link() -> None:
    present = torch.tensor([[True, False, True]])
    found = joined(torch.zeros(1, 3, 2), torch.ones(1, 3, 3), present)[0]

    assert found[1].tolist() == found[:, 1].tolist() == [0.0] * 3
    assert found[0, 2] == 1.0


def test_making_a_layer_leaves_no_file_behind() -> None:
    before = set(Path(tempfile.gettempdir()).glob("*AdaptiveChebConv*"))
    layer_of()
    assert set(Path(tempfile.gettempdir()).glob("*AdaptiveChebConv*")) == before
