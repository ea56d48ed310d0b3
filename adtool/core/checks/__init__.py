"""What can be wrong with a data set: the rules, the findings, and what is said of folders."""
