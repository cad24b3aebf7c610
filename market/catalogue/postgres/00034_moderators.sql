-- +goose Up
ALTER TABLE accounts ADD COLUMN moderator BOOLEAN NOT NULL DEFAULT FALSE; -- decides about what people report, and nothing else

CREATE INDEX replies_account ON replies (account_id, created);
