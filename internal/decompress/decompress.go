// Package decompress reads gzip and zstd as if they were plain. It looks at the first bytes of a stream, not at a name.
package decompress

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"io"

	"github.com/klauspost/compress/zstd"
)

// maxWindow bounds the memory that a zstd frame may ask for.
const maxWindow = 512 << 20

// Reader returns the plain content of r with a buffer of the given size, and what ends its use.
func Reader(r io.Reader, buffer int) (plain *bufio.Reader, close func(), err error) {
	in := bufio.NewReaderSize(r, buffer)
	magic, err := in.Peek(4)
	if err != nil && err != io.EOF {
		return nil, nil, err
	}
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, nil, err
		}
		return bufio.NewReaderSize(z, buffer), func() {}, nil
	case bytes.Equal(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxWindow))
		if err != nil {
			return nil, nil, err
		}
		return bufio.NewReaderSize(z, buffer), z.Close, nil
	}
	return in, func() {}, nil
}
