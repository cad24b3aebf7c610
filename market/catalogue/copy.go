package catalogue

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// Snapshot writes a consistent copy of the database into a new file of SQLite, while others read and write. Of PostgreSQL
// it is what one transaction sees, row by row.
func (c *Catalogue) Snapshot(ctx context.Context, file string) error {
	if c.postgres {
		return wrap(c.snapshotPostgres(ctx, file), "copying the catalogue")
	}
	// Neither of the others will do: one may not write, not even another file, and one is for a transaction at a time.
	db, err := sql.Open("sqlite", c.address)
	if err == nil {
		_, err = db.ExecContext(ctx, "VACUUM INTO ?", file)
	}
	if db != nil {
		db.Close()
	}
	return wrap(err, "copying the catalogue")
}

func (c *Catalogue) snapshotPostgres(ctx context.Context, file string) (err error) {
	to, err := Open(ctx, file)
	if err != nil {
		return err
	}
	defer func() {
		to.Close()
		if err != nil {
			os.Remove(file)
		}
	}()
	tx, err := c.read.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return lost(err)
	}
	defer tx.Rollback()
	if err := to.once(ctx, func(q queries) error { return copyTables(queries{tx, ctx, true}, q) }); err != nil {
		return err
	}
	return to.Reindex(ctx)
}

// Load fills an empty catalogue with what a snapshot holds. ErrExists where it is not empty.
func (c *Catalogue) Load(ctx context.Context, file string) error {
	from, err := Open(ctx, file)
	if err != nil {
		return err
	}
	defer from.Close()
	err = c.once(ctx, func(q queries) error {
		var accounts int
		if err := q.row("SELECT COUNT(*) FROM accounts", nil, &accounts); err != nil {
			return err
		}
		if accounts > 0 {
			return hint.Errorf("name a database that is empty", "it has %d accounts: %w", accounts, ErrExists)
		}
		return copyTables(from.reading(ctx), q)
	})
	if err == nil {
		err = c.Reindex(ctx)
	}
	return wrap(err, "filling the catalogue")
}

// table is one that both databases have.
type table struct {
	name     string
	columns  []string
	booleans []bool // which of the columns are
	needs    []string
	identity bool // it numbers its rows itself, in the column id
}

// copyTables copies all rows from one database to the other, one of which is SQLite. What SQLite has as a virtual table is
// an index that each makes of the rest, and each notes for itself which repositories have changed.
func copyTables(from, to queries) error {
	lite := from
	if from.postgres {
		lite = to
	}
	tables, err := lite.tables()
	if err != nil {
		return err
	}
	for _, t := range tables {
		if err := copyTable(from, to, t); err != nil {
			return fmt.Errorf("the table %s: %w", t.name, err)
		}
	}
	return nil
}

// tables lists SQLite's, but those of the tools for migrations and jobs, in an order in which none comes before those that its rows refer to.
func (q queries) tables() ([]table, error) {
	var names []string
	err := q.rows(`SELECT name FROM sqlite_master t WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'river\_%' ESCAPE '\' AND name NOT IN ('goose_db_version', 'changes', 'identity', 'leases')
		AND NOT EXISTS (SELECT 1 FROM sqlite_master v WHERE v.sql LIKE 'CREATE VIRTUAL%' AND t.name LIKE v.name || '\_%' ESCAPE '\') ORDER BY name`, nil, func(scan func(...any) error) error {
		var name string
		err := scan(&name)
		names = append(names, name)
		return err
	})
	if err != nil {
		return nil, err
	}
	var left, sorted []table
	for _, name := range names {
		t, err := q.table(name)
		if err != nil {
			return nil, err
		}
		left = append(left, t)
	}
	for len(left) > 0 {
		i := slices.IndexFunc(left, func(t table) bool {
			return !slices.ContainsFunc(left, func(other table) bool { return other.name != t.name && slices.Contains(t.needs, other.name) })
		})
		if i < 0 {
			return nil, fmt.Errorf("tables refer to each other in a circle: %s", left[0].name)
		}
		sorted, left = append(sorted, left[i]), slices.Delete(left, i, i+1)
	}
	return sorted, nil
}

func (q queries) table(name string) (table, error) {
	t := table{name: name}
	err := q.rows("SELECT name, type FROM pragma_table_info(?)", []any{name}, func(scan func(...any) error) error {
		var column, kind string
		err := scan(&column, &kind)
		t.columns, t.booleans = append(t.columns, column), append(t.booleans, kind == "BOOLEAN")
		return err
	})
	if err == nil {
		err = q.rows(`SELECT "table" FROM pragma_foreign_key_list(?)`, []any{name}, func(scan func(...any) error) error {
			var other string
			err := scan(&other)
			t.needs = append(t.needs, other)
			return err
		})
	}
	if err == nil {
		err = q.row("SELECT sql LIKE '%AUTOINCREMENT%' FROM sqlite_master WHERE name = ?", []any{name}, &t.identity)
	}
	return t, err
}

// together is how many rows one statement inserts.
const together = 200

func copyTable(from, to queries, t table) error {
	columns := strings.Join(t.columns, ", ")
	row := "(?" + strings.Repeat(", ?", len(t.columns)-1) + ")"
	var pending []any
	insert := func() error {
		if len(pending) == 0 {
			return nil
		}
		n := len(pending) / len(t.columns)
		_, err := to.exec("INSERT INTO "+t.name+" ("+columns+") VALUES "+row+strings.Repeat(", "+row, n-1), pending...)
		pending = pending[:0]
		return err
	}
	err := from.rows("SELECT "+columns+" FROM "+t.name+" ORDER BY 1", nil, func(scan func(...any) error) error {
		values, into := make([]any, len(t.columns)), make([]any, len(t.columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := scan(into...); err != nil {
			return err
		}
		for i, b := range t.booleans {
			if n, ok := values[i].(int64); ok && b {
				values[i] = n != 0
			}
		}
		if pending = append(pending, values...); len(pending) >= together*len(t.columns) {
			return insert()
		}
		return nil
	})
	if err == nil {
		err = insert()
	}
	if err == nil && to.postgres && t.identity {
		var at sql.NullInt64
		err = to.row("SELECT setval(pg_get_serial_sequence(?, 'id'), COALESCE(MAX(id), 1), COUNT(*) > 0) FROM "+t.name, []any{t.name}, &at)
	}
	return err
}
