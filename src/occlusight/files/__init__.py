"""Files: texts and JSON as editors of every system write them, records that only grow, who may write, and files that
appear whole."""
