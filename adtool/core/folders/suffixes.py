"""What a file is by its name: an image that is read, a picture that is not, a note that nobody misses."""

from pathlib import Path

# Still pictures that the installed Pillow decodes (a test holds the list against it). Icons, films, and containers of
# data that need another program are none.
_IMAGES = (
    ".png .apng .jpg .jpeg .jpe .jfif .bmp .dib .tif .tiff .webp .gif .jp2 .j2k .j2c .jpc .jpf .jpx "
    ".pgm .ppm .pbm .pnm .pfm .tga .pcx .sgi .ras .qoi .avif"
)
# Pictures, or what cameras and laboratories keep pictures in, that no library here decodes.
_UNREADABLE = (
    ".cr2 .cr3 .crw .nef .nrw .arw .srf .sr2 .dng .raw .raf .orf .rw2 .pef .x3f .3fr .iiq .bayer "
    ".heic .heif .hif .jxl .jxr .wdp .hdp .svg .eps .ai .psd .psb .xcf .exr .hdr .dcm .dicom .nii .fits .fit "
    ".czi .lif .nd2 .vsi .svs .ndpi .bin .dat .npy .npz .mat .h5 .hdf5 .avi .mp4 .mov .mkv .mpg .mpeg .wmv "
    ".ico .cur .icns .emf .wmf .djvu .pdf .zip .tar .7z .rar .gz"
)
_NOTES = (
    ".txt .csv .tsv .json .jsonl .xml .yaml .yml .toml .ini .cfg .md .rst .html .htm .log .db .lnk .url "
    ".py .m .sh .bat .xls .xlsx .ods .doc .docx"
)
HARMLESS_STEMS = frozenset(["readme", "license", "licence", "copying", "changelog"])
HARMLESS_NAMES = frozenset(["thumbs.db", "ehthumbs.db", "desktop.ini", "_step.json", "dataset.json", "samples.csv"])

IMAGE_SUFFIXES = frozenset(_IMAGES.split())
UNREADABLE_PICTURES = frozenset(_UNREADABLE.split())
NOTE_SUFFIXES = frozenset(_NOTES.split())


def is_image(path: Path) -> bool:
    """Whether a file looks like an image by its name; dot files, Thumbs.db and the like do not."""
    return path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")


def is_harmless(path: Path) -> bool:
    """Whether nobody expects a file to be read: a licence, what systems leave behind, adtool's own notes."""
    return path.stem.lower() in HARMLESS_STEMS or path.name.lower() in HARMLESS_NAMES


def counted(paths: list[Path]) -> str:
    """How many files of each suffix, the most frequent first: `7 .txt, 5 .cr2`."""
    suffixes = [path.suffix.lower() or "without suffix" for path in paths]
    numbers = {suffix: suffixes.count(suffix) for suffix in set(suffixes)}
    return ", ".join(f"{numbers[one]} {one}" for one in sorted(numbers, key=lambda one: (-numbers[one], one)))
