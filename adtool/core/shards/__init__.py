"""Parts of a step that several processes or machines do side by side."""
