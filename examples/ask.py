"""Ask two questions about a picture: the second does not encode it again.

python examples/ask.py examples/street.webp
"""

import argparse
from pathlib import Path

from occlusight import generate_response

parser = argparse.ArgumentParser()
parser.add_argument("picture", type=Path)
parser.add_argument("--model", default="default")
options = parser.parse_args()

for question in ("Which objects are in the picture?", "图中离镜头最近的物体是什么?"):
    print(question)
    print(generate_response(options.picture, question, model=options.model, max_tokens=128))
