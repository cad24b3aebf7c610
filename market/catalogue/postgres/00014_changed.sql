-- +goose Up
-- Every change of what a search reads is noted, whoever makes it, under the number of its transaction: whoever asks again
-- from the oldest one that was still running has missed none.

INSERT INTO identity (id) VALUES (md5(random()::TEXT || clock_timestamp()::TEXT));

-- +goose StatementBegin
CREATE FUNCTION note_change(changed BIGINT) RETURNS VOID LANGUAGE SQL AS $$
    INSERT INTO changes (repository_id, seq) VALUES (changed, CAST(CAST(pg_current_xact_id() AS TEXT) AS BIGINT))
    ON CONFLICT (repository_id) DO UPDATE SET seq = excluded.seq WHERE changes.seq <> excluded.seq
$$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION note_repository() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    PERFORM note_change(COALESCE(NEW.id, OLD.id));
    RETURN NULL;
END
$$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION note_label() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    PERFORM note_change(COALESCE(NEW.repository_id, OLD.repository_id));
    RETURN NULL;
END
$$;
-- +goose StatementEnd

CREATE TRIGGER repositories_added AFTER INSERT OR DELETE ON repositories FOR EACH ROW EXECUTE FUNCTION note_repository();
CREATE TRIGGER repositories_changed AFTER UPDATE OF owner_id, name, kind, private, title, description, licence, task, library, family, size, latency, downloads, trend, rating, updated ON repositories FOR EACH ROW EXECUTE FUNCTION note_repository();
CREATE TRIGGER labels_changed AFTER INSERT OR DELETE ON labels FOR EACH ROW EXECUTE FUNCTION note_label();
