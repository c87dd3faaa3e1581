"""Chat templates of any origin: what they can write is written as transformers writes it, and nothing that they do runs
away."""

from __future__ import annotations

import sys
from pathlib import Path
from time import thread_time
from typing import Any

import jinja2
import pytest

from occlusight.errors import BadModel
from occlusight.model.template import Template

MESSAGES = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "Which <b>cup</b>?"}]},
    {
        "role": "assistant",
        "content": "<think>\nhm\n</think>\n\nThe left one.\n",
        "tool_calls": [{"name": "f", "arguments": {"a": [1, "看"]}}],
    },
    {"role": "user", "content": "Why?"},
]
TEMPLATES = [
    "{% for m in messages %}{{ loop.index }}/{{ loop.length }}{% if not loop.last %},{% endif %}{{ m.role }}"
    "{% endfor %}",
    "{%- set ns = namespace(last=0) -%}{%- for m in messages[::-1] %}{% set ns.last = ns.last + loop.index0 %}"
    "{%- endfor -%}{{ ns.last }}",
    "{% macro part(c) %}{% if c is string %}{{ c }}{% else %}{% for p in c %}{{ p.text or '<|image_pad|>' }}"
    "{% endfor %}{% endif %}{% endmacro %}{% for m in messages %}{{ part(m.content) ~ '\\n' ~ loop.index }}"
    "{% endfor %}",
    "{{ messages | tojson }} {{ messages[2].tool_calls | tojson(indent=2) }} {{ messages | map(attribute='role') "
    "| join(', ') }}",
    "{% set c = messages[2].content %}{{ c.split('</think>')[-1].lstrip('\\n') }}|"
    "{{ (c.split('</think>')[0].rstrip('\\n').split('<think>')[-1]).strip() }}",
    "{% for m in messages if m.role == 'user' %}{{ m.role | upper | replace('U', 'uu') | trim }}{% else %}none"
    "{% endfor %}",
    "{{ 'a' * 5 }}{{ [1, 2] + [3] }}{{ {'a': 1} }}{{ '%s-%d' % ('x', 3) }}{{ '%.2f' | format(1.5) }}{{ "
    "'x{}'.format(2) }}",
    "{% for m in messages %}{% if loop.first %}{% continue %}{% endif %}{% if loop.index > 2 %}{% break %}"
    "{% endif %}{{ m.role }}{% endfor %}",
    "{% set x %}{% for i in range(3) %}{{ i }}{% endfor %}"
    "{% endset %}{{ x | length }}{{ 'a\\nb' | indent(2) }}{{ tools is none }}{{ undefined is defined }}",
    "{% for m in messages %}{% generation %}{{ m.role }}{% endgeneration %}{% endfor %}",
    "{% for k, v in messages[0].items() %}{{ k }}={{ v }};"
    "{% endfor %}{{ messages[0].get('x', 'none') }}"
    "{{ messages | selectattr('role', 'equalto', 'user') | list | length }}",
]
BOMBS = {
    "loops in loops": "{% for a in range(99999) %}{% for b in range(99999) %}{% for c in range(99999) %}{% endfor %}"
    "{% endfor %}{% endfor %}",
    "a loop that writes": "{% for a in range(99999) %}{{ 'x' * 999 }}{% endfor %}",
    "a text times a number": "{{ 'x' * 9999999999 }}",
    "a list times a number": "{{ ([0] * 99999999) | length }}",
    "doubling by ~": "{% set n = namespace(x='xx') %}{% for i in range(60) %}{% set n.x = n.x ~ n.x %}{% endfor %}",
    "doubling by +": "{% set n = namespace(x='xx') %}{% for i in range(60) %}{% set n.x = n.x + n.x %}{% endfor %}",
    "doubling by a list": "{% set n = namespace(x=['xx']) %}{% for i in range(60) %}{% set n.x = [n.x, n.x] %}"
    "{% endfor %}{{ n.x }}",
    "doubling by a dictionary": "{% set n = namespace(x='xx') %}{% for i in range(60) %}"
    "{% set n.x = {'a': n.x, 'b': n.x} %}{% endfor %}{{ n.x | tojson }}",
    "doubling by a block": "{% set n = namespace(x='xx') %}{% for i in range(60) %}{% set x %}{{ n.x }}{{ n.x }}"
    "{% endset %}{% set n.x = x %}{% endfor %}",
    "many slices kept": "{% set n = namespace(x=[]) %}{% set t = 'x' * 999999 %}{% for i in range(9999) %}"
    "{% set n.x = n.x + [t[1:] ~ i] %}{% endfor %}",
    "replace": "{{ ('x' * 99999) | replace('x', 'y' * 99999) }}",
    "the method replace": "{{ ('x' * 99999).replace('x', 'y' * 99999) }}",
    "join": "{{ (['x'] * 99999) | join('y' * 99999) }}",
    "the method join": "{{ ('y' * 99999).join(['x'] * 99999) }}",
    "a width": "{{ '%99999999999d' % 1 }}",
    "a width by format": "{{ '%*d' | format(999999999, 1) }}",
    "a width in braces": "{{ '{:>999999999}'.format(1) }}",
    "a width of a value": "{{ '{:{}}'.format(1, 999999999) }}",
    "a method by its name": "{{ ('x' | attr('ljust'))(9999999999) }}",
    "a filter by its name": "{{ ['x' * 99999] | map('replace', 'x', 'y' * 99999) | list }}",
    "center": "{{ 'x' | center(9999999999) }}",
    "ljust": "{{ 'x'.ljust(9999999999) }}",
    "indent": "{{ ('\\n' * 99999) | indent(9999999999) }}",
    "a power": "{{ 9 ** 9 ** 9 ** 9 }}",
    "powers of powers": "{% set n = namespace(x=9) %}{% for i in range(99) %}{% set n.x = n.x * n.x %}{% endfor %}",
    "a macro that calls itself": "{% macro f() %}{{ f() }}{{ f() }}{% endmacro %}{{ f() }}",
    "a recursive loop": "{% for a in [1, 2] recursive %}{{ loop([1, 2]) }}{% endfor %}",
    "a namespace in itself": "{% set n = namespace() %}{% set n.x = [n, n] %}{{ n.x }}",
    "nested unboundedly": "{% set n = namespace(x=[]) %}{% for i in range(9999) %}{% set n.x = [n.x] %}"
    "{% endfor %}{{ n.x }}",
    "lipsum": "{{ lipsum(999999) }}",
    "raises": "{{ 1 / 0 }}",
    "no such type": "{{ 1 + 'a' }}",
    "escapes": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "includes": "{% include '/etc/passwd' %}",
}


@pytest.mark.parametrize("source", TEMPLATES)
def test_templates_write_what_they_write_in_transformers(source: str) -> None:
    from transformers.utils.chat_template_utils import render_jinja_template

    theirs, _ = render_jinja_template([MESSAGES], chat_template=source, add_generation_prompt=True)
    assert Template(source).render(messages=MESSAGES, add_generation_prompt=True) == theirs[0]


def most_held() -> int:
    """The most memory that this process has held since it was last asked, in bytes; 0 where only Linux would know."""
    if sys.platform != "linux":
        return 0
    lines = Path("/proc/self/status").read_text().splitlines()
    Path("/proc/self/clear_refs").write_text("5")
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


@pytest.mark.parametrize("kind", BOMBS)
def test_a_template_that_runs_away_is_stopped(kind: str) -> None:
    most_held()
    before, began = most_held(), thread_time()
    with pytest.raises((jinja2.TemplateError, BadModel)) as caught:
        Template(BOMBS[kind]).render(messages=MESSAGES)
    assert thread_time() - began < 10
    assert most_held() - before < 100e6
    assert "\n" not in str(caught.value)


def test_what_a_template_takes_is_seen() -> None:
    """A guard that cannot fail guards nothing."""
    most_held()
    before = most_held()
    taken = b"1" * (150 << 20)
    del taken
    assert most_held() - before > 100e6 or sys.platform != "linux"


@pytest.mark.parametrize(
    "source",
    [
        "{% for %}",
        "{{ a" + ".a" * 60_000 + " }}",
        "{{ " + "(" * 5000 + " }}",
        "{% if a %}" * 3000,
        "x" * 200_000,
        "{{ 'x' | nothing }}",
    ],
)
def test_a_template_that_cannot_be_compiled_is_refused(source: str) -> None:
    with pytest.raises(BadModel, match="chat template is not valid"):
        Template(source)


def test_a_long_conversation_is_no_bomb() -> None:
    messages: list[dict[str, Any]] = [
        {"role": "user", "content": "word " * 20_000},
        {"role": "assistant", "content": "so " * 9000},
    ] * 20
    for source in TEMPLATES[:5]:
        assert Template(source).render(messages=[*MESSAGES, *messages])
