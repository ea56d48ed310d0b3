"""What can be wrong with a data set and its masks: the rules, the findings, and looking for them."""
