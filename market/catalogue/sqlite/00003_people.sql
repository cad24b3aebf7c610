-- +goose Up
-- What people have of a market in a browser: profiles, sessions that they can see and end, invitations, and who they are
-- elsewhere.

ALTER TABLE accounts ADD COLUMN about TEXT NOT NULL DEFAULT '';
ALTER TABLE accounts ADD COLUMN link TEXT NOT NULL DEFAULT '';

ALTER TABLE sessions ADD COLUMN used BIGINT NOT NULL DEFAULT 0;      -- when it was last seen, to ten minutes
ALTER TABLE sessions ADD COLUMN agent TEXT NOT NULL DEFAULT '';      -- what the browser says that it is
ALTER TABLE sessions ADD COLUMN address TEXT NOT NULL DEFAULT '';    -- from which it began
CREATE INDEX sessions_account ON sessions (account_id);

CREATE TABLE invitations ( -- to the market, and to an organisation where one is named
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    hash            TEXT NOT NULL UNIQUE, -- SHA-256 of the code
    inviter_id      BIGINT REFERENCES accounts (id) ON DELETE CASCADE, -- NULL: the holder of the data folder
    organisation_id BIGINT REFERENCES accounts (id) ON DELETE CASCADE,
    role            TEXT NOT NULL DEFAULT '', -- in the organisation
    note            TEXT NOT NULL DEFAULT '', -- for whom it is
    created         BIGINT NOT NULL,
    expires         BIGINT NOT NULL,
    used            BIGINT NOT NULL DEFAULT 0,
    used_by         BIGINT REFERENCES accounts (id) ON DELETE SET NULL
);
CREATE INDEX invitations_inviter ON invitations (inviter_id);
CREATE INDEX invitations_organisation ON invitations (organisation_id);

CREATE TABLE identities ( -- of accounts, at providers of OpenID Connect
    issuer     TEXT NOT NULL,
    subject    TEXT NOT NULL,
    account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    created    BIGINT NOT NULL,
    PRIMARY KEY (issuer, subject)
);
CREATE INDEX identities_account ON identities (account_id);
