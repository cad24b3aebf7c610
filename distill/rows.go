package distill

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

// passedAtOnce is how many sequences an encoder gets in one call, and how many an interruption loses.
const passedAtOnce = 512

// pass returns the encoder's vector of each sequence of tokens, [sequences, width]. What is done is kept in a file in
// dir, whose name follows from encoder and sequences, so that the same call goes on; dir may be "" for none.
func pass(ctx context.Context, m *model.Model, sequences [][]int32, dir string, progress func(done int)) ([]float32, error) {
	width := m.Dim()
	rows := make([]float32, 0, len(sequences)*width)
	var file *os.File
	if dir != "" {
		var err error
		if file, rows, err = openRows(filepath.Join(dir, nameOf(m, sequences)+".rows"), width, len(sequences), rows); err != nil {
			return nil, hint.Wrap(err, "choose a folder that you may write to", "keeping what the encoder says")
		}
		defer file.Close()
	}
	progress(len(rows) / width)
	for len(rows) < len(sequences)*width {
		at := len(rows) / width
		vectors, err := m.EmbedTokens(ctx, sequences[at:min(at+passedAtOnce, len(sequences))])
		if err != nil {
			return nil, err
		}
		for _, v := range vectors {
			rows = append(rows, v...)
		}
		if file != nil {
			if err := binary.Write(file, binary.LittleEndian, rows[at*width:]); err != nil {
				return nil, hint.Wrap(err, "free some space", "keeping what the encoder says")
			}
		}
		progress(len(rows) / width)
	}
	return rows, nil
}

// nameOf is different for every encoder and for all sequences.
func nameOf(m *model.Model, sequences [][]int32) string {
	h := sha256.New()
	if m.Package != nil {
		io.WriteString(h, m.Package.Digest)
	}
	var b [4]byte
	for _, s := range sequences {
		binary.LittleEndian.PutUint32(b[:], uint32(len(s)))
		h.Write(b[:])
		for _, id := range s {
			binary.LittleEndian.PutUint32(b[:], uint32(id))
			h.Write(b[:])
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// openRows reads the whole rows of a file, and leaves it open behind them. A row that was torn off is cut off.
func openRows(path string, width, most int, rows []float32) (*os.File, []float32, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, nil, err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, int64(most)*int64(width)*4))
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	data = data[:len(data)/(4*width)*(4*width)]
	for at := 0; at < len(data); at += 4 {
		v := math.Float32frombits(binary.LittleEndian.Uint32(data[at:]))
		if v-v != 0 {
			f.Close()
			return nil, nil, fmt.Errorf("%s is damaged: delete it", path)
		}
		rows = append(rows, v)
	}
	if err := f.Truncate(int64(len(data))); err != nil {
		f.Close()
		return nil, nil, err
	}
	if _, err := f.Seek(int64(len(data)), io.SeekStart); err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, rows, nil
}
