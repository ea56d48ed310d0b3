"""What is measured in more than one step: pixels and images ranked by their scores, and the figures of a ranking."""
