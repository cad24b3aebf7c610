-- +goose Up
-- Times are microseconds since 1970 in UTC; digests "sha256:…"; keys are names in lower case, by which they are found.

CREATE TABLE accounts (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    key          TEXT NOT NULL UNIQUE,
    name         TEXT NOT NULL,
    organisation BOOLEAN NOT NULL DEFAULT FALSE, -- a name that several people publish under, with no password
    full_name    TEXT NOT NULL DEFAULT '',
    email        TEXT NOT NULL DEFAULT '',
    password     TEXT NOT NULL DEFAULT '',       -- argon2id, in PHC's form; '' for none
    operator     BOOLEAN NOT NULL DEFAULT FALSE, -- runs this market
    disabled     BOOLEAN NOT NULL DEFAULT FALSE,
    created      BIGINT NOT NULL
);

CREATE TABLE members (
    organisation_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    account_id      BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    role            TEXT NOT NULL, -- read, write, admin
    since           BIGINT NOT NULL,
    PRIMARY KEY (organisation_id, account_id)
);
CREATE INDEX members_account ON members (account_id);

CREATE TABLE sessions ( -- of browsers
    hash       TEXT PRIMARY KEY, -- SHA-256 of the cookie
    account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    created    BIGINT NOT NULL,
    expires    BIGINT NOT NULL
);

CREATE TABLE tokens ( -- of programs
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    name       TEXT NOT NULL,
    hash       TEXT NOT NULL UNIQUE, -- SHA-256 of the token
    scope      TEXT NOT NULL,        -- read, write, admin
    created    BIGINT NOT NULL,
    expires    BIGINT,
    used       BIGINT
);
CREATE INDEX tokens_account ON tokens (account_id);

CREATE TABLE repositories (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    owner_id    BIGINT NOT NULL REFERENCES accounts (id),
    key         TEXT NOT NULL,
    name        TEXT NOT NULL,
    kind        TEXT NOT NULL,            -- model, dataset, application; '' until the first package says
    private     BOOLEAN NOT NULL DEFAULT FALSE,
    gated       TEXT NOT NULL DEFAULT '', -- '', auto, manual: whether readers ask first, and who answers
    title       TEXT NOT NULL DEFAULT '',
    description TEXT NOT NULL DEFAULT '',
    licence     TEXT NOT NULL DEFAULT '',
    task        TEXT NOT NULL DEFAULT '', -- a pipeline tag of the Hugging Face hub
    library     TEXT NOT NULL DEFAULT '',
    family      TEXT NOT NULL DEFAULT '', -- architecture of a model
    parameters  BIGINT NOT NULL DEFAULT 0,
    size        BIGINT NOT NULL DEFAULT 0, -- bytes of the files of `latest`
    downloads   BIGINT NOT NULL DEFAULT 0,
    likes       BIGINT NOT NULL DEFAULT 0,
    created     BIGINT NOT NULL,
    updated     BIGINT NOT NULL,
    UNIQUE (owner_id, key)
);
CREATE INDEX repositories_kind ON repositories (kind, updated);

CREATE TABLE labels ( -- what a repository can be found by that has several values: language, tag, dataset, base_model
    repository_id BIGINT NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    facet         TEXT NOT NULL,
    value         TEXT NOT NULL,
    PRIMARY KEY (repository_id, facet, value)
);
CREATE INDEX labels_value ON labels (facet, value);

CREATE TABLE moves ( -- where a repository was before
    owner_key     TEXT NOT NULL,
    key           TEXT NOT NULL,
    repository_id BIGINT NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    PRIMARY KEY (owner_key, key)
);

CREATE TABLE access ( -- requests to read a gated repository
    repository_id BIGINT NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    account_id    BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    state         TEXT NOT NULL, -- pending, accepted, rejected
    at            BIGINT NOT NULL,
    PRIMARY KEY (repository_id, account_id)
);

CREATE TABLE manifests (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    repository_id BIGINT NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    digest        TEXT NOT NULL,
    media_type    TEXT NOT NULL,
    artifact_type TEXT NOT NULL,
    subject       TEXT NOT NULL DEFAULT '', -- digest of what it refers to
    annotations   TEXT NOT NULL DEFAULT '', -- JSON
    content       BLOB NOT NULL,
    facts         TEXT NOT NULL DEFAULT '', -- JSON, of a package
    size          BIGINT NOT NULL,          -- bytes of the files
    created       BIGINT NOT NULL,
    UNIQUE (repository_id, digest)
);
CREATE INDEX manifests_subject ON manifests (repository_id, subject);

CREATE TABLE manifest_blobs ( -- all blobs that a manifest needs
    manifest_id BIGINT NOT NULL REFERENCES manifests (id) ON DELETE CASCADE,
    digest      TEXT NOT NULL,
    PRIMARY KEY (manifest_id, digest)
);
CREATE INDEX manifest_blobs_digest ON manifest_blobs (digest);

CREATE TABLE files ( -- of a manifest that is a package
    manifest_id BIGINT NOT NULL REFERENCES manifests (id) ON DELETE CASCADE,
    path        TEXT NOT NULL,
    digest      TEXT NOT NULL,
    size        BIGINT NOT NULL,
    PRIMARY KEY (manifest_id, path)
);

CREATE TABLE revisions (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    repository_id BIGINT NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    commit_id     TEXT NOT NULL, -- 40 hexadecimal digits
    manifest_id   BIGINT NOT NULL REFERENCES manifests (id) ON DELETE CASCADE,
    parent_id     BIGINT,
    author_id     BIGINT NOT NULL,
    author        TEXT NOT NULL,
    message       TEXT NOT NULL,
    description   TEXT NOT NULL DEFAULT '',
    created       BIGINT NOT NULL,
    UNIQUE (repository_id, commit_id)
);
CREATE INDEX revisions_manifest ON revisions (manifest_id);

CREATE TABLE refs ( -- names that move
    repository_id BIGINT NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    name          TEXT NOT NULL,
    kind          TEXT NOT NULL, -- version, channel
    manifest_id   BIGINT NOT NULL REFERENCES manifests (id) ON DELETE CASCADE,
    revision_id   BIGINT REFERENCES revisions (id), -- none where the manifest is no package
    updated       BIGINT NOT NULL,
    PRIMARY KEY (repository_id, name)
);
CREATE INDEX refs_manifest ON refs (manifest_id);

CREATE TABLE versions ( -- what was ever published under a version's name, which stays so when it is deleted
    repository_id BIGINT NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    name          TEXT NOT NULL,
    digest        TEXT NOT NULL,
    published     BIGINT NOT NULL,
    state         TEXT NOT NULL DEFAULT '', -- '', deprecated, yanked
    reason        TEXT NOT NULL DEFAULT '',
    successor     TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (repository_id, name)
);

CREATE TABLE blobs (
    digest  TEXT PRIMARY KEY,
    size    BIGINT NOT NULL,
    state   TEXT NOT NULL,   -- pending, present, deleting
    touched BIGINT NOT NULL  -- when somebody last had a use for it
);
CREATE INDEX blobs_touched ON blobs (touched);

CREATE TABLE repository_blobs ( -- which blobs were sent to which repository, or mounted there
    repository_id BIGINT NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    digest        TEXT NOT NULL,
    at            BIGINT NOT NULL,
    PRIMARY KEY (repository_id, digest)
);
CREATE INDEX repository_blobs_digest ON repository_blobs (digest);

CREATE TABLE uploads ( -- whose the sessions are
    id            TEXT PRIMARY KEY,
    repository_id BIGINT NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    account_id    BIGINT NOT NULL,
    begun         BIGINT NOT NULL
);

CREATE TABLE downloads ( -- who has been counted today; a client is a salted digest
    repository_id BIGINT NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    day           BIGINT NOT NULL, -- since 1970
    client        TEXT NOT NULL,
    PRIMARY KEY (repository_id, day, client)
);
CREATE TABLE downloads_by_day (
    repository_id BIGINT NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    day           BIGINT NOT NULL,
    n             BIGINT NOT NULL,
    PRIMARY KEY (repository_id, day)
);

CREATE TABLE installs (
    account_id    BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    repository_id BIGINT NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    digest        TEXT NOT NULL,
    at            BIGINT NOT NULL,
    PRIMARY KEY (account_id, repository_id, digest)
);

CREATE TABLE likes (
    account_id    BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    repository_id BIGINT NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    at            BIGINT NOT NULL,
    PRIMARY KEY (account_id, repository_id)
);
CREATE INDEX likes_repository ON likes (repository_id);

CREATE TABLE audit (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    at      BIGINT NOT NULL,
    actor   TEXT NOT NULL,  -- name of the account; '' for the holder of the data folder
    action  TEXT NOT NULL,  -- such as publish, yank, token
    object  TEXT NOT NULL,  -- such as owner/name:1.0.0
    detail  TEXT NOT NULL DEFAULT ''
);
CREATE INDEX audit_object ON audit (object, at);
