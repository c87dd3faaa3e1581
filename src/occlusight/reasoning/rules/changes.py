"""What a checked graph holds against the model's word, and why, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from clingo import Symbol

from occlusight.occlusion.graph import Object, Text
from occlusight.reasoning.rules.explain import Reasons
from occlusight.reasoning.rules.ruleset import Rules

CLAIMS = {  # by the atom
    "hides": Text("{0} hides part of {1}", "{0}挡住{1}的一部分"),
    "nearer": Text("{0} is nearer than {1}", "{0}比{1}更近"),
    "carries": Text("{1} stands on {0}", "{1}放在{0}上"),
    "shows": Text("{1} is seen in {0}", "{0}照出{1}"),
    "veils": Text("something is wholly hidden behind {0}", "{0}后面完全藏着东西"),
}
HOLDS = Text("The model does not say that {claim}, but it follows: {why}.", "模型没有说{claim}，但由规则可知：{why}。")
FALLS = Text("The model says that {claim}, which cannot be: {why}.", "模型说{claim}，但这不成立：{why}。")


@dataclass(frozen=True)
class Change:
    """What is not as the model says: `about` is hides, nearer, carries, shows or veils, of the objects `of`.

    holds: whether it is true after all
    said: the probability by the model's word; None where it was not asked
    rules: the rules that would be broken if it were as the model says
    why: all that in words
    """

    about: str
    of: tuple[str, ...]
    holds: bool
    said: float | None
    rules: tuple[str, ...]
    why: Text


def against_the_word(world: frozenset[Symbol], told: Mapping[Symbol, float]) -> list[Symbol]:
    """Return the atoms that are true or false in a world against what the model says; in doubt it says nothing."""
    against = [one for one, p in told.items() if (one in world and p < 0.5) or (one not in world and p > 0.5)]
    return [*against, *sorted(one for one in world if one.name == "hides" and one not in told)]


def changes(
    world: frozenset[Symbol], told: Mapping[Symbol, float], reasons: Reasons, rules: Rules, things: Mapping[str, Object]
) -> tuple[Change, ...]:
    """Return what is true or false in a world against what the model says, each with its rules and its words."""
    against = against_the_word(world, told)
    forced = reasons.forced(world, against)
    return tuple(_change(one, one in world, told.get(one), forced[one], rules, things) for one in against)


def _change(
    one: Symbol, holds: bool, said: float | None, forced: tuple[str, ...], rules: Rules, things: Mapping[str, Object]
) -> Change:
    of = tuple(a.string for a in one.arguments)
    frame, claim = HOLDS if holds else FALLS, CLAIMS[one.name]
    says = [rules[name].says for name in forced]
    en = claim.en.format(*(f"the {things[id].name}" for id in of))
    zh = claim.zh.format(*(things[id].name_zh for id in of))
    why = Text(
        frame.en.format(claim=en, why="; ".join(text.en for text in says)),
        frame.zh.format(claim=zh, why="；".join(text.zh for text in says)),
    )
    return Change(one.name, of, holds, said, forced, why)
