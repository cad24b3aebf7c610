//go:build unix

package mapfile

import (
	"os"

	"golang.org/x/sys/unix"
)

// mapRegular maps size bytes of a file into memory, read-only.
func mapRegular(f *os.File, size int) (data []byte, unmap func() error, err error) {
	data, err = unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, nil, err
	}
	return data, func() error { return unix.Munmap(data) }, nil
}
