-- +goose Up
CREATE TABLE leases ( -- of jobs that are worked on: as long as the number grows, the worker is there
    job_id  BIGINT PRIMARY KEY, -- River's
    attempt BIGINT NOT NULL,
    beat    BIGINT NOT NULL
);
