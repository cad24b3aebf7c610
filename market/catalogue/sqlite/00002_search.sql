-- +goose Up
-- Words of packages, cut by Catalogue.index, by the id of their repository.

CREATE VIRTUAL TABLE words USING fts5(text, content='', contentless_delete=1, detail=none, tokenize='unicode61 remove_diacritics 0');

-- +goose StatementBegin
CREATE TRIGGER repositories_words AFTER DELETE ON repositories BEGIN
    DELETE FROM words WHERE rowid = old.id;
END;
-- +goose StatementEnd

CREATE INDEX repositories_downloads ON repositories (downloads);
CREATE INDEX repositories_updated ON repositories (updated);
CREATE INDEX repositories_size ON repositories (size);
CREATE INDEX downloads_day ON downloads_by_day (day);
