//go:build !slim

package payload

import (
	"bytes"
	"encoding/binary"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// Attach returns program, a compiled program with a slot of its own (ELF, PE or Mach-O), with files in it. note is what
// the program will find as Files.Note, at most 80 bytes. A Mach-O program that was signed is signed anew, ad hoc; the
// signature of others, if any, is to be made afterwards.
func Attach(program []byte, files map[string][]byte, note string) ([]byte, error) {
	at := bytes.Index(program, mark())
	if at < 0 || at+slotSize > len(program) {
		return nil, hint.Errorf("name a runner that `xiaoyu export` or the project's release made", "putting files into a program: it has no slot for them")
	}
	if bytes.Contains(program[at+1:], mark()) {
		return nil, hint.Errorf("name a runner that carries nothing yet", "putting files into a program: it has more than one slot for them")
	}
	if n := binary.LittleEndian.Uint64(program[at+markSize+8:]); n != 0 {
		return nil, hint.Errorf("name a runner that carries nothing yet", "putting files into a program: it carries %d bytes already", n)
	}
	if len(note) > noteSize {
		return nil, hint.Errorf("shorten it", "putting files into a program: a note of %d bytes, at most %d fit", len(note), noteSize)
	}
	zip, err := Archive(files)
	if err != nil {
		return nil, err
	}
	fill := func(out []byte, offset int) {
		binary.LittleEndian.PutUint64(out[at+markSize:], uint64(offset))
		binary.LittleEndian.PutUint64(out[at+markSize+8:], uint64(len(zip)))
		copy(out[at+markSize+16:], note)
	}
	if isMachO(program) {
		return attachMachO(program, zip, fill)
	}
	offset := roundUp(len(program), alignment)
	out := make([]byte, offset, offset+len(zip))
	copy(out, program)
	out = append(out, zip...)
	fill(out, offset)
	return out, nil
}

func roundUp(n, multiple int) int { return (n + multiple - 1) / multiple * multiple }
