-- +goose Up
CREATE TABLE notes ( -- what a market keeps for a browser for some minutes, until it comes back from somewhere else
    hash    TEXT PRIMARY KEY, -- SHA-256 of the cookie
    content TEXT NOT NULL,
    expires BIGINT NOT NULL
);
