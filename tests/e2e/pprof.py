# SPDX-License-Identifier: GPL-2.0
"""Reads a pprof file (gzipped profile.proto) without help from pprof: what is in it, exactly.

A frame is (function, file, line). Stacks are leaf first, inlined frames expanded.
"""
import gzip


class Sample:
    """One stack with its values and labels."""

    def __init__(self, frames, values, labels):
        self.frames = frames
        self.values = values
        self.objects, self.bytes = values[0], values[1]
        self.labels = labels


class Profile:
    """A decoded profile. sample_types and period_type are (type, unit)."""

    def __init__(self, path):
        with gzip.open(path) as stream:
            raw = list(fields(stream.read()))
        self.strings = [value.decode() for number, value in raw if number == 6]
        self.functions = index(raw, 5)
        self.locations = index(raw, 4)
        self.mappings = [dict(fields(value)) for number, value in raw if number == 3]
        self.sample_types = [self.value_type(value) for number, value in raw if number == 1]
        self.period_type = next((self.value_type(v) for number, v in raw if number == 11), None)
        self.default_type = self.string(next((v for number, v in raw if number == 14), 0))
        self.comments = [self.string(c) for n, v in raw if n == 13 for c in packed(v)]
        self.expanded = {ident: self.expand(value) for ident, value in self.locations.items()}
        self.samples = [self.sample(value) for number, value in raw if number == 2]

    def string(self, i):
        return self.strings[i]

    def value_type(self, value):
        both = dict(fields(value))
        return self.string(both.get(1, 0)), self.string(both.get(2, 0))

    def expand(self, location):
        """The frames of a location, innermost first."""
        frames = []
        for number, value in fields(location):
            if number == 4:
                line = dict(fields(value))
                function = dict(fields(self.functions[line[1]]))
                frames.append((self.string(function.get(2, 0)), self.string(function.get(4, 0)),
                               line.get(2, 0)))
        return tuple(frames) or (("?", "", 0),)

    def sample(self, value):
        frames, values, labels = [], [], {}
        for number, part in fields(value):
            if number == 1:
                for ident in packed(part):
                    frames.extend(self.expanded[ident])
            elif number == 2:
                values.extend(packed(part))
            elif number == 3:
                label = dict(fields(part))
                text = label.get(2, 0)
                labels[self.string(label[1])] = self.string(text) if text else label.get(3, 0)
        return Sample(tuple(frames), values, labels)

    def total(self):
        """(objects, bytes) of all samples."""
        return (sum(s.objects for s in self.samples), sum(s.bytes for s in self.samples))

    def sites(self):
        """(objects, bytes) by call site, which is the leaf's (function, file, line)."""
        out = {}
        for s in self.samples:
            objects, size = out.get(s.frames[0], (0, 0))
            out[s.frames[0]] = (objects + s.objects, size + s.bytes)
        return out


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7f) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def fields(data):
    """(number, value) of each field; value is int or bytes."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        if key & 7 == 0:
            value, at = varint(data, at)
        elif key & 7 == 2:
            size, at = varint(data, at)
            value, at = data[at:at + size], at + size
            if len(value) != size:
                raise ValueError("profile is cut short")
        else:
            raise ValueError(f"unexpected wire type {key & 7}")
        yield key >> 3, value


def packed(value):
    """The integers of a repeated field, packed or not."""
    if isinstance(value, int):
        return [value]
    out, at = [], 0
    while at < len(value):
        number, at = varint(value, at)
        out.append(number)
    return out


def index(raw, wanted):
    """Messages of one field by their id."""
    out = {}
    for number, value in raw:
        if number == wanted:
            ident = dict(fields(value))[1]
            if ident == 0 or ident in out:
                raise ValueError(f"id {ident} is zero or used twice")
            out[ident] = value
    return out
