"""Writes spreadsheets and Parquet files as the field's own programs do, and reads the Parquet that we write.

tables_check.py write DIR: the files of tables_test.go
tables_check.py read FILE: the rows of a Parquet file, as JSON
"""

import datetime
import decimal
import json
import sys
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq


def spreadsheets(to):
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "评论"
    sheet.append(["来自门店的评论", None, None, None])
    sheet.merge_cells("A1:D1")
    sheet.append(["text", "label", "day", "ok"])
    sheet.append(["房间很干净", "好", datetime.date(2024, 2, 29), True])
    sheet.append(["服务一般", None, datetime.datetime(2024, 2, 29, 18, 30), False])
    sheet.merge_cells("B3:B4")
    sheet.append([])
    sheet.append([0.1 + 0.2, 7, datetime.time(9, 5), None])
    other = book.create_sheet("formulas")
    other.append(["text", "label"])
    other.append(["a", "=1+1"])
    book.save(to / "reviews.xlsx")


def rows():
    return [
        {
            "text": f"很好 {i % 50}" if i % 7 else None,
            "meta": {"body": f"text {i}", "stars": i % 5},
            "tags": [f"t{j}" for j in range(i % 4)] if i % 5 else None,
            "entities": [{"start": 0, "end": 1, "label": "X"}, {"start": 1, "end": 2, "label": "Y"}][: i % 3] if i % 7 else [],
            "day": datetime.date(2024, 1, 1) + datetime.timedelta(days=i % 400),
            "at": datetime.datetime(2024, 1, 1, 12) + datetime.timedelta(milliseconds=i * 1001),
            "price": decimal.Decimal(i - 100) / 100,
            "whole": i * 1_000_003 - 5,
            "small": i % 200,
            "real": i / 8,
            "ok": i % 3 == 0,
        }
        for i in range(3000)
    ]


SCHEMA = pa.schema(
    [
        ("text", pa.string()),
        ("meta", pa.struct([("body", pa.string()), ("stars", pa.int32())])),
        ("tags", pa.list_(pa.string())),
        ("entities", pa.list_(pa.struct([("start", pa.int32()), ("end", pa.int64()), ("label", pa.string())]))),
        ("day", pa.date32()),
        ("at", pa.timestamp("us")),
        ("price", pa.decimal128(12, 2)),
        ("whole", pa.int64()),
        ("small", pa.uint8()),
        ("real", pa.float64()),
        ("ok", pa.bool_()),
    ]
)


def parquet(to):
    table = pa.Table.from_pylist(rows(), SCHEMA)
    for codec in ["none", "snappy", "gzip", "zstd", "lz4", "brotli"]:
        pq.write_table(table, to / f"codec-{codec}.parquet", compression=codec)
    pq.write_table(table, to / "pages-2.parquet", data_page_version="2.0", row_group_size=700)
    pq.write_table(table, to / "no-dictionary.parquet", use_dictionary=False, data_page_size=2000)
    pq.write_table(table, to / "old.parquet", version="1.0", use_deprecated_int96_timestamps=True)
    pq.write_table(
        table,
        to / "delta.parquet",
        use_dictionary=False,
        column_encoding={
            "text": "DELTA_BYTE_ARRAY",
            "meta.body": "DELTA_LENGTH_BYTE_ARRAY",
            "whole": "DELTA_BINARY_PACKED",
            "meta.stars": "DELTA_BINARY_PACKED",
            "real": "BYTE_STREAM_SPLIT",
            "ok": "RLE",
        },
    )
    with open(to / "rows.jsonl", "w", encoding="utf-8") as f:
        for row in rows():
            row["day"], row["at"], row["price"] = str(row["day"]), row["at"].isoformat(), str(row["price"])
            f.write(json.dumps(row, ensure_ascii=False) + "\n")


if sys.argv[1] == "write":
    spreadsheets(Path(sys.argv[2]))
    parquet(Path(sys.argv[2]))
else:
    for row in pq.read_table(sys.argv[2]).to_pylist():
        print(json.dumps(row, ensure_ascii=False))
