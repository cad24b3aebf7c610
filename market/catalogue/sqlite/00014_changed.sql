-- +goose Up
-- Every change of what a search reads is noted, whoever makes it. Writers come one after the other: so do their numbers.

INSERT INTO identity (id) VALUES (lower(hex(randomblob(16))));

-- +goose StatementBegin
CREATE TRIGGER repositories_added AFTER INSERT ON repositories BEGIN
    INSERT INTO changes (repository_id, seq) VALUES (new.id, (SELECT COALESCE(MAX(seq), 0) + 1 FROM changes))
    ON CONFLICT (repository_id) DO UPDATE SET seq = excluded.seq;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER repositories_changed AFTER UPDATE OF owner_id, name, kind, private, title, description, licence, task, library, family, size, latency, downloads, trend, rating, updated ON repositories BEGIN
    INSERT INTO changes (repository_id, seq) VALUES (new.id, (SELECT COALESCE(MAX(seq), 0) + 1 FROM changes))
    ON CONFLICT (repository_id) DO UPDATE SET seq = excluded.seq;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER repositories_removed AFTER DELETE ON repositories BEGIN
    INSERT INTO changes (repository_id, seq) VALUES (old.id, (SELECT COALESCE(MAX(seq), 0) + 1 FROM changes))
    ON CONFLICT (repository_id) DO UPDATE SET seq = excluded.seq;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER labels_added AFTER INSERT ON labels BEGIN
    INSERT INTO changes (repository_id, seq) VALUES (new.repository_id, (SELECT COALESCE(MAX(seq), 0) + 1 FROM changes))
    ON CONFLICT (repository_id) DO UPDATE SET seq = excluded.seq;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER labels_removed AFTER DELETE ON labels BEGIN
    INSERT INTO changes (repository_id, seq) VALUES (old.repository_id, (SELECT COALESCE(MAX(seq), 0) + 1 FROM changes))
    ON CONFLICT (repository_id) DO UPDATE SET seq = excluded.seq;
END;
-- +goose StatementEnd
