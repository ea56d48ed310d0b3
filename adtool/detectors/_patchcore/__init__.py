"""Parts of PatchCore."""
