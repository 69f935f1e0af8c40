"""The verdict: the ledger of what was acknowledged, joined in SQL with table and dead letters."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psycopg
from tests.brokers import ROOT

from horizonte import params
from horizonte.store import prepared
from horizonte.store.connection import connect

LEDGER = """CREATE TEMP TABLE ledger (place bigint, item int, topic text, payload bytea,
    unique_id text COLLATE "C", ds timestamptz, y double precision)"""
# A repeated delivery counts as its first: it may not undo what corrected it since.
JOINS = """
CREATE TEMP TABLE sent AS
    SELECT DISTINCT ON (topic, payload, item) * FROM ledger
    ORDER BY topic, payload, item, place;
CREATE TEMP TABLE wanted AS
    SELECT DISTINCT ON (unique_id, ds) unique_id, ds, y FROM sent WHERE y IS NOT NULL
    ORDER BY unique_id, ds, place DESC;
CREATE TEMP TABLE versions AS
    SELECT unique_id, ds, count(*) FILTER (WHERE y IS DISTINCT FROM before) AS n
    FROM (SELECT *, lag(y) OVER (PARTITION BY unique_id, ds ORDER BY place) AS before
          FROM sent WHERE y IS NOT NULL) AS each GROUP BY 1, 2;
CREATE TEMP TABLE stored AS
    SELECT unique_id, ds, (array_agg(y ORDER BY revision DESC))[1] AS y, count(*) AS n,
           count(*) FILTER (WHERE revision = newest) AS current
    FROM (SELECT *, max(revision) OVER (PARTITION BY unique_id, ds) AS newest
          FROM observation) AS all_of_them GROUP BY 1, 2;
CREATE TEMP TABLE joined AS
    SELECT w.y AS wanted, s.y AS stored, s.current, s.n, v.n AS versions,
           unique_id, ds FROM wanted w FULL JOIN stored s USING (unique_id, ds)
    LEFT JOIN versions v USING (unique_id, ds);
CREATE TEMP TABLE letters AS
    SELECT topic, payload, coalesce(s.n, 0) AS sent, coalesce(d.n, 0) AS kept
    FROM (SELECT topic, payload, count(*) AS n FROM sent WHERE y IS NULL GROUP BY 1, 2) AS s
    FULL JOIN (SELECT topic, payload, count(*) AS n FROM dead_letter
               GROUP BY 1, 2) AS d USING (topic, payload);
CREATE TEMP TABLE lost AS
    SELECT topic, CASE WHEN position('"seq"'::bytea IN payload) > 0
                  THEN (convert_from(payload, 'UTF8')::json ->> 'seq')::bigint END AS seq, bool_or(
        EXISTS (SELECT FROM observation o WHERE o.unique_id = sent.unique_id
                AND o.ds = sent.ds AND o.y = sent.y)
        OR EXISTS (SELECT FROM dead_letter d WHERE d.topic = sent.topic
                   AND d.payload = sent.payload)) AS kept
    FROM sent GROUP BY topic, payload;
CREATE TEMP TABLE ends AS
    SELECT topic, min(seq) AS first, max(seq) AS last FROM lost WHERE kept GROUP BY topic
"""
COUNTS = """SELECT
    (SELECT count(*) FROM ledger) AS ledger_rows,
    (SELECT count(*) FROM joined) + (SELECT count(*) FROM letters) AS joined_rows,
    (SELECT count(*) FROM joined WHERE wanted IS NOT NULL AND stored IS NULL) AS missing,
    (SELECT count(*) FROM joined WHERE wanted IS NULL) AS never_acknowledged,
    (SELECT count(*) FROM joined WHERE current > 1 OR n > versions) AS doubled,
    (SELECT count(*) FROM joined WHERE n < versions) AS versions_missing,
    (SELECT count(*) FROM joined WHERE wanted <> stored) AS wrong,
    (SELECT count(*) FROM letters WHERE sent > kept) AS letters_missing,
    (SELECT count(*) FROM letters WHERE sent > 0 AND kept > sent) AS letters_doubled,
    (SELECT count(*) FROM letters WHERE sent = 0) AS letters_unexpected,
    (SELECT count(*) FROM dead_letter) AS dead_letters,
    (SELECT count(*) FROM lost WHERE NOT kept) AS lost_by_ledger,
    (SELECT count(*) FROM observation WHERE revision > 0) AS corrections,
    (SELECT count(*) FROM ingest_batch) AS batches,
    (SELECT sum(unchanged) FROM ingest_batch) AS redelivered_or_duplicate,
    (SELECT count(*) FROM ledger) - (SELECT count(*) FROM sent) AS duplicates_sent,
    (SELECT count(*) FROM ingest_batch WHERE status <> 'loaded') AS batches_open
"""
NOT_LOST = ("missing", "letters_missing")
ZERO = (
    *NOT_LOST,
    "never_acknowledged",
    "doubled",
    "versions_missing",
    "wrong",
    "letters_unexpected",
    "letters_doubled",
    "batches_open",
    "prepared_differs",
)
NAMES = ("place", "item", "topic", "payload", "unique_id", "ds", "y")
# What a sequence shows of it: numbers between two that came. The rest is lost without a trace.
LOST = """SELECT count(*) FILTER (WHERE seq BETWEEN first AND last) AS between_numbers,
    count(*) FILTER (WHERE seq > last) AS after_the_last,
    count(*) FILTER (WHERE seq < first) AS before_the_first,
    count(*) FILTER (WHERE seq IS NOT NULL AND first IS NULL) AS of_a_topic_never_heard,
    count(*) FILTER (WHERE seq IS NULL) AS without_a_number
    FROM lost LEFT JOIN ends USING (topic) WHERE NOT kept"""
EXAMPLES = """SELECT * FROM joined WHERE wanted IS NULL OR stored IS NULL OR wanted <> stored
    OR n <> versions LIMIT 5"""


def verdict(url: str, ledger: Path) -> dict[str, Any]:
    """Return the counts of the join; those of ``ZERO`` say that something is not as it should be."""
    with psycopg.connect(url) as conn:
        conn.execute(LEDGER)
        with conn.cursor().copy(f"COPY ledger ({', '.join(NAMES)}) FROM STDIN") as copy:
            for line in ledger.open():
                row = json.loads(line)
                row["payload"] = "\\x" + row["payload"]
                copy.write_row([row[name] if row[name] != "" else None for name in NAMES])
        for statement in JOINS.split(";"):
            conn.execute(statement)
        found: dict[str, Any] = _counted(conn, COUNTS)
        found["lost"] = _counted(conn, LOST)
        found["examples"] = [list(map(str, row)) for row in conn.execute(EXAMPLES)]
        letters = "SELECT topic, payload, sent, kept FROM letters WHERE sent <> kept LIMIT 5"
        found["examples"] += [list(map(str, row)) for row in conn.execute(letters)]
    rules = params.load(ROOT / "params.yaml").clean
    with connect(url) as conn:
        found["prepared_differs"] = prepared.rebuild(conn, rules)
    return found


def _counted(conn: psycopg.Connection, query: str) -> dict[str, int]:
    cursor = conn.execute(query)
    names = [column.name for column in cursor.description or ()]
    return dict(zip(names, map(int, cursor.fetchone() or ()), strict=True))
