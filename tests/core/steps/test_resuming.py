from adtool.core import arrays
from adtool.core.dataset.types import Sample
from adtool.core.steps.resuming import to_score, whole_batches


def samples(folder, names, unreadable=""):
    made = []
    for name in names:
        path = folder / f"{name}.png"
        if name in unreadable:
            path.write_bytes(b"no picture")
        else:
            arrays.write_png(path, arrays.np.zeros((4, 4, 3), "uint8"))
        made.append(Sample("parts", name, "test", "good", path))
    return made


def ids(found):
    return "".join(one.id for one in found)


def test_all_of_a_batch_is_done_again_in_which_one_is_missing():
    assert whole_batches("abcdefgh", {1, 6}, 3) == list("abcgh")
    assert whole_batches("abcdefgh", (), 3) == []


def test_an_interrupted_run_goes_on_at_the_batch_it_was_in(tmp_path):
    every = samples(tmp_path, "abcdefgh")
    assert ids(to_score(every, (), 3)) == "abcdefgh"
    assert ids(to_score(every, set("abcd"), 3)) == "defgh"
    assert ids(to_score(every, set("abcdef"), 3)) == "gh"
    assert ids(to_score(every, set("abcdefgh"), 3)) == ""


def test_what_cannot_be_read_was_in_no_batch_and_is_said_again(tmp_path):
    every = samples(tmp_path, "abcdefgh", unreadable="b")  # batches: acd, efg, h
    assert ids(to_score(every, set("acde"), 3)) == "befgh"


def test_a_map_that_was_lost_is_made_again_with_its_batch(tmp_path):
    every = samples(tmp_path, "abcdefgh")
    assert ids(to_score(every, set("abdefgh"), 3)) == "abc"
