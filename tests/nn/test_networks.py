import pytest
import timm
import torch
import torch.nn.functional as F

from adtool.nn import graphs
from adtool.nn.networks import network


@pytest.mark.parametrize("name", ["test_efficientnet", "test_resnet", "tf_efficientnet_lite0"])
def test_a_picture_that_goes_on_as_it_ends_is_seen_to_its_border_as_its_middle(name):
    torch.manual_seed(0)
    model = timm.create_model(name, pretrained=False).eval()
    picture = torch.randn(1, 3, 1, 1).expand(1, 3, 64, 64)  # one colour: nothing ends at its border
    plain = network(timm.create_model(name, pretrained=False).eval(), (8,))
    (zeros,) = plain(picture)
    (found,) = network(model, (8,), replicates=True)(picture)
    assert found.shape == zeros.shape
    middle = found[..., 4:5, 4:5]
    assert torch.allclose(found, middle.expand_as(found), atol=1e-5)
    assert not torch.allclose(zeros, zeros[..., 4:5, 4:5].expand_as(zeros), atol=1e-5)


def test_where_no_border_is_near_padding_changes_nothing():
    torch.manual_seed(0)
    model = timm.create_model("test_efficientnet", pretrained=False).eval()
    picture = F.interpolate(torch.randn(1, 3, 12, 12), (256, 256))
    (plain,) = network(model, (8,))(picture)
    (found,) = network(model, (8,), replicates=True)(picture)
    assert torch.equal(plain[..., 14:18, 14:18], found[..., 14:18, 14:18])


def test_layers_say_how_borders_are_padded():
    model = timm.create_model("test_efficientnet", pretrained=False).eval()
    assert [one.name for one in network(model, (8,), replicates=True).layers] == ["stride8replicate"]


def test_openvino_pads_as_torch_does():
    torch.manual_seed(0)
    net = network(timm.create_model("tf_efficientnet_lite0", pretrained=False).eval(), (8, 16), replicates=True)
    assert graphs.difference(net, graphs.convert(net)) < graphs.TOLERANCE
