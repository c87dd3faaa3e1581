"""Signs, boards and plates with Chinese and Latin text, partly hidden: recipes, lettering, and the truth about every character."""
