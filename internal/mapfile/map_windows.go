package mapfile

import (
	"os"
	"unsafe"

	"golang.org/x/sys/windows"
)

// mapRegular maps size bytes of a file into memory, read-only.
func mapRegular(f *os.File, size int) (data []byte, unmap func() error, err error) {
	handle, err := windows.CreateFileMapping(windows.Handle(f.Fd()), nil, windows.PAGE_READONLY, 0, 0, nil)
	if err != nil {
		return nil, nil, err
	}
	defer windows.CloseHandle(handle)
	address, err := windows.MapViewOfFile(handle, windows.FILE_MAP_READ, 0, 0, 0)
	if err != nil {
		return nil, nil, err
	}
	// The address comes from the system, not from Go's heap: the indirection tells vet that it is meant so.
	data = unsafe.Slice(*(**byte)(unsafe.Pointer(&address)), size)
	return data, func() error { return windows.UnmapViewOfFile(address) }, nil
}
