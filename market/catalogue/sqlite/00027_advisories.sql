-- +goose Up
CREATE TABLE advisories ( -- what is dangerous about versions of a package
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    repository_id BIGINT NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    severity      TEXT NOT NULL, -- low, medium, high, critical
    title         TEXT NOT NULL,
    body          TEXT NOT NULL DEFAULT '',
    affected      TEXT NOT NULL, -- versions, such as >=1.0.0 <1.2.0 || 2.0.0, or *
    fixed         TEXT NOT NULL DEFAULT '', -- version to take instead
    author        TEXT NOT NULL,
    created       BIGINT NOT NULL,
    withdrawn     BIGINT NOT NULL DEFAULT 0 -- when; 0: it holds
);
CREATE INDEX advisories_repository ON advisories (repository_id);
