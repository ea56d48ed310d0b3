from pathlib import Path

import numpy as np
import pytest
import torch
from timm.models.vision_transformer import VisionTransformer

from adtool.core.errors import UsageError
from adtool.discover.ncd.encoder import (
    LastBlock,
    LastStage,
    Trunk,
    gate,
    gate_bias,
    gated_block,
    keep_inside,
    pool_inside,
)
from adtool.discover.ncd.heads import Heads, ProjectionHead

GOLDEN = Path(__file__).parents[2] / "golden" / "mgvit.npz"


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN) as arrays:
        return {name: torch.from_numpy(np.asarray(arrays[name])) for name in arrays}


@pytest.fixture(scope="module")
def model(golden):
    """The tiny transformer of the golden data."""
    net = VisionTransformer(
        img_size=int(golden["image_size"]),
        patch_size=int(golden["patch_size"]),
        embed_dim=int(golden["embed_dim"]),
        depth=int(golden["depth"]),
        num_heads=int(golden["num_heads"]),
        num_classes=0,
    )
    net.load_state_dict({name[4:]: value for name, value in golden.items() if name.startswith("vit.")})
    return net.eval()


def padded(rows):
    tokens = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
    kept = torch.arange(tokens.shape[1]) < torch.tensor([len(row) for row in rows]).unsqueeze(1)
    return tokens, kept


def test_half_a_token_inside_the_mask_is_enough():
    mask = torch.tensor([[1.0, 1, 1, 0], [0, 0, 0, 0]]).view(1, 1, 2, 4)
    inside = gate(mask, 1, 2)
    assert inside.tolist() == [[0.5, 0.25]]
    assert gate_bias(inside, prefix=1).tolist() == [[0, 0, -1e9]]


@torch.no_grad()
def test_every_block_equals_the_reference(golden, model):
    pooled = gate(golden["masks"], 4, 4)
    assert torch.allclose(pooled, golden["pooled_mask"][:, 1:], atol=1e-7)
    trunk = Trunk(model, gated=int(golden["active_depth"]))
    images, position, _ = trunk.inputs(golden["images"], pooled)
    tokens = trunk.plain.embed(images, position)
    for i, block in enumerate(model.blocks):
        is_gated = i >= trunk.first_gated
        tokens = gated_block(block, tokens, gate_bias(pooled, 1)) if is_gated else block(tokens)
        assert (tokens - golden[f"tokens_block{i}"]).abs().max() < 5e-5
    assert (model.norm(tokens)[:, 0] - golden["cls"]).abs().max() < 2e-5


@torch.no_grad()
def test_the_kept_tokens_alone_give_the_class_token_of_the_reference(golden, model):
    trunk = Trunk(model, gated=int(golden["active_depth"]))
    pooled = gate(golden["masks"], 4, 4)
    (tokens,) = trunk(*trunk.inputs(golden["images"], pooled))
    rows = keep_inside(tokens, pooled, trunk.prefix)
    assert [len(row) for row in rows][:2] == [1, 17]  # an empty mask leaves the class token, a full one everything
    found = LastBlock(model)(*padded(rows))
    assert (found - golden["cls"]).abs().max() < 2e-5


@torch.no_grad()
def test_the_heads_equal_the_reference(golden):
    generator = torch.Generator().manual_seed(0)
    heads = Heads(32, 7, 4, generator)
    heads.weight.copy_(torch.stack([golden[f"head.last_layer.{i}.weight_v"] for i in range(4)]))
    assert (heads(golden["cls"]) - golden["head_logits"]).abs().max() < 2e-5
    projector = ProjectionHead(32, generator, hidden=40, projected=12)
    projector.load_state_dict({name[5:]: value for name, value in golden.items() if name.startswith("head.mlp")})
    assert (projector(golden["cls"]) - golden["projection"]).abs().max() < 2e-5


def test_only_the_block_learns(model):
    last = LastBlock(model)
    learning = {name for name, value in last.named_parameters() if value.requires_grad}
    assert learning == {name for name, _ in last.named_parameters() if name.startswith("block.")}
    assert all(one is not two for one, two in zip(last.block.parameters(), model.blocks[-1].parameters(), strict=True))


def test_the_gradient_of_the_kept_tokens_is_that_of_the_whole_block(golden, model):
    trunk = Trunk(model)
    pooled = gate(golden["masks"], 4, 4)
    with torch.no_grad():
        (tokens,) = trunk(*trunk.inputs(golden["images"], pooled))
    few, whole = LastBlock(model), LastBlock(model)
    few(*padded(keep_inside(tokens, pooled, 1))).square().sum().backward()
    whole.norm(gated_block(whole.block, tokens, gate_bias(pooled, 1)))[:, 0].square().sum().backward()
    for one, two in zip(few.block.parameters(), whole.block.parameters(), strict=True):
        assert torch.allclose(one.grad, two.grad, rtol=1e-3, atol=1e-3 * float(two.grad.abs().max() + 1e-6))


def test_the_trunk_takes_images_of_any_size(model):
    trunk = Trunk(model)
    images = torch.zeros(2, 3, 24, 40)
    assert trunk(*trunk.inputs(images, torch.ones(2, 15)))[0].shape == (2, 16, 32)


def test_a_transformer_without_class_token_is_refused():
    net = VisionTransformer(img_size=32, patch_size=8, embed_dim=32, depth=2, num_heads=2, class_token=False,
                            global_pool="avg", num_classes=0)  # fmt: skip
    with pytest.raises(UsageError, match="no class token"):
        Trunk(net)


def test_pooling_inside_a_mask_gives_what_differs_there():
    layer = torch.tensor([[1.0, 1], [1, 5]]).view(1, 1, 2, 2)
    mask = torch.zeros(1, 1, 4, 4)
    mask[..., 2:, 2:] = 1
    assert pool_inside([layer], mask)[0].tolist() == [[3]]  # 5 less the mean, 2
    assert pool_inside([layer], torch.zeros(1, 1, 4, 4))[0].tolist() == [[0]]


def test_the_last_stage_of_a_convolutional_network_begins_as_a_normalisation():
    stage = LastStage(8, torch.Generator().manual_seed(0))
    tokens = torch.randn(3, 1, 8, generator=torch.Generator().manual_seed(1))
    found = stage(tokens, torch.ones(3, 1, dtype=torch.bool))
    assert torch.allclose(found, torch.nn.functional.layer_norm(tokens[:, 0], (8,)))
    found.square().sum().backward()
    assert stage.narrow.weight.grad is not None


def test_a_crop_without_defect_has_a_direction_of_its_own():
    stage = LastStage(8, torch.Generator().manual_seed(0))
    found = stage(torch.zeros(2, 1, 8), torch.ones(2, 1, dtype=torch.bool))
    assert torch.equal(found[0], stage.nothing)
    torch.nn.functional.normalize(found, dim=1).sum().backward()
    assert stage.nothing.grad.isfinite().all()
    assert stage.nothing.grad.abs().max() < 10  # not the 1e12 that the direction of a zero would have


def test_heads_with_the_same_seed_are_the_same_and_differ_from_each_other():
    one, two = (Heads(8, 3, 2, torch.Generator().manual_seed(5)) for _ in range(2))
    assert torch.equal(one.weight, two.weight)
    assert not torch.equal(one.weight[0], one.weight[1])
