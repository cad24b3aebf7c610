package decompress

import (
	"bytes"
	"compress/gzip"
	"io"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

func TestTheSameTextComesOutOfEveryWrapping(t *testing.T) {
	want := strings.Repeat("房间很干净。clean rooms\n", 3000)
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	if _, err := io.WriteString(z, want); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, in := range map[string]string{"plain": want, "gzip": zipped.String(), "zstd": string(encoder.EncodeAll([]byte(want), nil))} {
		plain, end, err := Reader(strings.NewReader(in), 4096)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got, err := io.ReadAll(plain)
		if end(); err != nil || string(got) != want {
			t.Errorf("%s: %d bytes of %d, %v", name, len(got), len(want), err)
		}
	}
}

func TestWhatIsCutShortIsAnError(t *testing.T) {
	for name, in := range map[string]string{"gzip, in its header": "\x1f\x8b\x08", "zstd, in its header": "\x28\xb5\x2f\xfd"} {
		plain, end, err := Reader(strings.NewReader(in), 4096)
		if err == nil {
			_, err = io.ReadAll(plain)
			end()
		}
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	for _, in := range []string{"", "字"} { // shorter than what is looked at
		plain, end, err := Reader(strings.NewReader(in), 4096)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(plain); err != nil || string(got) != in {
			t.Errorf("%q: %q, %v", in, got, err)
		}
		end()
	}
}
