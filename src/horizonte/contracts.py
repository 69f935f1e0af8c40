"""The single account of every table that crosses a boundary: columns, types, keys, meaning.

In memory a table is a pandas frame whose instants are ``datetime64[ns, UTC]``; at rest it is
Parquet or PostgreSQL with microseconds. ``Table.check`` is called where a frame crosses from
one layer to the next, so the code between may trust its input.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pandas.api.types import infer_dtype

from horizonte.errors import DataFault

QUANTILES = (0.05, 0.10, 0.25, 0.50, 0.75, 0.90, 0.95)


def quantile_column(q: float) -> str:
    """Return the column of quantile ``q``: ``q05`` for 0.05."""
    return f"q{round(q * 100):02d}"


QUANTILE_COLUMNS = tuple(quantile_column(q) for q in QUANTILES)

_TEXT, _REAL, _INT, _FLAG = pa.string(), pa.float64(), pa.int64(), pa.bool_()
_INSTANT = pa.timestamp("us", tz="UTC")
_UTC = "datetime64[ns, UTC]"


def _columns(**types: pa.DataType) -> pa.Schema:
    """Build a schema; a type wrapped in a 1-tuple may be null."""
    return pa.schema(
        [
            pa.field(name, t[0] if isinstance(t, tuple) else t, nullable=isinstance(t, tuple))
            for name, t in types.items()
        ]
    )


@dataclass(frozen=True)
class Table:
    """One contract: the columns in order, their types and nulls, and the key that is unique."""

    name: str
    schema: pa.Schema
    key: tuple[str, ...]

    @property
    def columns(self) -> list[str]:
        """Return the column names in order."""
        return list(self.schema.names)

    def check(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return ``frame`` with the contract's columns in order, typed; raise DataFault if it cannot be.

        Missing and unexpected columns, values of another type, nulls where none may be and
        repeated keys are all refused, with the first offending value named.
        """
        self._check_names(frame)
        typed = self._as_is(frame)
        if typed is None:
            typed = self.to_arrow(frame).to_pandas(use_threads=False)
            typed = typed.astype({f.name: _UTC for f in self.schema if f.type == _INSTANT})
        repeated = typed.duplicated(list(self.key))
        if repeated.any():
            raise DataFault(
                f"{self.name} key {self.key}",
                typed.loc[repeated, list(self.key)].iloc[0].tolist(),
                "unique",
                "keep one row per key",
            )
        return cast("pd.DataFrame", typed)

    def empty(self) -> pd.DataFrame:
        """Return a frame with the contract's columns and types and no rows."""
        return self.check(self.schema.empty_table().to_pandas())

    def to_arrow(self, frame: pd.DataFrame) -> pa.Table:
        """Return ``frame`` as Arrow in this schema; raise DataFault for a wrong type or null."""
        arrays = []
        for field in self.schema:
            try:
                array = pa.array(frame[field.name], type=field.type, from_pandas=True, safe=False)
            except (pa.ArrowInvalid, pa.ArrowTypeError) as why:
                raise DataFault(
                    f"{self.name}.{field.name}",
                    str(why),
                    str(field.type),
                    "convert the column first",
                ) from None
            if array.null_count and not field.nullable:
                raise DataFault(
                    f"{self.name}.{field.name}",
                    f"{array.null_count} nulls",
                    "never null",
                    "drop or fill those rows",
                )
            arrays.append(array)
        return pa.Table.from_arrays(arrays, schema=self.schema)

    def write(self, frame: pd.DataFrame, path: Path) -> None:
        """Write ``frame``, checked, as Parquet: the same rows always give the same bytes."""
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(self.to_arrow(self.check(frame)), path, compression="zstd")

    def read(self, path: Path) -> pd.DataFrame:
        """Read and check a Parquet file of this table."""
        return self.check(pq.read_table(path).to_pandas())

    def _as_is(self, frame: pd.DataFrame) -> pd.DataFrame | None:
        """Return ``frame`` where its way through Arrow would change nothing but order, else None."""
        if all(_fits(frame[field.name], field) for field in self.schema):
            return frame[self.columns].reset_index(drop=True)
        return None

    def _check_names(self, frame: pd.DataFrame) -> None:
        odd = sorted(set(frame.columns) ^ set(self.columns))
        if odd:
            raise DataFault(
                f"{self.name} columns",
                odd,
                f"exactly {self.columns}",
                "add what is missing and drop what is not listed",
            )


def _fits(column: pd.Series, field: pa.Field) -> bool:
    """Return whether ``column`` already is what Arrow would make of it."""
    if field.type == _REAL:
        return column.dtype == "float64" and (field.nullable or not column.isna().any())
    if field.type == _INSTANT:
        whole = column.dtype == _UTC and not column.isna().any()
        return bool(whole and not (column.astype("int64") % 1000).any())
    if field.type == _TEXT:
        return column.dtype == object and infer_dtype(column, skipna=False) == "string"
    return bool(field.type == _INT and column.dtype == "int64")


SERIES = Table(
    "series",
    _columns(
        unique_id=_TEXT,  # such as vic/demand_mw
        freq=_TEXT,  # ISO-8601 duration of the grid
        unit=_TEXT,
        zone=_TEXT,  # IANA zone of its calendar
        role=_TEXT,  # target | covariate
        known_ahead_hours=_REAL,  # 0: past only; else values are known that long before ds
        publication_lag_seconds=_REAL,  # a past-only value is first available at ds + freq + this
        lower=(_REAL,),  # physical limits of y, in unit
        upper=(_REAL,),
        covariates=pa.list_(_TEXT),  # unique_ids that a target's models may read
        holidays=(_TEXT,),  # calendar, such as AU-VIC
        source=_TEXT,
    ),
    ("unique_id",),
)
REVISION = Table(  # every revision, with when it could have been known: data/raw/snapshot.parquet
    "revision",
    _columns(unique_id=_TEXT, ds=_INSTANT, revision=_INT, y=_REAL, available_at=_INSTANT),
    ("unique_id", "ds", "revision"),
)
OBSERVATION = Table(  # one value per instant: current, or as of an instant
    "observation", _columns(unique_id=_TEXT, ds=_INSTANT, y=_REAL), ("unique_id", "ds")
)
PREPARED = Table(  # the regular grid; y is null where missing stays missing
    "prepared",
    _columns(unique_id=_TEXT, ds=_INSTANT, y=(_REAL,), y_raw=(_REAL,), quality=_TEXT),
    ("unique_id", "ds"),
)
ANNOTATION = Table(  # what people know of a stretch [starts_at, ends_at)
    "annotation",
    _columns(
        unique_id=_TEXT,
        starts_at=_INSTANT,
        ends_at=_INSTANT,
        kind=_TEXT,
        note=_TEXT,
        factor=(_REAL,),  # of unit_changed alone: y is factor * y_raw + offset
        offset=(_REAL,),
        available_at=_INSTANT,
        withdrawn_at=(_INSTANT,),  # since when it no longer holds, null while it does
    ),
    ("unique_id", "starts_at", "ends_at", "kind", "available_at"),
)
FOLD = Table(  # one forecast cutoff of a group of series that share freq
    "fold",
    _columns(
        freq=_TEXT,
        unique_id=_TEXT,
        cutoff=_INSTANT,
        period=_TEXT,  # selection | test
        fitted_at=_INSTANT,
    ),  # cutoff of the fit that production would have served then
    ("unique_id", "cutoff"),
)
_QUANTILES = dict.fromkeys(QUANTILE_COLUMNS, _REAL)
POINT = Table(  # what a family says before calibration
    "point", _columns(unique_id=_TEXT, ds=_INSTANT, mean=_REAL), ("unique_id", "ds")
)
FORECAST = Table(
    "forecast",
    _columns(unique_id=_TEXT, ds=_INSTANT, mean=_REAL, **_QUANTILES),
    ("unique_id", "ds"),
)
BACKTEST = Table(  # vintages of one or many models beside what happened
    "backtest",
    _columns(
        model=_TEXT,
        unique_id=_TEXT,
        cutoff=_INSTANT,
        ds=_INSTANT,
        y=(_REAL,),
        mean=_REAL,
        **dict.fromkeys(QUANTILE_COLUMNS, (_REAL,)),
    ),
    ("model", "unique_id", "cutoff", "ds"),
)
SCORE = Table(
    "score",
    _columns(
        model=_TEXT,
        unique_id=_TEXT,
        bucket=_TEXT,  # lead-time bucket such as 00-06h, or all
        rows=_INT,
        mase=(_REAL,),
        rmsse=(_REAL,),
        wape=(_REAL,),
        bias=(_REAL,),
        sql=(_REAL,),
        coverage_80=(_REAL,),
        coverage_90=(_REAL,),
        width_80=(_REAL,),
        width_90=(_REAL,),
    ),
    ("model", "unique_id", "bucket"),
)
QUALITY = (
    "ok",
    "missing",
    "imputed",
    "flatline",
    "out_of_range",
    "spike",
    "ignored",
    "planned_event",
)
