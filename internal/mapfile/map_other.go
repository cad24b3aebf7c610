//go:build !unix && !windows

package mapfile

import (
	"io"
	"os"
)

// mapRegular reads the file: this system cannot map one.
func mapRegular(f *os.File, size int) (data []byte, unmap func() error, err error) {
	data = make([]byte, size)
	_, err = io.ReadFull(f, data)
	return data, func() error { return nil }, err
}
