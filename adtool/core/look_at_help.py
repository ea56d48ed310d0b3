"""What `--look-at` is, for every command that has it; free of all that reads pictures, since each help shows it."""

LOOK_AT_HELP = (
    "The part of the pictures to look at: x,y,width,height in pixels of the pictures as viewers show them, or a mask "
    "that is white there, of their size or of another in proportion. What lies outside is one grey to whatever sees it."
)
