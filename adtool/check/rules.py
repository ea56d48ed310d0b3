"""Everything that `check` can find in a folder of maps; what can be wrong with a data set stands in `core`.

An error must be mended, since a step fails at it or its figures mean nothing; a warning is worth a look.
"""

from adtool.core.checks.findings import ERROR, WARNING, Rule

MAP_UNREADABLE = Rule("map_unreadable", ERROR, "map", "that can't be read", "Write it again (`adtool maps --force`).")
MAP_NOT_FINITE = Rule(
    "map_not_finite",
    ERROR,
    "map",
    "with NaN or infinite scores",
    "Mend the detector that made it, and write it again.",
)
MAP_SHAPE = Rule(
    "map_shape", ERROR, "map", "with more than one channel", "A map is (height, width): one score for each pixel."
)
MAP_JPEG = Rule(
    "map_jpeg",
    ERROR,
    "map",
    "stored as JPEG",
    "JPEG changes scores. Write float32 TIFF, NPY, or at least PNG, from the detector itself.",
)
MAP_CONSTANT = Rule(
    "map_constant",
    WARNING,
    "map",
    "with the same score everywhere",
    "Look at its image: it may be blank, or too small.",
)
MAPS_CONSTANT = Rule(
    "maps_constant",
    ERROR,
    "map",
    "with the same score everywhere, and there is no other",
    "The detector saw nothing. Check its weights and settings, and write the maps again.",
)
MAP_8BIT = Rule(
    "map_8bit",
    WARNING,
    "map",
    "in 8 bits: the whole category has at most 256 different scores",
    "Small differences are lost: write float32 TIFF (`adtool.write_maps`) if you can.",
)
MAP_LEVELS = Rule(
    "map_levels",
    WARNING,
    "8-bit map",
    "with fewer than 16 different scores",
    "A few high scores used up the range. Regions can't be told apart in it: write float32.",
)
MAP_STRAY = Rule(
    "map_without_image",
    ERROR,
    "map",
    "without a test image of that id",
    "Give the right --data, or remove it. An id is the path below the category without suffix: test/crack/003.",
)
MAP_MISSING = Rule(
    "image_without_map",
    WARNING,
    "test image",
    "without a map",
    "Run the same `adtool maps` again; unreadable images and --limit leave maps out, too.",
)
MAP_FOREIGN = Rule(
    "map_foreign",
    WARNING,
    "map",
    "named as other tools do: <kind>/<name>, or another file type than .tiff",
    "Run `adtool convert` before `adtool discover` or `adtool report`.",
)
CATEGORY_STRAY = Rule(
    "category_unknown",
    ERROR,
    "folder",
    "of maps without a category of that name in the data set",
    "Name it like its category, or give the right --data.",
)
CATEGORY_MISSING = Rule(
    "category_without_maps", WARNING, "category", "without maps", "Run `adtool maps` for it, if it is wanted."
)
NOT_FINISHED = Rule(
    "not_finished", WARNING, "category", "not finished", "Run the command again that writes it: it goes on."
)
IMAGES_CHANGED = Rule(
    "images_changed",
    ERROR,
    "category",
    "made from other images than those of the data set",
    "Give the right --data, or make the maps again with --force.",
)
TABLE_GAP = Rule(
    "table_gap", ERROR, "id", "that only one of images.csv and the maps has", "Write maps and table again (--force)."
)
TABLE_TWICE = Rule("table_twice", ERROR, "id", "that images.csv lists more than once", "Remove one of the rows.")
TABLE_SCORE = Rule(
    "table_score", ERROR, "image_score", "in images.csv that is no finite number", "Write the table again (--force)."
)
