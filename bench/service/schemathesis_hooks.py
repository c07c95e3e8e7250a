"""JSON Lines for schemathesis, which knows JSON alone: SCHEMATHESIS_HOOKS=schemathesis_hooks."""

import json

import schemathesis


@schemathesis.serializer("application/x-ndjson")
def to_lines(_context, value):
    return (json.dumps(value) + "\n").encode() * 2


@schemathesis.deserializer("application/x-ndjson")
def from_lines(_context, response):
    return [json.loads(line) for line in response.content.decode().splitlines()]
