-- +goose Up
-- What ranking and counting need of packages, and the words that they have: level n stands for about 2^n packages.

ALTER TABLE repositories ADD COLUMN latency DOUBLE PRECISION NOT NULL DEFAULT 0; -- milliseconds for a text; 0 for unknown
ALTER TABLE repositories ADD COLUMN trend BIGINT NOT NULL DEFAULT 0; -- downloads of about the last seven days
ALTER TABLE repositories ADD COLUMN facets TEXT NOT NULL DEFAULT ''; -- name=value, with spaces between them

CREATE TABLE vocabulary (
    word  TEXT COLLATE "C" PRIMARY KEY,
    level BIGINT NOT NULL
);

UPDATE repositories SET trend = (SELECT COALESCE(SUM(n), 0) FROM downloads_by_day d WHERE d.repository_id = repositories.id AND d.day > (SELECT MAX(day) FROM downloads_by_day) - 7);

DROP INDEX repositories_downloads;
DROP INDEX repositories_size;
CREATE INDEX repositories_downloads ON repositories (downloads, updated);
CREATE INDEX repositories_size ON repositories (size, updated);
CREATE INDEX repositories_trend ON repositories (trend, downloads, updated);
CREATE INDEX repositories_latency ON repositories (latency, updated);
