import zlib
from collections import Counter
from types import SimpleNamespace

import pytest

from adtool.core.errors import UsageError
from adtool.core.shards.options import ShardOptions
from adtool.core.shards.shard import Shard, named, parse


def test_an_image_is_of_the_shard_that_its_id_says():
    ids = [f"test/hole/{number:03}" for number in range(1000)]
    for one in ids[:20]:
        assert [shard for shard in Shard(1, 4).all if shard.holds(one)] == [Shard(zlib.crc32(one.encode()) % 4 + 1, 4)]
    found = Counter(shard for one in ids for shard in Shard(1, 4).all if shard.holds(one))
    assert sum(found.values()) == 1000
    assert min(found.values()) > 200


def test_a_shard_takes_its_images_in_their_order():
    items = [SimpleNamespace(id=f"{number}") for number in range(20)]
    parts = [shard.of(items) for shard in Shard(1, 3).all]
    assert sorted((one for part in parts for one in part), key=items.index) == items
    assert all(part == sorted(part, key=items.index) for part in parts)


@pytest.mark.parametrize("text", ["3/2", "0/4", "4", "1/0", "-1/2", "1/2/3", "a/b", "", "1.0/2", "1/1000000000"])
def test_what_is_no_shard_is_wrong_usage(text):
    with pytest.raises(UsageError, match="K/N is part K of N"):
        parse(text)
    with pytest.raises(ValueError, match="K/N is part K of N"):
        ShardOptions(shard=text)


def test_a_shard_is_typed_and_named():
    assert (str(parse("2/4")), parse("2/4").name) == ("2/4", "2-of-4")
    assert named("2-of-4") == parse("2/4")
    assert named("2of4") is None
    assert ShardOptions(shard="1/1").part == Shard(1, 1)
    assert ShardOptions().part is None
