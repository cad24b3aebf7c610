-- +goose Up
-- What the models at `latest` were made of, by digests, as their lineage.json says. A digest of data is that of a file, one
-- of a model that of its manifest.json: whoever has published such a file is found by it.

CREATE TABLE sources (
    repository_id BIGINT NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    role          TEXT NOT NULL, -- data, parent, teacher
    name          TEXT NOT NULL,
    digest        TEXT NOT NULL, -- '' for none
    PRIMARY KEY (repository_id, role, name, digest)
);
CREATE INDEX sources_digest ON sources (digest);
CREATE INDEX files_digest ON files (digest);
