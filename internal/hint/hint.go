// Package hint carries the way out of an error beside the error itself.
//
// An error in this project says what was being done, to what, and why it failed; what the user can do about it is
// kept apart, so that the command line, the web pages and the JSON answers can each show it in their own way and no
// caller can forget it:
//
//	return hint.Wrap(err, "check the path, or pass --data", "opening %s", path)
//
// [Way] finds the innermost hint of a chain: the place that knows most about the failure knows the way out best.
package hint

import (
	"errors"
	"fmt"
)

// Error is an error with a way out. Its message is the error's alone; [Way] reads the hint.
type Error struct {
	Way string // what the user can do, in lower case, without a full stop
	Err error
}

// Error returns the message without the hint.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns the error that carries the message.
func (e *Error) Unwrap() error { return e.Err }

// Errorf returns a new error with the given way out.
func Errorf(way, format string, args ...any) error {
	return &Error{Way: way, Err: fmt.Errorf(format, args...)}
}

// Wrap says what was being done when err happened, and the way out. The message is "what: err".
func Wrap(err error, way, format string, args ...any) error {
	return &Error{Way: way, Err: fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), err)}
}

// Way returns the innermost hint of err's chain, or "" if there is none.
func Way(err error) string {
	way := ""
	for err != nil {
		var e *Error
		if !errors.As(err, &e) {
			break
		}
		if e.Way != "" {
			way = e.Way
		}
		err = e.Err
	}
	return way
}
