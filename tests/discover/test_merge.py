from pathlib import Path

import numpy as np
import pytest

from adtool.discover.merge import merge_regions, scaled_temperature
from adtool_runtime.classes.placing import class_probabilities

GOLDEN = Path(__file__).parents[1] / "golden" / "region_merge.npz"


def test_probabilities_are_a_softmax_at_a_tenth():
    # exp(0.1 ln 3 / 0.1) = 3 against 1
    found = class_probabilities(np.array([[0.1 * np.log(3), 0]]))
    assert found.tolist() == [pytest.approx([0.75, 0.25])]


def test_base_classes_get_nothing():
    found = class_probabilities(np.array([[5.0, 0.1 * np.log(3), 0]]), n_base=1)
    assert found.tolist() == [pytest.approx([0, 0.75, 0.25])]


def test_the_logits_of_the_caller_stay_as_they_were():
    logits = np.array([[1.0, 2.0]])
    class_probabilities(logits, n_base=1, temperature=1)
    assert logits.tolist() == [[1, 2]]


def test_a_crop_weighs_by_the_root_of_its_defect_area():
    # sqrt(400) / 10 - sqrt(100) / 10 = 1, so the weights are e : 1
    e = np.e
    found = merge_regions(np.array([[1.0, 0], [0, 1]]), np.array([0, 0]), np.array([400, 100]), 10)
    assert found.tolist() == [pytest.approx([e / (e + 1), 1 / (e + 1)])]


def test_an_image_with_one_crop_gets_its_probabilities_whatever_the_order():
    probabilities = np.array([[0.2, 0.8], [0.5, 0.5], [0.6, 0.4]])
    found = merge_regions(probabilities, np.array([1, 0, 1]), np.array([50, 0, 50]), 50)
    assert found.tolist() == [pytest.approx([0.5, 0.5]), pytest.approx([0.4, 0.6])]


def test_the_scaled_temperature_makes_the_weights_independent_of_the_image_size():
    probabilities, image = np.array([[1.0, 0], [0, 1]]), np.array([0, 0])
    small = merge_regions(probabilities, image, np.array([900, 100]), scaled_temperature(300, 400))
    large = merge_regions(probabilities, image, np.array([8100, 900]), scaled_temperature(900, 1200))
    assert small.tolist() == [pytest.approx(large[0].tolist())]
    assert scaled_temperature(300, 400) == 50  # the reference's value for MTD


def test_images_are_merged_as_in_the_reference():
    with np.load(GOLDEN) as golden:
        for t, temperature in enumerate(golden["temperatures"]):
            for head, logits in enumerate(golden["logits"]):
                probabilities = class_probabilities(logits, int(golden["n_base"]), float(golden["logit_temperature"]))
                found = merge_regions(probabilities, golden["crop_image"], golden["mask_area"], temperature)
                assert np.allclose(found, golden["image_probs"][t, head], atol=1e-6)
                assert np.array_equal(found.argmax(axis=1), golden["image_argmax"][t, head])
