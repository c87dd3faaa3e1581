"""Bounds for what a JSON schema leaves without one, so that a model that repeats itself comes to an end and its answer
parses.

A schema is rewritten into a stricter one: whatever satisfies it satisfies the schema that was given.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from occlusight.engine.patterns import NO_SCHEMAS
from occlusight.errors import BadInput

IN_PLACE = ("allOf", "anyOf", "oneOf")
"""Keywords whose schemas are about the same value as the schema that holds them."""
BY_NAME = ("properties", "patternProperties", "$defs", "definitions")
ELSEWHERE = ("items", "prefixItems", "additionalItems", "additionalProperties")
TYPES = frozenset({"string", "number", "integer", "boolean", "null", "array", "object"})
NOTHING: frozenset[str] = frozenset()
FURTHEST = 10**18
"""A whole number that llguidance still counts to, either way."""


@dataclass(frozen=True)
class JsonLimits:
    """What bounds an answer in JSON where its schema does not; a bound that the schema has wins. None bounds nothing.

    White space between the parts of a document needs no bound: there is none.

    Args:
        characters: the longest string, and the longest key of an object that lists none.
        items: the most items of an array, and the most keys of an object that lists none.
        digits: the most digits of a number before the point; 15 are exact in every reader.
        decimals: the most digits after it.
        depth: how deep values are nested of which the schema says nothing.
        others: whether an object that lists its properties may have others, where its schema does not say.
    """

    characters: int | None = 512
    items: int | None = 64
    digits: int | None = 15
    decimals: int | None = 6
    depth: int | None = 3
    others: bool = False

    def __post_init__(self) -> None:
        for name, least in (("characters", 0), ("items", 0), ("digits", 1), ("decimals", 0), ("depth", 0)):
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < least):
                raise BadInput(
                    f"json_limits: {name} must be a whole number of at least {least}, or None, but {value!r} was given"
                )

    def ever_fewer(self) -> Iterator[JsonLimits]:
        """Yield these limits, and then with less that may be at odds with a schema: a pattern that wants longer
        strings, odd numbers.
        """
        numbers = replace(self, digits=None, decimals=None)
        yield from (self, numbers, replace(self, characters=None), replace(numbers, characters=None))

    def bound(self, schema: Any) -> Any:
        """Return a stricter schema: every string, array, number and object in it has a bound.

        What the grammar cannot count stays without: the further keys of an object that lists some and says that there
        may be others.
        """
        joined = {str(ref) for ref in _joined(schema)}
        return _Bounds(self, joined).of(schema, path="#")


def _joined(schema: Any) -> Iterator[Any]:
    """Yield the references to definitions that are about the same value as another schema beside them."""
    if isinstance(schema, Mapping):
        others = schema.keys() - {"$ref", "title", "description", "default", "examples", *BY_NAME[2:]}
        if "$ref" in schema and others:
            yield schema["$ref"]
        for member in schema.get("allOf") or ():
            if isinstance(member, Mapping) and "$ref" in member:
                yield member["$ref"]
        for value in schema.values():
            yield from _joined(value)
    elif isinstance(schema, (list, tuple)):
        for value in schema:
            yield from _joined(value)


class _Bounds:
    """Bounds one document's schemas; those that `joined` refers to are about values of which other schemas speak
    too.
    """

    def __init__(self, limits: JsonLimits, joined: set[str]) -> None:
        self.limits = limits
        self.joined = joined

    def of(self, schema: Any, said: frozenset[str] = NOTHING, alone: bool = True, path: str = "") -> Any:
        """Return a schema with bounds, but for what others have `said` of the same value; it is `alone` where no other
        speaks of it.
        """
        if schema is True or schema == {}:
            return self.anything(self.limits.depth) if alone else schema
        if not isinstance(schema, Mapping) or "enum" in schema or "const" in schema:
            return schema
        out = dict(schema)
        for key in BY_NAME:
            if isinstance(schema.get(key), Mapping):
                out[key] = {name: self.of(one, path=f"#/{key}/{name}") for name, one in schema[key].items()}
        for key in ELSEWHERE:
            if key in schema:
                one = schema[key]
                out[key] = [self.of(each) for each in one] if isinstance(one, list) else self.of(one)
        members = [key for key in IN_PLACE if isinstance(schema.get(key), list)]
        for key in members:
            known = said | schema.keys() | (_keywords(schema[key]) if key == "allOf" else NOTHING)
            out[key] = [self.of(one, known, alone=False) for one in schema[key]]
        if members or "$ref" in schema:
            return out
        return {**out, **self.added(out, said, alone and path not in self.joined, self.limits.depth)}

    def added(self, schema: Mapping[str, Any], said: frozenset[str], alone: bool, depth: int | None) -> dict[str, Any]:
        """Return the bounds that a schema lacks; what it holds and does not speak of is one less deep than `depth`."""
        types = schema.get("type", TYPES)
        types = frozenset({types} if isinstance(types, str) else types)
        known, limits, found = said | schema.keys(), self.limits, dict[str, Any]()
        if "string" in types and limits.characters is not None and "maxLength" not in known:
            found["maxLength"] = max(limits.characters, _count(schema, "minLength"))
        if "array" in types:
            if "items" not in known and (alone or "type" in schema):
                found["items"] = self.anything(_less(depth))
            if limits.items is not None and "maxItems" not in known:
                given = schema.get("prefixItems")
                given = len(given) if isinstance(given, list) else 0
                found["maxItems"] = max(limits.items, _count(schema, "minItems"), given)
        if types & {"number", "integer"}:
            found |= self.numbers(schema, known, whole="number" not in types)
        if "object" in types and alone:
            found |= self.keys(schema, depth)
        return found

    def numbers(self, schema: Mapping[str, Any], known: frozenset[str], whole: bool) -> dict[str, Any]:
        """Return the bounds that a number lacks."""
        limits, found = self.limits, dict[str, Any]()
        if limits.digits is not None:
            most = 10**limits.digits - 1
            if not known & {"maximum", "exclusiveMaximum"}:
                found["maximum"] = max(
                    most, 10 * int(max(_number(schema, "minimum"), _number(schema, "exclusiveMinimum")))
                )
            if not known & {"minimum", "exclusiveMinimum"}:
                found["minimum"] = min(
                    -most, 10 * int(min(_number(schema, "maximum"), _number(schema, "exclusiveMaximum")))
                )
        if limits.decimals is not None and not whole and "multipleOf" not in known:
            found["multipleOf"] = 10.0**-limits.decimals if limits.decimals else 1
        return found

    def keys(self, schema: Mapping[str, Any], depth: int | None) -> dict[str, Any]:
        """Return the bounds that an object lacks of which no other schema speaks."""
        listed, needed = schema.get("properties") or {}, schema.get("required") or ()
        others = schema.get("additionalProperties")
        if not listed and not needed and "patternProperties" not in schema and others is not False:
            return self.short_keys(self.anything(_less(depth)) if others is None else others) | self.most_keys(schema)
        if others is None and "patternProperties" not in schema:
            fits = set(needed) <= listed.keys() and _count(schema, "minProperties") <= len(listed)
            return {"additionalProperties": False} if fits and not self.limits.others else {}
        return self.most_keys(schema) if listed.keys() <= set(needed) else {}

    def short_keys(self, value: Any) -> dict[str, Any]:
        """Return keywords that let an object have any keys that are no longer than a string may be, with such a
        value.
        """
        if self.limits.characters is None:
            return {"additionalProperties": value}
        pattern = f"^(?s:.{{0,{self.limits.characters}}})$"
        return {"patternProperties": {pattern: value}, "additionalProperties": False}

    def most_keys(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        """Return the bound of an object's keys, unless it has one."""
        if self.limits.items is None or "maxProperties" in schema:
            return {}
        listed = len(schema.get("properties") or ())
        return {"maxProperties": max(self.limits.items + listed, _count(schema, "minProperties"))}

    def anything(self, depth: int | None) -> Any:
        """Return the schema of a value of which nothing is said, nested as deep as `depth` at most."""
        if depth is None:
            return {}
        types = sorted(TYPES - {"integer"} - (NOTHING if depth else {"array", "object"}))
        return {"type": types, **self.added({"type": types}, NOTHING, True, depth)}


def within_reach(schema: Any) -> Any:
    """Return a schema whose bounds of whole numbers are no further away than llguidance can count: beyond, it takes
    them for the nearest number that it knows, and lets that pass.

    >>> within_reach({"type": "integer", "minimum": 5, "maximum": 2**63 - 1})
    {'type': 'integer', 'minimum': 5, 'maximum': 1000000000000000000}
    """
    if isinstance(schema, list):
        return [within_reach(one) for one in schema]
    if not isinstance(schema, Mapping):
        return schema
    out = {key: one if key in NO_SCHEMAS else within_reach(one) for key, one in schema.items()}
    types = out.get("type")
    if "integer" in (types if isinstance(types, list) else [types]):
        out |= {key: -FURTHEST for key in ("minimum", "exclusiveMinimum") if _number(out, key) < -FURTHEST}
        out |= {key: FURTHEST for key in ("maximum", "exclusiveMaximum") if _number(out, key) > FURTHEST}
    return out


def _keywords(members: list[Any]) -> frozenset[str]:
    """Return the keywords that hold for the value of which all these schemas speak."""
    found = frozenset[str]()
    for member in members:
        if isinstance(member, Mapping):
            found |= member.keys()
            for key in IN_PLACE:
                found |= _keywords(member[key]) if isinstance(member.get(key), list) else NOTHING
    return found


def _number(schema: Mapping[str, Any], key: str) -> float:
    value = schema.get(key)
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else 0


def _count(schema: Mapping[str, Any], key: str) -> int:
    return int(_number(schema, key))


def _less(depth: int | None) -> int | None:
    return None if depth is None else max(0, depth - 1)
