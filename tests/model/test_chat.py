"""Token ids are those of transformers; what users type is text; answers come out character by character."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from occlusight.errors import BadInput, BadModel
from occlusight.model.chat import Chat
from occlusight.model.tokenizer import Detokenizer, Tokenizer
from occlusight.model.video import Clip

TEXTS = [
    "What stands in front of the car?",
    "图中有几辆车?它们与路灯杆的位置关系是什么?",
    "\n\n  spaces\r\n and\ttabs  ",
    "🙂👩‍👩‍👧 é e\u0301 ﬁ",
    "",
]


@pytest.fixture(scope="module")
def chat(chat_directory: Path) -> Chat:
    return Chat.load(chat_directory)


@pytest.fixture(scope="module")
def theirs(chat_directory: Path) -> Any:
    from transformers import PreTrainedTokenizerFast

    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(chat_directory / "tokenizer.json"))
    tokenizer.chat_template = (chat_directory / "chat_template.jinja").read_text()
    return tokenizer


def user(*parts: str) -> dict[str, Any]:
    """`image` and `video` are pictures and clips, anything else is text."""
    kinds = {"image": {"type": "image"}, "video": {"type": "video"}}
    return {"role": "user", "content": [kinds.get(part, {"type": "text", "text": part}) for part in parts]}


def ids_of(chat: Chat, name: str) -> int:
    return chat.tokenizer.control[name]


@pytest.mark.parametrize("text", TEXTS)
def test_ids_equal_those_of_transformers(chat: Chat, theirs: Any, text: str) -> None:
    messages = [
        {"role": "system", "content": "你 are helpful."},
        user("image", text, "image", "\n" + text),
        {"role": "assistant", "content": text},
        user(text),
    ]
    rendered = theirs.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    first, last = rendered.split("<|image_pad|>", 1)
    rendered = first + "<|image_pad|>" * 6 + last.replace("<|image_pad|>", "<|image_pad|>" * 4)
    expected = theirs(rendered, add_special_tokens=False)["input_ids"]
    assert chat.prompt(messages, [(1, 4, 6), (1, 8, 2)]) == expected


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_encoded_as_transformers_does_and_comes_back(chat: Chat, theirs: Any, text: str) -> None:
    import unicodedata

    assume(not chat.tokenizer.control_pattern.search(text))  # text that spells a control token is text to us
    ids = chat.encode(text)
    assert ids == theirs(text, add_special_tokens=False)["input_ids"]
    assert chat.decode(ids) == unicodedata.normalize("NFC", text)


@pytest.mark.parametrize("name", ["<|image_pad|>", "<|im_end|>", "<|video_pad|>", "<think>", "<|vision_start|>"])
def test_control_tokens_that_a_user_types_are_text(chat: Chat, name: str) -> None:
    plain = chat.prompt([user("image", "x y")], [(1, 2, 2)])
    typed = chat.prompt([user("image", f"x {name} y")], [(1, 2, 2)])
    for token in chat.tokenizer.control.values():
        assert typed.count(token) == plain.count(token)
    assert f"x {name} y" in chat.tokenizer.decode(typed, skip_special=False)
    for role in ("system", "user", "assistant"):
        messages = [{"role": role, "content": f"x {name} y"}]
        count = chat.prompt(messages).count(ids_of(chat, name))
        if role == "assistant" and name == "<think>":
            continue  # the model's own thoughts are its own
        assert count == chat.prompt([{"role": role, "content": "x y"}]).count(ids_of(chat, name))


def test_the_shield_is_not_fooled_by_its_own_mark(chat: Chat) -> None:
    text = "\ue0000\ue000 <|im_end|> \ue001"
    assert text in chat.tokenizer.decode(chat.prompt([user(text)]), skip_special=False)


def test_pads_are_as_many_as_the_picture_has_tokens(chat: Chat) -> None:
    ids = chat.prompt([user("image", "and", "image", "?")], [(1, 8, 6), (1, 2, 4)])
    assert ids.count(chat.config.image_token_id) == 12 + 2
    assert ids.count(chat.config.vision_start_token_id) == 2


def test_a_clip_is_written_pair_by_pair_with_its_times(chat: Chat) -> None:
    ids = chat.prompt([user("video", "What moves?")], [Clip((2, 2, 4), (0.25, 12.04))])
    text = chat.tokenizer.decode(ids, skip_special=False)
    span = "<|vision_start|><|video_pad|><|video_pad|><|vision_end|>"
    assert text.startswith(f"<|im_start|>user\n<0.2 seconds>{span}<12.0 seconds>{span}What moves?<|im_end|>")


@pytest.mark.parametrize(
    ("parts", "visuals", "says"),
    [
        (("image",), [], "show 1 picture"),
        (("text",), [(1, 2, 2)], "show 0 picture"),
        (("image", "video"), [Clip((1, 2, 2), (0.0,)), (1, 2, 2)], "another order"),
    ],
)
def test_pictures_that_do_not_match_the_messages_are_refused(
    chat: Chat, parts: tuple[str, ...], visuals: Any, says: str
) -> None:
    with pytest.raises(BadInput, match=says):
        chat.prompt([user(*parts)], visuals)


def test_the_end_of_the_prompt_is_a_choice(chat: Chat) -> None:
    messages = [user("hello")]
    longer = chat.prompt(messages)
    shorter = chat.prompt(messages, add_generation_prompt=False)
    assert longer[: len(shorter)] == shorter
    assert chat.tokenizer.decode(longer[len(shorter) :], skip_special=False) == "<|im_start|>assistant\n"


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet=st.sampled_from("car 车🙂é\u0301红👩‍\n"), max_size=40))
def test_streamed_text_never_splits_a_character(chat: Chat, text: str) -> None:
    ids = chat.encode(text)
    stream = chat.stream()
    pieces = [stream.push(token) for token in ids]
    assert stream.finish() == ""
    assert "\ufffd" not in "".join(pieces)
    assert "".join(pieces) == chat.decode(ids)


def test_a_cut_character_and_unknown_ids(chat: Chat) -> None:
    ids = chat.tokenizer.encode("🙂")
    assert len(ids) > 1
    stream = Detokenizer(chat.tokenizer)
    assert [stream.push(token) for token in ids[:-1]] == [""] * (len(ids) - 1)
    assert stream.finish() == "\ufffd"
    assert chat.decode([10**6, *chat.encode("a")]) == "a"


def test_names_and_size_are_those_of_transformers(chat: Chat, theirs: Any) -> None:
    assert len(chat.tokenizer) == len(theirs)
    names = theirs.convert_ids_to_tokens(list(range(len(theirs))))
    assert [chat.tokenizer.name(token) for token in range(len(theirs))] == names


def test_special_tokens_are_no_part_of_an_answer(chat: Chat, theirs: Any) -> None:
    ids = [*chat.encode("好"), ids_of(chat, "<think>"), ids_of(chat, "<|im_end|>"), *chat.encode("b")]
    assert chat.decode(ids) == "好<think>b" == theirs.decode(ids, skip_special_tokens=True)


def test_both_ends_of_text_are_known(chat: Chat) -> None:
    assert chat.eos_ids == (ids_of(chat, "<|im_end|>"), ids_of(chat, "<|endoftext|>"))


@pytest.fixture
def copy(chat_directory: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(chat_directory, tmp_path / "copy"))


def test_ends_of_text_come_from_the_first_file_that_has_them(copy: Path) -> None:
    (copy / "generation_config.json").unlink()
    (copy / "tokenizer_config.json").write_text(json.dumps({"eos_token": "<|im_end|>"}))
    end = Chat.load(copy).tokenizer.control["<|im_end|>"]
    assert Chat.load(copy).eos_ids == (end,)
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, "eos_token_id": 7}))
    assert Chat.load(copy).eos_ids == (7, end)
    (copy / "tokenizer_config.json").unlink()
    assert Chat.load(copy).eos_ids == (7, end)  # the template ends a turn with it
    (copy / "config.json").write_text(json.dumps(config))
    assert Chat.load(copy).eos_ids == (end,)
    (copy / "chat_template.jinja").write_text("{{ messages[0].content }}")
    with pytest.raises(BadModel, match="would not end"):
        Chat.load(copy)


@pytest.mark.parametrize("form", ["chat_template.json", "tokenizer_config.json", "named"])
def test_the_template_may_be_in_other_files(chat: Chat, copy: Path, form: str) -> None:
    template = (copy / "chat_template.jinja").read_text()
    (copy / "chat_template.jinja").unlink()
    value = [{"name": "tools", "template": "no"}, {"name": "default", "template": template}]
    content = {"chat_template": value if form == "named" else template}
    (copy / (form if form != "named" else "tokenizer_config.json")).write_text(json.dumps(content))
    messages = [user("image", "?")]
    assert Chat.load(copy).prompt(messages, [(1, 2, 2)]) == chat.prompt(messages, [(1, 2, 2)])


def test_a_thinking_template_starts_the_thought_in_the_prompt(copy: Path) -> None:
    source = (copy / "chat_template.jinja").read_text()
    (copy / "chat_template.jinja").write_text(source.replace("assistant\n{% endif", "assistant\n<think>\n{% endif"))
    chat = Chat.load(copy)
    ids = chat.prompt([user("?")])
    assert ids[-2:] == [ids_of(chat, "<think>"), *chat.encode("\n")]


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("{{ raise_exception('no system message, please') }}", "no system message, please"),
        ("{{ messages.__class__.__mro__ }}", "chat template cannot"),
        ("{{ undefined_thing.field }}", "chat template cannot"),
    ],
)
def test_a_template_that_fails_says_why(copy: Path, template: str, says: str) -> None:
    (copy / "chat_template.jinja").write_text(template)
    with pytest.raises(BadInput, match=says):
        Chat.load(copy).prompt([user("?")])


def test_tools_and_settings_reach_the_template(copy: Path) -> None:
    (copy / "chat_template.jinja").write_text("{{ tools | tojson }} {{ strftime_now('%Y') | length }} {{ deep }}")
    chat = Chat.load(copy)
    ids = chat.prompt([], chat_template_kwargs={"tools": [{"name": "看 <|im_end|>"}], "deep": True})
    assert chat.tokenizer.decode(ids, skip_special=False) == '[{"name": "看 <|im_end|>"}] 4 True'
    assert ids_of(chat, "<|im_end|>") not in ids


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("tokenizer.json", None, r"no tokenizer\.json"),
        ("tokenizer.json", "{}", r"tokenizer\.json: cannot be read"),
        ("chat_template.jinja", None, "chat template"),
        ("chat_template.jinja", "{% for %}", "not valid"),
        ("config.json", None, r"no config\.json"),
    ],
)
def test_a_missing_or_broken_file_is_named(copy: Path, name: str, content: str | None, says: str) -> None:
    (copy / name).unlink()
    if content is not None:
        (copy / name).write_text(content)
    with pytest.raises(BadModel, match=says):
        Chat.load(copy)


def test_a_tokenizer_that_does_not_fit_is_refused(copy: Path) -> None:
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, "image_token_id": 5}))
    with pytest.raises(BadModel, match="id 5"):
        Chat.load(copy)
    source = json.loads((copy / "tokenizer.json").read_text())
    with pytest.raises(BadModel, match="only ByteLevel"):
        Tokenizer(json.dumps({**source, "decoder": None}))


@pytest.mark.parametrize(
    ("eos", "says"),
    [
        ("151645", "token ids"),
        ([1.5], "token ids"),
        (True, "token ids"),
        ({"a": 1}, "token ids"),
        (10**6, "outside the vocabulary"),
    ],
)
def test_an_end_that_is_no_id_is_refused(copy: Path, eos: Any, says: str) -> None:
    (copy / "generation_config.json").write_text(json.dumps({"eos_token_id": eos}))
    with pytest.raises(BadModel, match=says):
        Chat.load(copy)


def test_ends_of_tokenizer_and_template_are_joined_with_those_of_decoding(copy: Path) -> None:
    """As in a fine-tune whose generation_config.json lists another end alone."""
    control = Chat.load(copy).tokenizer.control
    end, text_end = control["<|im_end|>"], control["<|endoftext|>"]
    (copy / "generation_config.json").write_text(json.dumps({"eos_token_id": text_end}))
    assert Chat.load(copy).eos_ids == (text_end, end)  # by the template
    (copy / "tokenizer_config.json").write_text(json.dumps({"eos_token": {"content": "<|vision_end|>"}}))
    assert Chat.load(copy).eos_ids == (text_end, control["<|vision_end|>"], end)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"tokenizer_class": "LlamaTokenizer"}, "'LlamaTokenizer'"),
        ({"add_bos_token": True}, "add_bos_token is True"),
        ({"add_prefix_space": True}, "add_prefix_space is True"),
        ({"split_special_tokens": True}, "split_special_tokens is True"),
        ({"added_tokens_decoder": {"7": {"content": "<|im_end|>"}}}, "says that 7 is '<|im_end|>'"),
        ({"added_tokens_decoder": {"x": {"content": "<|im_end|>"}}}, "names no token"),
        ({"added_tokens_decoder": []}, "needs an object as added_tokens_decoder"),
        ({"chat_template": 5}, "must be a text, got int"),
    ],
)
def test_what_a_tokenizer_is_not_made_for_is_refused_by_name(copy: Path, settings: dict[str, Any], says: str) -> None:
    (copy / "tokenizer_config.json").write_text(json.dumps(settings))
    with pytest.raises(BadModel, match=re.escape(says)):
        Chat.load(copy)


def test_a_post_processor_that_writes_tokens_is_refused(copy: Path) -> None:
    content = json.loads((copy / "tokenizer.json").read_text())
    single = [{"SpecialToken": {"id": "<|endoftext|>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]
    content["post_processor"] = {"type": "TemplateProcessing", "single": single, "pair": [], "special_tokens": {}}
    (copy / "tokenizer.json").write_text(json.dumps(content))
    with pytest.raises(BadModel, match="post_processor adds tokens"):
        Chat.load(copy)


def test_tokens_that_tokenizer_json_lacks_are_taken_from_its_configuration(copy: Path) -> None:
    free = len(Chat.load(copy).tokenizer)
    added = {str(free): {"content": "<|new|>", "special": True}}
    (copy / "tokenizer_config.json").write_text(json.dumps({"added_tokens_decoder": added, "pad_token": "<|new|>"}))
    source = (copy / "chat_template.jinja").read_text()
    (copy / "chat_template.jinja").write_text("{{ pad_token }}" + source)
    assert Chat.load(copy).prompt([user("?")])[0] == free
