"""What hostile clients send: pickles in every guise, addresses, bombs, and bodies of all shapes."""

from __future__ import annotations

import io
import json
import pickle

import numpy as np


class Trap:
    """An object whose unpickling runs a command."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        import os

        return os.system, ("touch sprung",)


TRAP = pickle.dumps(Trap())
JSON = "application/json"
INSIDE = ("http://127.0.0.1:9/x", "http://169.254.169.254/latest/meta-data", "file:///etc/passwd",
          "s3://other/x", "../../etc/passwd", "gopher://127.0.0.1:9/", "\\\\host\\share", "ftp://x")  # fmt: skip


def array(*, packed: bool = False) -> bytes:
    """Return an NPY file (or an NPZ with one) whose content is a pickle."""
    into, trap = io.BytesIO(), np.array([Trap()], dtype=object)
    if packed:
        np.savez(into, trap)
    else:
        np.save(into, trap, allow_pickle=True)
    return into.getvalue()


def _multipart() -> bytes:
    head = b'--b\r\ncontent-disposition: form-data; name="series"; filename="x.pkl"\r\n'
    return head + b"content-type: application/octet-stream\r\n\r\n" + TRAP + b"\r\n--b--\r\n"


def requests() -> list[tuple[dict[str, str], bytes]]:
    """Return headers and body of every request."""
    kinds = ("application/vnd.bentoml+pickle", "application/octet-stream", "application/x-pickle",
             "application/vnd.bentoml.stream", "text/plain", JSON, "application/json; pickle")  # fmt: skip
    found = [({"content-type": kind}, TRAP) for kind in kinds]
    found.append(({"content-type": "multipart/form-data; boundary=b"}, _multipart()))
    found.append(({"content-type": "application/octet-stream"}, array()))
    for extra in (
        {"payload-container": "NdarrayContainer", "payload-meta": '{"format": "default"}'},
        {"bentoml-payload-meta": '{"format": "pickle5"}', "pickle-bytes-str": "x"},
        {"content-encoding": "gzip"},
        {"x-bentoml-name": "horizonte"},
    ):
        found.append(({"content-type": JSON, **extra}, TRAP))
    found += [({"content-type": JSON}, body) for body in bodies()]
    return found


def bodies() -> list[bytes]:
    """Return JSON, near-JSON and bombs."""
    named: list[object] = [{"series": text} for text in INSIDE]
    named += [{"series": ["site/a"], "horizon": text} for text in INSIDE]
    named += [{"series": text, "url": text, "file": text} for text in INSIDE]
    named += [{"request": {"series": "site/a"}}, {"series": {"$ref": INSIDE[0]}}]
    plain = [json.dumps(body).encode() for body in named]
    deep = b"[" * 100_000 + b"]" * 100_000
    return [
        *plain,
        deep,
        b'{"series":' + deep + b"}",
        b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
        b'{"series": "site/a", "horizon": ' + b"9" * 10_000 + b"}",
        b'{"series": "site/a", "horizon": 1e999}',
        b'{"series": "site/a", "horizon": NaN}',
        b'{"series": "\\ud800"}',
        b'{"series": "site/\\u0000a"}',
        b'{"series": "site/a", "series": "site/b"}',
        b'{"series": [' + b'"x",' * 100_000 + b'"x"]}',
        b"\xff\xfe{",
        b"",
    ]
