-- +goose Up
CREATE TABLE keys ( -- public ones, by which signatures of an account's packages are checked
    account_id  BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    fingerprint TEXT NOT NULL, -- SHA-256 of the PEM file
    pem         TEXT NOT NULL,
    name        TEXT NOT NULL DEFAULT '',
    added       BIGINT NOT NULL,
    PRIMARY KEY (account_id, fingerprint)
);

CREATE TABLE signatures ( -- that were found to be right
    manifest_id BIGINT NOT NULL REFERENCES manifests (id) ON DELETE CASCADE, -- of what is signed
    digest      TEXT NOT NULL,                                               -- of the signature's own manifest
    fingerprint TEXT NOT NULL,
    at          BIGINT NOT NULL,
    PRIMARY KEY (manifest_id, digest)
);
