"""Questions, replies and scores are the same bytes as before: a change here changes data sets, training and reports.

Who means to change them puts the new digests into identity.json (`python tests/questions/identity.py`) and says so in
the changelog.
"""

from __future__ import annotations

import json

from tests.questions.identity import HERE, digest, digests, shipped


def test_the_shipped_set_asks_what_it_stores_and_the_rest_is_as_it_was() -> None:
    found = digests()
    assert found["occlusion-50"] == digest(shipped("questions.jsonl"))
    assert found == json.loads((HERE / "identity.json").read_text(encoding="utf-8"))
