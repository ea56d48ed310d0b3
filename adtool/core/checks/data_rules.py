"""Everything that can be wrong with a data set: how bad it is, what it is in a few words, and what to do about it.

`check`, `prep` and the steps that read pictures say the same of them. An error must be mended, since a step fails at it
or its figures mean nothing; a warning is worth a look.
"""

from adtool.core.checks.findings import ERROR, WARNING, Rule
from adtool.core.folders.listing import LONGEST_STEM

# Where those of the user go whose data set `prep folder` wrote.
IN_SOURCE = " (of your own pictures: into the folder of --normal, and run the command again)"
IN_TESTED = " (of your own pictures: into a subfolder good/ of --test, and run the command again)"
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
    f"Put normal images into train/good/{IN_SOURCE}; without them only detectors that need none can be used.",
)
FEW_TRAIN = Rule(
    "few_train",
    WARNING,
    "category",
    "with fewer than 10 training images",
    f"Add normal images to train/good/{IN_SOURCE}: some dozens make maps and the limit reliable.",
)
NO_NORMAL_TEST = Rule(
    "no_normal_test",
    WARNING,
    "category",
    "without normal test images",
    f"Put some normal images, that are not learned from, into test/good/{IN_TESTED}; without them image metrics "
    "can't be computed.",
)
TRAIN_KINDS = Rule(
    "train_kinds",
    WARNING,
    "folder",
    "in train/ without the name of a normal kind",
    "All of train/, and of --normal, is learned as normal. Remove it if it holds defects.",
)
LOOSE = Rule(
    "loose_image",
    WARNING,
    "image",
    "of unknown kind among test images whose kinds are known",
    "Move it into test/<kind>/, or give it a mask; as it is, the report leaves it out.",
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

MASK_UNREADABLE = Rule(
    "mask_unreadable", ERROR, "mask", "that can't be read", "Replace or remove; `adtool report` stops at it."
)
MASK_SIZE = Rule(
    "mask_size", ERROR, "mask", "of another size than the image", "Export the mask again, at the size of the image."
)
MASK_INVERTED = Rule(
    "mask_inverted",
    ERROR,
    "mask",
    "in which the surroundings are white and the defect is black",
    "Most masks here look inverted. White (255) is defect, black (0) is not: invert them, or prepare the data set with "
    "--mask-rule lt128.",
)
MASK_MOSTLY_WHITE = Rule(
    "mask_mostly_white",
    WARNING,
    "mask",
    "white over more than half of the image and along its border",
    "Look at it: if the defect is black, invert the mask. White (255) is defect, black (0) is not.",
)
MASK_EMPTY = Rule(
    "mask_empty",
    WARNING,
    "defective image",
    "with an all-black mask",
    "Paint the defect, or delete the mask file (then pixel metrics leave the image out).",
)
MASK_ON_NORMAL = Rule(
    "mask_on_normal",
    WARNING,
    "normal image",
    "with a mask that marks a defect",
    "Move the image to the folder of its defect, or delete the mask; the report ignores it.",
)
MASK_MISSING = Rule(
    "mask_missing",
    WARNING,
    "defective image",
    "without a mask",
    "Add ground_truth/<kind>/<name>_mask.png (`adtool prep folder`: --masks); without it pixel metrics leave the image "
    "out.",
)
MASK_STRAY = Rule(
    "mask_stray",
    WARNING,
    "mask",
    "without an image of that name",
    "Name it like its image, in the same subfolder (<name>.png or <name>_mask.png), or remove it.",
)
MASK_SOFT = Rule(
    "mask_soft",
    WARNING,
    "mask",
    "with soft edges or greys between those that were painted",
    "From half of what was painted on it counts as defect. `adtool prep` writes masks of 0 and 255 (--mask-rule).",
)
MASK_LEVELS = Rule(
    "mask_levels",
    WARNING,
    "mask",
    "painted with several greys or colours",
    "All of them count as defect. If some do not, say what counts: `adtool prep folder` or `mvtec` with --mask-rule.",
)
MASK_TURN_DO = (
    "both as stored and as its orientation tag turns it, and is taken as upright, as viewers show the image (was it "
    "drawn on the stored picture? `adtool prep folder` or `mvtec` with --mask-orientation stored)"
)
MASK_TURN = Rule(
    "mask_turn_doubtful",
    WARNING,
    "mask",
    "fitting the image both as it is stored and as its orientation tag turns it",
    "Taken as upright, as viewers show the image. Was it drawn on the stored picture? `adtool prep folder` or `mvtec` "
    "with --mask-orientation stored.",
)

FILE_UNREAD = Rule(
    "file_unread",
    WARNING,
    "file",
    "not read",
    "Save as .png, .tif or .jpg what shall be read; the rest is of no harm.",
)
MOSTLY_UNREAD = Rule(
    "mostly_unread",
    ERROR,
    "picture",
    "of a type that can't be read, more than those that can",
    "Save them as .png, .tif or .jpg and give them the suffix of what they are.",
)
IMAGE_BY_CONTENT = Rule(
    "image_by_content",
    WARNING,
    "file",
    "holding an image, without the suffix of one",
    "It is not read. Give it the suffix of what it is.",
)
NOT_OPENED = Rule(
    "not_opened",
    WARNING,
    "path",
    "that may not be read (permission denied)",
    "It is left out, with all that lies in it. Give yourself the right to read it, or remove it.",
)
LINK_BROKEN = Rule("link_broken", WARNING, "link", "leading nowhere", "What it led to is not read. Mend or remove it.")
SPECIAL_FILE = Rule("special_file", WARNING, "special file", "(pipe, socket or device)", "It is not read. Remove it.")
MASKS_UNREAD = Rule(
    "masks_unread",
    WARNING,
    "folder",
    "of masks that is not read",
    "Call it ground_truth, in small letters.",
)
NAME_UNUSABLE = Rule(
    "name_unusable",
    WARNING,
    "name",
    f"not in UTF-8 or longer than {LONGEST_STEM} bytes",
    "It is left out, with all that lies in it. Rename it.",
)
MASK_AMONG_IMAGES = Rule(
    "mask_among_images",
    WARNING,
    "file",
    "among the images, taken as masks of their neighbours",
    "If they are images, rename them.",
)
NO_IMAGE = Rule(
    "no_image",
    WARNING,
    "file",
    "among the images holding a mask or depth, left out",
    "Move it out of the way; if it is one, rename it.",
)
DEFECT_AMONG_NORMAL = Rule(
    "defect_among_normal",
    WARNING,
    "image",
    "among the normal ones with a defect in its mask, left out",
    "Move it to the images to test.",
)
NOT_PUBLISHED = Rule(
    "not_published",
    WARNING,
    "file",
    "that the data set as published does not have, left out",
    "Complete the download if others are missing; else it is of no harm.",
)
NO_CLASS = Rule(
    "no_class",
    WARNING,
    "image",
    "not directly in the folder of a class, left out",
    "Move it into images/<class>/, where it belongs to one.",
)
KIND_MAYBE_NORMAL = Rule(
    "kind_maybe_normal",
    WARNING,
    "kind",
    "taken as a defect, though no kind is normal and its name sounds like good parts",
    "If it is: --normal-kinds of adtool prep, or call its folder good.",
)
FOLDER_NO_KIND = Rule(
    "folder_no_kind",
    WARNING,
    "folder",
    "of test images taken as just a folder, not as a kind",
    "If it is a kind of defect: `adtool prep folder --kinds-from-folders`.",
)
