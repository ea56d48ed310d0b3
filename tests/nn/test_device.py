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


@pytest.mark.parametrize(
    ("quota", "cores"), [("max 100000", 8), ("200000 100000", 2), ("50000 100000", 1), ("1600000 100000", 8)]
)
def test_a_containers_quota_limits_the_cores(monkeypatch, tmp_path, quota, cores):
    (tmp_path / "cpu.max").write_text(quota + "\n")
    monkeypatch.setattr(device, "CGROUP_QUOTA", tmp_path / "cpu.max")
    monkeypatch.setattr(device.os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    assert device.core_count() == cores


def test_without_a_quota_all_cores_of_the_process_count(monkeypatch, tmp_path):
    monkeypatch.setattr(device, "CGROUP_QUOTA", tmp_path / "absent")
    monkeypatch.setattr(device.os, "sched_getaffinity", lambda _: {0, 5, 7}, raising=False)
    assert device.core_count() == 3


def test_the_machine_is_described_with_its_versions():
    machine = device.describe()
    assert machine.cores >= 1
    assert machine.versions["torch"] == torch.__version__.partition("+")[0] or machine.versions["torch"]
    assert (machine.cuda is None) == (not torch.cuda.is_available())
    assert device.version("no-such-package") is None


def test_half_the_cores_are_torchs_within_the_context_and_all_of_them_again_after_it():
    before = torch.get_num_threads()
    with device.half_the_cores():
        assert torch.get_num_threads() == max(1, before // 2)
    assert torch.get_num_threads() == before
