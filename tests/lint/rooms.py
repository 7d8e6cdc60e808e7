#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every #include of exporter/ against what its room declares in CMake (cmake/Room.cmake).

A room may include its own headers and those of the rooms and libraries that it declares: publicly where its headers
do, privately where only its sources do. Nothing may be declared that is not included, and no room may use itself
through others. Usage: rooms.py [SOURCE_DIRECTORY]"""
import os
import re
import sys

KEYWORDS = ("SOURCES", "USES", "USES_PRIVATELY", "LIBRARIES", "PRIVATE_LIBRARIES")
# The beginning of a header's path, and the target that brings it.
LIBRARY_OF = (
    ("nlohmann/", "nlohmann_json::nlohmann_json"), ("yaml-cpp/", "PkgConfig::YAML_CPP"),
    ("spdlog/", "spdlog::spdlog"), ("fmt/", "spdlog::spdlog"), ("tl/", "tl::expected"), ("re2/", "PkgConfig::RE2"),
    ("bpf/", "PkgConfig::LIBBPF"), ("libmnl/", "PkgConfig::LIBMNL"), ("systemd/", "PkgConfig::SYSTEMD"),
    ("CLI/", "CLI11::CLI11"), ("zlib.h", "ZLIB::ZLIB"), ("prometheus/", "prometheus-cpp::core"),
    ("civetweb.h", "civetweb::civetweb"), ("sys/capability.h", "PkgConfig::LIBCAP"),
    ("seccomp.h", "PkgConfig::LIBSECCOMP"), ("thread", "Threads::Threads"),
)
# What every room has through base, and what is not visible in an #include.
EVERYWHERE = {"spdlog::spdlog", "tl::expected"}


class Room:
    def __init__(self, name, directory, declared):
        self.name, self.directory = name, directory
        self.public = set(declared["USES"]) | set(declared["LIBRARIES"])
        self.private = set(declared["USES_PRIVATELY"]) | set(declared["PRIVATE_LIBRARIES"])
        self.uses = set(declared["USES"]) | set(declared["USES_PRIVATELY"])
        self.sources = set(declared["SOURCES"])


def rooms_of(source):
    """By directory below exporter/; raises ValueError on a call that it cannot read."""
    rooms = {}
    for directory, _, files in os.walk(os.path.join(source, "exporter")):
        if "CMakeLists.txt" not in files:
            continue
        with open(os.path.join(directory, "CMakeLists.txt"), encoding="utf-8") as file:
            text = re.sub(r"#.*", "", file.read())
        for call in re.findall(r"\broom\(([^)]*)\)", text):
            name, *words = call.split()
            declared = {keyword: [] for keyword in KEYWORDS}
            keyword = None
            for word in words:
                if word in KEYWORDS:
                    keyword = word
                elif keyword is None:
                    raise ValueError(f"{directory}: room({name}: {word} belongs to no keyword")
                else:
                    declared[keyword].append(word)
            where = os.path.relpath(directory, os.path.join(source, "exporter"))
            rooms[where] = Room(name, where, declared)
    return rooms


def target_of(include, bracket, rooms):
    """The room or library that a header belongs to; None for the standard library, the system and generated files."""
    if bracket == '"':
        if include.startswith("bpf/"):
            return "bpf_object"
        room = rooms.get(os.path.dirname(include))
        return room.name if room else None
    for begins, library in LIBRARY_OF:
        if include == begins or (begins.endswith("/") and include.startswith(begins)):
            return library
    return None


def includes_of(path):
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            found = re.match(r'#include ([<"])([^>"]+)[>"]', line)
            if found:
                yield number, found.group(1), found.group(2)


def faults_of_room(source, room, rooms):
    by_headers, by_sources = set(), set()
    folder = os.path.join(source, "exporter", room.directory)
    for name in sorted(os.listdir(folder)):
        if not name.endswith((".h", ".cpp")):
            continue
        if name.endswith(".cpp") and name not in room.sources:
            yield f"exporter/{room.directory}/CMakeLists.txt: {name} is not among the room's sources"
        for number, bracket, include in includes_of(os.path.join(folder, name)):
            target = target_of(include, bracket, rooms)
            if target is None or target == room.name or target in EVERYWHERE - room.public:
                continue
            header = name.endswith(".h")
            (by_headers if header else by_sources).add(target)
            here = f"exporter/{room.directory}/{name}:{number}: includes {include}"
            if target not in room.public | room.private:
                yield f"{here}, but room {room.name} does not declare {target}"
            elif header and target not in room.public:
                yield f"{here}, but room {room.name} declares {target} for its sources only"
    place = f"exporter/{room.directory}/CMakeLists.txt: room {room.name}"
    for target in sorted(room.public & room.private):
        yield f"{place} declares {target} twice"
    for target in sorted(room.public - by_headers - EVERYWHERE):
        yield f"{place} declares {target} publicly, but no header includes it"
    for target in sorted(room.private - by_sources):
        yield f"{place} declares {target}, but no source includes it"


def cycles_of(rooms):
    uses = {room.name: room.uses for room in rooms.values()}
    finished = set()

    def visit(name, way):
        if name in way:
            yield "rooms use each other: " + " -> ".join(way[way.index(name):] + [name])
        elif name not in finished:
            for used in sorted(uses.get(name, ())):
                yield from visit(used, way + [name])
            finished.add(name)

    for name in sorted(uses):
        yield from visit(name, [])


def faults_of(source):
    rooms = rooms_of(source)
    for directory in sorted(rooms):
        yield from faults_of_room(source, rooms[directory], rooms)
    yield from cycles_of(rooms)


def main():
    source = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), "../..")
    faults = list(faults_of(source))
    for fault in faults:
        print(fault)
    if not faults:
        print(f"{len(rooms_of(source))} rooms include only what they declare")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
