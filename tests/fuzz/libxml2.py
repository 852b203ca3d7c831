#!/usr/bin/env python3
"""Compares what core's XML reader and libxml2 accept, on the corpus and the seeds of the reader targets.

    tests/fuzz/libxml2.py [DIRECTORY...]

Needs the shared library of libxml2 (Debian: libxml2). Exits 1 on a disagreement that no clause backs.
"""

import collections
import ctypes
import ctypes.util
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
OPTIONS = 1 << 5 | 1 << 6 | 1 << 11 | 1 << 19  # no errors, no warnings, no network, huge

# Core refuses, libxml2 accepts.
BY_RULE = {
    "Doctype": "SEC-06: no DTD at all",
    "UnsupportedEncoding": "SEC-08: UTF-8 only",
    "NotUtf8": "SEC-08: UTF-8 only",
    "IllegalCharacter": "SEC-08: UTF-16 is full of NUL when it is read as UTF-8",
    "MalformedProcessingInstruction": "NS §7: no colon in a target",
    "MisplacedDeclaration": "XML §2.6 [17]: no target is xml in any case",
    "TooDeep": "SEC-07",
    "TooLong": "SEC-07",
    "TooManyAttributes": "SEC-07",
    "TooManyNamespaces": "SEC-07",
    "TextTooLong": "SEC-07",
}


class Error(ctypes.Structure):
    """The beginning of xmlError."""

    _fields_ = [("domain", ctypes.c_int), ("code", ctypes.c_int)]


def library():
    name = ctypes.util.find_library("xml2")
    if name is None:
        sys.exit("libxml2 is not installed (Debian: apt-get install libxml2)")
    xml2 = ctypes.CDLL(name)
    xml2.xmlReadMemory.restype = ctypes.c_void_p
    xml2.xmlFreeDoc.argtypes = [ctypes.c_void_p]
    xml2.xmlGetLastError.restype = ctypes.POINTER(Error)
    return xml2


def accepts(xml2, body):
    """True when libxml2 finds neither a well-formedness nor a namespace error."""
    xml2.xmlResetLastError()
    document = xml2.xmlReadMemory(body, len(body), None, None, OPTIONS)
    error = xml2.xmlGetLastError()
    # 200 to 205 are errors of namespaces, which libxml2 reports and passes over.
    namespaces = bool(error) and 200 <= error.contents.code <= 205 and error.contents.code != 204
    if document:
        xml2.xmlFreeDoc(document)
    return bool(document) and not namespaces


def main():
    directories = [pathlib.Path(d).resolve() for d in sys.argv[1:]] or [
        HERE / kind / target
        for kind in ("corpus", "seeds")
        for target in ("reader_well_formed", "reader_events")
    ]
    files = [f for d in directories if d.is_dir() for f in sorted(d.iterdir())]
    verdicts = subprocess.run(
        ["cargo", "run", "-q", "-p", "rollmark-tests", "--example", "verdicts"],
        cwd=HERE.parent,
        input="".join(f"{f}\n" for f in files),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout.split()
    xml2 = library()
    counts = collections.Counter()
    bad = []
    for file, ours in zip(files, verdicts, strict=True):
        body = file.read_bytes()
        # Core passes over white space before the declaration.
        theirs = accepts(xml2, body.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n"))
        if (ours == "ok") == theirs:
            counts["accepted by both" if theirs else "refused by both"] += 1
        elif theirs and ours in BY_RULE:
            counts[f"refused by core alone: {ours}, {BY_RULE[ours]}"] += 1
        else:
            counts["disagreement"] += 1
            bad.append(f"{file}: core says {ours}, libxml2 {'accepts' if theirs else 'refuses'}")
    for name, count in sorted(counts.items()):
        print(f"{count:7} {name}")
    print("\n".join(bad))
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
