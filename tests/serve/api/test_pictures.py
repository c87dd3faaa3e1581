"""Where the pictures of requests lie, and for how long."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.serve.api.conftest import data_uri

from occlusight.errors import BadPicture
from occlusight.serve.api.errors import ApiError
from occlusight.serve.api.pictures import PictureStore, RequestLimits, pictures_kept


def test_the_same_picture_is_the_same_file_as_long_as_there_is_room(pictures: list[Path]) -> None:
    sizes = [one.stat().st_size for one in pictures]
    store = PictureStore(sizes[0] + sizes[1])
    with pictures_kept(store, RequestLimits()) as first, pictures_kept(store, RequestLimits()) as second:
        path = first.add(data_uri(pictures[0]), "a")
        assert path.read_bytes() == pictures[0].read_bytes()
        assert path.parent.stat().st_mode & 0o077 == 0
        assert second.add(data_uri(pictures[0]), "b") == first.add(data_uri(pictures[0]), "c") == path
    assert path.is_file()
    with pictures_kept(store, RequestLimits()) as later:
        others = [later.add(data_uri(one), "d") for one in pictures[1:]]
        assert all(one.is_file() for one in others)  # as long as a request shows them
    assert not path.exists()  # it was shown longest ago
    assert others[-1].is_file()
    with pictures_kept(store, RequestLimits()) as third:
        assert third.add(data_uri(pictures[-1]), "a") == others[-1]
    store.close()
    assert not path.parent.exists()


def test_an_error_about_a_file_names_the_field(pictures: list[Path]) -> None:
    store = PictureStore()
    with pictures_kept(store, RequestLimits(pictures=2)) as kept:
        path = kept.add(data_uri(pictures[0]), "messages[0].content[1]")
        told = kept.told(BadPicture(f"{path} is broken"))
        assert (told.message, told.param) == ("messages[0].content[1] is broken", "messages[0].content[1]")
        for place in range(14):
            for _ in range(3):  # for each question about what is shown there
                kept.add(data_uri(pictures[0]), f"again {place}")
        kept.add(data_uri(pictures[1]), "second")
        with pytest.raises(ApiError, match="at most 2"):
            kept.add(data_uri(pictures[2]), "third")
        with pytest.raises(ApiError, match="at most 16 times in all"):
            kept.add(data_uri(pictures[1]), "once too often")
    store.close()
