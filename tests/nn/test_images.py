import numpy as np

from adtool_runtime import images


def test_without_aspect_every_image_becomes_a_square():
    assert images.fit((100, 400), 256, 16) == (256, 256)
    assert images.fit((100, 400), 256, 14) == (252, 252)


def test_with_aspect_the_area_stays_and_the_ratio_of_the_sides_is_kept():
    assert images.fit((100, 400), 256, 16, keep_aspect=True) == (128, 512)
    assert images.fit((400, 100), 256, 16, keep_aspect=True) == (512, 128)
    assert images.fit((300, 300), 256, 16, keep_aspect=True) == (256, 256)


def test_no_side_is_less_than_one_multiple():
    assert images.fit((1, 10000), 64, 32, keep_aspect=True) == (32, 6400)


def test_shrinking_averages_the_covered_pixels():
    image = np.zeros((2, 4, 3), dtype=np.uint8)
    image[:, :2] = [[[0, 10, 20], [40, 50, 60]], [[80, 90, 100], [120, 130, 140]]]
    assert images.resize(image, 1, 2).tolist() == [[[60, 70, 80], [0, 0, 0]]]


def test_one_axis_may_shrink_while_the_other_grows():
    stripes = np.zeros((8, 2, 3), dtype=np.uint8)
    stripes[::2] = 200
    resized = images.resize(stripes, 4, 6)
    assert resized.shape == (4, 6, 3)
    assert (resized == 100).all()


def test_an_image_of_the_right_size_is_only_normalised():
    image = np.array([[[0, 51, 255]]], dtype=np.uint8)
    out = images.prepare(image, 1, 1, (0.0, 0.2, 0.5), (1.0, 0.1, 0.25))
    assert out.dtype == np.float32
    np.testing.assert_allclose(out[:, 0, 0], [0, 0, 2], atol=1e-6)


def test_prepared_channels_come_first_in_rgb_order():
    image = np.zeros((4, 6, 3), dtype=np.uint8)
    image[..., 0] = 255
    out = images.prepare(image, 2, 3, (0.0,) * 3, (1.0,) * 3)
    assert out.shape == (3, 2, 3)
    np.testing.assert_allclose([out[c].mean() for c in range(3)], [1, 0, 0], atol=1e-6)
