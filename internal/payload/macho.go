//go:build !slim

package payload

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

// A Mach-O file may hold nothing behind its last segment, __LINKEDIT, and what is signed ends in its signature. So the
// archive becomes part of that segment, and the signature is made anew: an ad hoc one, as Go's linker makes for arm64,
// which macOS asks of every program there. Layouts: Apple's mach-o/loader.h and osfmk/kern/cs_blobs.h.

const (
	machMagic64      = 0xfeedfacf
	machHeaderSize   = 32
	loadSegment64    = 0x19
	loadSignature    = 0x1d
	segmentSize      = 72
	machPage         = 0x4000 // of arm64; a multiple of that of amd64
	signedPage       = 4096   // of which each has a hash
	superBlobMagic   = 0xfade0cc0
	codeDirMagic     = 0xfade0c02
	codeDirVersion   = 0x20400
	adHoc            = 0x2
	linkerSigned     = 0x20000
	sha256Hash       = 2
	mainBinary       = 1
	superBlobSize    = 12 + 8 // one blob
	codeDirSize      = 88
	signedIdentifier = "xiaoyu\x00"
)

func isMachO(program []byte) bool {
	return len(program) > machHeaderSize && binary.LittleEndian.Uint32(program) == machMagic64
}

// machO is where the load commands lie that change.
type machO struct {
	linkedit  int // offset of its segment command
	signature int // offset of the command of the signature; 0 for none
	text      int // offset of the segment command of __TEXT
}

func readMachO(program []byte) (*machO, error) {
	le := binary.LittleEndian
	commands, end := int(le.Uint32(program[16:])), machHeaderSize+int(le.Uint32(program[20:]))
	m := &machO{}
	at := machHeaderSize
	for range commands {
		if at+8 > min(end, len(program)) {
			return nil, fmt.Errorf("putting files into a program: its load commands are cut short")
		}
		kind, size := le.Uint32(program[at:]), int(le.Uint32(program[at+4:]))
		if size < 8 || at+size > min(end, len(program)) {
			return nil, fmt.Errorf("putting files into a program: a load command of %d bytes", size)
		}
		switch {
		case kind == loadSegment64 && size >= segmentSize:
			switch string(bytes.TrimRight(program[at+8:at+24], "\x00")) {
			case "__LINKEDIT":
				m.linkedit = at
			case "__TEXT":
				m.text = at
			}
		case kind == loadSignature && size >= 16:
			m.signature = at
		}
		at += size
	}
	if m.linkedit == 0 || m.text == 0 {
		return nil, fmt.Errorf("putting files into a program: it has no segments __TEXT and __LINKEDIT")
	}
	return m, nil
}

// attachMachO puts archive at the end of the last segment. fill fills the slot, once the archive's offset is known.
func attachMachO(program, archive []byte, fill func(out []byte, offset int)) ([]byte, error) {
	m, err := readMachO(program)
	if err != nil {
		return nil, err
	}
	le := binary.LittleEndian
	end := len(program)
	if m.signature != 0 {
		if end = int(le.Uint32(program[m.signature+8:])); end > len(program) {
			return nil, fmt.Errorf("putting files into a program: its signature lies behind its end")
		}
	}
	start := int(le.Uint64(program[m.linkedit+40:]))
	if start > end {
		return nil, fmt.Errorf("putting files into a program: __LINKEDIT lies behind its end")
	}
	offset := roundUp(end, alignment)
	code := roundUp(offset+len(archive), 16)
	size := code
	if m.signature != 0 {
		size += superBlobSize + codeDirSize + len(signedIdentifier) + roundUp(code, signedPage)/signedPage*sha256.Size
	}
	out := make([]byte, size)
	copy(out, program[:end])
	copy(out[offset:], archive)
	fill(out, offset)
	le.PutUint64(out[m.linkedit+32:], uint64(roundUp(size-start, machPage))) // in memory
	le.PutUint64(out[m.linkedit+48:], uint64(size-start))                    // in the file
	if m.signature != 0 {
		le.PutUint32(out[m.signature+8:], uint32(code))
		le.PutUint32(out[m.signature+12:], uint32(size-code))
		m.sign(out, code)
	}
	return out, nil
}

// sign writes the signature of out[:code] behind it.
func (m *machO) sign(out []byte, code int) {
	pages := roundUp(code, signedPage) / signedPage
	hashes := codeDirSize + len(signedIdentifier)
	b := out[code:code:len(out)]
	u32 := func(values ...uint32) {
		for _, v := range values {
			b = binary.BigEndian.AppendUint32(b, v)
		}
	}
	u64 := func(v uint64) { b = binary.BigEndian.AppendUint64(b, v) }
	u32(superBlobMagic, uint32(len(out)-code), 1, 0, superBlobSize)
	u32(codeDirMagic, uint32(len(out)-code-superBlobSize), codeDirVersion, adHoc|linkerSigned, uint32(hashes), codeDirSize, 0, uint32(pages), uint32(code))
	b = append(b, sha256.Size, sha256Hash, 0, 12) // hash, kind, platform, binary logarithm of the page
	u32(0, 0, 0, 0)                               // spare, scatter, team, spare
	u64(0)                                        // a limit beyond 32 bits
	u64(binary.LittleEndian.Uint64(out[m.text+40:]))
	u64(binary.LittleEndian.Uint64(out[m.text+48:]))
	u64(mainBinary)
	b = append(b, signedIdentifier...)
	for at := 0; at < code; at += signedPage {
		sum := sha256.Sum256(out[at:min(at+signedPage, code)])
		b = append(b, sum[:]...)
	}
}
