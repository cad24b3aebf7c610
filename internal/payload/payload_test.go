package payload

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

var files = map[string][]byte{
	"config.json":         []byte(`{"a": 1}`),
	"model.safetensors":   bytes.Repeat([]byte{1, 2, 3}, 10_000),
	"members/1/README.md": []byte("# 小语\n"),
	"empty":               {},
}

// program is something with an empty slot in it.
func program() []byte {
	b := append([]byte("\x7fELF and what a program has, "), slot[:]...)
	return append(b, "and the rest of it"...)
}

// openBytes opens what a program carries, as that program would.
func openBytes(t *testing.T, program []byte) (*Files, error) {
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, program, 0o755); err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(program, mark())
	if at < 0 {
		t.Fatal("the slot is gone")
	}
	return open(path, program[at:at+slotSize])
}

func TestWhatIsAttachedIsFound(t *testing.T) {
	out, err := Attach(program(), files, "sha256:abc")
	if err != nil {
		t.Fatal(err)
	}
	for _, out := range [][]byte{out, append(bytes.Clone(out), "a signature behind it"...)} {
		f, err := openBytes(t, out)
		if err != nil {
			t.Fatal(err)
		}
		if f.Note != "sha256:abc" {
			t.Errorf("note %q", f.Note)
		}
		for name, want := range files {
			got, err := fs.ReadFile(f, name)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s: %d bytes, %v", name, len(got), err)
			}
			if len(got) > 0 && uintptr(unsafe.Pointer(&got[0]))%alignment != 0 {
				t.Errorf("%s lies at an odd place", name)
			}
		}
		sub, err := fs.Sub(f, "members/1")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := fs.ReadFile(sub, "README.md"); err != nil || string(got) != "# 小语\n" {
			t.Errorf("in a folder: %q, %v", got, err)
		}
		if _, err := f.ReadFile("other"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a file that is not there: %v", err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	again, err := Attach(program(), files, "sha256:abc")
	if err != nil || !bytes.Equal(again, out) {
		t.Errorf("the same files make other bytes: %v", err)
	}
}

func TestProgramsThatCanCarryNothingAreRefused(t *testing.T) {
	full, err := Attach(program(), files, "")
	if err != nil {
		t.Fatal(err)
	}
	for says, p := range map[string][]byte{
		"no slot":            []byte("\x7fELF"),
		"more than one slot": append(program(), program()...),
		"carries .* already": full,
		"no slot for them":   program()[:60],
		"a load command of":  append(machOf(t, true)[:40:40], slot[:]...),
	} {
		_, err := Attach(p, files, "")
		if err == nil || !matches(says, err.Error()) {
			t.Errorf("%s: %v", says, err)
		}
	}
	if _, err := Attach(program(), files, strings.Repeat("x", noteSize+1)); err == nil {
		t.Error("a long note was taken")
	}
}

func matches(pattern, s string) bool {
	at := 0
	for _, part := range strings.Split(pattern, ".*") {
		i := strings.Index(s[at:], part)
		if i < 0 {
			return false
		}
		at += i + len(part)
	}
	return true
}

func TestDamagedProgramsAreRefused(t *testing.T) {
	out, err := Attach(program(), files, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := openBytes(t, program()); !errors.Is(err, ErrNone) || hint.Way(err) == "" {
		t.Errorf("an empty slot: %v", err)
	}
	for _, n := range []int{len(out) - 1, len(out) - 500, len(program()) + 8} {
		if _, err := openBytes(t, out[:n]); err == nil || !strings.Contains(hint.Way(err), "get it again") {
			t.Errorf("cut to %d of %d bytes: %v", n, len(out), err)
		}
	}
	far := bytes.Clone(out)
	binary.LittleEndian.PutUint64(far[bytes.Index(far, mark())+markSize:], 1<<63)
	if _, err := openBytes(t, far); err == nil {
		t.Error("an offset behind the end was taken")
	}
}

// machOf is a Mach-O program with the segments __TEXT and __LINKEDIT, a slot, and a signature if signed.
func machOf(t *testing.T, signed bool) []byte {
	t.Helper()
	le := binary.LittleEndian
	var commands []byte
	segment := func(name string, offset, size int) {
		c := make([]byte, segmentSize)
		le.PutUint32(c, loadSegment64)
		le.PutUint32(c[4:], segmentSize)
		copy(c[8:], name)
		le.PutUint64(c[32:], uint64(roundUp(size, machPage)))
		le.PutUint64(c[40:], uint64(offset))
		le.PutUint64(c[48:], uint64(size))
		commands = append(commands, c...)
	}
	segment("__TEXT", 0, 4096)
	segment("__LINKEDIT", 4096, 600)
	if signed {
		commands = le.AppendUint32(commands, loadSignature)
		commands = le.AppendUint32(commands, 16)
		commands = le.AppendUint32(commands, 4096+500)
		commands = le.AppendUint32(commands, 100)
	}
	p := make([]byte, 4096+600)
	le.PutUint32(p, machMagic64)
	le.PutUint32(p[4:], 0x0100000c) // arm64
	le.PutUint32(p[12:], 2)         // a program
	le.PutUint32(p[16:], uint32(2+len(commands)/(2*segmentSize+16)))
	le.PutUint32(p[20:], uint32(len(commands)))
	copy(p[machHeaderSize:], commands)
	copy(p[2000:], slot[:])
	return p
}

func TestMachOSegmentsAndSignatureHoldWhatIsAttached(t *testing.T) {
	for _, signed := range []bool{true, false} {
		out, err := Attach(machOf(t, signed), files, "note")
		if err != nil {
			t.Fatal(err)
		}
		f, err := openBytes(t, out)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := f.ReadFile("model.safetensors"); err != nil || !bytes.Equal(got, files["model.safetensors"]) {
			t.Errorf("signed %v: %v", signed, err)
		}
		if m, err := readMachO(out); err != nil || (m.signature != 0) != signed {
			t.Errorf("signature at %d, %v", m.signature, err)
		}
		if err := Check(out); err != nil {
			t.Error(err)
		}
		for at := range 3 {
			bad := bytes.Clone(out)
			bad[2000+1000*at] ^= 1
			if err := Check(bad); signed && (err == nil || !strings.Contains(err.Error(), "page")) {
				t.Errorf("a changed byte: %v", err)
			}
		}
		if err := Check(append(out, 0)); err == nil {
			t.Error("a byte behind the last segment was not seen")
		}
	}
}
