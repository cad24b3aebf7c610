package data

import (
	"io"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// parquetReader reads the rows of a Parquet file.
type parquetReader struct{}

func (p *parquetReader) next() (Example, error) { return Example{}, io.EOF }

func (r *Reader) openParquet(io.ReaderAt) error {
	return hint.Errorf("write it as JSON lines", "reading %s: this version reads no Parquet", r.name())
}
