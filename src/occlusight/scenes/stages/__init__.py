"""Recipes for the five types of occlusion, each in five settings: `partial`, `complete`, `chain`, `transparent`, `reflective`."""
