package corpus

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// A corpus on disk is two files of numbers, little-endian and four bytes each: a token's id, shifted by two bits, and in
// these whether it begins a word and a sequence. The index says where their blocks begin. It is written last: a folder
// without it was not finished.
const (
	beginsWord     = 1
	beginsSequence = 2

	indexFile = "corpus.json"
)

var partFiles = [2]string{"train.tokens", "heldout.tokens"}

// index is corpus.json.
type index struct {
	Report Report       `json:"report"`
	Parts  [2]partIndex `json:"parts"`
}

// partIndex describes one file.
type partIndex struct {
	Digest    string  `json:"digest"` // SHA-256 of the file
	Tokens    int64   `json:"tokens"`
	Sequences int64   `json:"sequences"`
	Blocks    []block `json:"blocks"`
}

// block is a run of sequences: so many tokens at least, but in the last one.
type block struct {
	At        int64 `json:"at"` // token at which it begins
	Sequences int32 `json:"n"`
}

const blockTokens = 1 << 16

// begin counts a sequence that is about to be written.
func (p *partIndex) begin() {
	if n := len(p.Blocks); n == 0 || p.Tokens-p.Blocks[n-1].At >= blockTokens {
		p.Blocks = append(p.Blocks, block{At: p.Tokens})
	}
	p.Blocks[len(p.Blocks)-1].Sequences++
	p.Sequences++
}

// Store is a corpus on disk.
type Store struct {
	Train, HeldOut *Part
	Report         Report
}

// Part is the sequences of a corpus that are for one purpose.
type Part struct {
	partIndex
	file *os.File
}

// Digest identifies the sequences.
func (p *Part) Digest() string { return p.partIndex.Digest }

// Sequences returns how many there are.
func (p *Part) Sequences() int64 { return p.partIndex.Sequences }

// Tokens returns how many tokens all sequences have together.
func (p *Part) Tokens() int64 { return p.partIndex.Tokens }

// Open opens what Build has written to dir; fs.ErrNotExist is the cause where it was not finished.
func Open(dir string) (*Store, error) {
	content, err := os.ReadFile(filepath.Join(dir, indexFile))
	if err != nil {
		return nil, hint.Wrap(err, "build it anew", "opening the corpus %s", dir)
	}
	var x index
	if err := json.Unmarshal(content, &x); err != nil {
		return nil, hint.Wrap(err, "build it anew", "opening the corpus %s", dir)
	}
	s := &Store{Report: x.Report}
	for i, p := range []**Part{&s.Train, &s.HeldOut} {
		if *p, err = openPart(filepath.Join(dir, partFiles[i]), x.Parts[i]); err != nil {
			return nil, errors.Join(hint.Wrap(err, "build it anew", "opening the corpus %s", dir), s.Close())
		}
	}
	return s, nil
}

func openPart(path string, x partIndex) (*Part, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() != 4*x.Tokens {
		return nil, fmt.Errorf("%s has %d bytes, expected %d", filepath.Base(path), info.Size(), 4*x.Tokens)
	}
	sequences := int64(0)
	for i, b := range x.Blocks {
		if b.At < 0 || b.At >= x.Tokens || b.Sequences < 1 || i > 0 && b.At <= x.Blocks[i-1].At {
			return nil, fmt.Errorf("%s: block %d begins at token %d", indexFile, i, b.At)
		}
		sequences += int64(b.Sequences)
	}
	if sequences != x.Sequences || x.Tokens > 0 && (len(x.Blocks) == 0 || x.Blocks[0].At != 0) {
		return nil, fmt.Errorf("%s: the blocks hold %d sequences of %d", indexFile, sequences, x.Sequences)
	}
	file, err := os.Open(path)
	return &Part{x, file}, err
}

// Close closes the files.
func (s *Store) Close() error {
	var errs []error
	for _, p := range []*Part{s.Train, s.HeldOut} {
		if p != nil {
			errs = append(errs, p.file.Close())
		}
	}
	return errors.Join(errs...)
}

// length returns the number of tokens of block i.
func (p *Part) length(i int32) int64 {
	end := p.partIndex.Tokens
	if int(i)+1 < len(p.Blocks) {
		end = p.Blocks[i+1].At
	}
	return end - p.Blocks[i].At
}

// read appends the numbers of block i to dst.
func (p *Part) read(dst []uint32, i int32) ([]uint32, error) {
	raw := make([]byte, 4*p.length(i))
	if _, err := p.file.ReadAt(raw, 4*p.Blocks[i].At); err != nil {
		return dst, hint.Wrap(err, "check the disk, or begin anew", "reading the corpus back from %s", p.file.Name())
	}
	for at := 0; at < len(raw); at += 4 {
		dst = append(dst, binary.LittleEndian.Uint32(raw[at:]))
	}
	return dst, nil
}
