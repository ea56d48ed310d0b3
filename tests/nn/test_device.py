import os
from importlib import metadata

import pytest
import torch

from adtool.core.errors import UsageError
from adtool.nn import device


def test_auto_is_the_best_device_there_is():
    assert device.pick("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert device.pick("cpu") == torch.device("cpu")


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "cuda0", ""])
def test_a_name_that_is_no_device_is_an_error(name):
    with pytest.raises(UsageError, match="There is no device"):
        device.pick(name)


def test_a_gpu_that_is_not_there_is_an_error_that_offers_the_cpu():
    with pytest.raises(UsageError, match="--device cpu"):
        device.pick("cuda:99")


def test_the_machine_is_described_with_its_versions():
    machine = device.describe()
    assert machine.cores == len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert machine.versions["torch"] == metadata.version("torch")
    assert machine.versions["torch"].partition("+")[0] == torch.__version__.partition("+")[0]
    assert (machine.cuda is None) == (not torch.cuda.is_available())
    assert device.version("no-such-package") is None


def test_half_the_cores_are_torchs_within_the_context_and_all_of_them_again_after_it():
    before = torch.get_num_threads()
    with device.half_the_cores():
        assert torch.get_num_threads() == max(1, before // 2)
    assert torch.get_num_threads() == before
