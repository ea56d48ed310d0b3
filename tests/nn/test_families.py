"""A backbone's family is what its network is, whatever its name."""

import pytest

from adtool.core.errors import UsageError
from adtool.nn import families
from adtool.nn.families import Family


@pytest.mark.parametrize("name", ["dinov2_vits14", "vit_tiny_patch16_224", "deit3_small_patch16_224", "flexivit_small"])
def test_plain_transformers_are_known_by_any_name(name):
    assert families.family(name) is Family.TRANSFORMER


@pytest.mark.parametrize("name", ["efficientnet_lite0", "resnet18", "mobilevit_s", "convit_tiny"])
def test_other_networks_have_stages(name):
    assert families.family(name) is Family.CONV


def test_a_name_that_nobody_knows_has_no_family():
    with pytest.raises(UsageError, match="There is no backbone `vit_nothing`"):
        families.family("vit_nothing")
