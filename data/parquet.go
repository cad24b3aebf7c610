package data

import "io"

type parquetReader struct{}

func (p *parquetReader) next() (Example, error) { return Example{}, io.EOF }

func (r *Reader) openParquet(at io.ReaderAt) error { return nil }
