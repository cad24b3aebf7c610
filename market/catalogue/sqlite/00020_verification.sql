-- +goose Up
-- What models are measured by, and what came of it. The jobs lie in the tables of River (river_…), which it makes itself.

CREATE TABLE benchmarks (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    key         TEXT NOT NULL UNIQUE,
    name        TEXT NOT NULL,
    title       TEXT NOT NULL,
    description TEXT NOT NULL DEFAULT '',
    task        TEXT NOT NULL,
    language    TEXT NOT NULL DEFAULT '', -- '' for any
    metric      TEXT NOT NULL,            -- accuracy, macro_f1
    labels      TEXT NOT NULL,            -- JSON
    examples    BIGINT NOT NULL,
    digest      TEXT NOT NULL,            -- of the rows, as sealed has them unpacked
    created     BIGINT NOT NULL
);

CREATE TABLE sealed ( -- rows of benchmarks, apart from what is shown of them
    benchmark_id BIGINT PRIMARY KEY REFERENCES benchmarks (id) ON DELETE CASCADE,
    content      BLOB NOT NULL -- JSON lines, gzip
);

CREATE TABLE verifications (
    manifest_id  BIGINT NOT NULL REFERENCES manifests (id) ON DELETE CASCADE,
    benchmark_id BIGINT NOT NULL REFERENCES benchmarks (id) ON DELETE CASCADE,
    wanted       BOOLEAN NOT NULL,         -- a job for it is due, whatever there is already
    asked        BIGINT NOT NULL,
    state        TEXT NOT NULL DEFAULT '', -- '' for nothing yet, done, failed, unfit
    score        DOUBLE PRECISION NOT NULL DEFAULT 0, -- by the metric
    low          DOUBLE PRECISION NOT NULL DEFAULT 0, -- of its 95 % interval
    high         DOUBLE PRECISION NOT NULL DEFAULT 0,
    latency      DOUBLE PRECISION NOT NULL DEFAULT 0, -- milliseconds for a text by itself
    size         BIGINT NOT NULL DEFAULT 0,           -- bytes of the package
    record       TEXT NOT NULL DEFAULT '', -- JSON
    statement    TEXT NOT NULL DEFAULT '', -- digest of the manifest that carries the signed record
    at           BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (manifest_id, benchmark_id)
);
CREATE INDEX verifications_benchmark ON verifications (benchmark_id, state);

CREATE TABLE market_keys ( -- what this market signs with
    purpose TEXT PRIMARY KEY,
    pem     TEXT NOT NULL,
    created BIGINT NOT NULL
);
