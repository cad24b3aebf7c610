package parquet

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
)

// codecs by their number
const (
	uncompressed = 0
	snappyCodec  = 1
	gzipCodec    = 2
	zstdCodec    = 6
	lz4Raw       = 7
)

// maxPage bounds the bytes of a page.
const maxPage = 256 << 20

var errSize = errors.New("a page has another size than it says")

// decompress unpacks a page that says to have size bytes. Memory is taken as bytes come, not as they are announced.
func decompress(codec int64, in []byte, size int64) ([]byte, error) {
	if size < 0 || size > maxPage {
		return nil, fmt.Errorf("a page of %d bytes", size)
	}
	var out []byte
	var err error
	switch codec {
	case uncompressed:
		return in, nil
	case snappyCodec:
		n, lengthErr := snappy.DecodedLen(in)
		if lengthErr != nil || int64(n) != size || n > 64*len(in)+64 { // three bytes make 64 at most
			return nil, errSize
		}
		out, err = snappy.Decode(nil, in)
	case gzipCodec:
		var z *gzip.Reader
		if z, err = gzip.NewReader(bytes.NewReader(in)); err == nil {
			out, err = io.ReadAll(io.LimitReader(z, size+1))
		}
	case zstdCodec:
		var z *zstd.Decoder
		if z, err = zstd.NewReader(bytes.NewReader(in), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxPage)); err == nil {
			out, err = io.ReadAll(io.LimitReader(z, size+1))
			z.Close()
		}
	case lz4Raw:
		out, err = unpackLZ4(in, int(size))
	default:
		name := map[int64]string{3: "LZO", 4: "Brotli", 5: "the old LZ4"}[codec]
		return nil, fmt.Errorf("it is compressed by %s; write it with zstd", name)
	}
	if err == nil && int64(len(out)) != size {
		err = errSize
	}
	return out, err
}

// unpackLZ4 decodes one block of https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md.
func unpackLZ4(in []byte, size int) ([]byte, error) {
	var out []byte
	length := func(n int) (int, bool) { // continues a length whose four bits are all set
		for n >= 15 {
			if len(in) == 0 || n > size {
				return 0, false
			}
			b := in[0]
			in, n = in[1:], n+int(b)
			if b != 255 {
				break
			}
		}
		return n, true
	}
	for len(in) > 0 {
		token := in[0]
		in = in[1:]
		n, ok := length(int(token >> 4))
		if !ok || n > len(in) || len(out)+n > size {
			return nil, errSize
		}
		out = append(out, in[:n]...)
		if in = in[n:]; len(in) == 0 {
			break // the last sequence has no copy
		}
		if len(in) < 2 {
			return nil, errSize
		}
		back := int(in[0]) | int(in[1])<<8
		in = in[2:]
		n, ok = length(int(token & 15))
		n += 4
		if !ok || back == 0 || back > len(out) || len(out)+n > size {
			return nil, errSize
		}
		for range n { // byte by byte: the copy may overlap itself
			out = append(out, out[len(out)-back])
		}
	}
	return out, nil
}
