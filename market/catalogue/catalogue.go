// Package catalogue knows what a market holds and who may do what with it: accounts, repositories, their manifests and
// revisions, names and versions, counts, and which blobs they need. The blobs themselves are package blob's.
//
//	c, err := catalogue.Open(ctx, "data/market.db")            // or postgres://…
//	who, err := c.Authenticate(ctx, token)
//	r, err := c.Repository(ctx, who, "ada/sentiment")           // ErrNotFound also for what who may not see
//	t, err := c.Resolve(ctx, r, "1.0.0")
//
// The database is SQLite in a file (one writer at a time, readers beside it) or PostgreSQL, where several servers share
// one. Both pass the same tests. What belongs together happens in one transaction: a version is published or it is not.
//
// Names of private repositories are no different from names that do not exist, for those who may not read them.
package catalogue

import (
	"context"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	"github.com/pressly/goose/v3"
	"github.com/riverqueue/river"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// What callers can act upon.
var (
	ErrNotFound        = errors.New("not found")
	ErrUnauthenticated = errors.New("nobody is logged in")
	ErrForbidden       = errors.New("not permitted")
	ErrExists          = errors.New("there is one already")
	ErrInvalid         = errors.New("not valid")
	ErrPublished       = errors.New("a published version never changes")
	ErrConflict        = errors.New("somebody else was faster")
)

//go:embed sqlite postgres
var migrations embed.FS

// Catalogue is an open database. Its methods may be called from several goroutines.
type Catalogue struct {
	MostPackages int         // of an owner; 0 is no limit. Do not change it once it is used
	Reviews      ReviewRules // nor this

	read, write *sql.DB // the same one with PostgreSQL
	postgres    bool
	address     string // of SQLite's file
	now         func() time.Time
	live        atomic.Pointer[live]   // nil until KeepIndex has one
	written     atomic.Int64           // transactions that this process has ended
	jobs        *river.Client[*sql.Tx] // adds jobs alone
}

// Open opens the database at source, a file or an address that begins with postgres://, and brings its tables up to date.
func Open(ctx context.Context, source string) (*Catalogue, error) {
	c := &Catalogue{now: time.Now, postgres: strings.HasPrefix(source, "postgres://") || strings.HasPrefix(source, "postgresql://")}
	err := c.connect(source)
	if err == nil {
		err = c.migrate(ctx)
	}
	if err == nil {
		err = c.openJobs(ctx)
	}
	if err != nil {
		c.Close()
		return nil, hint.Wrap(err, "check that the database can be reached and written", "opening the catalogue %s", shown(source))
	}
	return c, nil
}

func (c *Catalogue) connect(source string) (err error) {
	if !c.postgres {
		return c.openSQLite(source)
	}
	if c.write, err = sql.Open("pgx", source); err != nil {
		return err
	}
	c.write.SetMaxIdleConns(16) // of two, which is the default, most requests would wait for a new one
	c.write.SetConnMaxIdleTime(5 * time.Minute)
	c.read = c.write
	return nil
}

// openSQLite opens a file twice: for one writer, whose transactions lock from their beginning, and for readers.
func (c *Catalogue) openSQLite(file string) (err error) {
	c.address = (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: filepath.ToSlash(file)}).EscapedPath()}).String() +
		"?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)"
	if c.write, err = sql.Open("sqlite", c.address+"&_txlock=immediate"); err != nil {
		return err
	}
	c.write.SetMaxOpenConns(1)
	if c.read, err = sql.Open("sqlite", c.address+"&_pragma=query_only(1)"); err != nil {
		return err
	}
	c.read.SetMaxOpenConns(8)
	c.read.SetMaxIdleConns(8)
	return nil
}

// shown is a source without the password that it may hold.
func shown(source string) string {
	if u, err := url.Parse(source); err == nil && u.User != nil {
		return u.Redacted()
	}
	return source
}

func (c *Catalogue) migrate(ctx context.Context) error {
	dialect, dir := goose.DialectSQLite3, "sqlite"
	if c.postgres {
		dialect, dir = goose.DialectPostgres, "postgres"
	}
	files, err := fs.Sub(migrations, dir)
	if err != nil {
		return err
	}
	// Migrations are written side by side: one with a lower number may come to a database that has a higher one already.
	p, err := goose.NewProvider(dialect, c.write, files, goose.WithDisableGlobalRegistry(true), goose.WithAllowOutofOrder(true))
	if err != nil {
		return err
	}
	done, err := p.Up(ctx)
	if err != nil {
		return err
	}
	for _, d := range done {
		if filepath.Base(d.Source.Path) == indexMigration {
			return c.Reindex(ctx)
		}
	}
	return nil
}

// searchMigration makes the index of words, and indexMigration the last change of what is in it, which only this program
// can fill. triggersMigration has changes noted for the index in memory.
const (
	searchMigration   = "00002_search.sql"
	indexMigration    = "00009_ranking.sql"
	triggersMigration = "00014_changed.sql"
)

// Close ends all connections.
func (c *Catalogue) Close() error {
	var errs []error
	if c.read != nil && c.read != c.write {
		errs = append(errs, c.read.Close())
	}
	if c.write != nil {
		errs = append(errs, c.write.Close())
	}
	return errors.Join(errs...)
}

// Ping tells whether the database answers.
func (c *Catalogue) Ping(ctx context.Context) error { return lost(c.read.PingContext(ctx)) }

// queries runs statements that are written with ? for their arguments, whichever database it is.
type queries struct {
	on interface {
		ExecContext(context.Context, string, ...any) (sql.Result, error)
		QueryContext(context.Context, string, ...any) (*sql.Rows, error)
		QueryRowContext(context.Context, string, ...any) *sql.Row
	}
	ctx      context.Context
	postgres bool
}

func (q queries) text(statement string) string {
	if !q.postgres {
		return statement
	}
	var b strings.Builder
	n := 0
	for part := range strings.SplitSeq(statement, "?") {
		if n > 0 {
			b.WriteString("$" + strconv.Itoa(n))
		}
		b.WriteString(part)
		n++
	}
	return b.String()
}

// exec runs a statement and returns how many rows it changed.
func (q queries) exec(statement string, args ...any) (int64, error) {
	r, err := q.on.ExecContext(q.ctx, q.text(statement), args...)
	if err != nil {
		return 0, lost(err)
	}
	return r.RowsAffected()
}

// row runs a query for one row; ErrNotFound if there is none.
func (q queries) row(statement string, args []any, into ...any) error {
	err := q.on.QueryRowContext(q.ctx, q.text(statement), args...).Scan(into...)
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	}
	return lost(err)
}

// rows runs a query and calls each for every row.
func (q queries) rows(statement string, args []any, each func(scan func(...any) error) error) error {
	r, err := q.on.QueryContext(q.ctx, q.text(statement), args...)
	if err != nil {
		return lost(err)
	}
	defer r.Close()
	for r.Next() {
		if err := each(r.Scan); err != nil {
			return err
		}
	}
	return lost(r.Err())
}

// lockRepository keeps other transactions from changing a repository until this one ends. SQLite's are alone anyway.
func (q queries) lockRepository(id int64) error {
	lock := ""
	if q.postgres {
		lock = " FOR UPDATE"
	}
	return q.row("SELECT id FROM repositories WHERE id = ?"+lock, []any{id}, &id)
}

// reading returns what runs queries that change nothing.
func (c *Catalogue) reading(ctx context.Context) queries { return queries{c.read, ctx, c.postgres} }

// update runs f in a transaction, again if another one was in its way.
func (c *Catalogue) update(ctx context.Context, f func(q queries) error) error {
	for try := 0; ; try++ {
		err := c.once(ctx, f)
		if err == nil || try == 5 || !passing(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Duration(10<<try) * time.Millisecond):
		}
	}
}

func (c *Catalogue) once(ctx context.Context, f func(q queries) error) error {
	tx, err := c.write.BeginTx(ctx, nil)
	if err != nil {
		return lost(err)
	}
	defer tx.Rollback()
	if err := f(queries{tx, ctx, c.postgres}); err != nil {
		return err
	}
	err = tx.Commit()
	c.written.Add(1)
	return lost(err)
}

// passing tells an error that a second try may not have: transactions that were in each other's way.
func passing(err error) bool {
	if p := (*pgconn.PgError)(nil); errors.As(err, &p) {
		return p.Code == "40001" || p.Code == "40P01" // serialization_failure, deadlock_detected
	}
	if s := (*sqlite.Error)(nil); errors.As(err, &s) {
		return s.Code()&0xff == sqlite3.SQLITE_BUSY
	}
	return false
}

// Times are kept as microseconds, which both databases compare alike.
func stamp(t time.Time) int64 { return t.UnixMicro() }

func when(stamp int64) time.Time { return time.UnixMicro(stamp).UTC() }

// wrap says what was being done, and leaves alone what says so itself.
func wrap(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), err)
}

// timeColumn scans a stamp; 0 is no time.
type timeColumn struct{ to *time.Time }

// Scan is sql.Scanner's.
func (t timeColumn) Scan(v any) error {
	n, ok := v.(int64)
	if !ok {
		return fmt.Errorf("%T is no time", v)
	}
	if n != 0 {
		*t.to = when(n)
	}
	return nil
}

// jsonText is what jsonColumn scans.
func jsonText(v any) (string, error) {
	b, err := json.Marshal(v)
	return string(b), err
}

// jsonColumn scans what is kept as JSON, "" for nothing.
type jsonColumn struct{ to any }

// Scan is sql.Scanner's.
func (j jsonColumn) Scan(v any) error {
	text, ok := v.(string)
	if !ok || text == "" {
		return nil
	}
	return json.Unmarshal([]byte(text), j.to)
}
