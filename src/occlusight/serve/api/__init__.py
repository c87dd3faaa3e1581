"""The HTTP API for programs: a file for each family of routes, over the same queue and the same model as the page."""
