//go:build !slim

package payload

import (
	"bytes"
	"crypto/sha256"
	"debug/macho"
	"encoding/binary"
	"fmt"
)

// Check reads a Mach-O program anew, by Go's reader: its last segment must end where the file does, and every page must
// have the hash that its signature says, if there is one. Other programs it takes as they are.
func Check(program []byte) error {
	if !isMachO(program) {
		return nil
	}
	m, err := macho.NewFile(bytes.NewReader(program))
	if err != nil {
		return fmt.Errorf("checking a program for macOS: %w", err)
	}
	last := m.Segment("__LINKEDIT")
	if last == nil || last.Offset+last.Filesz != uint64(len(program)) || last.Memsz < last.Filesz || last.Memsz%machPage != 0 {
		return fmt.Errorf("checking a program for macOS: its last segment does not end with its file of %d bytes", len(program))
	}
	commands, err := readMachO(program)
	if err != nil || commands.signature == 0 {
		return err
	}
	return checkSignature(program, commands.signature)
}

// checkSignature compares the pages of a program with the hashes of its signature, whose load command is at command.
func checkSignature(program []byte, command int) error {
	le, be := binary.LittleEndian, binary.BigEndian
	at, n := int(le.Uint32(program[command+8:])), int(le.Uint32(program[command+12:]))
	if at+n != len(program) || n < superBlobSize+codeDirSize {
		return fmt.Errorf("checking a program for macOS: a signature of %d bytes at %d of %d", n, at, len(program))
	}
	blob := program[at:]
	start := int(be.Uint32(blob[16:]))
	if be.Uint32(blob) != superBlobMagic || start > n-codeDirSize || be.Uint32(blob[start:]) != codeDirMagic {
		return fmt.Errorf("checking a program for macOS: its signature has another form")
	}
	directory := blob[start:]
	hashes, pages := int(be.Uint32(directory[16:])), int(be.Uint32(directory[28:]))
	if int(be.Uint32(directory[32:])) != at || pages != roundUp(at, signedPage)/signedPage || hashes+sha256.Size*pages != len(directory) {
		return fmt.Errorf("checking a program for macOS: its signature is of another program")
	}
	for i := range pages {
		sum := sha256.Sum256(program[signedPage*i : min(signedPage*(i+1), at)])
		if !bytes.Equal(directory[hashes+sha256.Size*i:][:sha256.Size], sum[:]) {
			return fmt.Errorf("checking a program for macOS: page %d is not what was signed", i)
		}
	}
	return nil
}
