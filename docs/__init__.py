"""Documentation, and the programs that make the parts of it that follow from the code."""
