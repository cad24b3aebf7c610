-- +goose Up
ALTER TABLE accounts ADD COLUMN mailbox TEXT NOT NULL DEFAULT ''; -- canonical form of the address, once its owner has confirmed it

CREATE TABLE confirmations ( -- links by which somebody shows that a mailbox is his own, once
    hash       TEXT PRIMARY KEY, -- SHA-256 of the code
    account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    mailbox    TEXT NOT NULL,
    expires    BIGINT NOT NULL
);
CREATE INDEX confirmations_account ON confirmations (account_id);

CREATE TABLE proofs ( -- what shows that an account is a person's: a mailbox or an identity, of one account for good
    hash       TEXT PRIMARY KEY, -- SHA-256 of what shows it
    account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE
);
CREATE INDEX proofs_account ON proofs (account_id);
CREATE INDEX reviews_held_account ON reviews (account_id) WHERE state = 'held';
