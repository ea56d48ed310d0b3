import numpy as np

from adtool.discover import pipeline, regions
from adtool.discover.pipeline import ClassingMethod


def squares(*boxes):
    return [np.array(box, np.float64) for box in boxes]


def test_a_region_has_the_highest_score_inside_it_and_none_beside_it():
    binary = np.zeros((12, 12), bool)
    binary[2:6, 2:6] = True
    binary[2:4, 4:6] = False  # the box of this region holds pixels that are not its own
    binary[9, 9:11] = True
    scores = np.zeros((12, 12))
    scores[3, 3], scores[5, 5], scores[2, 5], scores[9, 10] = 0.7, 0.4, 0.9, 0.2
    large, small = regions._regions("test/a", binary, scores, squares((0, 0, 12, 12)))
    assert (large.region, large.x, large.y, large.w, large.h, large.area_px, large.score) == (1, 2, 2, 4, 4, 12, 0.7)
    assert (small.region, small.area_px, small.score) == (2, 2, 0.2)


def test_a_region_belongs_to_the_smallest_crop_around_its_middle_and_to_none_where_there_is_none():
    crops = squares((0, 0, 10, 10), (0, 0, 6, 6), (1, 1, 4, 4))
    points = np.array([[2.0, 2.0], [5.0, 5.0], [8.0, 8.0], [20.0, 2.0]])
    assert regions._holders(points, crops) == [2, 1, 0, None]


def test_a_map_guides_by_quarters_of_the_deviation_of_all_scores():
    guide = pipeline.guide_of(np.array([[0.0, 2.0, 4.0]], np.float32), std=2.0)
    assert guide.tolist() == [[0.0, 4.0, 8.0]]  # a place one deviation higher weighs e^4 times as much


def test_whole_images_are_the_free_method_on_maps_alone():
    assert ClassingMethod("free", "maps", "best").is_whole
    assert not ClassingMethod("free", "crops", "best").is_whole
    assert not ClassingMethod("trained", "maps", "best").is_whole
