-- +goose Up
ALTER TABLE benchmarks ADD COLUMN kind TEXT NOT NULL DEFAULT 'class'; -- class, multilabel, tokens, similarity, regression
ALTER TABLE benchmarks ADD COLUMN also TEXT NOT NULL DEFAULT '[]';    -- JSON, further tasks
