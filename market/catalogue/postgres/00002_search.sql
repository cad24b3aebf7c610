-- +goose Up
-- Words of packages, cut by Catalogue.index, by the id of their repository.

CREATE TABLE words (
    repository_id BIGINT PRIMARY KEY REFERENCES repositories (id) ON DELETE CASCADE,
    text          TSVECTOR NOT NULL
);
CREATE INDEX words_text ON words USING GIN (text);

CREATE INDEX repositories_downloads ON repositories (downloads);
CREATE INDEX repositories_updated ON repositories (updated);
CREATE INDEX repositories_size ON repositories (size);
CREATE INDEX downloads_day ON downloads_by_day (day);
