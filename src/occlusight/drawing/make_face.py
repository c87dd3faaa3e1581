"""Makes the face of names, `names.otf`, from Noto Sans SC Regular: Latin, signs, and the 3,755 commonest Chinese
characters (GB 2312, level 1), with a few more that names of kinds need, under another name.

    pip install fonttools pylopdf-fonts-zh-cn
    python -m occlusight.drawing.make_face NotoSansSC-Regular.otf

The package has the face in its folder. Its licence does not let a changed face keep the name it reserves.
"""

from __future__ import annotations

import sys
from importlib.resources import files
from pathlib import Path

from occlusight.errors import BadInput

NAMES = {1: "Occlusight Names", 3: "OcclusightNames-Regular", 4: "Occlusight Names", 6: "OcclusightNames-Regular"}
KEPT_NAMES = [0, 1, 2, 3, 4, 5, 6, 13, 14]  # copyright, family, style, id, full name, version, PostScript name, licence
DROPPED = ["vhea", "vmtx", "VORG", "BASE", "GPOS", "GSUB", "STAT", "DSIG"]  # nothing here is kerned or set vertically
LATIN = [*range(0x20, 0x7F), *range(0xA1, 0x100), *range(0x2010, 0x2027), 0x2190, 0x2191, 0x2192, 0x2193]
MORE = "渲煲筝簸畚镖跷"  # of names of kinds, beyond the commonest
FULL_WIDTH = [*range(0x3001, 0x3012), *range(0xFF01, 0xFF5F)]


def characters() -> str:
    """Return the characters that the face has."""
    rows = (bytes((0xA0 + row, 0xA0 + cell)) for row in range(16, 56) for cell in range(1, 95))
    common = b"".join(rows).decode("gb2312", errors="ignore")
    return "".join(map(chr, (*LATIN, *FULL_WIDTH))) + common + MORE


def make_face(source: Path, out: Path) -> int:
    """Write the face to `out`; return how many characters it has. Raises BadInput when `source` is not Noto Sans SC."""
    from fontTools import subset
    from fontTools.ttLib import TTFont, TTLibError

    try:
        face = TTFont(str(source))
    except (OSError, TTLibError) as error:
        raise BadInput(f"{source} cannot be read as a face ({error})") from None
    name = str(face["name"].getDebugName(1))
    if "Noto Sans SC" not in name:
        raise BadInput(f"{source} is {name}, not Noto Sans SC")
    options = subset.Options(
        layout_features=[], notdef_outline=True, name_IDs=KEPT_NAMES, hinting=False, desubroutinize=True
    )
    options.drop_tables += DROPPED
    subsetter = subset.Subsetter(options)
    subsetter.populate(text=characters())
    subsetter.subset(face)
    for record in face["name"].names:
        record.string = NAMES.get(record.nameID, record.string)
    outlines = face["CFF "].cff
    outlines.fontNames = [NAMES[6]]
    outlines[0].FullName = outlines[0].FamilyName = NAMES[1]
    face.save(str(out))
    return len(face.getBestCmap())


def main() -> None:
    """Run from the command line."""
    if len(sys.argv) != 2:
        sys.exit("usage: python -m occlusight.drawing.make_face NotoSansSC-Regular.otf")
    out = Path(str(files("occlusight.drawing"))) / "names.otf"
    print(f"{make_face(Path(sys.argv[1]), out)} characters -> {out}")


if __name__ == "__main__":
    main()
