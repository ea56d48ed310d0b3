"""What lies in folders: files by name and suffix, what kinds folders stand for, and what was left out."""
