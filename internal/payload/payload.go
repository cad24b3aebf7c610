// Package payload lets a program carry files within itself: the runner of `xiaoyu export --to exe` carries a model.
//
// The files are a zip archive (stored, not compressed, so that they can be used where they lie; `unzip -l PROGRAM` lists
// them) somewhere in the program's file. Where, stands in a slot: a variable that begins with a mark, which [Attach]
// finds in a program that somebody else has compiled, and fills in. A trailer at the end of the file would be simpler,
// but signing a program moves its end.
package payload

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"maps"
	"os"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/internal/mapfile"
)

// slot is filled in by Attach: the mark, then offset and length of the archive in the file as little-endian 64-bit
// numbers, then what the program says of itself (note).
var slot = [slotSize]byte{
	0x9b, 0xe5, 0xb0, 0x8f, 0xe8, 0xaf, 0xad, 0x1a, 0x78, 0x69, 0x61, 0x6f, 0x79, 0x75, 0x20, 0x73,
	0x6c, 0x6f, 0x74, 0x20, 0x31, 0x0d, 0x0a, 0x00, 0xf1, 0x7c, 0x03, 0xd8, 0x55, 0xaa, 0x42, 0xc6,
}

const (
	markSize = 32
	noteSize = 80
	slotSize = markSize + 16 + noteSize
)

// alignment of files within the program's file, in bytes: weights are used where they lie.
const alignment = 64

// mark is what a slot begins with. It is made here, so that a program holds it once, in its slot.
func mark() []byte { return slices.Clone(slot[:markSize]) }

// Files are what a program carries. ReadFile returns them where they lie in memory: they must not be changed.
type Files struct {
	*zip.Reader
	Note string // what Attach was told to write: the digest of what the files are

	content map[string][]byte
	unmap   func() error
}

// ErrNone is the cause of an error when a program carries nothing.
var ErrNone = errors.New("this program carries no files")

// Own opens what the running program carries.
func Own() (*Files, error) {
	path, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("looking for the program's own file: %w", err)
	}
	return open(path, slot[:])
}

// Open opens what another program carries, by the slot that Attach filled in.
func Open(path string) (*Files, error) {
	data, unmap, err := mapfile.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	at := bytes.Index(data, mark())
	var own []byte
	if at >= 0 && at+slotSize <= len(data) {
		own = bytes.Clone(data[at : at+slotSize])
	}
	unmap()
	if own == nil {
		return nil, hint.Wrap(ErrNone, "name one that `xiaoyu export MODEL --to exe` made", "opening %s", path)
	}
	return open(path, own)
}

const way = "the program is damaged or was cut short: get it again"

// open opens what the program at path carries, by its slot.
func open(path string, slot []byte) (*Files, error) {
	offset, length := binary.LittleEndian.Uint64(slot[markSize:]), binary.LittleEndian.Uint64(slot[markSize+8:])
	if length == 0 {
		return nil, hint.Wrap(ErrNone, "make one that does with `xiaoyu export MODEL --to exe`", "opening %s", path)
	}
	data, unmap, err := mapfile.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	if n := uint64(len(data)); offset > n || length > n-offset {
		unmap()
		return nil, hint.Errorf(way, "opening %s: it has %d bytes, and should carry %d from byte %d on", path, n, length, offset)
	}
	f, err := Read(data[offset : offset+length])
	if err != nil {
		unmap()
		return nil, hint.Wrap(err, way, "reading what %s carries", path)
	}
	f.Note, f.unmap = string(bytes.TrimRight(slot[markSize+16:], "\x00")), unmap
	return f, nil
}

// Read opens an archive that lies in memory, as Archive writes it.
func Read(data []byte) (*Files, error) {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, err
	}
	f := &Files{Reader: z, content: map[string][]byte{}, unmap: func() error { return nil }}
	for _, e := range z.File {
		at, err := e.DataOffset()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", e.Name, err)
		}
		n := e.UncompressedSize64
		if e.Method != zip.Store || at < 0 || uint64(at) > uint64(len(data)) || n > uint64(len(data))-uint64(at) {
			return nil, fmt.Errorf("%s is not stored as it is", e.Name)
		}
		f.content[e.Name] = data[at : at+int64(n) : at+int64(n)]
	}
	return f, nil
}

// ReadFile returns a file's content where it lies.
func (f *Files) ReadFile(name string) ([]byte, error) {
	data, ok := f.content[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return data, nil
}

// Close gives the files' memory back.
func (f *Files) Close() error { return f.unmap() }

// Archive writes files as a zip archive whose files lie at multiples of 64 bytes, if it does itself.
func Archive(files map[string][]byte) ([]byte, error) {
	size := 1024
	for name, data := range files {
		size += len(data) + 4*len(name) + 512
	}
	b := bytes.NewBuffer(make([]byte, 0, size))
	z := zip.NewWriter(b)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		data := files[name]
		h := &zip.FileHeader{
			Name: name, Method: zip.Store, CRC32: crc32.ChecksumIEEE(data),
			CompressedSize64: uint64(len(data)), UncompressedSize64: uint64(len(data)),
		}
		if err := z.Flush(); err != nil {
			return nil, err
		}
		const localHeader, extraHeader = 30, 4
		pad := (alignment - (b.Len()+localHeader+len(name)+extraHeader)%alignment) % alignment
		h.Extra = binary.LittleEndian.AppendUint16(h.Extra, 0xD935) // the field that Android's zipalign pads with
		h.Extra = binary.LittleEndian.AppendUint16(h.Extra, uint16(pad))
		h.Extra = append(h.Extra, make([]byte, pad)...)
		w, err := z.CreateRaw(h)
		if err != nil {
			return nil, err
		}
		if _, err := w.Write(data); err != nil {
			return nil, err
		}
	}
	err := z.Close()
	return b.Bytes(), err
}

// PageFile is the name of the page to try a model, in a language, among the files of a program.
func PageFile(lang string) string { return "page/" + lang + ".html" }
