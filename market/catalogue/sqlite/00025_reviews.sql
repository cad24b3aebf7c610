-- +goose Up
-- What people say of packages. Of each person the newest rating that is shown counts; the sums are kept beside the package.

ALTER TABLE repositories ADD COLUMN ratings BIGINT NOT NULL DEFAULT 0; -- people whose rating counts

CREATE TABLE rating_counts ( -- how many of them gave so many stars
    repository_id BIGINT NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    stars         BIGINT NOT NULL,
    n             BIGINT NOT NULL,
    PRIMARY KEY (repository_id, stars)
);

CREATE TABLE reviews (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    repository_id BIGINT NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    account_id    BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    digest        TEXT NOT NULL,             -- of the version that was installed
    version       TEXT NOT NULL DEFAULT '',  -- what it was called then
    stars         BIGINT NOT NULL,           -- 1 to 5
    counted       BIGINT NOT NULL DEFAULT 0, -- stars that the sums have of it; 0: it does not count
    body          TEXT NOT NULL DEFAULT '',
    state         TEXT NOT NULL DEFAULT '',  -- '' shown, held until a moderator has seen it, down
    reason        TEXT NOT NULL DEFAULT '',  -- why it is held or down
    until         BIGINT NOT NULL DEFAULT 0, -- when what is held is shown by itself; 0: never
    origin        TEXT NOT NULL DEFAULT '',  -- keyed digest of the network address that it came from
    created       BIGINT NOT NULL,
    updated       BIGINT NOT NULL,
    UNIQUE (repository_id, account_id, digest)
);
CREATE INDEX reviews_shown ON reviews (repository_id, id) WHERE state = '' AND body <> '';
CREATE INDEX reviews_held ON reviews (until, id) WHERE state = 'held';
CREATE INDEX reviews_created ON reviews (repository_id, created);
CREATE INDEX reviews_account ON reviews (account_id, created);

CREATE TABLE replies ( -- to reviews, by the package's publishers and who wrote the review
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    review_id  BIGINT NOT NULL REFERENCES reviews (id) ON DELETE CASCADE,
    account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    publisher  BOOLEAN NOT NULL DEFAULT FALSE, -- it speaks for the package's owner
    body       TEXT NOT NULL,
    state      TEXT NOT NULL DEFAULT '',       -- '' shown, down
    reason     TEXT NOT NULL DEFAULT '',
    created    BIGINT NOT NULL
);
CREATE INDEX replies_review ON replies (review_id, id);
