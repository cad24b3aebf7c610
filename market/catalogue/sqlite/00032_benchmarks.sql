-- +goose Up
ALTER TABLE benchmarks ADD COLUMN retired BOOLEAN NOT NULL DEFAULT FALSE; -- nothing more is measured by it; what was found stays
