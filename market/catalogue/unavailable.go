package catalogue

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// What those who run a market must do something about.
var (
	ErrUnavailable = errors.New("the catalogue cannot be reached")
	ErrFull        = errors.New("no space left for the catalogue")
)

// lost makes ErrUnavailable and ErrFull of what databases say where they are gone, or have no room.
func lost(err error) error {
	switch kind := kindOf(err); kind {
	case nil:
		return err
	case ErrInvalid:
		return hint.Errorf("write text in UTF-8 without the character NUL", "%w: %w", kind, err)
	case ErrFull:
		return hint.Errorf("free some space on the database's disk", "%w: %w", kind, err)
	default:
		return hint.Errorf("try again in a moment; who runs the market looks whether its database runs", "%w: %w", kind, err)
	}
}

func kindOf(err error) error {
	if p := (*pgconn.PgError)(nil); errors.As(err, &p) {
		return postgresKind(p.Code)
	}
	if s := (*sqlite.Error)(nil); errors.As(err, &s) {
		switch s.Code() & 0xff {
		case sqlite3.SQLITE_FULL:
			return ErrFull
		case sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_BUSY:
			return ErrUnavailable
		}
		return nil
	}
	var connect *pgconn.ConnectError
	var network *net.OpError
	if errors.As(err, &connect) || errors.As(err, &network) || errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || err != nil && pgconn.SafeToRetry(err) {
		return ErrUnavailable
	}
	return nil
}

// postgresKind reads a code of PostgreSQL's (https://www.postgresql.org/docs/current/errcodes-appendix.html).
func postgresKind(code string) error {
	switch {
	case code == "53100": // disk_full
		return ErrFull
	case code == "22021", code == "22P05": // character_not_in_repertoire, untranslatable_character: NUL, or no UTF-8
		return ErrInvalid
	case code == "57014": // query_canceled, by us
		return nil
	}
	switch code[:min(len(code), 2)] {
	case "08", "53", "57", "58": // connection, resources, intervention of an operator, system
		return ErrUnavailable
	}
	return nil
}
