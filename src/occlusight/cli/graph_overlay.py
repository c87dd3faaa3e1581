"""A relation graph drawn into a file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from occlusight.drawing.graph_svg import graph_svg
from occlusight.drawing.png import png
from occlusight.files.whole import write_whole
from occlusight.model.picture import open_picture
from occlusight.occlusion.graph import Graph
from occlusight.occlusion.kinds import Lang


def draw(graph: Graph, picture: Path, out: Path, lang: Lang) -> bool:
    """Draw a graph as SVG or PNG, by the name of the file: on its picture, or beside it where objects have no places;
    return whether on it."""
    opened = open_picture(picture)
    svg = graph_svg(replace(graph, width=opened.width, height=opened.height), opened, lang)
    write_whole(out, png(svg) if out.suffix.lower() == ".png" else svg)
    return all(o.located for o in graph.objects)
