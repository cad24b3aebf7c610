-- +goose Up
ALTER TABLE manifests ADD COLUMN findings TEXT NOT NULL DEFAULT ''; -- what the inspection of a package found, as JSON

-- +goose Down
ALTER TABLE manifests DROP COLUMN findings;
