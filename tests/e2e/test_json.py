# SPDX-License-Identifier: GPL-2.0
"""The json format: every line is one of the schema, and the figures are those of the profile."""
import json
import os

import lib
import pprof
from lib import equal, expect


def strict(schema):
    """The schema, but with no fields beyond those that it names."""
    if isinstance(schema, dict):
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)
        for value in schema.values():
            strict(value)
    elif isinstance(schema, list):
        for value in schema:
            strict(value)
    return schema


def validator():
    try:
        import jsonschema
    except ImportError as missing:
        raise lib.Skip("no python3-jsonschema") from missing
    code, out, err = lib.gotrace("--json-schema")
    equal((code, err), (0, ""), "exit code and stderr of --json-schema")
    schema = json.loads(out)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(strict(schema))


def check_lines(path, schema):
    """The lines of a file, each of the schema, header first and total last."""
    with open(path, encoding="utf-8") as stream:
        lines = [json.loads(line) for line in stream]
    for line in lines:
        wrong = next(schema.iter_errors(line), None)
        expect(not wrong, f"{wrong and wrong.message[:300]}: {str(line)[:300]}")
    kinds = [line["kind"] for line in lines]
    equal((kinds[0], kinds[-1]), ("header", "total"), "first and last line")
    equal((kinds.count("header"), kinds.count("total")), (1, 1), "headers and totals")
    return lines


def test_schema_refuses():
    schema = validator()
    expect(schema.is_valid({"kind": "mmu", "window_ns": 1, "worst_stopped_ns": 0}), "a line")
    for line in ({}, {"kind": "mmu"}, {"kind": "nothing"},
                 {"kind": "mmu", "window_ns": "1", "worst_stopped_ns": 0},
                 {"kind": "mmu", "window_ns": 1, "worst_stopped_ns": 0, "more": 1}):
        expect(not schema.is_valid(line), f"the schema takes {line}")


def test_lines():
    schema = validator()
    target = lib.Loop(lib.build("truth"), workers=2)
    with lib.workdir() as directory:
        path = os.path.join(directory, "a.json")
        profile = os.path.join(directory, "a.pb.gz")
        code, _, err = lib.gotrace("-p", target.pid, "-a", "exact", "-d", "1", "-o", path, "-o",
                                   profile)
        equal(code, 0, f"exit code ({err.strip()})")
        lines = check_lines(path, schema)
        objects, size = pprof.Profile(profile).total()
    header, total = lines[0], lines[-1]
    equal(header["pid"], target.pid, "pid")
    expect("alloc" in header["groups"] and "stack" in header["groups"], f"groups of {header}")
    expect(0.9e9 < header["end_ns"] - header["start_ns"] < 5e9, f"times of {header}")
    expect(objects > 0, "nothing was allocated")
    equal((total["alloc_objects"], total["alloc_bytes"]), (objects, size), "totals")
    allocs = [line for line in lines if line["kind"] == "alloc"]
    lost = sum(total["lost"].get(key, 0) for key in
               ("allocs_full", "stacks_full", "stack_collision", "contended", "stack_missing"))
    equal(sum(line["objects"] for line in allocs), total["seen"]["allocs"] - lost, "objects")
    expect(any(frame["func"].startswith("main.") and frame["line"] > 0 and
               os.path.isabs(frame["file"]) for line in allocs for frame in line["stack"]),
           "no frame of the target's own")


def test_groups():
    schema = validator()
    target = lib.Loop(lib.build("truth"), workers=2)
    with lib.workdir() as directory:
        path = os.path.join(directory, "a.ndjson")
        code, _, err = lib.gotrace("-p", target.pid, "-d", "1", "-e", "stack", "-o", path)
        equal(code, 0, f"exit code ({err.strip()})")
        lines = check_lines(path, schema)
    equal(lines[0]["groups"], ["stack"], "groups")
    expect({line["kind"] for line in lines} <= {"header", "growth", "way", "change", "total"},
           "lines of others")
    expect("alloc_objects" not in lines[-1], "a total of allocations")
