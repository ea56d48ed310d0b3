"""Picture files of any type: opening, turning, and one range of grey values for a whole data set."""
