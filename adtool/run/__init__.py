"""run: from two folders of pictures to a report, for a newcomer."""
