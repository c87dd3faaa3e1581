"""Makes the face of signs, `face.otf`, from Noto Sans CJK: the characters that `signs.toml` uses, in bold, under
another name.

    pip install fonttools
    python -m occlusight.scenes.meshes.make_face NotoSansCJK-VF.otf.ttc

The variable collection is in the release Sans2.004 of https://github.com/notofonts/noto-cjk. To be run again when
`signs.toml` gets a character that the face does not have (a test tells). Its licence does not let a changed face keep
the name it reserves.
"""

from __future__ import annotations

import sys
from importlib.resources import files
from pathlib import Path

from occlusight.errors import BadInput
from occlusight.scenes.meshes.lettering import known_characters

WEIGHT = 700
NAMES = {1: "Occlusight Signs", 3: "OcclusightSigns-Bold", 4: "Occlusight Signs Bold", 6: "OcclusightSigns-Bold"}
KEPT_NAMES = [0, 1, 2, 3, 4, 5, 6, 13, 14]  # copyright, family, style, id, full name, version, PostScript name, licence
DROPPED = ["vhea", "vmtx", "VORG", "BASE", "GPOS", "GSUB", "STAT", "DSIG"]  # nothing here is kerned or set vertically


def make_face(collection: Path, out: Path) -> int:
    """Write the face to `out`; return how many characters it has. Raises BadInput when `collection` is not Noto Sans
    CJK."""
    from fontTools import subset
    from fontTools.ttLib import TTCollection, TTLibError
    from fontTools.varLib import instancer

    try:
        faces = {str(font["name"].getDebugName(1)): font for font in TTCollection(str(collection)).fonts}
    except (OSError, TTLibError) as error:
        raise BadInput(f"{collection} cannot be read as a collection of faces ({error})") from None
    chinese = next((name for name in faces if "CJK SC" in name), None)
    if chinese is None or "fvar" not in faces[chinese]:
        raise BadInput(f"{collection} has no variable face Noto Sans CJK SC; it has {', '.join(sorted(faces))}")
    font = faces[chinese]
    options = subset.Options(layout_features=[], notdef_outline=True, name_IDs=KEPT_NAMES, desubroutinize=True)
    options.drop_tables += DROPPED
    subsetter = subset.Subsetter(options)
    subsetter.populate(text="".join(known_characters()))
    subsetter.subset(font)
    face = instancer.instantiateVariableFont(font, {"wght": WEIGHT})
    for record in face["name"].names:
        record.string = NAMES.get(record.nameID, record.string)
    face.save(str(out))
    return len(face.getBestCmap())


def main() -> None:
    """Run from the command line."""
    if len(sys.argv) != 2:
        sys.exit("usage: python -m occlusight.scenes.meshes.make_face NotoSansCJK-VF.otf.ttc")
    out = Path(str(files("occlusight.drawing"))) / "face.otf"
    print(f"{make_face(Path(sys.argv[1]), out)} characters -> {out}")


if __name__ == "__main__":
    main()
