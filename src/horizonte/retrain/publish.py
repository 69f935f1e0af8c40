"""Publication: a gated model folder, byte for byte, into the bucket, then into the ledger."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from horizonte.embedded.endpoints import S3Settings
from horizonte.errors import ModelFault, StoreFault
from horizonte.pipeline import files
from horizonte.retrain import backtested
from horizonte.serve import champion
from horizonte.serve import folder as model_folder
from horizonte.serve.bucket import Bucket
from horizonte.serve.champion import PREFIX
from horizonte.store import promotions
from horizonte.store.connection import Connection

logger = logging.getLogger(__name__)
REPORTS = "reports"  # of the bucket's keys
GATES = "gates"  # below the reports


def publish(
    conn: Connection,
    folder: Path,
    *,
    s3: S3Settings,
    why: str,
    by: str = "operator",
    evidence: Mapping[str, Any] | None = None,
    over: str | None = None,
) -> str:
    """Put ``folder`` under ``models/<sha256>/``, make it the champion and return its version.

    The version is the hash of every file's path and hash, so the same bytes are the same
    version: a second call changes nothing. Files come first, ``card.json`` last, then the
    version is registered, on which services make it ready, then the pointer moves: killed
    between any two steps, the old champion serves and the next call finishes. ``over`` is the
    champion that this one was compared with. Raises ModelFault for a folder that differs from its
    card, or a bucket that gives other bytes under this hash; StoreFault when bucket or database
    does not answer, or ``over`` is the champion no more.
    """
    version, card = model_folder.verified(folder)
    bucket = Bucket.of(s3)
    upload(bucket, folder, version)
    upload_pages(bucket, *training_pages(folder), under=f"training/{version}/")
    if not card.get("recalibrated"):  # it has that of what was trained
        backtested.keep(bucket, folder, version)
    champion.contents(version, bucket)  # read back: what services will fetch is what was gated
    current = promotions.current_promotion(conn)
    if current is not None and current.sha256 == version:
        logger.info("model %s is the champion already", version)
        return version
    promotions.register_model(conn, version, uri=f"s3://{s3.bucket}/{PREFIX}/{version}/", card=card)
    promotions.promote(conn, version, why, by=by, evidence=evidence, over=over)
    logger.info("model %s is the champion: %s", version, why)
    return version


def training_pages(folder: Path) -> tuple[Path, list[Path]]:
    """Return the reports' folder beside a trained model ``folder``, and the pages in it.

    No page where the model does not lie where the pipeline leaves it.
    """
    if folder.parts[-len(files.MODEL.parts) :] != files.MODEL.parts:
        return folder, []
    root = folder.parents[len(files.MODEL.parts) - 1] / files.REPORTS
    found = [*root.glob("*.html"), *(root / "notebooks").glob("*.html")]
    return root, sorted(p for p in found if p.name != files.PLOTS_TEMPLATE.name)


def upload_pages(bucket: Bucket, root: Path, pages: Iterable[Path], *, under: str = "") -> None:
    """Put ``pages``, which lie below ``root``, where people find them from any host.

    A bucket that does not take them stops nothing: they are for reading.
    """
    try:
        for page in pages:
            key = f"{REPORTS}/{under}{page.relative_to(root).as_posix()}"
            bucket.put(key, page.read_bytes(), "text/html")
    except StoreFault as why:
        logger.warning("pages are not in the bucket: %s", why)


def upload_gates(bucket: Bucket, root: Path) -> None:
    """Put the pages of gates below ``root``, the folder of the reports, that the bucket does not hold.

    A bucket that was away gets them with the next gate or the next monitoring.
    """
    pages = sorted((root / GATES).glob("*.html"))
    try:
        held = bucket.listed(f"{REPORTS}/{GATES}/") if pages else {}
    except StoreFault as why:
        logger.warning("pages are not in the bucket: %s", why)
        return
    upload_pages(bucket, root, (p for p in pages if f"{REPORTS}/{GATES}/{p.name}" not in held))


def upload(bucket: Bucket, folder: Path, version: str) -> int:
    """Write every file of ``folder`` that the bucket does not hold yet; return how many.

    ``card.json`` comes last: where it stands, the folder is complete.
    """
    listed = model_folder.listed((folder / model_folder.CARD).read_bytes())
    ordered = sorted(listed, key=lambda path: (path == model_folder.CARD, path))
    written = 0
    for path in ordered:
        key = f"{PREFIX}/{version}/{path}"
        content = model_folder.checked(path, (folder / path).read_bytes(), listed[path])
        if bucket.put_once(key, content):
            written += 1
        elif bucket.get(key) != content:
            raise ModelFault(
                f"object {key}",
                "other bytes",
                "the bytes of its hash",
                "remove what was written by hand under models/, then publish again",
            )
    return written
