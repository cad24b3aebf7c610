-- +goose Up
-- Which repositories have changed, for the index that each server holds in memory, and what they are found by.

CREATE TABLE changes (
    repository_id BIGINT PRIMARY KEY,
    seq           BIGINT NOT NULL -- when it last changed: what is higher came later
);
CREATE INDEX changes_seq ON changes (seq);

ALTER TABLE repositories ADD COLUMN rating DOUBLE PRECISION NOT NULL DEFAULT 0; -- 1 to 5, the higher the better; 0 where nobody has rated it

CREATE TABLE identity ( -- one row: which database this is
    id TEXT PRIMARY KEY
);
