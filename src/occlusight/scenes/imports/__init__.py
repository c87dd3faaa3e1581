"""Annotations, disparity maps and questions that other people made, as data sets that `bench run` reads."""
