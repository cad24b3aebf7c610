-- +goose Up
-- What people report, and what moderators decide, with reasons.

CREATE TABLE reports (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    kind          TEXT NOT NULL,   -- review, reply, package
    object_id     BIGINT NOT NULL,
    repository_id BIGINT NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    account_id    BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    reason        TEXT NOT NULL,
    created       BIGINT NOT NULL,
    decision_id   BIGINT NOT NULL DEFAULT 0, -- that has answered it; 0: it is open
    UNIQUE (kind, object_id, account_id)
);
CREATE INDEX reports_open ON reports (kind, object_id) WHERE decision_id = 0;
CREATE INDEX reports_account ON reports (account_id, created);

CREATE TABLE decisions ( -- stay when what they are about is gone
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    at            BIGINT NOT NULL,
    moderator     TEXT NOT NULL,
    kind          TEXT NOT NULL,
    object_id     BIGINT NOT NULL,
    repository_id BIGINT NOT NULL,
    package       TEXT NOT NULL,
    author        TEXT NOT NULL,
    action        TEXT NOT NULL, -- down, show, dismiss
    reason        TEXT NOT NULL,
    appeal        TEXT NOT NULL DEFAULT '', -- what the author says against it
    appealed      BIGINT NOT NULL DEFAULT 0,
    answer_id     BIGINT NOT NULL DEFAULT 0 -- the decision that answers the appeal
);
CREATE INDEX decisions_object ON decisions (kind, object_id, id);
CREATE INDEX decisions_appealed ON decisions (id) WHERE appealed > 0 AND answer_id = 0;

ALTER TABLE repositories ADD COLUMN down TEXT NOT NULL DEFAULT '';              -- why a moderator has taken it down; it is private as long
ALTER TABLE repositories ADD COLUMN was_private BOOLEAN NOT NULL DEFAULT FALSE; -- before that
