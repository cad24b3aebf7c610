package program

import (
	"bytes"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// windows makes wine ready, in a folder of its own, and returns its path.
//
// Programs of Go take their random numbers from bcryptprimitives.dll, which is in Windows since version 7 and in wine
// only since versions later than Debian 12's 8.0. Where it is missing, a library of that name takes its place whose one
// function is advapi32's of the same kind.
func windows(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("wine")
	if err != nil {
		t.Skip("needs wine, which is not here")
	}
	prefix, err := os.MkdirTemp("", "xiaoyu-wine-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = exec.Command("wineserver", "-k").Run() // it may have ended by itself
		_ = os.RemoveAll(prefix)
	})
	t.Setenv("WINEPREFIX", prefix)
	t.Setenv("WINEDEBUG", "-all")
	t.Setenv("WINEDLLOVERRIDES", "mscoree,mshtml=") // nothing is asked for that would have to be fetched
	if out, err := exec.Command("wineboot", "--init").CombinedOutput(); err != nil {
		t.Fatalf("wineboot: %v: %s", err, out)
	}
	library := filepath.Join(prefix, "drive_c", "windows", "system32", "bcryptprimitives.dll")
	if _, err := os.Stat(library); err != nil {
		if err := os.WriteFile(library, forwarding("bcryptprimitives.dll", "ProcessPrng", "advapi32.SystemFunction036"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// forwarding is a library for Windows on amd64 that has one function, which is another library's, and no code.
// https://learn.microsoft.com/windows/win32/debug/pe-format
func forwarding(name, function, to string) []byte {
	const (
		page    = 0x1000 // where the section lies in memory
		block   = 0x200  // and in the file
		headers = 64
	)
	var section bytes.Buffer
	put := func(b *bytes.Buffer, values ...any) {
		for _, v := range values {
			_ = binary.Write(b, binary.LittleEndian, v) // a buffer takes all
		}
	}
	const directory, tables = 40, 10
	strings := page + directory + tables
	nameAt, functionAt, toAt := strings, strings+len(name)+1, strings+len(name)+len(function)+2
	put(&section, uint32(0), uint32(0), uint32(0), uint32(nameAt), uint32(1), uint32(1), uint32(1),
		uint32(page+directory), uint32(page+directory+4), uint32(page+directory+8))
	put(&section, uint32(toAt), uint32(functionAt), uint16(0)) // an address within the directory names another library's function
	section.WriteString(name + "\x00" + function + "\x00" + to + "\x00")
	size := section.Len()

	var b bytes.Buffer
	b.WriteString("MZ")
	b.Write(make([]byte, 58))
	put(&b, uint32(headers))
	b.WriteString("PE\x00\x00")
	put(&b, uint16(0x8664), uint16(1), uint32(0), uint32(0), uint32(0), uint16(240), uint16(0x2022))
	put(&b, uint16(0x20b), uint16(0), uint32(0), uint32(block), uint32(0), uint32(0), uint32(page))
	put(&b, uint64(0x180000000), uint32(page), uint32(block), uint16(6), uint16(0), uint16(0), uint16(0), uint16(6), uint16(0), uint32(0))
	put(&b, uint32(2*page), uint32(block), uint32(0), uint16(3), uint16(0x100), uint64(1<<20), uint64(page), uint64(1<<20), uint64(page), uint32(0), uint32(16))
	put(&b, uint32(page), uint32(size))
	b.Write(make([]byte, 15*8))
	b.WriteString(".rdata\x00\x00")
	put(&b, uint32(size), uint32(page), uint32(block), uint32(block), uint32(0), uint32(0), uint32(0), uint32(0x40000040))
	b.Write(make([]byte, block-b.Len()))
	b.Write(section.Bytes())
	b.Write(make([]byte, 2*block-b.Len()))
	return b.Bytes()
}
