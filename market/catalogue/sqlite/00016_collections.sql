-- +goose Up
-- Packages that somebody has put together, in an order of his.

CREATE TABLE collections (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    owner_id    BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    slug        TEXT NOT NULL, -- its name in addresses, which stays when the title changes
    title       TEXT NOT NULL,
    description TEXT NOT NULL DEFAULT '',
    private     BOOLEAN NOT NULL DEFAULT FALSE,
    folded      TEXT NOT NULL DEFAULT '', -- title and description as they are searched
    created     BIGINT NOT NULL,
    updated     BIGINT NOT NULL,
    UNIQUE (owner_id, slug)
);
CREATE INDEX collections_updated ON collections (updated);

CREATE TABLE collection_items (
    collection_id BIGINT NOT NULL REFERENCES collections (id) ON DELETE CASCADE,
    repository_id BIGINT NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    place         BIGINT NOT NULL, -- in the order; gaps do not matter
    note          TEXT NOT NULL DEFAULT '',
    added         BIGINT NOT NULL,
    PRIMARY KEY (collection_id, repository_id)
);
CREATE INDEX collection_items_repository ON collection_items (repository_id);
