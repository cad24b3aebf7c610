// Package mapfile brings files into memory without copying them: pages are read when they are first looked at, and a
// process that opens a file of weights twice holds it once.
package mapfile

import (
	"errors"
	"math"
	"os"
)

// Open maps the file at path into memory, read-only; where the system cannot, it is read. The data is valid until
// unmap is called, and nothing may be written to it.
func Open(path string) (data []byte, unmap func() error, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, errors.Unwrap(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	switch {
	case !info.Mode().IsRegular():
		return nil, nil, errors.New("it is not a regular file")
	case info.Size() == 0:
		return nil, func() error { return nil }, nil
	case info.Size() > math.MaxInt:
		return nil, nil, errors.New("it is too large for this system")
	}
	return mapRegular(f, int(info.Size()))
}
