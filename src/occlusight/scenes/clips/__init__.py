"""Clips: frames in which a thing moves behind another and comes back."""
