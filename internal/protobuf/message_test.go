package protobuf

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// TestMessagesWithinEachOther writes messages of all sizes within each other, and walks over the bytes by protowire.
func TestMessagesWithinEachOther(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, size := range []int{0, 1, large - 1, large, 5 * large} {
		content := make([]byte, size)
		for i := range content {
			content[i] = byte(rng.Uint32())
		}
		var inner, middle, outer Message
		inner.Int(1, -3)
		inner.Bytes(2, content)
		inner.Float(3, 1.5)
		middle.Text(4, "names")
		middle.Text(5, "")
		middle.Message(6, &inner)
		middle.Message(6, &inner)
		outer.Message(7, &middle)
		outer.Int(8, 1)
		file := outer.Marshal()
		if len(file) != outer.Size() {
			t.Fatalf("%d bytes, said to be %d", len(file), outer.Size())
		}
		field := func(b []byte, number protowire.Number, typ protowire.Type) []byte {
			t.Helper()
			n, kind, size := protowire.ConsumeTag(b)
			if n != number || kind != typ {
				t.Fatalf("field %d of type %d, want %d of %d", n, kind, number, typ)
			}
			return b[size:]
		}
		message := func(b []byte, number protowire.Number) (content, rest []byte) {
			t.Helper()
			content, size := protowire.ConsumeBytes(field(b, number, protowire.BytesType))
			if size < 0 {
				t.Fatal(protowire.ParseError(size))
			}
			return content, field(b, number, protowire.BytesType)[size:]
		}
		middleBytes, rest := message(file, 7)
		if v, n := protowire.ConsumeVarint(field(rest, 8, protowire.VarintType)); v != 1 || n != 1 {
			t.Fatal("the last number", v)
		}
		name, rest := message(middleBytes, 4)
		if string(name) != "names" {
			t.Fatalf("the text %q", name)
		}
		first, rest := message(rest, 6)
		second, rest := message(rest, 6)
		if len(rest) != 0 || !bytes.Equal(first, second) {
			t.Fatal("the same message twice differs, or something stands behind")
		}
		v, n := protowire.ConsumeVarint(field(first, 1, protowire.VarintType))
		got, rest := message(field(first, 1, protowire.VarintType)[n:], 2)
		f, _ := protowire.ConsumeFixed32(field(rest, 3, protowire.Fixed32Type))
		if int64(v) != -3 || !bytes.Equal(got, content) || f != 0x3fc00000 {
			t.Fatal("the innermost message differs")
		}
	}
}
