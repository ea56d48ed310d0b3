"""adtool: find what is wrong in pictures of industrial parts, and which kinds of wrong there are."""
