package model

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/xiaoyu-slm/xiaoyu/internal/atomicfile"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

// packedTokenizer stands in a package in the place of TokenizerFile where each byte counts (Compression.Packed).
const packedTokenizer = TokenizerFile + ".gz"

// saveTokenizer writes the tokenizer, packed where the model says so.
func (m *Model) saveTokenizer(dir string) error {
	path := filepath.Join(dir, TokenizerFile)
	if err := m.Tokenizer.Save(path); err != nil || !m.Compression.Packed {
		return err
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var packed bytes.Buffer
	w, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := w.Write(content); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	if err := atomicfile.WriteFile(filepath.Join(dir, packedTokenizer), packed.Bytes(), 0o644); err != nil {
		return err
	}
	return os.Remove(path)
}

// unpackTokenizer reads a packed tokenizer.
func unpackTokenizer(files fs.FS) (*text.Tokenizer, error) {
	const limit = 256 << 20
	packed, err := fs.ReadFile(files, packedTokenizer)
	if err != nil {
		return nil, err
	}
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", packedTokenizer, err)
	}
	content, err := io.ReadAll(io.LimitReader(r, limit))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", packedTokenizer, err)
	}
	return text.Read(content)
}
