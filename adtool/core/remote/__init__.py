"""Pictures that lie elsewhere, named by a URL: they are mirrored into the user's cache folder and read there."""
