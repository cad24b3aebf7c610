-- +goose Up
CREATE TABLE resets ( -- links by which somebody who has forgotten his password chooses another, once
    hash       TEXT PRIMARY KEY, -- SHA-256 of the code
    account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    created    BIGINT NOT NULL,
    expires    BIGINT NOT NULL
);
CREATE INDEX resets_account ON resets (account_id);
CREATE INDEX accounts_email ON accounts (LOWER(email));
