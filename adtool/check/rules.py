"""Everything that `check` can find: how bad it is, what it is in a few words, and what to do about it.

An error must be mended, since a step fails at it or its figures mean nothing; a warning is worth a look.
"""

from adtool.core.findings import ERROR, WARNING, Rule

IMAGE_UNREADABLE = Rule(
    "image_unreadable", ERROR, "image", "that can't be read", "Replace or remove; until then every step leaves it out."
)
IMAGE_PAGES = Rule(
    "image_pages",
    WARNING,
    "image",
    "with several pages, of which only the first is read",
    "If the others count, prepare the pictures with `adtool prep folder --pages all`: each page becomes an image.",
)
IMAGE_CHANNELS = Rule(
    "image_channels",
    WARNING,
    "image",
    "with channels that are not read",
    "Grey, RGB and transparency are known. Export what shall be looked at as grey or RGB.",
)
IMAGE_POOR = Rule(
    "image_poor",
    WARNING,
    "image",
    "with few grey levels left, or cut off",
    "All deep pictures of a data set are read by one range of grey values (`adtool prep folder --grey LOW:HIGH`).",
)
IMAGE_MIXED = Rule(
    "image_depth_mixed",
    WARNING,
    "image",
    "with 8 bits among others with more",
    "Make sure that the same grey means the same in both; save all pictures in one type if not.",
)
ID_TWICE = Rule(
    "id_twice",
    ERROR,
    "pair",
    "of files with the same id (only the suffix differs)",
    "Rename or remove one of each. If these are images beside their masks, run `adtool prep NAME` first.",
)
REPEATS_TRAIN = Rule(
    "test_repeats_train",
    ERROR,
    "test image",
    "also among the training images, pixel by pixel",
    "Remove one of the two: figures on images that were trained on mean nothing.",
)
REPEATS_OTHER_KIND = Rule(
    "test_repeats_other_kind",
    ERROR,
    "test image",
    "also in the folder of another kind, pixel by pixel",
    "Keep it in the right folder only.",
)
REPEATS = Rule(
    "image_repeats",
    WARNING,
    "image",
    "equal to another one of the same split, pixel by pixel",
    "Remove one of the two, unless the repetition is meant.",
)
NO_TEST = Rule("no_test", ERROR, "category", "without test images", "Put the images to test into test/<kind>/.")
NO_TRAIN = Rule(
    "no_train",
    WARNING,
    "category",
    "without training images",
    "Put normal images into train/good/; without them only detectors that need none can be used.",
)
FEW_TRAIN = Rule(
    "few_train",
    WARNING,
    "category",
    "with fewer than 10 training images",
    "Add normal images to train/good/: some dozens make maps and threshold reliable.",
)
NO_NORMAL_TEST = Rule(
    "no_normal_test",
    WARNING,
    "category",
    "without normal test images",
    "Put some normal images, not used in train/, into test/good/; without them image metrics can't be computed.",
)
TRAIN_KINDS = Rule(
    "train_kinds",
    WARNING,
    "folder",
    "in train/ without the name of a normal kind",
    "All of train/ is learned as normal. Remove it if it holds defects.",
)
LOOSE = Rule(
    "loose_image",
    WARNING,
    "image",
    "directly in test/, beside the folders of kinds",
    "Move it into test/<kind>/; as it is, its kind is unknown and the report leaves it out.",
)
UNREAD = Rule(
    "image_unused",
    WARNING,
    "image",
    "outside train/, test/ and ground_truth/",
    "No step reads it. Move it where it belongs, or out of the data set.",
)
LEFTOVER = Rule("leftover", WARNING, "file", "out of place", "No step reads it. Remove it.")
INDEX_STALE = Rule(
    "index_stale",
    WARNING,
    "image",
    "that samples.csv and the folders don't agree on",
    "Run the `adtool prep` again that made the data set (`adtool prep mvtec` only renews the table).",
)
TABLE_UNREADABLE = Rule("table_unreadable", ERROR, "table", "that can't be read", "Write it again, or remove it.")

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
